package streamablehttp

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// canned is a RoundTripper that answers every request from memory. It allocates little, so
// benchmarks measure the Conn.
type canned struct {
	resp http.Response
	text string
	body cannedBody
}

type cannedBody struct{ strings.Reader }

func (*cannedBody) Close() error { return nil }

func newCanned(contentType, text string) *canned {
	c := &canned{text: text}
	c.resp = http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {contentType}}, Body: &c.body, ContentLength: int64(len(text)),
	}
	if contentType == typeStream {
		c.resp.ContentLength = -1
	}
	return c
}

func (*canned) RunsOnce() bool { return true }

func (c *canned) RoundTrip(*http.Request) (*http.Response, error) {
	c.body.Reset(c.text)
	return &c.resp, nil
}

// deaf is a Receiver that ignores everything.
type deaf struct{}

func (deaf) DecodeResult(data []byte) (int, error) {
	cursor := jsonrpc.NewCursor(data, 0)
	cursor.Skip()
	return cursor.Pos(), cursor.Err()
}
func (deaf) Notification(string, []byte)          {}
func (deaf) Request(string, []byte, []byte) error { return nil }
func (deaf) Event()                               {}

var twoHundred = `{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"` + strings.Repeat("x", 110) + `"}]}}`

// callAgain returns a function that makes one call over rt, with its own context.
func callAgain(tb testing.TB, rt http.RoundTripper, modern bool) func() {
	tb.Helper()
	c, err := New("http://server/mcp", Config{RoundTripper: rt})
	require.NoError(tb, err)
	tb.Cleanup(c.Close)
	s := c.legacy()
	if modern {
		s = c.modern()
	}
	req := toolCall()
	return func() {
		ctx, cancel := context.WithCancelCause(context.Background())
		req.Cancel = cancel
		if err := c.Call(ctx, s, req, deaf{}); err != nil {
			tb.Fatal(err)
		}
	}
}

func benchmarkCall(b *testing.B, rt http.RoundTripper, modern bool) {
	b.Helper()
	call := callAgain(b, rt, modern)
	b.ReportAllocs()
	for b.Loop() {
		call()
	}
}

func BenchmarkCallJSON(b *testing.B)       { benchmarkCall(b, newCanned(typeJSON, twoHundred), false) }
func BenchmarkCallJSONModern(b *testing.B) { benchmarkCall(b, newCanned(typeJSON, twoHundred), true) }

// Each call needs its own body, because the previous one may still be draining. That costs two more
// allocations, and one for the response.
func BenchmarkCallStream(b *testing.B) {
	events := "data: " + twoHundred + "\n\n"
	benchmarkCall(b, once{roundTripper(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Header: streamHeader, Body: io.NopCloser(strings.NewReader(events)), ContentLength: -1}, nil
	})}, false)
}

// BenchmarkCallGuarded measures a call over a RoundTripper that needs the replay guard.
func BenchmarkCallGuarded(b *testing.B) {
	benchmarkCall(b, struct{ http.RoundTripper }{newCanned(typeJSON, twoHundred)}, false)
}

var streamHeader = http.Header{"Content-Type": {typeStream}}
