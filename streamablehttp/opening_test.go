package streamablehttp

import (
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// goroutineID returns the number of the goroutine that calls it.
func goroutineID() string {
	buf := make([]byte, 64)
	id, _, _ := strings.Cut(string(buf[:runtime.Stack(buf, false)]), " [")
	return id
}

// A stream that stays open is opened on a goroutine of its own, so that its reader keeps a small
// stack. A call has one goroutine.
func TestStreamsAreOpenedApart(t *testing.T) {
	var ran string
	c := newConn(t, always(func() *http.Response {
		ran = goroutineID()
		return respond(http.StatusOK, typeStream, strings.NewReader(answerEvent))
	}))
	require.Error(t, c.Listen(t.Context(), c.legacy(), new(Cursor), new(heard), nil))
	require.NotEqual(t, goroutineID(), ran)
	require.NoError(t, c.Call(t.Context(), c.legacy(), &Request{ID: 1, Method: "tools/call", Body: []byte("{}")}, new(heard)))
	require.Equal(t, goroutineID(), ran)
}

// A panic of the RoundTripper reaches the caller of Listen, not a goroutine on which no caller could recover it.
func TestPanicWhileAStreamIsOpened(t *testing.T) {
	c := newConn(t, always(func() *http.Response { panic("broken") }))
	require.PanicsWithValue(t, "broken", func() { _ = c.Listen(t.Context(), c.legacy(), new(Cursor), new(heard), nil) })
}

// A stream that stays open never gets the Reader of an earlier stream, whose window may be large.
func TestStreamsHaveTheirOwnWindow(t *testing.T) {
	resp := respond(http.StatusOK, typeStream, http.NoBody)
	resp.Request = &http.Request{Method: http.MethodGet, Header: http.Header{"Accept": {typeStream}}}
	first, done := streamReader(resp)
	done()
	second, done := streamReader(resp)
	done()
	require.NotSame(t, first, second)
}
