package streamablehttp

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEndpoint(t *testing.T) {
	for endpoint, want := range map[string]string{
		"http://server/mcp?token=secret":  "http://server/mcp",
		"https://server:8443/mcp#frag":    "https://server:8443/mcp",
		"HTTPS://server":                  "https://server",
		"http://server/mcp?":              "http://server/mcp",
		"http://[::1]:80/a%2Fb":           "http://[::1]:80/a%2Fb",
		"http://127.0.0.1:0/":             "http://127.0.0.1:0/",
		"http://server/?x=user:pass@host": "http://server/",
	} {
		c, err := New(endpoint, Config{RoundTripper: roundTripper(nil)})
		require.NoError(t, err, endpoint)
		require.Equal(t, want, c.Endpoint())
		c.Close()
		c.Close()
	}
}

// The query of the endpoint is sent, but not the fragment.
func TestEndpointQueryIsSent(t *testing.T) {
	c, err := New("http://server/mcp?key=1#frag", Config{RoundTripper: roundTripper(func(req *http.Request) (*http.Response, error) {
		require.Equal(t, "http://server/mcp?key=1", req.URL.String())
		return answerAny(req), nil
	})})
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.do(t.Context(), c.legacy(), new(heard)))
}

func TestBadEndpoint(t *testing.T) {
	for _, endpoint := range []string{
		"", "server", "/mcp", "server/mcp", "localhost:8080/mcp", "ftp://server/hunter2", "file:///hunter2", "unix:/hunter2",
		"http://", "http:///hunter2", "http:hunter2", "https:", "://hunter2", "http://server/\x00hunter2", "http://server/%zzhunter2",
		"http://[::1/hunter2", "http://server:hunter2/", "http://server:80:hunter2/", "http://ser ver/hunter2",
	} {
		_, err := New(endpoint, Config{RoundTripper: roundTripper(nil)})
		require.Error(t, err, endpoint)
		requireOneLine(t, err)
	}
}

// A password in the URL is refused with a hint and never shown, even if it makes the URL invalid.
func TestCredentialsInEndpoint(t *testing.T) {
	for _, endpoint := range []string{
		"https://user:hunter2@server/mcp",
		"https://hunter2@server/mcp",
		"https://user:@server/hunter2",
		"https://user:hunter2/x@server/mcp",
		"https://user:hunter2?x@server/mcp",
		"https://user:hunter2#x@server/mcp",
		"https://user:hunter2%@server/mcp",
		"https://user:hunter2 x@server/mcp",
		"https://user:hunter2\\x@server/mcp",
		"https://user:hunter2@server:port/mcp",
		"https://us[er:hunter2@server/mcp",
	} {
		_, err := New(endpoint, Config{RoundTripper: roundTripper(nil)})
		require.Error(t, err, endpoint)
		require.NotContains(t, err.Error(), "hunter2", endpoint)
		require.Contains(t, err.Error(), "header", "%s: says where credentials belong", endpoint)
		requireOneLine(t, err)
	}
}

func TestBadConfig(t *testing.T) {
	_, err := New("http://server/", Config{})
	require.Error(t, err)
	_, err = New("http://server/", Config{RoundTripper: roundTripper(nil), Header: http.Header{"Mcp-Session-Id": {"x"}}})
	require.Error(t, err)
}

// Config is copied: later changes by the caller have no effect.
func TestConfigIsCopied(t *testing.T) {
	rt := &recorder{reply: answerAny}
	header := http.Header{"X-A": {"1"}}
	c := newConn(t, rt, func(cfg *Config) { cfg.Header = header })
	header["X-A"][0] = "2"
	header.Set("X-B", "3")
	require.NoError(t, c.do(t.Context(), c.legacy(), new(heard)))
	require.Equal(t, []string{"1"}, rt.last().header["X-A"])
	require.NotContains(t, rt.last().header, "X-B")
}
