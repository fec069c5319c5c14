package interop_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/mcpclient"
)

// streamed excludes servers that answer calls in plain JSON. In the legacy era, such a go-sdk
// server sends a call's notifications on the shared GET stream, although that stream is for
// messages "unrelated to any concurrently running request" (2025-11-25). The modern era has no
// shared stream, so the server cannot send these notifications at all.
func streamed(p peer) bool { return !p.silentCalls }

// All progress arrives in order and before the result.
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
	require.NoError(t, err, "received %d of %d steps", len(got), steps)
	require.Equal(t, "done", text(t, result))
	require.Len(t, got, steps)
	for i, p := range got {
		require.Equal(t, mcpclient.Progress{Progress: float64(i + 1), Total: steps, HasTotal: true, Message: stepName(i + 1)}, p)
	}
}

// Progress of a call also arrives while the shared stream is open. A legacy mcp-go server without
// an event store picks a stream at random for each notification. The client drops progress that
// arrives on the shared stream during the callback or after the result. A go-sdk server that
// answers in plain JSON is excluded: it sends progress only on the shared stream, where progress
// may arrive after the answer.
func TestProgressWithSharedStreamOpen(t *testing.T) {
	each(t, streamed, func(t *testing.T, p peer, w *world, f *front) {
		s := connect(t, f, &mcpclient.Options{Handlers: mcpclient.Handlers{ToolsChanged: func(context.Context, *mcpclient.Session) {}}})
		f.await(t, shared(p))
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
		require.NotEmpty(t, got, "the tool waits until its first step has been received")
		require.InDelta(t, 1, got[0], 0)
	})
}

// Without a progress handler, the client sends no progress token, and the call works as usual.
func TestNoProgressWithoutHandler(t *testing.T) {
	each(t, func(p peer) bool { return streamed(p) && !p.lockstep }, func(t *testing.T, _ peer, _ *world, f *front) {
		s := connect(t, f, nil)
		result, err := s.CallTool(limit(t), "work", nil)
		require.NoError(t, err)
		require.Equal(t, "done", text(t, result))
	})
}

// logs excludes the one server that cannot send log messages: a modern server with plain JSON
// replies has no stream for them.
func logs(p peer) bool { return legacy(p) || streamed(p) }

// Log messages at or above the requested level arrive, and no others.
func TestLog(t *testing.T) {
	each(t, logs, func(t *testing.T, p peer, w *world, f *front) {
		messages := make(chan mcpclient.LogMessage, 8)
		s := connect(t, f, &mcpclient.Options{Handlers: mcpclient.Handlers{Log: func(_ context.Context, _ *mcpclient.Session, m mcpclient.LogMessage) {
			messages <- m
			w.seen <- struct{}{}
		}}})
		if legacy(p) {
			// The messages of a call may arrive on either stream, so wait until both are open.
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

// shared matches the request that opened the shared stream of a session, once the stream is open.
func shared(p peer) func(*request) bool {
	return func(r *request) bool {
		if modern(p) {
			return r.method == "subscriptions/listen" && r.stream
		}
		return r.verb == http.MethodGet && r.stream
	}
}

// The client is notified of a new tool, and the tool appears when the list is read again.
func TestToolsChanged(t *testing.T) {
	each(t, nil, func(t *testing.T, p peer, _ *world, f *front) {
		changed := make(chan struct{}, 8)
		s := connect(t, f, &mcpclient.Options{Handlers: mcpclient.Handlers{ToolsChanged: func(context.Context, *mcpclient.Session) { changed <- struct{}{} }}})
		f.await(t, shared(p))
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
		require.Equal(t, 1, f.count(shared(p)))
	})
}

// Without a handler, no shared stream is opened.
func TestNoSharedStreamWithoutHandler(t *testing.T) {
	each(t, nil, func(t *testing.T, _ peer, _ *world, f *front) {
		s := connect(t, f, nil)
		requireEcho(t, s)
		require.Zero(t, f.count(verb(http.MethodGet)))
		require.Zero(t, f.count(called("subscriptions/listen")))
	})
}
