package executor_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/exectest"
	"github.com/hawser-mcp/hawser/transport"
	"github.com/hawser-mcp/hawser/transport/executor"
)

// open returns a Transport over x, which is closed with the test.
func open(t *testing.T, x *exectest.Executor, opts *executor.Options) transport.Transport {
	t.Helper()
	rt, err := executor.Open(t.Context(), x.Dial, opts)
	require.NoError(t, err)
	t.Cleanup(func() { _ = rt.Close() })
	return rt
}

func request(t *testing.T, ctx context.Context, method, url, body string) *http.Request { //nolint:revive // as in net/http
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	require.NoError(t, err)
	return req
}

type outcome struct {
	resp *http.Response
	err  error
}

func send(rt http.RoundTripper, req *http.Request) <-chan outcome {
	ch := make(chan outcome, 1)
	go func() {
		resp, err := rt.RoundTrip(req)
		ch <- outcome{resp, err}
	}()
	return ch
}

func TestExchange(t *testing.T) {
	x := new(exectest.Executor)
	rt := open(t, x, nil)
	l := x.Accept()
	for range 3 { // on one link
		ch := send(rt, request(t, t.Context(), http.MethodPost, "http://mcp.test/mcp?q=1", "hello"))
		r := l.Request(t)
		require.Equal(t, "POST", r.Method)
		require.Equal(t, "http://mcp.test/mcp?q=1", r.URL)
		require.Equal(t, "hello", string(r.Body))
		require.True(t, r.Stop && r.Stream && r.TimeoutMs < 0)
		r.Head(200)
		o := <-ch
		require.NoError(t, o.err)
		require.Equal(t, int64(-1), o.resp.ContentLength)
		r.Piece("one ")
		r.Piece("two")
		r.Done()
		body, err := io.ReadAll(o.resp.Body)
		require.NoError(t, err)
		require.Equal(t, "one two", string(body))
		require.NoError(t, o.resp.Body.Close())
	}
	require.Equal(t, 1, x.Dials())
}
