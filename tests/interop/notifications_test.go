package interop_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/mcpclient"
)

// streamed leaves out servers that answer calls in plain JSON. go-sdk's sends
// what belongs to a call on the standing GET stream then (in the modern era,
// which has none, it cannot send it at all), although GET is for messages that
// are "unrelated to any concurrently running request" (2025-11-25).
func streamed(p peer) bool { return !p.silentCalls }

// Progress arrives in order, all of it, and before the result.
func TestProgress(t *testing.T) {
	each(t, streamed, func(t *testing.T, _ peer, w *world, f *front) {
		requireProgress(t, connect(t, f, nil), w)
	})
}

func requireProgress(t *testing.T, s *mcpclient.Session, w *world) {
	t.Helper()
	var got []mcpclient.Progress
	result, err := s.CallTool(limit(t), "work", nil, mcpclient.OnProgress(func(_ context.Context, p mcpclient.Progress) {
		got = append(got, p)
		w.seen <- struct{}{}
	}))
	require.NoError(t, err, "%d of %d steps were told", len(got), steps)
	require.Equal(t, "done", text(t, result))
	require.Len(t, got, steps)
	for i, p := range got {
		require.Equal(t, mcpclient.Progress{Progress: float64(i + 1), Total: steps, HasTotal: true, Message: stepName(i + 1)}, p)
	}
}

// Progress of a call arrives also while the standing stream is open. A legacy
// mcp-go server without event store sends it on either stream, by chance: what
// comes on the standing one while the callback runs is passed over, and what comes
// late is too late. (A go-sdk server that answers in plain JSON sends it on the standing
// one only, beside an answer that does not wait for it: what arrives in time is chance.)
func TestProgressBesideStandingStream(t *testing.T) {
	each(t, streamed, func(t *testing.T, p peer, w *world, f *front) {
		s := connect(t, f, &mcpclient.Options{Handlers: mcpclient.Handlers{ToolsChanged: func(context.Context, *mcpclient.Session) {}}})
		f.await(t, standing(p))
		if !p.lockstep || modern(p) {
			requireProgress(t, s, w)
			return
		}
		var got []float64
		result, err := s.CallTool(limit(t), "work", map[string]any{"lockstep": 1}, mcpclient.OnProgress(func(_ context.Context, p mcpclient.Progress) {
			got = append(got, p.Progress)
			w.seen <- struct{}{}
		}))
		require.NoError(t, err)
		require.Equal(t, "done", text(t, result))
		require.NotEmpty(t, got, "the tool waited until its first step was told")
		require.InDelta(t, 1, got[0], 0)
	})
}

// Nobody asked: the server has no token, and the call works all the same.
func TestNoProgressUnasked(t *testing.T) {
	each(t, func(p peer) bool { return streamed(p) && !p.lockstep }, func(t *testing.T, _ peer, _ *world, f *front) {
		s := connect(t, f, nil)
		result, err := s.CallTool(limit(t), "work", nil)
		require.NoError(t, err)
		require.Equal(t, "done", text(t, result))
	})
}

// logs leaves out the one server that cannot send log messages: modern, with
// plain JSON replies, there is no stream they could come on.
func logs(p peer) bool { return legacy(p) || streamed(p) }

// Log messages of the level that was asked for arrive, and no others.
func TestLog(t *testing.T) {
	each(t, logs, func(t *testing.T, p peer, w *world, f *front) {
		messages := make(chan mcpclient.LogMessage, 8)
		s := connect(t, f, &mcpclient.Options{Handlers: mcpclient.Handlers{Log: func(_ context.Context, _ *mcpclient.Session, m mcpclient.LogMessage) {
			messages <- m
			w.seen <- struct{}{}
		}}})
		if legacy(p) {
			// The messages of a call may come on either stream: wait until both can carry them.
			f.await(t, func(r *request) bool { return r.verb == http.MethodGet && r.stream })
		}
		require.NoError(t, s.SetLogLevel(limit(t), mcp.LoggingLevelInfo))
		_, err := s.CallTool(limit(t), "log", nil)
		require.NoError(t, err)
		for _, level := range []mcp.LoggingLevel{"info", "error"} {
			m := receive(t, messages, "a log message")
			require.Equal(t, level, m.Level)
			require.Equal(t, "tool", m.Logger)
			require.JSONEq(t, `{"level":"`+string(level)+`"}`, string(m.Data))
		}
		require.Empty(t, messages)
	})
}

// standing matches the stream that a server tells list changes on, once it is open.
func standing(p peer) func(*request) bool {
	return func(r *request) bool {
		if modern(p) {
			return r.method == "subscriptions/listen" && r.stream
		}
		return r.verb == http.MethodGet && r.stream
	}
}

// A tool that is added is told of, and is there when the list is read again.
func TestToolsChanged(t *testing.T) {
	each(t, nil, func(t *testing.T, p peer, _ *world, f *front) {
		changed := make(chan struct{}, 8)
		s := connect(t, f, &mcpclient.Options{Handlers: mcpclient.Handlers{ToolsChanged: func(context.Context, *mcpclient.Session) { changed <- struct{}{} }}})
		f.await(t, standing(p))
		f.peer.addTool("late")
		receive(t, changed, "tools/list_changed")
		result, err := s.CallTool(limit(t), "late", nil)
		require.NoError(t, err)
		require.Equal(t, "late", text(t, result))
		found := false
		for tool, err := range s.Tools(limit(t)) {
			require.NoError(t, err)
			found = found || tool.Name == "late"
		}
		require.True(t, found)
		require.Equal(t, 1, f.count(standing(p)))
	})
}

// Without a handler for it, no stream is opened.
func TestNoStandingStreamUnasked(t *testing.T) {
	each(t, nil, func(t *testing.T, _ peer, _ *world, f *front) {
		s := connect(t, f, nil)
		requireEcho(t, s)
		require.Zero(t, f.count(verb(http.MethodGet)))
		require.Zero(t, f.count(called("subscriptions/listen")))
	})
}
