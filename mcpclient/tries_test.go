package mcpclient_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// refuseWith makes the server refuse every request of a method with a status.
func refuseWith(srv *mcptest.Server, method string, status int) {
	srv.SetIntercept(func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
		if m != nil && m.Method == method {
			w.WriteHeader(status)
			return true
		}
		return false
	})
}

// WithTries overrides the number of tries in the session's Retry.
func TestWithTries(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, mcpclient.Options{Retry: mcpclient.Retry{MaxElapsed: -1}})
		for _, n := range []int{1, 2, 6} {
			srv.Reset()
			refuseWith(srv, "tools/list", http.StatusServiceUnavailable)
			_, err := s.ListTools(t.Context(), nil, mcpclient.WithTries(n))
			e := failure(t, err)
			require.Equal(t, n, e.Tries)
			require.Equal(t, n, srv.Count("tools/list"))

			refuseWith(srv, "tools/call", http.StatusTooManyRequests)
			_, err = s.CallTool(t.Context(), "echo", nil, mcpclient.WithTries(n))
			require.Equal(t, n, srv.Count("tools/call"), "429 proves that the tool did not run")
			require.Equal(t, mcpclient.NotRun, mcpclient.OutcomeOf(err))

			refuseWith(srv, "tools/call", http.StatusServiceUnavailable)
			_, err = s.CallTool(t.Context(), "echo", nil, mcpclient.WithTries(n))
			require.Equal(t, n+1, srv.Count("tools/call"), "503 does not")
			require.Equal(t, mcpclient.KindOutcomeUnknown, mcpclient.KindOf(err))
		}
		for _, n := range []int{0, -1} {
			srv.Reset()
			require.Equal(t, mcpclient.KindInvalid, mcpclient.KindOf(s.Ping(t.Context(), mcpclient.WithTries(n))))
			require.Empty(t, srv.Methods())
		}
	})
}

// Even for a call with a single try, the client replaces a lost session once and resends the call.
// If the new session is also lost, the call fails.
func TestWithTriesAndALostSession(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, mcpclient.Options{})
		srv.LoseSessions()
		_, err := s.CallTool(t.Context(), "echo", nil, mcpclient.WithTries(1))
		require.NoError(t, err)
		require.Equal(t, 1, srv.Executions("echo"))

		srv.SetIntercept(func(_ http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
			if m != nil && m.Method == "tools/call" {
				srv.LoseSessions()
			}
			return false
		})
		_, err = s.CallTool(t.Context(), "echo", nil, mcpclient.WithTries(1))
		require.Equal(t, mcpclient.KindSessionLost, mcpclient.KindOf(err), "%v", err)
		require.Equal(t, 2, failure(t, err).Tries)
		require.Equal(t, 1, srv.Executions("echo"))
	})
}

// ConnectRetry sets the retries of Connect. Fields that are not set are taken from the session's
// Retry.
func TestConnectRetry(t *testing.T) {
	for name, test := range map[string]struct {
		retry, connect mcpclient.Retry
		tries          int
		after          time.Duration
	}{
		"none set": {mcpclient.Retry{MaxTries: 2, Initial: -1}, mcpclient.Retry{}, 2, 0},
		"tries":    {mcpclient.Retry{MaxTries: 5, Initial: -1}, mcpclient.Retry{MaxTries: 3}, 3, 0},
		"once":     {mcpclient.Retry{}, mcpclient.Retry{MaxTries: -1}, 1, 0},
		"more":     {mcpclient.Retry{MaxTries: 1}, mcpclient.Retry{MaxTries: 6, Initial: -1}, 6, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := newServer(mode{mcptest.Modern, true})
				refuseWith(srv, "server/discover", http.StatusTooManyRequests)
				start := time.Now()
				_, err := tryConnect(t, srv.InMemory(t), mcpclient.Options{Retry: test.retry, ConnectRetry: test.connect})
				require.Equal(t, mcpclient.KindHTTP, mcpclient.KindOf(err), "%v", err)
				require.Equal(t, test.tries, srv.Count("server/discover"))
				require.Equal(t, test.after, time.Since(start))
			})
		})
	}
}

