package mcpclient_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// A session ID of 8 KiB is accepted. A longer one fails the handshake, and the session is deleted.
func TestSessionIDOverTheLimit(t *testing.T) {
	for _, size := range []int{8 << 10, 8<<10 + 1, 900_000} {
		inBubble(t, func(t *testing.T, srv *mcptest.Server) {
			id := strings.Repeat("x", size)
			srv.SetIntercept(func(w http.ResponseWriter, r *http.Request, m *mcptest.Message) bool {
				switch {
				case m != nil && m.Method == "initialize":
					w.Header().Set("Mcp-Session-Id", id)
					mcptest.WriteJSON(w, http.StatusOK, mcptest.Result(m.ID, map[string]any{
						"protocolVersion": "2025-11-25", "capabilities": map[string]any{}, "serverInfo": map[string]any{"name": "n", "version": "1"},
					}))
				case r.Method == http.MethodDelete, m != nil && m.Method == "notifications/initialized":
					require.Equal(t, id, r.Header.Get("Mcp-Session-Id"))
					w.WriteHeader(http.StatusAccepted)
				default:
					return false
				}
				return true
			})
			s, err := tryConnect(t, srv.InMemory(t), mcpclient.Options{ProtocolVersion: "2025-11-25"})
			if size <= 8<<10 {
				require.NoError(t, err)
				require.NoError(t, s.Close())
			} else {
				limited(t, err, "bytes in the session ID", 8<<10)
				require.Less(t, len(err.Error()), 200)
				require.Equal(t, 1, srv.Count("initialize"), "it is not tried again")
				require.Zero(t, srv.Count("notifications/initialized"))
			}
			require.Equal(t, 1, srv.Count("DELETE"))
		})
	}
}
