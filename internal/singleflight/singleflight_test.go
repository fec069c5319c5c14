package singleflight

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/goroutines"
)

func slow(value int, err error) func() (int, error) {
	return func() (int, error) { time.Sleep(time.Second); return value, err }
}

func TestOneCallForAllCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group[int]
		var owned goroutines.Group
		why := errors.New("why")
		first, joined := g.Join(owned.Go, slow(1, why))
		require.False(t, joined)
		require.True(t, g.Running())
		_, ended, _ := first.Result()
		require.False(t, ended)
		second, joined := g.Join(owned.Go, slow(2, nil))
		require.True(t, joined)
		require.Same(t, first, second)
		value, err := second.Wait(t.Context(), t.Context())
		require.Equal(t, 1, value)
		require.Equal(t, why, err)
		require.False(t, g.Running())
		value, ended, err = first.Result()
		require.True(t, ended)
		require.Equal(t, 1, value)
		require.Equal(t, why, err)

		third, joined := g.Join(owned.Go, slow(3, nil))
		require.False(t, joined, "a call that has ended is not joined")
		value, err = third.Wait(t.Context(), t.Context())
		require.Equal(t, 3, value)
		require.NoError(t, err)
	})
}

func TestEachWaitsOnItsOwnContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group[int]
		var owned goroutines.Group
		owner, end := context.WithCancelCause(t.Context())
		ctx, cancel := context.WithCancelCause(t.Context())
		c, _ := g.Join(owned.Go, slow(1, nil))
		impatient, closing := errors.New("impatient"), errors.New("closing")
		cancel(impatient)
		_, err := c.Wait(ctx, owner)
		require.Equal(t, impatient, err)
		end(closing)
		_, err = c.Wait(t.Context(), owner)
		require.Equal(t, closing, err)
		<-owned.Close()
		value, err := c.Wait(ctx, owner)
		require.NoError(t, err, "a result takes precedence over the end of a context")
		require.Equal(t, 1, value)
	})
}

func TestOwnerRefuses(t *testing.T) {
	var g Group[int]
	var owned goroutines.Group
	<-owned.Close()
	c, joined := g.Join(owned.Go, func() (int, error) { t.Error("ran"); return 0, nil })
	require.Nil(t, c)
	require.False(t, joined)
	require.False(t, g.Running())
	owner, end := context.WithCancelCause(t.Context())
	closed := errors.New("closed")
	end(closed)
	_, err := c.Wait(t.Context(), owner)
	require.Equal(t, closed, err)
	_, ended, _ := c.Result()
	require.False(t, ended)
}

func TestJoinSince(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group[int]
		var owned goroutines.Group
		before := g.Ended()
		first, joined := g.JoinSince(before, owned.Go, slow(1, nil))
		require.False(t, joined)
		during := g.Ended()
		_, _ = first.Wait(t.Context(), t.Context())
		for _, since := range []uint64{before, during} {
			c, joined := g.JoinSince(since, owned.Go, slow(2, nil))
			require.True(t, joined, "the call has ended since")
			require.Same(t, first, c)
		}
		second, joined := g.JoinSince(g.Ended(), owned.Go, slow(2, nil))
		require.False(t, joined)
		c, joined := g.JoinSince(g.Ended(), owned.Go, slow(3, nil))
		require.True(t, joined, "the call is running")
		require.Same(t, second, c)
		<-owned.Close()
	})
}
