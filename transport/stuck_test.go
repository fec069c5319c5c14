package transport_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/h2test"
	"github.com/hawser-mcp/hawser/transport"
)

// impatientConn shortens every write deadline, so the test takes less time.
type impatientConn struct{ net.Conn }

func (c impatientConn) SetWriteDeadline(t time.Time) error {
	if !t.IsZero() {
		t = time.Now().Add(100 * time.Millisecond)
	}
	return c.Conn.SetWriteDeadline(t)
}

// If an HTTP/2 peer stops reading, its connection is closed, even if no context ends.
func TestHTTP2PeerThatReadsNothingLosesItsConnection(t *testing.T) {
	var conns atomic.Int32
	url := h2test.Listen(t, func(c *h2test.Conn) {
		deaf := conns.Add(1) == 1
		c.OpenWindows()
		for {
			kind, flags, stream, err := c.Next()
			switch {
			case err != nil:
				return
			case kind == h2test.Headers && deaf:
				<-t.Context().Done()
				return
			case flags&h2test.EndStream != 0:
				c.Head(stream, h2test.EndStream)
			}
		}
	})
	d := newDirect(t, &transport.DirectOptions{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := new(net.Dialer).DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return impatientConn{c}, nil
		},
	})
	req := newRequest(t, http.MethodPost, url, "")
	req.Body = io.NopCloser(zeros{})
	_, err := d.RoundTrip(req)
	requireStage(t, err, transport.MaybeSent, false)
	resp, err := d.RoundTrip(newRequest(t, http.MethodPost, url, "hello"))
	require.NoError(t, err, "on a new connection")
	require.NoError(t, resp.Body.Close())
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
