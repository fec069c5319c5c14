package main_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/tests/bench/internal/workload"
	"github.com/hawser-mcp/hawser/transport"
	"github.com/hawser-mcp/hawser/transport/executor"
	"github.com/hawser-mcp/hawser/transport/executor/agent"
)

const download = 64 * workload.Mebi

// BenchmarkDownload compares the time for a body of 64 MiB that arrives through an agent in this
// process with the time for one that arrives directly.
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
	fetcher := func(name string, rt transport.Transport) variant {
		b.Cleanup(func() { require.NoError(b, rt.Close()) })
		return variant{name, func() error { return fetch(rt, server.URL, download) }}
	}
	compare(b, 1,
		fetcher("direct", transport.NewDirect(&transport.DirectOptions{NoProxy: true})),
		fetcher("agent", throughAgent(b, nil)),
		fetcher("shared", throughAgent(b, &executor.Options{Shared: true})))
}

// throughAgent returns a Transport over an agent in this process. The caller closes it.
func throughAgent(tb testing.TB, opts *executor.Options) transport.Transport {
	tb.Helper()
	l, err := agent.Listen(context.Background(), "ws://127.0.0.1:0", nil)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, l.Close()) })
	rt, err := executor.Dial(context.Background(), l.URL(), opts)
	require.NoError(tb, err)
	return rt
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
