package streamablehttp

import (
	"errors"
	"io"
	"math"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/memnet"
	"github.com/hawser-mcp/hawser/transport"
)

// allocated returns the bytes allocated while f ran.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func withBodyLimit(n int64) func(*Config) { return func(cfg *Config) { cfg.Limits.MaxBody = n } }

func TestBodyLimit(t *testing.T) {
	size := int64(len(answer))
	for _, length := range []int64{size, -1} { // declared, and not
		answered := func() *http.Response {
			resp := text(http.StatusOK, typeJSON, answer)
			resp.ContentLength = length
			return resp
		}
		_, err := callOnce(t, always(answered), withBodyLimit(size))
		require.NoError(t, err, "just at the limit")
		_, err = callOnce(t, always(answered), withBodyLimit(-1))
		require.NoError(t, err, "no limit")
		_, err = callOnce(t, always(answered), withBodyLimit(math.MaxInt64))
		require.NoError(t, err)
		for _, limit := range []int64{size - 1, 1} {
			_, err = callOnce(t, always(answered), withBodyLimit(limit))
			require.Equal(t, &LimitError{What: "body bytes", Limit: limit}, err)
		}
	}
}

func TestEventLimit(t *testing.T) {
	for limit, fits := range map[int]bool{-1: true, len(answerEvent): true, math.MaxInt: true, 20: false} {
		_, err := callOnce(t, always(func() *http.Response { return stream(answerEvent) }), func(cfg *Config) { cfg.Limits.MaxEvent = limit })
		if fits {
			require.NoError(t, err)
			continue
		}
		require.EqualError(t, err, "the server sent more than the limit of 20 event bytes")
	}
}

// A reply with a declared length over the limit is refused without reading it. A large declared
// length does not reserve memory.
func TestDeclaredLength(t *testing.T) {
	declared := func(n int64) (*trackedBody, error) {
		resp := text(http.StatusOK, typeJSON, answer)
		resp.ContentLength = n
		_, err := callOnce(t, always(func() *http.Response { return resp }))
		return resp.Body.(*trackedBody), err
	}
	for _, n := range []int64{defaultMaxBody + 1, 1 << 40, math.MaxInt64} {
		body, err := declared(n)
		require.Equal(t, &LimitError{What: "body bytes", Limit: defaultMaxBody}, err)
		require.Zero(t, body.read.Load())
		require.Positive(t, body.closed.Load())
	}
	spent := allocated(func() {
		_, err := declared(defaultMaxBody)
		require.NoError(t, err)
	})
	require.Less(t, spent, uint64(4<<20))
}

func TestHugeBodyIsBounded(t *testing.T) {
	body := &trackedBody{Reader: &endless{' ', 256 << 20}}
	spent := allocated(func() {
		_, err := callOnce(t, always(func() *http.Response {
			resp := respond(http.StatusOK, typeJSON, nil)
			resp.Body = body
			return resp
		}))
		require.Equal(t, &LimitError{What: "body bytes", Limit: defaultMaxBody}, err)
	})
	require.Less(t, spent, uint64(5*defaultMaxBody))
	require.Less(t, body.read.Load(), int64(2*defaultMaxBody+1))
	require.Positive(t, body.closed.Load())
}

func TestHugeEventIsBounded(t *testing.T) {
	for _, start := range []string{"data: ", "", ":", "id: ", "event: ", "data: x\nid: "} {
		body := &trackedBody{Reader: io.MultiReader(strings.NewReader(start), &endless{'x', 200 << 20})}
		spent := allocated(func() {
			_, err := callOnce(t, always(func() *http.Response {
				resp := respond(http.StatusOK, typeStream, nil)
				resp.Body = body
				return resp
			}), func(cfg *Config) { cfg.Limits.MaxEvent = 16 << 20 })
			require.Equal(t, &LimitError{What: "event bytes", Limit: 16 << 20}, err)
		})
		require.Less(t, spent, uint64(64<<20))
		require.Less(t, body.read.Load(), int64(32<<20))
		require.Positive(t, body.closed.Load())
	}
	_, err := callOnce(t, always(func() *http.Response {
		return respond(http.StatusOK, typeStream, io.MultiReader(strings.NewReader("data: "), &endless{'x', 200 << 20}))
	}))
	require.Equal(t, &LimitError{What: "event bytes", Limit: defaultMaxEvent}, err)
}

