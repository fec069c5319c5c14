package queue

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// rig is a Runner that records the values passed to its function and the time of each call.
type rig struct {
	*Runner[string, string]
	group  sync.WaitGroup
	starts int
	stop   context.CancelFunc

	mu  sync.Mutex
	ran []string        // guarded by mu
	at  []time.Duration // guarded by mu
}

func newRig(t *testing.T, run func(v string)) *rig {
	t.Helper()
	g := new(rig)
	ctx, stop := context.WithCancel(t.Context())
	g.stop = stop
	t.Cleanup(func() { stop(); g.group.Wait() })
	begun := time.Now()
	start := func(f func()) bool {
		g.starts++
		g.group.Go(f)
		return true
	}
	g.Runner = NewRunner(ctx, *newBuffer(10, 100), start, func(v string) {
		g.mu.Lock()
		g.ran, g.at = append(g.ran, v), append(g.at, time.Since(begun))
		g.mu.Unlock()
		run(v)
	})
	return g
}

// seen returns the values passed to the function so far, and the time of each call.
func (g *rig) seen() ([]string, []time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.ran, g.at
}

// requireRan checks that exactly these values were passed to the function so far.
func (g *rig) requireRan(t *testing.T, why string, want ...string) {
	t.Helper()
	ran, _ := g.seen()
	require.Equal(t, want, ran, why)
}

func (g *rig) push(values ...string) {
	for _, v := range values {
		g.Push(Item[string, string]{Value: v})
	}
}

func TestRunnerWaitsForOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, func(string) {})
		g.push("a", "b")
		synctest.Wait()
		require.Zero(t, g.starts)
		g.Open()
		synctest.Wait()
		g.requireRan(t, "", "a", "b")
		require.Equal(t, 1, g.starts)
		g.push("c")
		synctest.Wait()
		g.requireRan(t, "", "a", "b", "c")
		require.Equal(t, 2, g.starts, "no goroutine is left waiting for items")
	})
}

func TestRunnerRunsOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g *rig
		g = newRig(t, func(v string) {
			time.Sleep(time.Second)
			if v == "a" {
				g.push("c")
			}
		})
		g.Open()
		g.push("a", "b")
		time.Sleep(time.Minute)
		synctest.Wait()
		g.requireRan(t, "", "a", "b", "c")
		_, at := g.seen()
		require.Equal(t, []time.Duration{0, time.Second, 2 * time.Second}, at)
		require.Equal(t, 1, g.starts)
	})
}

func TestRunnerDebounces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, func(string) {})
		g.Open()
		for range 999 {
			g.Push(Item[string, string]{Value: "x", Key: "x", Every: 250 * time.Millisecond})
			time.Sleep(time.Millisecond)
		}
		g.push("a")
		synctest.Wait()
		g.requireRan(t, "other items are not delayed", "x", "x", "x", "x", "a")
		time.Sleep(time.Minute)
		synctest.Wait()
		g.requireRan(t, "the last item is never lost", "x", "x", "x", "x", "a", "x")
		_, at := g.seen()
		require.Equal(t, time.Second, at[5])
	})
}

func TestEndOfARunner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g *rig
		g = newRig(t, func(string) { g.stop() })
		g.Open()
		g.push("a", "b")
		g.group.Wait()
		g.requireRan(t, "waiting items are discarded", "a")
	})
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, func(string) {})
		g.Open()
		for range 2 {
			g.Push(Item[string, string]{Value: "x", Key: "x", Every: time.Hour})
			synctest.Wait()
		}
		g.stop()
		g.group.Wait()
		g.requireRan(t, "the end of the runner does not wait for an item that is held back", "x")
	})
}

func TestRunnerThatCannotStart(t *testing.T) {
	r := NewRunner(t.Context(), *newBuffer(10, 100), func(func()) bool { return false }, func(string) { t.Error("ran") })
	r.Open()
	r.Push(Item[string, string]{Value: "a"})
	require.Len(t, r.buffer.items, 1)
}
