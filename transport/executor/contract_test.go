package executor_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/transport"
	"github.com/hawser-mcp/hawser/transport/executor"
	"github.com/hawser-mcp/hawser/transport/executor/agent"
	"github.com/hawser-mcp/hawser/transport/transporttest"
)

// cutter is a Transport whose links can be cut.
type cutter struct {
	transport.Transport
	mu  sync.Mutex
	raw []io.Closer // guarded by mu
}

func (c *cutter) add(raw ...io.Closer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.raw = append(c.raw, raw...)
}

func (c *cutter) cut() {
	c.mu.Lock()
	raw := c.raw
	c.raw = nil
	c.mu.Unlock()
	for _, r := range raw {
		if tcp, ok := r.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		_ = r.Close()
	}
}

// overWebSocket returns a Transport to a new agent.
func overWebSocket(shared bool) func(t *testing.T) http.RoundTripper {
	return func(t *testing.T) http.RoundTripper {
		t.Helper()
		l, err := agent.Listen(t.Context(), "ws://127.0.0.1:0", &agent.Options{Token: "t"})
		require.NoError(t, err)
		t.Cleanup(func() { _ = l.Close() })
		c := new(cutter)
		opts := &executor.Options{Shared: shared, Token: "t"}
		opts.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			nc, err := new(net.Dialer).DialContext(ctx, network, addr)
			if err == nil {
				c.add(nc)
			}
			return nc, err
		}
		c.Transport, err = executor.Dial(t.Context(), l.URL(), opts)
		require.NoError(t, err)
		return c
	}
}

// overPipes returns a Transport to an agent over pipes, as to a child process.
func overPipes(t *testing.T) http.RoundTripper {
	t.Helper()
	c := new(cutter)
	var agents sync.WaitGroup
	t.Cleanup(agents.Wait)
	dial := func(context.Context) (executor.Link, error) {
		in, theirOut, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		theirIn, out, err := os.Pipe()
		if err != nil {
			return nil, errors.Join(err, in.Close(), theirOut.Close())
		}
		agents.Go(func() { _ = agent.ServeStdio(context.Background(), theirIn, theirOut, nil) })
		c.add(theirIn, theirOut)
		return executor.Lines(in, out, 0), nil
	}
	var err error
	c.Transport, err = executor.Open(t.Context(), dial, &executor.Options{Shared: true})
	require.NoError(t, err)
	return c
}

func TestExecutorKeepsTheContract(t *testing.T) {
	cutLink := func(_ *testing.T, rt http.RoundTripper) { rt.(*cutter).cut() }
	for _, way := range []struct {
		name string
		cfg  transporttest.Config
	}{
		{"one link each", transporttest.Config{New: overWebSocket(false), CutLink: cutLink}},
		{"one link each, the upstream is lost", transporttest.Config{New: overWebSocket(false)}},
		{"shared link", transporttest.Config{New: overWebSocket(true), CutLink: cutLink}},
		{"pipes", transporttest.Config{New: overPipes, CutLink: cutLink}},
	} {
		t.Run(way.name, func(t *testing.T) { transporttest.Run(t, way.cfg) })
	}
}
