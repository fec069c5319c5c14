package interop_test

import (
	"context"
	"net/http"
	"os"
	"testing"

	"github.com/mark3labs/mcp-go/client"
	mcpgotransport "github.com/mark3labs/mcp-go/client/transport"
	mcpgo "github.com/mark3labs/mcp-go/mcp"
	gosdk "github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/trace"
	"golang.org/x/oauth2"

	"github.com/hawser-mcp/hawser/transport"
	"github.com/hawser-mcp/hawser/transport/executor"
	"github.com/hawser-mcp/hawser/transport/executor/agent"
)

// executorVariable is the environment variable with the URL of an executor. If it is set, the tests
// use that executor instead of Hawser's agent.
const executorVariable = "HAWSER_TEST_EXECUTOR"

// The clients of other SDKs work over an executor unchanged. The executor's transport is an
// http.RoundTripper and accepts decorators such as those of x/oauth2 and otelhttp.
func TestOtherClientsOverAnExecutor(t *testing.T) {
	for _, c := range []struct {
		name    string
		connect func(t *testing.T, url string, hc *http.Client, w *world) session
	}{{"go-sdk client", connectGoSDK}, {"mcp-go client", connectMCPGo}} {
		t.Run(c.name, func(t *testing.T) {
			each(t, func(p peer) bool { return !p.silentCalls }, func(t *testing.T, p peer, w *world, f *front) {
				f.decorate(requireDecorated)
				rt := openExecutor(t)
				s := c.connect(t, f.url, &http.Client{Transport: decorated(rt)}, w)
				require.Equal(t, "hello", s.call(t, "echo", map[string]any{"text": "hello"}))
				require.Equal(t, "done", s.call(t, "work", nil))
				for i := 1; i <= steps; i++ {
					require.InDelta(t, i, receive(t, s.progress, "progress"), 0)
				}
				s.close(t)
				require.NoError(t, rt.Close())
				if legacy(p) {
					require.Equal(t, 1, f.count(verb(http.MethodDelete)))
				}
				require.Zero(t, f.count(func(r *request) bool { return r.status == http.StatusUnauthorized }))
			})
		})
	}
}

// openExecutor returns a Transport over Hawser's agent, or over the executor in executorVariable if
// it is set.
func openExecutor(t *testing.T) transport.Transport {
	t.Helper()
	url := os.Getenv(executorVariable)
	if url == "" {
		l, err := agent.Listen(t.Context(), "ws://127.0.0.1:0", nil)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, l.Close()) })
		url = l.URL()
	}
	rt, err := executor.Dial(t.Context(), url, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, rt.Close()) })
	return rt
}

const token = "of an authorization server"

// decorated wraps rt in third-party RoundTrippers, as a program might.
func decorated(rt http.RoundTripper) http.RoundTripper {
	return &oauth2.Transport{
		Source: oauth2.StaticTokenSource(&oauth2.Token{AccessToken: token}),
		Base: otelhttp.NewTransport(rt, otelhttp.WithTracerProvider(trace.NewTracerProvider()),
			otelhttp.WithPropagators(propagation.TraceContext{})),
	}
}

// requireDecorated refuses requests that did not pass through the decorators.
func requireDecorated(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+token || r.Header.Get("Traceparent") == "" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// session is a connected client of another SDK.
type session struct {
	call     func(t *testing.T, tool string, args map[string]any) string
	progress chan float64
	close    func(t *testing.T)
}

func connectGoSDK(t *testing.T, url string, hc *http.Client, w *world) session {
	t.Helper()
	progress := make(chan float64, steps)
	c := gosdk.NewClient(&gosdk.Implementation{Name: "other", Version: "1"}, &gosdk.ClientOptions{
		ProgressNotificationHandler: func(_ context.Context, r *gosdk.ProgressNotificationClientRequest) {
			progress <- r.Params.Progress
			w.seen <- struct{}{}
		},
	})
	s, err := c.Connect(limit(t), &gosdk.StreamableClientTransport{Endpoint: url, HTTPClient: hc}, nil)
	require.NoError(t, err)
	return session{
		call: func(t *testing.T, tool string, args map[string]any) string {
			t.Helper()
			params := &gosdk.CallToolParams{Name: tool, Arguments: args}
			params.SetProgressToken(tool)
			result, err := s.CallTool(limit(t), params)
			require.NoError(t, err)
			return result.Content[0].(*gosdk.TextContent).Text
		},
		progress: progress,
		close:    func(t *testing.T) { t.Helper(); require.NoError(t, s.Close()) },
	}
}

func connectMCPGo(t *testing.T, url string, hc *http.Client, w *world) session {
	t.Helper()
	progress := make(chan float64, steps)
	c, err := client.NewStreamableHttpClient(url, mcpgotransport.WithHTTPBasicClient(hc))
	require.NoError(t, err)
	c.OnNotification(func(n mcpgo.JSONRPCNotification) {
		if n.Method == "notifications/progress" {
			progress <- n.Params.AdditionalFields["progress"].(float64)
			w.seen <- struct{}{}
		}
	})
	require.NoError(t, c.Start(t.Context()))
	var hello mcpgo.InitializeRequest
	hello.Params.ProtocolVersion, hello.Params.ClientInfo = "2025-11-25", mcpgo.Implementation{Name: "other", Version: "1"}
	_, err = c.Initialize(limit(t), hello)
	require.NoError(t, err)
	return session{
		call: func(t *testing.T, tool string, args map[string]any) string {
			t.Helper()
			var r mcpgo.CallToolRequest
			r.Params.Name, r.Params.Arguments, r.Params.Meta = tool, args, &mcpgo.Meta{ProgressToken: tool}
			result, err := c.CallTool(limit(t), r)
			require.NoError(t, err)
			return result.Content[0].(mcpgo.TextContent).Text
		},
		progress: progress,
		close:    func(t *testing.T) { t.Helper(); require.NoError(t, c.Close()) },
	}
}
