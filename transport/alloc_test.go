//go:build !race

package transport_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/hawser-mcp/hawser/transport"
	"github.com/hawser-mcp/hawser/transport/transporttest"
)

// The race detector also allocates, so this test is not built with it.

// allocsPerCall returns how many allocations one small POST costs, on the client and the server
// together, after a warm-up. The garbage collector is off during the measurement, because it
// empties sync.Pools.
func allocsPerCall(t *testing.T, rt http.RoundTripper, url string) float64 {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	data := bytes.Repeat([]byte("x"), 200)
	buf := make([]byte, 512)
	call := func() {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := rt.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		for err == nil {
			_, err = resp.Body.Read(buf)
		}
		_ = resp.Body.Close()
	}
	const calls = 1000
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	for range 200 {
		call()
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range calls {
		call()
	}
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / calls
}

func TestAllocations(t *testing.T) {
	for _, tt := range []struct {
		name       string
		tls, http2 bool
		more       float64 // than net/http alone
	}{
		{"HTTP1", false, false, 4.5},
		{"HTTP1 over TLS", true, false, 4.5},
		{"HTTP2", true, true, 14},
	} {
		t.Run(tt.name, func(t *testing.T) {
			srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				_, _ = io.WriteString(w, "{}")
			}))
			srv.EnableHTTP2 = tt.http2
			if tt.tls {
				srv.StartTLS()
			} else {
				srv.Start()
			}
			defer srv.Close()
			bare := &http.Transport{DisableCompression: true, TLSClientConfig: transporttest.TLSConfig(), ForceAttemptHTTP2: true}
			defer bare.CloseIdleConnections()
			direct := transport.NewDirect(&transport.DirectOptions{TLSConfig: transporttest.TLSConfig()})
			defer direct.Close()
			floor, got := allocsPerCall(t, bare, srv.URL), allocsPerCall(t, direct, srv.URL)
			t.Logf("%.2f allocations, %.2f with net/http alone", got, floor)
			if got-floor > tt.more {
				t.Errorf("%.2f allocations a call, %.2f more than net/http alone, want at most %.1f more", got, got-floor, tt.more)
			}
		})
	}
}
