package transport_test

import (
	"sync/atomic"
	"testing"

	"github.com/hawser-mcp/hawser/internal/h2test"
)

// h2Peer is a minimal HTTP/2 server. It can answer a complete request in ways that net/http's
// server never would.
type h2Peer struct {
	URL      string
	executed atomic.Int32 // requests that arrived in full
}

func newH2Peer(t *testing.T, answer func(c *h2test.Conn, stream uint32, execution int32)) *h2Peer {
	t.Helper()
	p := new(h2Peer)
	p.URL = h2test.Listen(t, func(c *h2test.Conn) {
		c.Settings()
		for {
			kind, flags, stream, err := c.Next()
			if err != nil {
				return
			}
			if (kind == h2test.Headers || kind == h2test.Data) && flags&h2test.EndStream != 0 {
				answer(c, stream, p.executed.Add(1))
			}
		}
	})
	return p
}
