package transport_test

import (
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/h2test"
	"github.com/hawser-mcp/hawser/internal/memnet"
	"github.com/hawser-mcp/hawser/transport"
)

// An HTTP/2 peer that reads nothing any more loses its connection, even if no context ends.
func TestHTTP2PeerThatReadsNothingLosesItsConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := memnet.New()
		ln := network.Listen("example.com:443")
		var conns atomic.Int32
		h2test.Serve(t, ln, func(c *h2test.Conn) {
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
		d := newDirect(t, &transport.DirectOptions{DialContext: network.DialContext, NoProxy: true})
		begin := time.Now()
		req := newRequest(t, http.MethodPost, "https://example.com/", "")
		req.Body = io.NopCloser(zeros{})
		_, err := d.RoundTrip(req)
		requireStage(t, err, transport.MaybeSent, false)
		require.Less(t, time.Since(begin), 16*time.Second)
		resp, err := d.RoundTrip(newRequest(t, http.MethodPost, "https://example.com/", "hello"))
		require.NoError(t, err, "on a connection of its own")
		require.NoError(t, resp.Body.Close())
		require.NoError(t, d.Close())
	})
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
