//go:build !race

package oauth

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// canned is a RoundTripper that answers every request with 200.
type canned struct{ response http.Response }

func (c *canned) RoundTrip(*http.Request) (*http.Response, error) { return &c.response, nil }

func authorized(tb testing.TB) (http.RoundTripper, *http.Request) {
	tb.Helper()
	c, err := NewClient("https://mcp.test/mcp", nil)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, c.Close()) })
	c.loaded.Store(true)
	c.held.Store(newToken(tokenRecord{Access: "a", Type: typeBearer}, nil))
	req, err := http.NewRequestWithContext(tb.Context(), http.MethodPost, "https://mcp.test/mcp", strings.NewReader("{}"))
	require.NoError(tb, err)
	for _, name := range []string{"Content-Type", "Accept", "Mcp-Session-Id", "Mcp-Protocol-Version"} {
		req.Header.Set(name, "x")
	}
	return c.RoundTripper(&canned{http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody}}), req
}

func BenchmarkRoundTrip(b *testing.B) {
	rt, req := authorized(b)
	b.ReportAllocs()
	for b.Loop() {
		resp, err := rt.RoundTrip(req)
		if err != nil {
			b.Fatal(err)
		}
		resp.Body.Close()
	}
}

// Adding a token copies the request and its header once, and allocates nothing else.
func TestRoundTripAllocations(t *testing.T) {
	rt, req := authorized(t)
	allocs := testing.AllocsPerRun(100, func() {
		resp, err := rt.RoundTrip(req)
		if err == nil {
			resp.Body.Close()
		}
	})
	require.LessOrEqual(t, allocs, 6.0)
}
