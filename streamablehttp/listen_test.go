package streamablehttp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/memnet"
	"github.com/hawser-mcp/hawser/transport"
)

func TestListen(t *testing.T) {
	text := "id: 1\nretry: 70000\n\n" +
		"data: " + `{"jsonrpc":"2.0","method":"a"}` + "\n\n" +
		answerEvent + // answers no request
		"data: {not json \x1b[2J\n\n" +
		"data: [1]\n\n" +
		"event: other\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"other\"}\n\n" +
		"id: 2\ndata: " + `{"jsonrpc":"2.0","id":"x","method":"b"}` + "\n\n"
	var log bytes.Buffer
	rt := &script{turns: []turn{events(text), events(""), events("id:\n\n"), events("")}}
	c := newConn(t, rt, func(cfg *Config) { cfg.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	var cursor Cursor
	recv, opened := new(heard), 0
	err := c.Listen(t.Context(), c.legacy(), &cursor, recv, func() { opened++ })
	require.True(t, err == io.EOF, "%v", err)
	require.Equal(t, 1, opened)
	require.Equal(t, []string{"notification a ", `request "x" b `}, recv.messages)
	require.Empty(t, recv.result)
	require.NotContains(t, log.String(), "\x1b")
	require.Equal(t, 2, strings.Count(log.String(), "dropped an invalid message"))

	id, ok := cursor.ID()
	require.Equal(t, "2", id)
	require.True(t, ok)
	retry, asked := cursor.Retry()
	require.True(t, asked)
	require.Equal(t, maxRetry, retry)

	for range 3 {
		err = c.Listen(t.Context(), c.legacy(), &cursor, recv, nil)
		require.True(t, err == io.EOF, "%v", err)
	}
	require.Equal(t, []string{"", "2", "2", ""}, rt.cursors, "kept by a stream without events, and reset by an empty id")
}

func TestListenThatBreaks(t *testing.T) {
	for _, end := range []error{errLink, io.ErrUnexpectedEOF, &transport.Error{Stage: transport.NotSent, Err: errLink}} {
		var cursor Cursor
		c := newConn(t, always(func() *http.Response { return respond(http.StatusOK, typeStream, failing("id: 5\n\nid: 6\n", end)) }))
		err := c.Listen(t.Context(), c.legacy(), &cursor, new(heard), nil)
		requireCut(t, err)
		require.ErrorIs(t, err, end)
		id, _ := cursor.ID()
		require.Equal(t, "5", id)
	}
}

func TestListenRefused(t *testing.T) {
	for _, status := range []int{400, 401, 404, 405, 500, 503} {
		c := newConn(t, always(func() *http.Response { return text(status, typeJSON, refusals[0].body) }))
		err := c.Listen(t.Context(), c.legacy(), new(Cursor), new(heard), func() { t.Error("the stream was not opened") })
		refused, ok := err.(*HTTPError)
		require.True(t, ok, "%T", err)
		require.Equal(t, status, refused.Status)
		require.NotNil(t, refused.RPC, "the body is not an answer, whatever its id")
	}
	for _, resp := range []func() *http.Response{
		func() *http.Response { return text(http.StatusOK, typeJSON, answer) },
		func() *http.Response { return text(http.StatusOK, "text/html", "<html>") },
		func() *http.Response { return text(http.StatusNoContent, typeStream, "") },
	} {
		c := newConn(t, always(resp))
		err := c.Listen(t.Context(), c.legacy(), new(Cursor), new(heard), func() { t.Error("the stream was not opened") })
		require.IsType(t, (*ProtocolError)(nil), err)
	}
	huge := newConn(t, always(func() *http.Response { return respond(http.StatusOK, typeStream, &endless{'x', 1 << 20}) }),
		func(cfg *Config) { cfg.Limits.MaxEvent = 1 << 10 })
	err := huge.Listen(t.Context(), huge.legacy(), new(Cursor), new(heard), nil)
	require.Equal(t, &LimitError{What: "event bytes", Limit: 1 << 10}, err)
}

// An event ID that a header cannot carry does not end the stream. The stream only cannot be
// resumed.
func TestListenWithOddCursor(t *testing.T) {
	rt := &script{turns: []turn{events("id: a\x01b\n\n"), events("")}}
	c := newConn(t, rt)
	var cursor Cursor
	for range 2 {
		err := c.Listen(t.Context(), c.legacy(), &cursor, new(heard), nil)
		require.True(t, err == io.EOF, "%v", err)
	}
	require.Equal(t, []string{"", ""}, rt.cursors)
}

func TestListenEndsWithItsContext(t *testing.T) {
	started := make(chan struct{})
	hold := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", typeStream)
		w.(http.Flusher).Flush()
		close(started)
		<-r.Context().Done()
	}
	overNetwork(t, hold, func(t *testing.T, _ *memnet.Network, rt transport.Transport) {
		c := newConn(t, rt)
		over := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		start := time.Now()
		time.AfterFunc(time.Hour, func() { cancel(over) })
		err := c.Listen(ctx, c.legacy(), new(Cursor), new(heard), nil)
		requireCut(t, err)
		require.ErrorIs(t, err, over)
		require.Equal(t, time.Hour, time.Since(start))
	})
	<-started
}

func TestDelete(t *testing.T) {
	for status := 200; status < 600; status++ {
		c := newConn(t, always(func() *http.Response { return text(status, typeJSON, refusals[0].body) }))
		err := c.Delete(t.Context(), c.legacy())
		switch {
		case status < 300, status == http.StatusNotFound, status == http.StatusMethodNotAllowed:
			require.NoError(t, err, status)
		case status == 307, status == 308:
			require.IsType(t, (*RedirectError)(nil), err)
		default:
			require.IsType(t, (*HTTPError)(nil), err, status)
		}
	}
	c := newConn(t, roundTripper(fail(errLink)))
	requireCut(t, c.Delete(t.Context(), c.legacy()))
}

func TestNotify(t *testing.T) {
	for status := 200; status < 600; status++ {
		var resp *http.Response
		c := newConn(t, always(func() *http.Response {
			resp = text(status, "text/html", refusals[0].body)
			return resp
		}))
		err := c.Notify(t.Context(), c.legacy(), toolCall())
		require.Positive(t, resp.Body.(*trackedBody).closed.Load())
		switch {
		case status < 300:
			require.NoError(t, err, status)
		case status == 307, status == 308:
			require.IsType(t, (*RedirectError)(nil), err)
		default:
			require.IsType(t, (*HTTPError)(nil), err, "%d: a notification has no answer, whatever id the body carries", status)
		}
	}
}

// Notify does not wait for a stream that a server opens instead of answering 202.
func TestNotifyAnsweredWithAStream(t *testing.T) {
	hold := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", typeStream)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}
	overNetwork(t, hold, func(t *testing.T, n *memnet.Network, rt transport.Transport) {
		c := newConn(t, rt)
		start := time.Now()
		require.NoError(t, c.Notify(t.Context(), c.legacy(), toolCall()))
		require.LessOrEqual(t, time.Since(start), drainTime)
		synctest.Wait()
		require.Zero(t, n.Conns(), "the stream is closed")
	})
}
