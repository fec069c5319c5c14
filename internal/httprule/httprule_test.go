package httprule

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestIsToken(t *testing.T) {
	for c := range 256 {
		want := c > ' ' && c < 0x7f && !strings.ContainsRune(`"(),/:;<=>?@[\]{}`, rune(c)) // RFC 9110, section 5.6.2
		require.Equal(t, want, IsToken(string([]byte{'a', byte(c)})), "%q", c)
	}
	require.False(t, IsToken(""))
	require.False(t, IsToken("é"))
}

func TestIsFieldValue(t *testing.T) {
	for c := range 256 {
		want := c >= ' ' && c != 0x7f || c == '\t'
		require.Equal(t, want, IsFieldValue(string([]byte{byte(c)})), "%q", c)
	}
	require.True(t, IsFieldValue(""))
}

func TestOrigins(t *testing.T) {
	parse := func(text string) *url.URL {
		u, err := url.Parse(text)
		require.NoError(t, err)
		return u
	}
	home := parse("https://Mcp.example.com/mcp?q")
	require.Equal(t, "https://mcp.example.com:443", Origin(home))
	require.Equal(t, "http://[::1]:80", Origin(parse("http://[::1]/")))
	for _, same := range []string{"https://mcp.example.com", "HTTPS://MCP.example.com:443/other"} {
		require.True(t, SameOrigin(home, parse(same)), same)
		require.Equal(t, Origin(home), Origin(parse(same)))
	}
	for _, other := range []string{"http://mcp.example.com:443", "https://mcp.example.com:8443", "https://example.com"} {
		require.False(t, SameOrigin(home, parse(other)), other)
		require.NotEqual(t, Origin(home), Origin(parse(other)))
	}
	require.False(t, SameOrigin(nil, home))
	require.False(t, SameOrigin(home, nil))
	require.Zero(t, testing.AllocsPerRun(10, func() { SameOrigin(home, home) }))
}

func TestIsLoopback(t *testing.T) {
	for _, host := range []string{"localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"} {
		require.True(t, IsLoopback(host), host)
	}
	for _, host := range []string{"", "localhost.example.com", "10.0.0.1", "0.0.0.0", "fe80::1", "127.1"} {
		require.False(t, IsLoopback(host), host)
	}
}

func TestOpensStream(t *testing.T) {
	header := func(name, value string) map[string][]string { return map[string][]string{name: {value}} }
	stream, listen := header("Accept", "text/event-stream"), header("Mcp-Method", "subscriptions/listen")
	require.True(t, OpensStream("GET", stream))
	require.True(t, OpensStream("", stream))
	require.True(t, OpensStream("POST", listen))
	require.False(t, OpensStream("GET", header("Accept", "application/json")))
	require.False(t, OpensStream("GET", nil))
	require.False(t, OpensStream("POST", header("Accept", "application/json, text/event-stream")), "a call")
	require.False(t, OpensStream("POST", header("Mcp-Method", "tools/call")))
	require.False(t, OpensStream("DELETE", stream))
	require.Zero(t, testing.AllocsPerRun(10, func() { OpensStream("POST", listen) }))
}
