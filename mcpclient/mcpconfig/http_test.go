package mcpconfig

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/streamablehttp"
)

// The headers that files must not set are those that a session refuses.
func TestProtocolHeaders(t *testing.T) {
	for _, name := range []string{
		"Accept", "Accept-Encoding", "Content-Type", "Content-Length", "Content-Encoding", "Host", "Connection", "Transfer-Encoding", "Te", "Trailer",
		"Upgrade", "Last-Event-Id", "Mcp-Session-Id", "Mcp-Protocol-Version", "Mcp-Method", "Mcp-Name", "Mcp-Param-X",
		"Authorization", "User-Agent", "Cookie", "X-Key", "Mcp-Other", "Origin", "Accept-Language",
	} {
		err := streamablehttp.CheckHeader(http.Header{name: {"x"}})
		require.Equal(t, err != nil, isProtocolHeader(name), name)
	}
}

func TestNearestKey(t *testing.T) {
	known := []string{"headers", "url", "timeout", "hawser", "allow", "enabled_tools"}
	for key, want := range map[string]string{
		"header": "headers", "Headers": "headers", "HEADERS": "headers", "time_out": "timeout", "timeouts": "timeout", "enabledTools": "enabled_tools",
		"URL": "url", "uri": "", "x": "", "colour": "", "hawsr": "hawser", "Allow": "allow", "alow": "allow", "": "",
	} {
		require.Equal(t, want, nearest(key, known), key)
	}
}