// A recovery uses the session's Retry for its negotiation, not ConnectRetry.
func TestRecoveryDoesNotUseConnectRetry(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, mcpclient.Options{
			Retry: mcpclient.Retry{MaxTries: 3, Initial: -1}, ConnectRetry: mcpclient.Retry{MaxTries: -1},
		})
		srv.Reset()
		srv.LoseSessions()
		refuseWith(srv, "initialize", http.StatusTooManyRequests)
		_, err := s.CallTool(t.Context(), "echo", nil)
		require.Equal(t, mcpclient.KindSessionLost, mcpclient.KindOf(err), "%v", err)
		require.Equal(t, 3, srv.Count("initialize"))
	})
}

// answer is a JSON-RPC error with data.
func answer(code int64, data string) error {
	return &mcpclient.RPCError{Code: code, Data: []byte(data)}
}

// RequiredCapabilities returns the client capabilities that the server requires, whatever the kind
// of error.
func TestRequiredCapabilities(t *testing.T) {
	const sampling = `{"requiredCapabilities":{"sampling":{},"elicitation":{"url":{}},"extensions":{"x":{"y":1}}}}`
	for name, test := range map[string]struct {
		err  error
		want *mcp.ClientCapabilities
		bad  string
	}{
		"nothing":    {nil, nil, ""},
		"other code": {answer(mcpclient.CodeHeaderMismatch, sampling), nil, ""},
		"named": {answer(mcpclient.CodeMissingCapability, sampling), &mcp.ClientCapabilities{
			Sampling: &mcp.SamplingCapability{}, Elicitation: &mcp.ElicitationCapability{URL: &struct{}{}},
			Extensions: map[string]any{"x": map[string]any{"y": 1.0}},
		}, ""},
		"none named": {answer(mcpclient.CodeMissingCapability, `{"requiredCapabilities":{}}`), &mcp.ClientCapabilities{}, ""},
		"no data":    {answer(mcpclient.CodeMissingCapability, ``), nil, "no requiredCapabilities"},
		"other data": {answer(mcpclient.CodeMissingCapability, `"sampling"`), nil, "data of error -32021"},
		"too much":   {answer(mcpclient.CodeMissingCapability, `{"x":"`+strings.Repeat("y", 64<<10)+`"}`), nil, "limit"},
		"body of a refusal": {
			&mcpclient.HTTPError{Status: 400, RPC: &mcpclient.RPCError{Code: mcpclient.CodeMissingCapability, Data: []byte(`{"requiredCapabilities":{}}`)}},
			&mcp.ClientCapabilities{}, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := mcpclient.RequiredCapabilities(test.err)
			require.Equal(t, test.want, got)
			if test.bad == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, test.bad)
			}
		})
	}
}

// If the server requires a capability that the client lacks, it refuses the call without running
// the tool.
func TestRequiredCapabilitiesOfACall(t *testing.T) {
	inBubble(t, func(t *testing.T, _ *mcptest.Server) {
		srv := newServer(mode{mcptest.Modern, false})
		s := serve(t, srv, mcpclient.Options{})
		srv.SetIntercept(func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
			if m == nil || m.Method != "tools/call" {
				return false
			}
			data := map[string]any{"requiredCapabilities": map[string]any{"sampling": map[string]any{}}}
			rpc(http.StatusBadRequest, mcpclient.CodeMissingCapability, data)(w, m)
			return true
		})
		_, err := s.CallTool(t.Context(), "echo", nil)
		require.Equal(t, mcpclient.NotRun, mcpclient.OutcomeOf(err))
		required, bad := mcpclient.RequiredCapabilities(err)
		require.NoError(t, bad)
		require.NotNil(t, required.Sampling)
	})
}

// The display name is the tool's title or else the title in its annotations (2026-07-28, "Tool").
func TestDisplayName(t *testing.T) {
	for want, definition := range map[string]string{
		"Title":     `{"name":"name","title":"Title","annotations":{"title":"Annotated"},"inputSchema":{}}`,
		"Annotated": `{"name":"name","annotations":{"title":"Annotated"},"inputSchema":{}}`,
		"name":      `{"name":"name","title":"","inputSchema":{}}`,
	} {
		var tool mcpclient.Tool
		require.NoError(t, tool.UnmarshalJSON([]byte(definition)))
		require.Equal(t, want, tool.DisplayName())
	}
}
