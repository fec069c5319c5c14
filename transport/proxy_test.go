package transport_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/transport"
)

// proxiedEnv is set in the child process that runs the test. A child process is needed because
// net/http reads the proxy variables only once per process.
const proxiedEnv = "HAWSER_TEST_PROXIED"

// Requests go through the proxy that the environment names, unless the options disable it.
func TestProxyFromTheEnvironment(t *testing.T) {
	if os.Getenv(proxiedEnv) != "" {
		proxied(t)
		return
	}
	asked := make(chan string, 8)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.String()
		_, _ = io.WriteString(w, "by proxy")
	}))
	defer proxy.Close()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestProxyFromTheEnvironment$")
	cmd.Env = append(os.Environ(), proxiedEnv+"=1", "HTTP_PROXY="+proxy.URL, "http_proxy="+proxy.URL, "NO_PROXY=", "no_proxy=", "REQUEST_METHOD=")
	output, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", output)
	require.Equal(t, "http://mcp.test/mcp", <-asked)
	require.Empty(t, asked, "NoProxy must not ask the proxy")
}

func proxied(t *testing.T) {
	t.Helper()
	const url = "http://mcp.test/mcp"
	resp, err := newDirect(t, nil).RoundTrip(newRequest(t, http.MethodPost, url, "hello"))
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, "by proxy", string(body))
	require.NoError(t, resp.Body.Close())
	errDialed := errors.New("no dials in this test")
	dial := func(_ context.Context, _, addr string) (net.Conn, error) {
		if addr != "mcp.test:80" {
			return nil, errors.New("dialed " + addr)
		}
		return nil, errDialed
	}
	_, err = newDirect(t, &transport.DirectOptions{NoProxy: true, DialContext: dial}).RoundTrip(newRequest(t, http.MethodPost, url, "hello"))
	require.ErrorIs(t, err, errDialed)
}
