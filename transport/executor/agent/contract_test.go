package agent_test

import (
	"context"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/hawser-mcp/hawser/transport/executor"
	"github.com/hawser-mcp/hawser/transport/executor/agent"
	"github.com/hawser-mcp/hawser/transport/transporttest"
)

// cutter makes connections that it can cut.
type cutter struct {
	mu    sync.Mutex
	conns []net.Conn
}

func (c *cutter) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	nc, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err == nil {
		c.mu.Lock()
		c.conns = append(c.conns, nc)
		c.mu.Unlock()
	}
	return nc, err
}

func (c *cutter) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, nc := range c.conns {
		_ = nc.(*net.TCPConn).SetLinger(0) // a reset, not a clean close
		_ = nc.Close()
	}
	c.conns = nil
}

// Package executor and the agent together keep the contract of a transport: with a link for each
// exchange and with a shared link, over each protocol version of the server.
func TestContract(t *testing.T) {
	for _, c := range []struct {
		name          string
		shared, http2 bool
	}{{"links", false, false}, {"links, HTTP/2", false, true}, {"shared link", true, false}} {
		t.Run(c.name, func(t *testing.T) {
			l, err := agent.Listen(t.Context(), "ws://127.0.0.1:0", &agent.Options{TLSConfig: transporttest.TLSConfig()})
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			links := new(cutter)
			opts := &executor.Options{Shared: c.shared, DialContext: links.dial}
			transporttest.Run(t, transporttest.Config{
				New: func(t *testing.T) http.RoundTripper {
					t.Helper()
					rt, err := executor.Dial(t.Context(), l.URL(), opts)
					if err != nil {
						t.Fatal(err)
					}
					return rt
				},
				HTTP2:   c.http2,
				CutLink: func(*testing.T, http.RoundTripper) { links.cut() },
			})
		})
	}
}
