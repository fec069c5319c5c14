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

// listen subscribes; the server must agree to all of it. The subscription ends with the test.
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
		for range l.events { // until all have been read, and the goroutine above is gone
		}
	})
	return l
}

func (l *listener) next(t *testing.T) mcpclient.ListenEvent {
	t.Helper()
	return receive(t, l.events, "an event")
}

// ended checks why a subscription ended, and that nothing comes any more.
func (l *listener) ended(t *testing.T, why mcpclient.EndReason) {
	t.Helper()
	receive(t, l.Done(), "the end of the subscription")
	var end *mcpclient.ListenError
	require.ErrorAs(t, l.Err(), &end)
	require.Equal(t, why, end.Reason, "%v", end)
	for ev := range l.events {
		require.Fail(t, "an event after the end", "%v", ev)
	}
}

var (
	updated   = mcpclient.ListenEvent{Kind: mcpclient.ListenResourceUpdated, URI: "test://text"}
	textOnly  = mcpclient.Filter{Resources: []string{"test://text"}}
	listsOnly = mcpclient.Filter{ToolsChanged: true, PromptsChanged: true, ResourcesChanged: true}
)

// A resource that was subscribed to, and no other, is told of when it changes;
// a legacy server is told when that is over.
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
			// What this server writes to a stream whose end it has not noticed is lost.
			f.await(t, func(r *request) bool { return standing(p)(r) && r.over })
		}
		again := listen(t, s, textOnly)
		f.peer.update("test://text")
		require.Equal(t, updated, again.next(t))
	})
}

// Changes of each list are told, as far as a subscription asks for them.
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

// A stream that breaks is opened again. What happened meanwhile comes then, if
// the server stores events; else the gap is told, and events come as before.
func TestListenBridgesACut(t *testing.T) {
	each(t, nil, func(t *testing.T, p peer, _ *world, f *front) {
		s := connect(t, f, nil)
		l := listen(t, s, textOnly)
		f.peer.update("test://text")
		require.Equal(t, updated, l.next(t))
		f.cut(f.await(t, standing(p)))
		if p.resumes {
			f.peer.update("test://text")
			require.Equal(t, updated, l.next(t))
			f.await(t, func(r *request) bool { return r.verb == http.MethodGet && r.cursor != "" })
			return
		}
		gap := l.next(t)
		require.Equal(t, mcpclient.ListenMissedEvents, gap.Kind)
		require.Error(t, gap.Cause)
		f.peer.update("test://text")
		require.Equal(t, updated, l.next(t))
	})
}

// Who does not want that is told of the loss.
func TestListenWithoutReopening(t *testing.T) {
	each(t, nil, func(t *testing.T, p peer, _ *world, f *front) {
		s := connect(t, f, nil)
		l := listen(t, s, textOnly, mcpclient.WithoutReopening())
		f.cut(f.await(t, standing(p)))
		l.ended(t, mcpclient.EndLost)
		requireEcho(t, s)
	})
}

// After the restart of a server that knows nothing any more, it is subscribed
// to again, in a new session if it has sessions.
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

// The session's Close ends its subscriptions.
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
