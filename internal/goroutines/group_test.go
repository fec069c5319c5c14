package goroutines

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWaitsForAllThatBegan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		var ended atomic.Int32
		work := func() { time.Sleep(time.Second); ended.Add(1) }
		require.True(t, g.Go(work))
		require.True(t, g.Go(work))
		require.True(t, g.Begin())
		go func() { time.Sleep(2 * time.Second); ended.Add(1); g.End() }()
		start := time.Now()
		require.NoError(t, g.Wait(t.Context()))
		require.Equal(t, 2*time.Second, time.Since(start))
		require.EqualValues(t, 3, ended.Load())
		require.NoError(t, g.Wait(t.Context()), "a second time")
	})
}

func TestNothingBeginsAfterClose(t *testing.T) {
	var g Group
	<-g.Close()
	require.False(t, g.Go(func() { t.Error("ran") }))
	require.False(t, g.Begin())
	<-g.Close()
}

func TestWaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		release, why := make(chan struct{}), errors.New("the test's reason to stop waiting")
		require.True(t, g.Go(func() { <-release }))
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, why)
		defer cancel()
		require.Equal(t, why, g.Wait(ctx))
		require.False(t, g.Begin())
		close(release)
		require.NoError(t, g.Wait(t.Context()))
	})
}

func TestBeginAndCloseRace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		var running atomic.Int32
		for range 50 {
			go func() {
				running.Add(1)
				if !g.Go(func() { running.Add(-1) }) {
					running.Add(-1)
				}
			}()
		}
		done := g.Close()
		synctest.Wait()
		<-done
		require.Zero(t, running.Load())
	})
}
