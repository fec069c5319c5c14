package streamablehttp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/memnet"
	"github.com/hawser-mcp/hawser/transport"
)

var errEnough = errors.New("the user has had enough")

// begin writes the header and the beginning of the body of a reply.
func begin(w http.ResponseWriter, status int, contentType, body string) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
	w.(http.Flusher).Flush()
}

// A call returns when its context ends, at any point, and its error wraps the cause.
func TestContextEnds(t *testing.T) {
	for name, reply := range map[string]func(http.ResponseWriter){
		"before the header": func(http.ResponseWriter) {},
		"before the body":   func(w http.ResponseWriter) { begin(w, http.StatusOK, typeJSON, "") },
		"in a JSON body":    func(w http.ResponseWriter) { begin(w, http.StatusOK, typeJSON, answer[:9]) },
		"in a stream":       func(w http.ResponseWriter) { begin(w, http.StatusOK, typeStream, ": hi\n\n") },
		"in an event":       func(w http.ResponseWriter) { begin(w, http.StatusOK, typeStream, "data: {") },
		"behind an id":      func(w http.ResponseWriter) { begin(w, http.StatusOK, typeStream, "id: 4\n\n") },
		"in zipped JSON": func(w http.ResponseWriter) {
			w.Header().Set("Content-Encoding", "gzip")
			begin(w, 200, typeJSON, "\x1f\x8b")
		},
	} {
		requests := 0
		hold := func(w http.ResponseWriter, r *http.Request) {
			requests++
			_, _ = io.Copy(io.Discard, r.Body)
			reply(w)
			<-r.Context().Done()
		}
		overNetwork(t, hold, func(t *testing.T, _ *memnet.Network, rt transport.Transport) {
			c := newConn(t, rt, func(cfg *Config) { cfg.AcceptGzip = true })
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(time.Second, func() { cancel(errEnough) })
			start := time.Now()
			err := c.Call(ctx, c.legacy(), cancelable(cancel), new(heard))
			require.Equal(t, time.Second, time.Since(start), name)
			requireCut(t, err)
			require.ErrorIs(t, err, errEnough, name)
			require.Equal(t, 1, requests, name)
		})
	}
}

// A call also returns when its context ends while the stream is being resumed.
func TestContextEndsWhileResuming(t *testing.T) {
	for name, get := range map[string]func(w http.ResponseWriter, r *http.Request){
		"waiting":           func(http.ResponseWriter, *http.Request) { panic("not reached") },
		"before the header": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"in the stream": func(w http.ResponseWriter, r *http.Request) {
			begin(w, http.StatusOK, typeStream, "")
			<-r.Context().Done()
		},
	} {
		retry := 100
		if name == "waiting" {
			retry = 50_000
		}
		handler := func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				get(w, r)
				return
			}
			_, _ = io.Copy(io.Discard, r.Body)
			begin(w, http.StatusOK, typeStream, fmt.Sprintf("id: 1\nretry: %d\n\n", retry))
		}
		overNetwork(t, handler, func(t *testing.T, _ *memnet.Network, rt transport.Transport) {
			c := newConn(t, rt)
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(time.Second, func() { cancel(errEnough) })
			start := time.Now()
			err := c.Call(ctx, c.legacy(), cancelable(cancel), new(heard))
			require.Equal(t, time.Second, time.Since(start), name)
			requireCut(t, err)
			require.ErrorIs(t, err, errEnough, name)
		})
	}
}

// If the context has ended before the call, nothing is sent.
func TestContextEndedBefore(t *testing.T) {
	overNetwork(t, answering(nil), func(t *testing.T, n *memnet.Network, rt transport.Transport) {
		c := newConn(t, rt)
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errEnough)
		err := c.Call(ctx, c.legacy(), cancelable(cancel), new(heard))
		require.Equal(t, transport.NotSent, transport.StageOf(err))
		require.ErrorIs(t, err, errEnough)
		require.Zero(t, n.Accepted())
	})
}

// A wrapped network error keeps its stage.
func TestStageIsKept(t *testing.T) {
	for _, row := range []struct {
		err       error
		stage     transport.Stage
		permanent bool
	}{
		{errLink, transport.MaybeSent, false},
		{&transport.Error{Stage: transport.NotSent, Op: "dial", Err: errLink}, transport.NotSent, false},
		{&transport.Error{Stage: transport.NotSent, Permanent: true, Err: errLink}, transport.NotSent, true},
		{&transport.Error{Stage: transport.MaybeSent, Permanent: true, Err: errLink}, transport.MaybeSent, true},
		{fmt.Errorf("traced: %w", &transport.Error{Stage: transport.NotSent, Err: errLink}), transport.NotSent, false},
		{errors.Join(errors.New("x"), &transport.Error{Stage: transport.NotSent, Permanent: true, Err: errLink}), transport.NotSent, true},
	} {
		_, err := callOnce(t, roundTripper(fail(row.err)))
		link, ok := err.(*transport.Error)
		require.True(t, ok, "%T", err)
		require.Equal(t, row.stage, link.Stage)
		require.Equal(t, row.permanent, link.Permanent)
		require.ErrorIs(t, err, errLink)
	}
	// One exchange must not modify an error that another exchange also returns.
	shared := &transport.Error{Stage: transport.NotSent, Op: "dial", Err: errLink}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errEnough)
	c := newConn(t, roundTripper(fail(shared)))
	err := c.Call(ctx, c.legacy(), cancelable(cancel), new(heard))
	require.ErrorIs(t, err, errEnough)
	require.ErrorIs(t, err, errLink)
	require.Equal(t, &transport.Error{Stage: transport.NotSent, Op: "dial", Err: errLink}, shared)
}

// A decorator that uses an http.Client returns errors that quote the whole URL. The query of the
// URL may contain an API key.
func TestErrorsDoNotQuoteTheURL(t *testing.T) {
	c, err := New("http://server/mcp?key=hunter2", Config{RoundTripper: roundTripper(func(req *http.Request) (*http.Response, error) {
		return nil, &url.Error{Op: "Post", URL: req.URL.String(), Err: errLink}
	})})
	require.NoError(t, err)
	defer c.Close()
	for _, err := range []error{
		c.do(t.Context(), c.legacy(), new(heard)), c.Notify(t.Context(), c.legacy(), toolCall()), c.Delete(t.Context(), c.legacy()),
	} {
		requireCut(t, err)
		require.ErrorIs(t, err, errLink)
		require.NotContains(t, err.Error(), "hunter2")
	}
}

// Test doubles and decorators omit fields that net/http always sets.
func TestSloppyRoundTripper(t *testing.T) {
	for _, resp := range []*http.Response{{StatusCode: 200}, {StatusCode: 202}, {StatusCode: 500}, {StatusCode: 307}, {}} {
		c := newConn(t, always(func() *http.Response { copied := *resp; return &copied }))
		require.Error(t, c.do(t.Context(), c.legacy(), new(heard)))
		require.Error(t, c.Listen(t.Context(), c.legacy(), new(Cursor), new(heard), nil))
		if resp.StatusCode/100 == 2 {
			require.NoError(t, c.Notify(t.Context(), c.legacy(), toolCall()))
		}
	}
	c := newConn(t, always(func() *http.Response { return nil }))
	err := c.do(t.Context(), c.legacy(), new(heard))
	require.Equal(t, transport.MaybeSent, transport.StageOf(err))
	require.Error(t, err, "neither a response nor an error")
}
