package agent

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

const benchBody = 64 << 20

// benchServer streams bodies of benchBody bytes in pieces of 32 KiB.
func benchServer(tb testing.TB) string {
	tb.Helper()
	piece := bytes.Repeat([]byte("x"), 32<<10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for range benchBody / len(piece) {
			if _, err := w.Write(piece); err != nil {
				return
			}
		}
	}))
	tb.Cleanup(server.Close)
	return server.URL
}

// drain receives frames up to the last one.
func (c *client) drain() (frames int) {
	c.t.Helper()
	for {
		data, err := c.link.Receive()
		require.NoError(c.t, err)
		frames++
		if bytes.HasSuffix(data, []byte(`"done":true,"error":null}}`)) {
			return frames
		}
	}
}

// BenchmarkStream sends 64 MiB from a server on loopback through the agent over a WebSocket.
func BenchmarkStream(b *testing.B) {
	url := benchServer(b)
	l, err := Listen(b.Context(), "ws://127.0.0.1:0", nil)
	require.NoError(b, err)
	b.Cleanup(func() { _ = l.Close() })
	c, err := dial(b, l.URL(), nil)
	require.NoError(b, err)
	c.handshake()
	b.SetBytes(benchBody)
	b.ReportAllocs()
	frames := 0
	for b.Loop() {
		c.request(get(url, "a"))
		frames += c.drain()
	}
	b.ReportMetric(float64(frames)/float64(b.N), "frames/op")
}

// BenchmarkFloor reads the same body without an agent, with net/http alone.
func BenchmarkFloor(b *testing.B) {
	url := benchServer(b)
	c, err := newConfig(nil)
	require.NoError(b, err)
	b.Cleanup(func() { _ = c.direct.Close() })
	b.SetBytes(benchBody)
	b.ReportAllocs()
	for b.Loop() {
		req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, url, nil)
		require.NoError(b, err)
		resp, err := c.direct.RoundTrip(req)
		require.NoError(b, err)
		_, err = io.Copy(io.Discard, resp.Body)
		require.NoError(b, err)
		_ = resp.Body.Close()
	}
}
