package streamablehttp

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

const withoutID = `{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"m"}}`

// A body can show that the server looked at a request which its status seems to refuse, or leave that open.
func TestTraces(t *testing.T) {
	for body, trace := range map[string]Trace{
		`{"jsonrpc":"2.0","id":1,"result":{}}`:                TraceAnswered,
		`{"jsonrpc":"2.0","id":"1","result":{}}`:              TraceAnswered,
		`{"jsonrpc":"2.0","id":2,"result":{}}`:                NoTrace,
		`{"jsonrpc":"2.0","method":"notifications/progress"}`: TraceBegan,
		withoutID: NoTrace,
		`{"jsonrpc":"2.0","id":1,"error":"it broke"}`:       TraceUnclear,
		`[{"jsonrpc":"2.0","id":1,"error":{"code":1}}]`:     TraceUnclear,
		"\xef\xbb\xbf" + `{"jsonrpc":"2.0","id":1,"error":`: TraceUnclear,
		`{"id":1,"error":{"code":1,"message":"m"}}`:         TraceUnclear,
		`{"error":"no such session"}`:                       NoTrace,
		`gone`:                                              NoTrace,
		strings.Repeat("x", MaxErrorBody):                   TraceUnclear,
	} {
		for _, status := range []int{401, 404, 405, 425, 429, 503} {
			requireTrace(t, trace, text(status, typeJSON, body), body[:min(len(body), 100)])
		}
	}
}

func TestTracesOnAStream(t *testing.T) {
	for body, trace := range map[string]Trace{
		"data: " + withoutID + "\n\n":                         NoTrace,
		": x\n\nretry: 5\n\ndata: " + withoutID + "\n\n":      NoTrace,
		"id: 7\ndata: " + withoutID + "\n\n":                  TraceBegan,
		"id: 7\n\n":                                           TraceBegan,
		"event: ping\ndata: 1\n\ndata: " + withoutID + "\n\n": TraceBegan,
	} {
		requireTrace(t, trace, text(http.StatusNotFound, typeStream, body), body)
	}
}

// What was not read may have held the answer, unless it is a web page.
func TestTracesOfWhatIsNotRead(t *testing.T) {
	cutOff := io.MultiReader(strings.NewReader(withoutID), iotest.ErrReader(io.ErrUnexpectedEOF))
	requireTrace(t, TraceUnclear, respond(http.StatusNotFound, typeJSON, &trackedBody{Reader: cutOff}), "cut")
	encoded := text(http.StatusNotFound, typeJSON, withoutID)
	encoded.Header.Set("Content-Encoding", "br")
	requireTrace(t, TraceUnclear, encoded, "encoded")
	requireTrace(t, NoTrace, text(http.StatusNotFound, "text/html", strings.Repeat("x", 2*MaxErrorBody)), "a long page")
}

func requireTrace(t *testing.T, want Trace, resp *http.Response, what string) {
	t.Helper()
	_, err := callOnce(t, always(func() *http.Response { return resp }))
	var refused *HTTPError
	require.ErrorAs(t, err, &refused, what)
	require.Equal(t, want, refused.Trace, "%d %s", resp.StatusCode, what)
}
