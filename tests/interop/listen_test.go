package interop_test

import (
	"iter"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/mcpclient"
)

// listener reads the events of a subscription.
type listener struct {
	*mcpclient.Subscription

	events chan mcpclient.ListenEvent
}

// listen opens a subscription and requires the server to honor all of it. The subscription is
// closed at the end of the test.
func listen(t *testing.T, s *mcpclient.Session, filter mcpclient.Filter, opts ...mcpclient.ListenOption) *listener {
	t.Helper()
	sub, err := s.Listen(t.Context(), filter, opts...)
	require.NoError(t, err)
	require.Equal(t, filter, sub.Honored())
	l := &listener{sub, make(chan mcpclient.ListenEvent, 64)}
	go func(events iter.Seq[mcpclient.ListenEvent]) {
		for ev := range events {
			l.events <- ev
		}
		close(l.events)
	}(sub.Events())
	t.Cleanup(func() {
		require.NoError(t, sub.Close())
		for range l.events { // drain until the goroutine above has ended
		}
	})
	return l
}

func (l *listener) next(t *testing.T) mcpclient.ListenEvent {
	t.Helper()
	return receive(t, l.events, "an event")
}

// ended checks why the subscription ended and that no event follows.
func (l *listener) ended(t *testing.T, why mcpclient.EndReason) {
	t.Helper()
	receive(t, l.Done(), "the end of the subscription")
	var end *mcpclient.ListenError
	require.ErrorAs(t, l.Err(), &end)
	require.Equal(t, why, end.Reason, "%v", end)
	for ev := range l.events {
		require.Fail(t, "event after the end", "%v", ev)
	}
}

var (
	updated   = mcpclient.ListenEvent{Kind: mcpclient.ListenResourceUpdated, URI: "test://text"}
	textOnly  = mcpclient.Filter{Resources: []string{"test://text"}}
	listsOnly = mcpclient.Filter{ToolsChanged: true, PromptsChanged: true, ResourcesChanged: true}
)

// A subscription reports only updates of its own resource. In the legacy era, the client
// unsubscribes when the subscription is closed.
func TestListenToAResource(t *testing.T) {
	each(t, nil, func(t *testing.T, p peer, _ *world, f *front) {
		s := connect(t, f, nil)
		l := listen(t, s, textOnly)
		f.peer.update("test://blob")
		f.peer.update("test://text")
		require.Equal(t, updated, l.next(t))
		f.peer.update("test://text")
		require.Equal(t, updated, l.next(t))
		require.NoError(t, l.Close())
		l.ended(t, mcpclient.EndClosed)
		if legacy(p) {
			f.await(t, called("resources/unsubscribe"))
		}
		require.Equal(t, legacy(p), f.count(called("resources/subscribe")) == 1)
		require.Equal(t, modern(p), f.count(called("subscriptions/listen")) == 1)
		requireEcho(t, s)

		if p.takesAnySession {
			// This server loses what it writes to a stream before it notices that the stream has
			// ended.
			f.await(t, func(r *request) bool { return shared(p)(r) && r.over })
		}
		again := listen(t, s, textOnly)
		f.peer.update("test://text")
		require.Equal(t, updated, again.next(t))
	})
}

// A subscription reports changes to the lists that its filter names.
func TestListenToLists(t *testing.T) {
	each(t, nil, func(t *testing.T, _ peer, _ *world, f *front) {
		s := connect(t, f, nil)
		all, tools := listen(t, s, listsOnly), listen(t, s, mcpclient.Filter{ToolsChanged: true})
		f.peer.addPrompt("late")
		require.Equal(t, mcpclient.ListenEvent{Kind: mcpclient.ListenPromptsChanged}, all.next(t))
		f.peer.addResource("test://late")
		require.Equal(t, mcpclient.ListenEvent{Kind: mcpclient.ListenResourcesChanged}, all.next(t))
		f.peer.addTool("late")
		require.Equal(t, mcpclient.ListenEvent{Kind: mcpclient.ListenToolsChanged}, all.next(t))
		require.Equal(t, mcpclient.ListenEvent{Kind: mcpclient.ListenToolsChanged}, tools.next(t))
		require.NoError(t, tools.Close())
		tools.ended(t, mcpclient.EndClosed)
		f.peer.addPrompt("later")
		require.Equal(t, mcpclient.ListenEvent{Kind: mcpclient.ListenPromptsChanged}, all.next(t))
	})
}

// A broken stream is reopened. If the server stores events, it then delivers the missed events.
// Otherwise the subscription reports that events may have been missed. Later events arrive as
// before.
func TestListenSurvivesACut(t *testing.T) {
	each(t, nil, func(t *testing.T, p peer, _ *world, f *front) {
		s := connect(t, f, nil)
		l := listen(t, s, textOnly)
		f.peer.update("test://text")
		require.Equal(t, updated, l.next(t))
		f.cut(f.await(t, shared(p)))
		if p.resumes {
			f.peer.update("test://text")
			require.Equal(t, updated, l.next(t))
			f.await(t, func(r *request) bool { return r.verb == http.MethodGet && r.cursor != "" })
			return
		}
		missed := l.next(t)
		require.Equal(t, mcpclient.ListenMissedEvents, missed.Kind)
		require.Error(t, missed.Cause)
		f.peer.update("test://text")
		require.Equal(t, updated, l.next(t))
	})
}

// WithoutReopening ends a subscription whose stream is lost.
func TestListenWithoutReopening(t *testing.T) {
	each(t, nil, func(t *testing.T, p peer, _ *world, f *front) {
		s := connect(t, f, nil)
		l := listen(t, s, textOnly, mcpclient.WithoutReopening())
		f.cut(f.await(t, shared(p)))
		l.ended(t, mcpclient.EndLost)
		requireEcho(t, s)
	})
}

// After a restart, the server has lost all state, and the client subscribes again. In the legacy
// era, the client first starts a new session.
func TestListenSurvivesARestart(t *testing.T) {
	each(t, func(p peer) bool { return !p.takesAnySession || modern(p) }, func(t *testing.T, p peer, w *world, f *front) {
		s := connect(t, f, nil)
		l := listen(t, s, textOnly)
		f.restart(t, p.start(w))
		require.Equal(t, mcpclient.ListenMissedEvents, l.next(t).Kind)
		f.peer.update("test://text")
		require.Equal(t, updated, l.next(t))
		if legacy(p) {
			require.Equal(t, 2, f.count(called("initialize")))
			require.Equal(t, 2, f.count(called("resources/subscribe")))
		}
	})
}

// Closing the session ends its subscriptions.
func TestCloseEndsSubscriptions(t *testing.T) {
	each(t, nil, func(t *testing.T, p peer, _ *world, f *front) {
		s, err := mcpclient.Connect(limit(t), f.url, nil)
		require.NoError(t, err)
		l := listen(t, s, textOnly)
		require.NoError(t, s.Close())
		l.ended(t, mcpclient.EndClosed)
		require.Equal(t, legacy(p), f.count(verb(http.MethodDelete)) == 1)
	})
}
