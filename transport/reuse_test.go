package transport_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/transport"
	"github.com/hawser-mcp/hawser/transport/transporttest"
)

// countingListener counts the connections that it accepts.
type countingListener struct {
	net.Listener
	accepted atomic.Int32
}

func (l *countingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.accepted.Add(1)
	}
	return c, err
}

func newEcho(t testing.TB, protocol string) (url string, accepted *atomic.Int32) {
	t.Helper()
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		_, _ = w.Write(data)
	}))
	ln := &countingListener{Listener: srv.Listener}
	srv.Listener = ln
	if protocol == "HTTP2" {
		srv.EnableHTTP2 = true
		srv.StartTLS()
	} else {
		srv.Start()
	}
	t.Cleanup(srv.Close)
	return srv.URL, &ln.accepted
}

func TestConcurrentCallersReuseConnections(t *testing.T) {
	const callers, rounds = 64, 20
	for _, protocol := range []string{"HTTP1", "HTTP2"} {
		t.Run(protocol, func(t *testing.T) {
			url, accepted := newEcho(t, protocol)
			d := newDirect(t, nil)
			for round := range rounds {
				size := 100
				if round%5 == 4 {
					size = 100 << 10
				}
				var wg sync.WaitGroup
				for i := range callers {
					wg.Go(func() {
						body := strings.Repeat(string(rune('!'+i)), size)
						resp, err := d.RoundTrip(newRequest(t, http.MethodPost, url, body))
						if err != nil {
							t.Errorf("%v", err)
							return
						}
						defer resp.Body.Close()
						if got, err := io.ReadAll(resp.Body); err != nil || string(got) != body {
							t.Errorf("got %d bytes, error %v, want %d bytes", len(got), err, size)
						}
					})
				}
				wg.Wait()
			}
			// While a dial runs, another connection may become free and be used instead. So there
			// may be somewhat more connections than callers. With net/http's default of two idle
			// connections per host, there would be over a thousand.
			require.LessOrEqual(t, accepted.Load(), int32(2*callers))
		})
	}
}

func TestMaxIdlePerHost(t *testing.T) {
	url, accepted := newEcho(t, "HTTP1")
	d := newDirect(t, &transport.DirectOptions{MaxIdlePerHost: -1})
	for range 3 {
		resp, err := d.RoundTrip(newRequest(t, http.MethodPost, url, "hello"))
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, resp.Body)
		require.NoError(t, err)
	}
	require.EqualValues(t, 3, accepted.Load())
}

func BenchmarkRoundTrip(b *testing.B) {
	for _, protocol := range []string{"HTTP1", "HTTP2"} {
		for name, size := range map[string]int{"200B": 200, "100KiB": 100 << 10, "1MiB": 1 << 20} {
			b.Run(protocol+"/"+name+"/direct", func(b *testing.B) { benchmarkEcho(b, newDirect(b, nil), protocol, size) })
			b.Run(protocol+"/"+name+"/bare", func(b *testing.B) {
				bare := &http.Transport{
					DisableCompression: true, TLSClientConfig: transporttest.TLSConfig(), ForceAttemptHTTP2: true,
				}
				defer bare.CloseIdleConnections()
				benchmarkEcho(b, bare, protocol, size)
			})
		}
	}
}

// benchmarkEcho sends bodies of size bytes and reads the echoed bodies.
func benchmarkEcho(b *testing.B, rt http.RoundTripper, protocol string, size int) {
	b.Helper()
	url, _ := newEcho(b, protocol)
	data := bytes.Repeat([]byte("x"), size)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	buf := make([]byte, 32<<10)
	b.ReportAllocs()
	for b.Loop() {
		req, _ := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(data))
		resp, err := rt.RoundTrip(req)
		if err != nil {
			b.Fatal(err)
		}
		for err == nil {
			_, err = resp.Body.Read(buf)
		}
		_ = resp.Body.Close()
	}
}
