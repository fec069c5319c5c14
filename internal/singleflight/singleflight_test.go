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

// The value of a call of JoinWith is created once, and can be read while the call is running.
func TestValueFromTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group[*int]
		var owned goroutines.Group
		created := 0
		create := func() *int { created++; return new(int) }
		why := errors.New("why")
		fail := func(v *int) error { time.Sleep(time.Second); *v = 7; return why }
		first, joined := g.JoinWith(create, owned.Go, fail)
		require.False(t, joined)
		second, joined := g.JoinWith(create, owned.Go, fail)
		require.True(t, joined)
		require.Same(t, first.Value(), second.Value())
		require.Equal(t, 1, created)
		value, err := second.Wait(t.Context(), t.Context())
		require.Equal(t, 7, *value)
		require.Equal(t, why, err)

		third, joined := g.JoinWith(create, owned.Go, fail)
		require.False(t, joined)
		require.NotSame(t, first.Value(), third.Value())
		_, err = third.Wait(t.Context(), t.Context())
		require.Equal(t, why, err)
		refused, _ := g.JoinWith(create, func(func()) bool { return false }, fail)
		require.Nil(t, refused)
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
