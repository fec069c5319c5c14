package transport_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/transport"
)

// protocolServer serves TLS at addr, with or without HTTP/2, and answers each request with the
// protocol version that the request used.
func protocolServer(t *testing.T, addr string, http2 bool) *httptest.Server {
	t.Helper()
	ln, err := net.Listen("tcp", addr)
	require.NoError(t, err)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, r.Proto)
	}))
	_ = srv.Listener.Close()
	srv.Listener, srv.EnableHTTP2 = ln, http2
	srv.StartTLS()
	return srv
}

// A server may change its protocol between two connections. The first request after the change is
// not sent and fails. The next one succeeds.
func TestServerThatChangesItsProtocol(t *testing.T) {
	d := newDirect(t, nil)
	addr := "127.0.0.1:0"
	for _, want := range []string{"HTTP/1.1", "HTTP/2.0", "HTTP/1.1", "HTTP/2.0"} {
		srv := protocolServer(t, addr, want == "HTTP/2.0")
		addr = srv.Listener.Addr().String()
		for failures := 0; ; failures++ {
			got, err := ask(t, d, srv.URL)
			if err == nil {
				require.Equal(t, want, got)
				break
			}
			require.Less(t, failures, 3, "%v", err)
			require.Equal(t, transport.NotSent, transport.StageOf(err), "%v", err)
			require.False(t, transport.IsPermanent(err), "%v", err)
		}
		for range 3 {
			got, err := ask(t, d, srv.URL)
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
		srv.CloseClientConnections()
		srv.Close()
		time.Sleep(10 * time.Millisecond) // until the client has noticed the end of its idle connection
	}
}

func ask(t *testing.T, rt http.RoundTripper, url string) (string, error) {
	t.Helper()
	resp, err := rt.RoundTrip(newRequest(t, http.MethodPost, url, "hello"))
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return string(data), err
}

// http and https requests of one Direct share nothing but its Close.
func TestPlainAndTLSAtOnce(t *testing.T) {
	plain, _ := newEcho(t, "HTTP1")
	secure, _ := newEcho(t, "HTTP2")
	d := newDirect(t, nil)
	for _, url := range []string{plain, secure, plain, secure} {
		got, err := ask(t, d, url)
		require.NoError(t, err)
		require.Equal(t, "hello", got)
	}
	require.NoError(t, d.Close())
	for _, url := range []string{plain, secure} {
		req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, nil)
		require.NoError(t, err)
		_, err = d.RoundTrip(req)
		require.ErrorIs(t, err, transport.ErrClosed)
	}
}
