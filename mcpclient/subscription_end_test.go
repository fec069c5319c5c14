package mcpclient

import (
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func newEndable(f Filter) *Subscription {
	l := &Subscription{events: newEvents(10), wants: f, done: make(chan struct{})}
	l.filled = sync.NewCond(&l.mu)
	return l
}

// Notifications that arrive after a subscription has ended are not delivered as its events.
func TestNoEventAfterTheEnd(t *testing.T) {
	l := newEndable(Filter{ToolsChanged: true, PromptsChanged: true})
	l.notified(methodToolsChanged, nil)
	l.finish(&ListenError{Reason: EndClosed})
	l.notified(methodPromptsChanged, nil)
	require.Equal(t, []ListenEvent{{Kind: ListenToolsChanged}}, slices.Collect(l.Events()))
}

// When Events ends, Err returns the reason.
func TestErrAfterTheLastEvent(t *testing.T) {
	for range 2000 {
		l := newEndable(Filter{ToolsChanged: true})
		go l.finish(&ListenError{Reason: EndCompleted})
		require.Empty(t, slices.Collect(l.Events()))
		require.Error(t, l.Err())
	}
}
