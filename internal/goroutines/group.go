// Package goroutines counts the goroutines that a Close method has to wait for.
package goroutines

import (
	"context"
	"sync"
)

// Group is a set of goroutines, or of other work in progress, that ends with its owner. Once Close
// or Wait is called, nothing more begins. The zero value is an empty Group. All methods are safe for
// concurrent use.
type Group struct {
	mu     sync.Mutex
	n      int           // guarded by mu; begun and not ended
	closed bool          // guarded by mu
	done   chan struct{} // guarded by mu; made by Close, closed when n is 0
}

// Go runs f on a goroutine of its own. After Close it returns false, and does not run f.
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

// Begin adds work that runs on a goroutine of somebody else. It returns false after Close, and
// otherwise the caller must call End when the work is done.
func (g *Group) Begin() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	g.n++
	return true
}

// End ends what Begin added.
func (g *Group) End() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.n--; g.n == 0 && g.closed {
		close(g.done)
	}
}

// Close lets nothing more begin. The channel it returns is closed when all work has ended. Close may
// be called more than once.
func (g *Group) Close() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.closed {
		g.closed, g.done = true, make(chan struct{})
		if g.n == 0 {
			close(g.done)
		}
	}
	return g.done
}

// Wait closes the Group and waits until all work has ended. If ctx ends first, it returns the cause.
func (g *Group) Wait(ctx context.Context) error {
	select {
	case <-g.Close():
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
