package mcpclient

import (
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// What comes on the shared stream after a subscription has ended is none of its events.
func TestNoEventAfterTheEnd(t *testing.T) {
	s := new(Session)
	s.opts.Limits.Notifications = 10
	l := &Subscription{s: s, wants: Filter{ToolsChanged: true, PromptsChanged: true}, done: make(chan struct{})}
	l.filled = sync.NewCond(&l.mu)
	l.notified(methodToolsChanged, nil)
	l.finish(&ListenError{Reason: EndClosed})
	l.notified(methodPromptsChanged, nil)
	require.Equal(t, []ListenEvent{{Kind: ListenToolsChanged}}, slices.Collect(l.Events()))
}
