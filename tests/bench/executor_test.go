package bench_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/transport"
	"github.com/hawser-mcp/hawser/transport/executor"
	"github.com/hawser-mcp/hawser/transport/executor/agent"
)

// throughAgent returns a Transport over an agent in this process. The measurements therefore
// include the agent.
func throughAgent(tb testing.TB, opts *executor.Options) transport.Transport {
	tb.Helper()
	l, err := agent.Listen(context.Background(), "ws://127.0.0.1:0", nil)
	require.NoError(tb, err)
	rt, err := executor.Dial(context.Background(), l.URL(), opts)
	require.NoError(tb, err)
	tb.Cleanup(func() {
		require.NoError(tb, rt.Close())
		require.NoError(tb, l.Close())
	})
	return rt
}

func direct(tb testing.TB) transport.Transport {
	tb.Helper()
	rt := transport.NewDirect(&transport.DirectOptions{NoProxy: true})
	tb.Cleanup(func() { require.NoError(tb, rt.Close()) })
	return rt
}

// BenchmarkExecutor measures a direct call and calls through an agent: over a warm exclusive link,
// over a shared link, and over a freshly dialed link.
func BenchmarkExecutor(b *testing.B) {
	for _, s := range []*scenario{json200, sse200, sse10k, progress1000} {
		b.Run(s.name, func(b *testing.B) {
			url := newServer(b).url
			var clients []client
			for _, w := range []struct {
				name string
				rt   transport.Transport
			}{
				{"direct", direct(b)},
				{"agent", throughAgent(b, nil)},
				{"shared", throughAgent(b, &executor.Options{Shared: true})},
				{"fresh", throughAgent(b, &executor.Options{MaxIdleLinks: -1})},
			} {
				opts := legacy
				opts.Transport = w.rt
				c := hawserClient(b, url, opts)
				c.name = w.name
				clients = append(clients, c)
			}
			batch := 20
			if s.events > 0 {
				batch = 2
			}
			compare(b, s, batch, clients...)
		})
	}
}

const download = 64 * mebi

// BenchmarkDownload measures a body of 64 MiB, received directly and through an agent.
func BenchmarkDownload(b *testing.B) {
	piece := bytes.Repeat([]byte("x"), 32<<10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for range download / len(piece) {
			if _, err := w.Write(piece); err != nil {
				return
			}
		}
	}))
	b.Cleanup(server.Close)
	for _, shared := range []bool{false, true} {
		b.Run(fmt.Sprintf("shared=%v", shared), func(b *testing.B) {
			fetcher := func(name string, rt transport.Transport) client {
				return client{name, func(*scenario) error { return fetch(rt, server.URL, download) }}
			}
			compare(b, nil, 1, fetcher("direct", direct(b)), fetcher("agent", throughAgent(b, &executor.Options{Shared: shared})))
		})
	}
}

// fetch reads a body of size bytes.
func fetch(rt http.RoundTripper, url string, size int) error {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	n, buf := 0, make([]byte, 64<<10)
	for err == nil {
		var k int
		k, err = resp.Body.Read(buf)
		n += k
	}
	if n != size {
		return fmt.Errorf("%d bytes: %w", n, err)
	}
	return nil
}
