package mcpclient_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// If an optional member of the handshake has the wrong type, the client ignores only that member,
// in both eras.
func TestHandshakeWithOddMembers(t *testing.T) {
	for name, caps := range map[string]string{
		"array of tools": `{"tools":[{"name":"echo"}],"logging":{}}`,
		"PHP":            `{"tools":[],"logging":[],"experimental":[]}`,
		"null":           `{"tools":null,"logging":null}`,
		"true":           `{"tools":true,"logging":true,"prompts":{"listChanged":true}}`,
		"all wrong":      `[]`,
	} {
		t.Run(name, func(t *testing.T) {
			eachEra(t, func(t *testing.T, srv *mcptest.Server) {
				srv.Intercept = func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
					if m == nil || m.Method != "initialize" && m.Method != "server/discover" || srv.Era == mcptest.Legacy && m.Method != "initialize" {
						return false
					}
					mcptest.WriteJSON(w, 200, mcptest.Result(m.ID, json.RawMessage(`{"protocolVersion":"2025-11-25","supportedVersions":["2026-07-28"],
						"capabilities":`+caps+`,"serverInfo":{"name":"odd","version":2,"icons":{}},"instructions":[],"_meta":[]}`)))
					return true
				}
				s := serve(t, srv, mcpclient.Options{})
				require.Equal(t, "odd", s.ServerInfo().Name)
				require.Equal(t, "2", s.ServerInfo().Version)
				require.Equal(t, name != "all wrong", s.Capabilities().Tools != nil)
				require.Equal(t, name != "all wrong", s.Capabilities().Logging != nil)
				require.Equal(t, name == "true", s.Capabilities().Prompts != nil && s.Capabilities().Prompts.ListChanged)
			})
		})
	}
}
