package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/transport"
	"github.com/hawser-mcp/hawser/transport/executor/agent"
	"github.com/hawser-mcp/hawser/transport/transporttest"
)

// --trace shows exchanges and events, with and without an executor. It shows no secret from the
// request or the response.
func TestTrace(t *testing.T) {
	const token, session, argument, answer = "sesame-8472", "session-8472", "argument-8472", "answer-8472"
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		srv.Tools = []*mcptest.Tool{{Name: "brew", Run: func(_ context.Context, c *mcptest.Call) (json.RawMessage, error) {
			c.Progress(1, 2, "")
			return mcptest.Text(answer), nil
		}}}
		srv.Intercept = func(w http.ResponseWriter, r *http.Request, _ *mcptest.Message) bool {
			w.Header().Set("Set-Cookie", "id="+session)
			w.Header().Set("X-Echo", r.Header.Get("Authorization"))
			return false
		}
		url := srv.Loopback(t).URL
		far, err := agent.Listen(t.Context(), "ws://127.0.0.1:0", &agent.Options{})
		require.NoError(t, err)
		t.Cleanup(func() { _ = far.Close() })
		for name, more := range map[string][]string{"direct": nil, "executor": {"--executor", far.URL()}} {
			args := append([]string{"call", url + "?key=" + token, "brew", "tea=" + argument, "--trace", "-H", "Authorization: Bearer env:TOKEN"}, more...)
			r := machine{vars: map[string]string{"TOKEN": token}}.hawser(t, args...)
			require.Equal(t, exitOK, r.code, r.err)
			require.Equal(t, answer+"\n", r.out)
			for _, want := range []string{
				"> 1 POST " + url + "?…\n", "> 1   Authorization: [hidden]\n", "> 1   Content-Type: application/json\n", " 200 OK after ",
				"Set-Cookie: [hidden]\n", "X-Echo: [hidden]\n", " tools/call id=", " event", ": notifications/progress, ", ": result id=",
			} {
				require.Contains(t, r.err, want, name)
			}
			for _, secret := range []string{token, session, argument, answer} {
				require.NotContains(t, r.err, secret, name)
			}
			if srv.Era == mcptest.Legacy {
				require.Contains(t, r.err, "Mcp-Session-Id: [hidden]\n", name)
				require.Contains(t, r.err, " DELETE "+url, name)
			}
		}
	})
}

// A server cannot make the trace show a cookie that it repeats.
func TestTraceMasksCookies(t *testing.T) {
	srv := modern()
	srv.Intercept = func(w http.ResponseWriter, r *http.Request, m *mcptest.Message) bool {
		w.Header().Set("Set-Cookie", "node=cookie-8472; Path=/")
		if r.Header.Get("Cookie") == "" {
			return false
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"jsonrpc":"2.0","id":`+string(m.ID)+`,"error":{"code":-32000,"message":"no cookie-8472"}}`)
		return true
	}
	r := hawser(t, "tools", srv.Loopback(t).URL, "--trace")
	require.Contains(t, r.err, "Cookie: [hidden]\n")
	require.Contains(t, r.err, "-32000: no [hidden]")
	require.NotContains(t, r.err, "cookie-8472")
}

// The target of a redirect is shown without its query, which often holds a token.
func TestTraceOfRedirects(t *testing.T) {
	for target, shown := range map[string]string{
		"/old/next?token=secret-8472": "/old/next?…", "next?token=secret-8472#x": "/old/next?…", "//other.test/x?token=secret-8472": "//other.test/x?…",
		"https://user:secret-8472@other.test/x": "//other.test/x", "custom:x?token=secret-8472": "custom:?…", "http://[?token=secret-8472": "an invalid URL",
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", target)
			w.WriteHeader(http.StatusFound)
		}))
		r := hawser(t, "ping", srv.URL+"/old/mcp", "--trace")
		srv.Close()
		require.Regexp(t, `Location: .*`+regexp.QuoteMeta(shown)+`\n`, r.err, target)
		require.NotContains(t, r.err, "secret-8472", target)
	}
}

func TestTraceOfFailures(t *testing.T) {
	r := hawser(t, "ping", "http://"+deadPort(t)+"/mcp", "--trace")
	require.Contains(t, r.err, "x 1 failed after 0s: ")
	require.Contains(t, r.err, "connection refused")
	require.Contains(t, hawser(t, "ping", page(t, http.StatusBadRequest, "application/json", `{"error": "invalid_grant", "token": "sesame"}`), "--trace").err,
		"error invalid_grant, 45 bytes")
}

// The witness and the tracer keep the contract of package transport.
func TestDecoratorsKeepTheContract(t *testing.T) {
	transporttest.Run(t, transporttest.Config{New: func(t *testing.T) http.RoundTripper {
		direct := transport.NewDirect(&transport.DirectOptions{NoProxy: true})
		con := &console{w: io.Discard, now: machine{}.now}
		w := &witness{base: &tracer{base: direct, con: con, now: con.now}}
		require.True(t, transport.RunsOnce(w))
		return closing{w, direct}
	}})
}

type closing struct {
	http.RoundTripper
	io.Closer
}

func TestTraceOfBodies(t *testing.T) {
	for body, want := range map[string]string{
		"id: 1\ndata:\n\n: hi\n\ndata: {\"jsonrpc\": \"2.0\",\ndata: \"method\": \"ping\", \"id\": 7}\n\nretry: 5\n\n": "event with an ID|comment|event: ping id=7, 44 bytes|retry: 5|end",
		"event: endpoint\r\ndata: /messages?key=secret\r\n\r\n":                                                        "event endpoint: data, 20 bytes|end",
		"data: {\"id\": 1, \"error\": {\"code\": -5, \"message\": \"no\"}}\r\r":                                        "event: error id=1 -5: no, 49 bytes|end",
		"data: {\"id\": 1, \"result\": {\"a\": \"" + strings.Repeat("x", 2*maxTraced) + "\"}}\n\n":                     "event: result id=1, 131.1 kB|end",
	} {
		for _, chunk := range []int{1, 7, 1 << 20} {
			var said []string
			m := bodyMessages{stream: true, say: func(text string) { said = append(said, text) }}
			for rest := []byte(body); len(rest) > 0; rest = rest[min(chunk, len(rest)):] {
				m.add(rest[:min(chunk, len(rest))])
			}
			m.end("end")
			require.Equal(t, want, strings.Join(said, "|"), "%.60q in pieces of %d", body, chunk)
		}
	}
}