// Answers up to the limit are accepted.
func TestLargeAnswer(t *testing.T) {
	large := `{"jsonrpc":"2.0","id":1,"result":"` + strings.Repeat("x", 8<<20) + `"}`
	for _, resp := range []func() *http.Response{
		func() *http.Response { return text(http.StatusOK, typeJSON, large) },
		func() *http.Response { return stream("data: " + large + "\n\n") },
	} {
		recv, err := callOnce(t, always(resp))
		require.NoError(t, err)
		require.Len(t, recv.result, 8<<20+2)
	}
}

func TestBodyCut(t *testing.T) {
	broken := errors.New("link lost")
	for cut := range len(answer) {
		for _, end := range []error{broken, io.ErrUnexpectedEOF} {
			recv, err := callOnce(t, always(func() *http.Response { return respond(http.StatusOK, typeJSON, failing(answer[:cut], end)) }))
			requireCut(t, err)
			require.ErrorIs(t, err, end)
			require.Empty(t, recv.result)
		}
	}
	_, err := callOnce(t, always(func() *http.Response { return respond(http.StatusOK, typeJSON, failing(answer, broken)) }))
	requireCut(t, err)
}

func TestErrorPageIsBounded(t *testing.T) {
	for _, status := range []int{http.StatusBadGateway, http.StatusOK} {
		body := &trackedBody{Reader: &endless{'<', 10 << 20}}
		spent := allocated(func() {
			_, err := callOnce(t, always(func() *http.Response {
				resp := respond(status, "text/html", nil)
				resp.Body = body
				return resp
			}))
			preview := ""
			switch e := err.(type) {
			case *HTTPError:
				preview = e.Preview
			case *ProtocolError:
				preview = e.Preview
			}
			require.Equal(t, strings.Repeat("<", 2<<10), preview, "%T", err)
			require.Less(t, len(err.Error()), 1<<10)
		})
		require.Less(t, spent, uint64(1<<20))
		require.LessOrEqual(t, body.read.Load(), int64(maxErrorBody))
		require.Positive(t, body.closed.Load())
	}
}

// dripping returns one byte per second and never ends.
type dripping struct{ *hangingBody }

func (b dripping) Read(p []byte) (int, error) {
	select {
	case <-b.closed:
		return 0, http.ErrBodyReadAfterClose
	case <-time.After(time.Second):
		p[0] = 'x'
		return 1, nil
	}
}

// The status decides the outcome, so Call waits at most 5 s for the body.
func TestErrorPageThatNeverEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		_, err := callOnce(t, always(func() *http.Response { return respond(http.StatusBadGateway, "", newHangingBody("one moment")) }))
		require.Equal(t, 5*time.Second, time.Since(start))
		refused, ok := err.(*HTTPError)
		require.True(t, ok, "%T", err)
		require.Equal(t, "one moment", refused.Preview)

		start = time.Now()
		_, err = callOnce(t, always(func() *http.Response { return respond(http.StatusBadGateway, "", dripping{newHangingBody("")}) }))
		require.Equal(t, 5*time.Second, time.Since(start))
		require.IsType(t, (*HTTPError)(nil), err)

		start = time.Now()
		_, err = callOnce(t, always(func() *http.Response { return respond(http.StatusOK, "text/html", newHangingBody("<html>")) }))
		require.Equal(t, 5*time.Second, time.Since(start))
		require.IsType(t, (*ProtocolError)(nil), err)
	})
}

