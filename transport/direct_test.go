package transport_test

import (
	"net/http"
	"testing"

	"github.com/hawser-mcp/hawser/transport"
	"github.com/hawser-mcp/hawser/transport/transporttest"
)

// newDirect returns a Direct that trusts the suite's upstreams. It is closed at the end of the
// test.
func newDirect(t testing.TB, opts *transport.DirectOptions) transport.Transport {
	t.Helper()
	var o transport.DirectOptions
	if opts != nil {
		o = *opts
	}
	if o.TLSConfig == nil {
		o.TLSConfig = transporttest.TLSConfig()
	}
	d := transport.NewDirect(&o)
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func TestDirectKeepsTheContract(t *testing.T) {
	direct := func(t *testing.T) http.RoundTripper { return newDirect(t, nil) }
	t.Run("HTTP1", func(t *testing.T) { transporttest.Run(t, transporttest.Config{New: direct}) })
	t.Run("HTTP2", func(t *testing.T) { transporttest.Run(t, transporttest.Config{New: direct, HTTP2: true}) })
}
