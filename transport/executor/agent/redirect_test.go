package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// follow returns a POST that follows redirects and has all kinds of data that must not be sent to
// another origin.
func follow(url string) params {
	return params{
		"method": "POST", "url": url, "requestId": "", "redirectPolicy": "follow", "bodyBase64": "Ym9keQ==",
		"headers": append(headers("Authorization", "Bearer secret", "Cookie", "c=secret", "Content-Type", "text/plain", "mcp-session-id", "secret",
			"X-Api-Key", "secret", "api-key", "secret", "Proxy-Authorization", "secret", "X-Custom", "secret", "Accept", "*/*", "mcp-protocol-version", "2025-11-25"),
			map[string]string{"name": "X-Key", "value": "key ", "valueEnvVar": "AGENT_TEST_KEY"}),
	}
}

// signpost redirects /STATUS/... to the rest of the path, or to the URL in the query.
func signpost(requests chan<- seen) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		look(requests)(w, r)
		_, rest, _ := strings.Cut(r.URL.Path, "/")
		status, rest, _ := strings.Cut(rest, "/")
		if code, err := strconv.Atoi(status); err == nil {
			target := "/" + rest
			if r.URL.RawQuery != "" {
				target = r.URL.RawQuery
			}
			w.Header().Set("Location", target)
			w.WriteHeader(code)
		}
		_, _ = io.WriteString(w, "body of "+r.URL.Path)
	}
}

func TestRedirects(t *testing.T) {
	t.Setenv("AGENT_TEST_KEY", "secret")
	opts := &Options{HeaderEnv: map[string][]string{"AGENT_TEST_KEY": {upstream, upstream + ":81"}}}
	requests := make(chan seen, 30)
	other := func(w *world) { // the key may also be sent to this second origin
		ln := w.net.Listen("127.0.0.1:81")
		server := &http.Server{Handler: signpost(requests)}
		done := make(chan struct{})
		go func() { defer close(done); _ = server.Serve(ln) }()
		w.t.Cleanup(func() { _ = server.Close(); <-done })
	}
	inWorld(t, opts, signpost(requests), func(w *world) {
		other(w)
		w.handshake()
		last := func(n int) seen {
			w.t.Helper()
			require.Len(w.t, requests, n)
			for range n - 1 {
				<-requests
			}
			return <-requests
		}

		stop := follow(upstream+"/307/x").with("redirectPolicy", "stop")
		require.Equal(w.t, []string{"/x"}, w.ok(stop).header("location"))
		last(1)

		require.Equal(w.t, "body of /x", string(w.ok(follow(upstream+"/307/308/x")).BodyBase64))
		r := last(3)
		require.Equal(w.t, "POST body", r.method+" "+r.body, "307 and 308 keep method and body")
		require.Equal(w.t, "Bearer secret", r.header.Get("Authorization"), "the origin is the same")
		require.Equal(w.t, "key secret", r.header.Get("X-Key"))
		require.Equal(w.t, "secret", r.header.Get("X-Api-Key"))

		for _, status := range []int{301, 302, 303} {
			w.ok(follow(fmt.Sprintf("%s/%d/x", upstream, status)))
			r = last(2)
			require.Equal(w.t, "GET ", r.method+" "+r.body)
			require.Empty(w.t, r.header.Get("Content-Type"))
			require.NotEmpty(w.t, r.header.Get("Authorization"))
		}

		w.ok(follow(upstream + "/307/x?" + upstream + ":81/307/x?" + upstream + "/home"))
		<-requests
		for _, host := range []string{"127.0.0.1:81", "127.0.0.1"} {
			r = <-requests
			require.Equal(w.t, host, r.host)
			require.Equal(w.t, "POST body", r.method+" "+r.body)
			require.Equal(w.t, http.Header{
				"Content-Type": {"text/plain"}, "Content-Length": {"4"}, "Accept": {"*/*"}, "Mcp-Protocol-Version": {"2025-11-25"},
			}, r.header, "what may be a credential is not sent to another origin, and stays removed")
		}

		require.Equal(w.t, 300, w.ok(follow(upstream+"/300/x")).Status, "300 is not followed")
		last(1)
	})
}

func TestRedirectsThatAreNotFollowed(t *testing.T) {
	t.Setenv("AGENT_TEST_KEY", "secret")
	opts := &Options{HeaderEnv: map[string][]string{"AGENT_TEST_KEY": {upstream}}}
	requests := make(chan seen, 30)
	inWorld(t, opts, signpost(requests), func(w *world) {
		w.handshake()
		for target, text := range map[string]string{
			"ftp://127.0.0.1/secret":           "redirect target uses unsupported URL scheme",
			"file:///secret":                   "redirect target uses unsupported URL scheme",
			"http://127.0.0.1:x/":              "invalid redirect target",
			"http:///secret":                   "invalid host or port in the redirect target",
			"http://10.0.0.1/secret":           `the egress policy refuses "10.0.0.1"`,
			"http://169.254.169.254/":          `the egress policy refuses "169.254.169.254"`,
			"//[fe80::1]/secret":               `the egress policy refuses "fe80::1"`,
			"http://[::ffff:a9fe:a9fe]/secret": `the egress policy refuses "::ffff:a9fe:a9fe"`,
		} {
			e := w.refused(follow(upstream + "/307/x?" + target))
			require.Contains(w.t, e.Message, text)
			require.Equal(w.t, -32603, e.Code)
			require.Contains(w.t, e.stage(), "maybeSent", "a server has seen the request")
			require.NotContains(w.t, e.Message, "secret")
			<-requests
			require.Empty(w.t, requests)
		}
		require.Equal(w.t, "body of /x", string(w.ok(follow(upstream+strings.Repeat("/307", 10)+"/x")).BodyBase64))
		e := w.refused(follow(upstream + strings.Repeat("/307", 11) + "/x"))
		require.Equal(w.t, "http/request failed: too many redirects", e.Message)
		require.Len(w.t, requests, 22, "eleven requests each")
	})
}

// The agent must not look up a refused name: the lookup would reveal the name to the DNS servers of
// its domain.
func TestRefusedRedirectIsNotLookedUp(t *testing.T) {
	t.Setenv("AGENT_TEST_KEY", "secret")
	policy, err := NewPolicy(nil, []string{"*.evil.example"})
	require.NoError(t, err)
	var lookups atomic.Int32
	resolver := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		lookups.Add(1)
		return nil, errors.New("no lookups in this test")
	}}
	opts := &Options{Policy: policy, Resolver: resolver, HeaderEnv: map[string][]string{"AGENT_TEST_KEY": {upstream}}}
	requests := make(chan seen, 1)
	inWorld(t, opts, signpost(requests), func(w *world) {
		w.handshake()
		e := w.refused(follow(upstream + "/307/x?http://stolen.evil.example/"))
		require.Contains(w.t, e.Message, `the egress policy refuses "stolen.evil.example"`)
		require.Zero(w.t, lookups.Load())
	})
}

// The first request was sent and redirected. It may have run, although the target was never
// reached.
func TestRedirectToAnUnreachableServer(t *testing.T) {
	t.Setenv("AGENT_TEST_KEY", "secret")
	opts := &Options{HeaderEnv: map[string][]string{"AGENT_TEST_KEY": {upstream}}}
	requests := make(chan seen, 1)
	inWorld(t, opts, signpost(requests), func(w *world) {
		w.handshake()
		e := w.refused(follow(upstream + "/307/x?http://127.0.0.1:9/"))
		require.Equal(w.t, "maybeSent", e.stage())
		require.Len(w.t, requests, 1)
	})
}