// Call does not wait for a body that it does not need and that never arrives.
func TestUnneededBodyThatNeverArrives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newConn(t, always(func() *http.Response {
			resp := respond(http.StatusAccepted, "", newHangingBody("x"))
			resp.ContentLength = 10
			return resp
		}))
		start := time.Now()
		require.NoError(t, c.Notify(t.Context(), c.legacy(), toolCall()))
		require.NoError(t, c.Delete(t.Context(), c.legacy()))
		require.IsType(t, (*ProtocolError)(nil), c.do(t.Context(), c.legacy(), new(heard)))
		require.LessOrEqual(t, time.Since(start), 15*time.Second)
	})
}

func TestPreviewIsSanitised(t *testing.T) {
	var hostile strings.Builder
	for r := range rune(0x3100) {
		hostile.WriteRune(r)
	}
	for _, page := range []string{
		hostile.String()[:1<<10], hostile.String()[8<<10 : 9<<10], hostile.String()[0x2000*2:],
		"\x1b]0;title\x07\x1b[2J", "\xff\xfe\xc3(", "a\u202eb\u2066c\u200f\u061c", "a\u2028b\u2029c\u0085d", "\U000e0041\ufeff",
		strings.Repeat("\xff", 4<<10), strings.Repeat("é", 2<<10), strings.Repeat("x", 2<<10-1) + "é", "",
	} {
		_, err := callOnce(t, always(func() *http.Response { return text(http.StatusTeapot, "", page) }))
		refused, ok := err.(*HTTPError)
		require.True(t, ok, "%T", err)
		for _, shown := range []string{refused.Preview, err.Error()} {
			require.LessOrEqual(t, len(shown), 2<<10)
			require.True(t, utf8.ValidString(shown))
			for _, r := range shown {
				require.False(t, unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp), "%U of %.40q", r, page)
			}
		}
	}
}

// The text of a server's error is shown as one line of bounded length.
func TestServerErrorText(t *testing.T) {
	message := `"\u001b[31m\r\n\u202e` + strings.Repeat("x", 1<<20) + `"`
	_, err := callOnce(t, always(func() *http.Response {
		return text(http.StatusOK, typeJSON, `{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":`+message+`}}`)
	}))
	require.IsType(t, (*RPCError)(nil), err)
	requireOneLine(t, err)
	require.Less(t, len(err.Error()), 3<<10)
	require.NotContains(t, err.Error(), "\u202e")
}

// Errors do not share memory with pooled buffers: one call's reply does not appear in another's
// error.
func TestErrorsOutliveTheirBuffers(t *testing.T) {
	c := newConn(t, roundTripper(func(req *http.Request) (*http.Response, error) {
		say := strings.Repeat(req.Header.Get("X-Say"), 40)
		return text(http.StatusOK, typeJSON, `{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"`+say+`","data":"`+say+`"}}`), nil
	}))
	failed := make([]error, 0, 20)
	for i := range 20 {
		req := toolCall()
		req.Header = http.Header{"X-Say": {string(rune('a' + i))}}
		recv := new(heard)
		failed = append(failed, c.call(t, req, recv))
	}
	for i, err := range failed {
		var rpc *RPCError
		require.ErrorAs(t, err, &rpc)
		require.Equal(t, strings.Repeat(string(rune('a'+i)), 40), rpc.Message)
		require.JSONEq(t, `"`+rpc.Message+`"`, string(rpc.Data))
	}
}

// Node answers a notification with 202 and an empty chunked body of unknown length. The connection
// is reused.
func TestAcceptedReplyKeepsItsConnection(t *testing.T) {
	accept := func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		w.(http.Flusher).Flush() // from now on the length is unknown
	}
	overNetwork(t, accept, func(t *testing.T, n *memnet.Network, rt transport.Transport) {
		c := newConn(t, rt)
		for range 20 {
			require.NoError(t, c.Notify(t.Context(), c.legacy(), toolCall()))
		}
		require.NoError(t, c.Delete(t.Context(), c.legacy()))
		require.Equal(t, 1, n.Accepted())
	})
}
