package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
)

// Each pause before a retry is shown with its duration.
func TestRetriesAreShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, busy := modern(), 3
		srv.Intercept = func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
			if m == nil || m.Method != "server/discover" || busy == 0 {
				return false
			}
			if busy--; busy == 0 {
				w.Header().Set("Retry-After", "60")
				w.WriteHeader(http.StatusTooManyRequests)
			} else {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
			return true
		}
		link := srv.InMemory(t)
		r := machine{transport: link.Transport}.hawser(t, "ping", link.URL)
		require.Equal(t, exitOK, r.code, r.err)
		require.Regexp(t, `^HTTP status 503; trying again in [23]\d0ms
HTTP status 503; trying again in (1s|1\.\ds|[89]\d0ms)
HTTP status 429; trying again in 1m0s \(Ctrl-C to give up\)
$`, r.err)
	})
}

// If the timeout ends the retries, the error shows why the last try failed.
func TestTimeoutShowsTheLastCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := machine{transport: replies(http.StatusServiceUnavailable, nil, "")}
		r := m.hawser(t, "ping", "http://mcp.test/mcp", "--timeout", "200ms")
		require.Equal(t, exitNotRun, r.code)
		m.transport = replies(http.StatusTooManyRequests, http.Header{"Retry-After": {"30"}}, "")
		for _, command := range []string{"ping", "tools"} {
			r = m.hawser(t, command, "http://mcp.test/mcp", "--timeout", "31s")
			require.Contains(t, r.err, "hawser: timed out after 31s; the last try failed: HTTP status 429\nhint: allow more time with --timeout\n")
		}
		require.Contains(t, m.hawser(t, "ping", "http://mcp.test/mcp", "--timeout", "31s", "--json").err, `"kind":"timeout","outcome":"not_run"`)
	})
}

// With --json, an error is the last line of stderr, and stdout holds only results.
func TestErrorsInJSON(t *testing.T) {
	srv := modern()
	srv.Tools[0].Run = refuse
	url := srv.Loopback(t).URL
	lost := mcptest.New(mcptest.Modern)
	lost.Intercept = func(_ http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
		if m != nil && m.Method == "tools/call" {
			panic(http.ErrAbortHandler)
		}
		return false
	}
	lost.Tools = []*mcptest.Tool{{Name: "brew"}}
	down := "http://" + deadPort(t) + "/mcp"
	for _, c := range []struct {
		code    int
		want    string
		command []string
	}{
		{exitRefused, `"kind":"server","outcome":"answered","safe_to_repeat":false,"tries":1,"message":"tools/call: server error -32000: not today","hint":"the tool may`, []string{"call", url, "brew", "tea=x"}},
		{exitNotRun, `"kind":"not_sent","outcome":"not_run","safe_to_repeat":true,"tries":1,"message":"cannot connect to `, []string{"tools", down}},
		{exitUnknown, `"kind":"outcome_unknown","outcome":"unknown","safe_to_repeat":false,"tries":1,"message":"tools/call: `, []string{"call", lost.Loopback(t).URL, "brew", "{}"}},
		{exitUsage, `"kind":"usage","outcome":"not_run","safe_to_repeat":true,"tries":0,"message":"the tool has no argument taa"`, []string{"call", url, "brew", "taa=x"}},
		{exitUsage, `"kind":"usage","outcome":"not_run","safe_to_repeat":true,"tries":0,"message":"unknown flag: --jsom"`, []string{"tools", url, "--jsom"}},
	} {
		r := hawser(t, append(c.command, "--json")...)
		require.Equal(t, c.code, r.code, r.err)
		require.Empty(t, r.out)
		require.Contains(t, r.err, c.want)
		require.True(t, json.Valid([]byte(r.err)), r.err)
		require.Equal(t, float64(c.code), documents(t, r.err)[0]["error"].(map[string]any)["exit_code"])
	}
}

// Secrets stay hidden in JSON output, even if they are escaped.
func TestSecretsInJSON(t *testing.T) {
	const secret = `quoted"<8472>`
	url := page(t, http.StatusTeapot, "text/plain", "no "+secret)
	r := machine{vars: map[string]string{"KEY": secret}}.hawser(t, "ping", url, "--json", "-H", "X-Key: env:KEY")
	require.Equal(t, exitRefused, r.code)
	require.NotContains(t, r.err, "8472")
	require.Contains(t, r.err, "cannot connect")
}

// After a refused connection to another machine, the program tries once more and then fails.
func TestRefusedElsewhere(t *testing.T) {
	dead := deadPort(t)
	tries := 0
	w := &witness{base: roundTrip(func(r *http.Request) (*http.Response, error) {
		tries++
		r = r.Clone(r.Context())
		r.URL.Host = dead
		return direct(t).RoundTrip(r)
	})}
	r := machine{transport: w}.hawser(t, "ping", "http://mcp.test/mcp")
	require.Equal(t, exitNotRun, r.code)
	require.Equal(t, 2, tries)
	require.Regexp(t, `^connection refused; trying again in \d+ms\nhawser: cannot connect to http://mcp.test/mcp: connection refused\nhint: .*\n$`, r.err)
	require.Equal(t, 1, strings.Count(r.err, "trying"))
}
