// Package goroutines counts the goroutines that a Close method must wait for.
package goroutines

import (
	"context"
	"sync"
)

// Group is a set of goroutines, or of other work in progress, that ends with its owner. Once Close
// or Wait is called, no more work can begin. The zero value is an empty Group. All methods are safe
// for concurrent use.
type Group struct {
	mu     sync.Mutex
	n      int           // guarded by mu; number of goroutines and work in progress
	closed bool          // guarded by mu
	done   chan struct{} // guarded by mu; set by Close, closed when n is 0
}

// ended is the done of every Group that has no work when it is closed.
var ended = func() chan struct{} {
	done := make(chan struct{})
	close(done)
	return done
}()

// Go runs f on a new goroutine. After Close it does not run f and returns false.
func (g *Group) Go(f func()) bool {
	if !g.Begin() {
		return false
	}
	go func() {
		defer g.End()
		f()
	}()
	return true
}

// Begin registers work on a goroutine that the Group did not start. If it returns true, the caller
// must call End when the work is done. After Close, Begin returns false.
func (g *Group) Begin() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	g.n++
	return true
}

// End ends work that Begin registered.
func (g *Group) End() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.n--; g.n == 0 && g.closed {
		close(g.done)
	}
}

// Close prevents new work from beginning. The returned channel is closed when all work has ended.
// Close may be called more than once.
func (g *Group) Close() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.closed:
	case g.n == 0:
		g.closed, g.done = true, ended
	default:
		g.closed, g.done = true, make(chan struct{})
	}
	return g.done
}

// Wait calls Close and waits until all work has ended. If ctx ends first, Wait returns the cause of
// ctx.
func (g *Group) Wait(ctx context.Context) error {
	done := g.Close()
	select {
	case <-done: // even if ctx has ended too
		return nil
	default:
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
