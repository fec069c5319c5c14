package mcpclient

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

// Progress on the shared stream may find its call just before the call returns. Its turn to be told may come
// after that, if the call did not wait because its context had ended: then nothing is told.
func TestNothingIsToldOfACallThatReturned(t *testing.T) {
	told := 0
	c := &call{ctx: t.Context(), telling: make(chan struct{}, 1)}
	c.progress = func(context.Context, Progress) { told++ }
	for range 2 {
		c.telling <- struct{}{}
		c.tell(Progress{})
		c.told.Store(true)
	}
	require.Equal(t, 1, told)
	require.Empty(t, c.telling, "the turn is given back")
}
