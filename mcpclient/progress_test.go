package mcpclient

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

// Progress on the shared stream may find its call just before the call returns. If the call's
// context had ended, the call did not wait, and the callback may get its slot only afterwards. It
// does not run then.
func TestNoProgressAfterTheCallReturned(t *testing.T) {
	delivered := 0
	c := &call{callbackSlot: make(chan struct{}, 1)}
	c.ctx = t.Context()
	c.progress = func(context.Context, Progress) { delivered++ }
	for range 2 {
		c.callbackSlot <- struct{}{}
		c.runCallback(Progress{})
		c.closed.Store(true)
	}
	require.Equal(t, 1, delivered)
	require.Empty(t, c.callbackSlot, "the slot is released")
}
