package peers_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/tests/peers/peer"
	"github.com/hawser-mcp/hawser/transport/executor"
)

// The executor fills a header with a secret from its environment. This process does not know the
// secret. Every request of the session carries the secret, and no other origin receives it.
func TestExecutorFillsInASecretHeader(t *testing.T) {
	peer.RequireInstalled(t)
	for name, start := range map[string]func(t *testing.T, origin string) *peer.Executor{
		"codex": func(t *testing.T, _ string) *peer.Executor { t.Helper(); return peer.StartCodex(t) },
		"agent": func(t *testing.T, origin string) *peer.Executor {
			t.Helper()
			return peer.StartAgent(t, "-allow-env-without-token", "-allow-env", peer.CodexVariable+"="+origin)
		},
	} {
		t.Run(name, func(t *testing.T) {
			srv := legacyServer()
			srv.SSE = true
			srv.Tools = []*mcptest.Tool{{Name: "echo"}}
			url := srv.Loopback(t).URL
			origin := strings.TrimSuffix(url, "/mcp")
			rt := openExecutor(t, start(t, origin).URL, &executor.Options{HeadersFromEnv: []executor.HeaderFromEnv{
				{Origin: origin, Name: "Authorization", Prefix: "Bearer ", Variable: peer.CodexVariable},
			}})
			shared := srv.Hold("GET")
			s, err := mcpclient.Connect(t.Context(), url, &mcpclient.Options{Transport: rt, Handlers: mcpclient.Handlers{
				ToolsChanged: func(context.Context, *mcpclient.Session) {},
			}})
			if err != nil {
				t.Fatal(err)
			}
			within(t, shared.Arrived(), "the shared stream")
			shared.Release()
			if _, err := s.CallTool(t.Context(), "echo", nil); err != nil {
				t.Error(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			for _, r := range srv.Requests("") {
				if got := r.Header.Get("Authorization"); got != "Bearer "+peer.CodexValue {
					t.Errorf("%s %s has authorization %q", r.HTTP, r.Method, got)
				}
			}
			if srv.Count("GET") == 0 || srv.Count("tools/call") == 0 || srv.Count("DELETE") == 0 {
				t.Errorf("the server received only %q", srv.Methods())
			}
			seen := make(chan http.Header, 1)
			other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen <- r.Header }))
			defer other.Close()
			_ = get200(t, rt, other.URL).Body.Close()
			if got, ok := within(t, seen, "the request to another origin")["Authorization"]; ok {
				t.Errorf("another origin received authorization %q", got)
			}
		})
	}
}
