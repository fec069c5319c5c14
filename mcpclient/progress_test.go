package mcpclient

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

// Progress on the shared stream may find its call just before the call returns. If the call did not
// wait because its context had ended, the callback may get its slot only after that: then it does
// not run.
func TestNoProgressAfterTheCallReturned(t *testing.T) {
	told := 0
	c := &call{callbackSlot: make(chan struct{}, 1)}
	c.ctx = t.Context()
	c.progress = func(context.Context, Progress) { told++ }
	for range 2 {
		c.callbackSlot <- struct{}{}
		c.runCallback(Progress{})
		c.closed.Store(true)
	}
	require.Equal(t, 1, told)
	require.Empty(t, c.callbackSlot, "the turn is given back")
}
