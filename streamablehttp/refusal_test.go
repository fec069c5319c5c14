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

// The body of a refusal may show that the server processed the request, or leave it unclear.
func TestTraces(t *testing.T) {
	for body, trace := range map[string]string{
		`{"jsonrpc":"2.0","id":1,"result":{}}`:                answered,
		`{"jsonrpc":"2.0","id":"1","result":{}}`:              answered,
		`{"jsonrpc":"2.0","id":2,"result":{}}`:                none,
		`{"jsonrpc":"2.0","method":"notifications/progress"}`: began,
		withoutID: none,
		`{"jsonrpc":"2.0","id":1,"error":"it broke"}`:       unclear,
		`[{"jsonrpc":"2.0","id":1,"error":{"code":1}}]`:     unclear,
		"\xef\xbb\xbf" + `{"jsonrpc":"2.0","id":1,"error":`: unclear,
		`{"id":1,"error":{"code":1,"message":"m"}}`:         unclear,
		`{"error":"no such session"}`:                       none,
		`gone`:                                              none,
		strings.Repeat("x", maxErrorBody):                   unclear,
	} {
		for _, status := range []int{401, 404, 405, 425, 429, 503} {
			requireTrace(t, trace, text(status, typeJSON, body), body[:min(len(body), 100)])
		}
	}
}

func TestTracesOnAStream(t *testing.T) {
	for body, trace := range map[string]string{
		"data: " + withoutID + "\n\n":                         none,
		": x\n\nretry: 5\n\ndata: " + withoutID + "\n\n":      none,
		"id: 7\ndata: " + withoutID + "\n\n":                  began,
		"id: 7\n\n":                                           began,
		"event: ping\ndata: 1\n\ndata: " + withoutID + "\n\n": began,
	} {
		requireTrace(t, trace, text(http.StatusNotFound, typeStream, body), body)
	}
}

// An unread body may contain the answer, unless it is a web page.
func TestTracesOfWhatIsNotRead(t *testing.T) {
	cutOff := io.MultiReader(strings.NewReader(withoutID), iotest.ErrReader(io.ErrUnexpectedEOF))
	requireTrace(t, unclear, respond(http.StatusNotFound, typeJSON, &trackedBody{Reader: cutOff}), "cut")
	encoded := text(http.StatusNotFound, typeJSON, withoutID)
	encoded.Header.Set("Content-Encoding", "br")
	requireTrace(t, unclear, encoded, "encoded")
	requireTrace(t, none, text(http.StatusNotFound, "text/html", strings.Repeat("x", 2*maxErrorBody)), "a long page")
}

// What the body of a refusal shows, strongest first.
const (
	answered = "answered"
	began    = "began"
	unclear  = "unclear"
	none     = "none"
)

// requireTrace checks the strongest trace in the body of a refusal.
func requireTrace(t *testing.T, want string, resp *http.Response, what string) {
	t.Helper()
	_, err := callOnce(t, always(func() *http.Response { return resp }))
	var refused *HTTPError
	require.ErrorAs(t, err, &refused, what)
	got := none
	switch {
	case refused.Answered:
		got = answered
		require.True(t, refused.Began, "%d %s", resp.StatusCode, what)
	case refused.Began:
		got = began
	case refused.Unclear:
		got = unclear
	}
	require.Equal(t, want, got, "%d %s", resp.StatusCode, what)
}
