package mcpclient

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

// Progress on the shared stream may be matched to a call just before the call returns. If the
// call's context has ended, the call returns without waiting for the progress callback. The
// callback must not run after that.
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
