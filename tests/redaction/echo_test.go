package redaction_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// A server echoes the API key and the session id in a text page and in a JSON-RPC error. Neither
// appears in the errors.
func TestEchoedSecretsAreMasked(t *testing.T) {
	for name, reply := range map[string]struct {
		status int
		body   string
	}{
		"page":  {http.StatusForbidden, "key %s, session %s: forbidden"},
		"error": {http.StatusOK, `{"jsonrpc":"2.0","id":%[3]s,"error":{"code":-32603,"message":"key %[1]s, session %[2]s: broken"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			srv := mcptest.New(mcptest.Legacy)
			sessionID := ""
			srv.SetIntercept(func(w http.ResponseWriter, r *http.Request, m *mcptest.Message) bool {
				if m == nil || m.Method != "tools/call" {
					return false
				}
				sessionID = r.Header.Get("Mcp-Session-Id")
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(reply.status)
				fmt.Fprintf(w, reply.body, r.Header.Get("X-Api-Key"), sessionID, m.ID)
				return true
			})
			server := httptest.NewServer(srv)
			defer server.Close()
			s, err := mcpclient.Connect(t.Context(), server.URL, &mcpclient.Options{Header: http.Header{"X-Api-Key": {"key-" + mark}}})
			require.NoError(t, err)
			defer s.Close()
			_, err = s.CallTool(t.Context(), "echo", nil)
			require.ErrorContains(t, err, "key [redacted], session [redacted]: ")
			require.NotEmpty(t, sessionID)
			for _, verb := range []string{"%v", "%+v", "%#v"} {
				require.NotContains(t, fmt.Sprintf(verb, err), mark)
				require.NotContains(t, fmt.Sprintf(verb, err), sessionID)
			}
		})
	}
}
