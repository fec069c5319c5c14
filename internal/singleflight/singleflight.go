// Package singleflight runs an operation once for all callers that need it at the same time. It
// differs from golang.org/x/sync/singleflight in two ways. Each caller waits on its own context,
// and the end of that context does not affect other callers. The goroutine of the operation belongs
// to an owner, and the owner's Close waits for the goroutine.
package singleflight

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
)

// Group runs one [Call] at a time. The zero value is ready to use. All methods are safe for
// concurrent use.
type Group[T any] struct {
	ended atomic.Uint64 // calls that have ended

	mu   sync.Mutex
	last *Call[T] // guarded by mu; the running call, or the one that ended last
}

// Call is one run of the operation. Its result is a T or an error.
type Call[T any] struct {
	number uint64 // how many calls ended before this one
	done   chan struct{}
	value  T     // may be read once done is closed; a call of JoinWith has its value from the start
	err    error // may be read once done is closed
}

// Ended returns how many calls have ended, for [Group.JoinSince].
func (g *Group[T]) Ended() uint64 { return g.ended.Load() }

// Running reports whether a call is running.
func (g *Group[T]) Running() bool { return g.Current() != nil }

// Current returns the running call, nil if no call is running.
func (g *Group[T]) Current() *Call[T] {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.last != nil && g.last.number == g.ended.Load() {
		return g.last
	}
	return nil
}

// Join returns the running call and true. If no call is running, Join calls start to run do on a
// new goroutine, and returns the new call and false. If start returns false, the call is nil.
func (g *Group[T]) Join(start func(func()) bool, do func() (T, error)) (c *Call[T], joined bool) {
	return g.JoinSince(math.MaxUint64, start, do)
}

// JoinWith is like Join, for calls whose value exists from the start: [Call.Value] returns it while
// the call is running. If no call is running, JoinWith gets the value of the new call from create.
func (g *Group[T]) JoinWith(create func() T, start func(func()) bool, do func(T) error) (c *Call[T], joined bool) {
	return g.join(math.MaxUint64, start, func(c *Call[T]) func() {
		c.value = create()
		return func() { c.err = do(c.value) }
	})
}

// JoinSince is like Join, but also joins the last call if that call ended after [Group.Ended]
// returned ended.
func (g *Group[T]) JoinSince(ended uint64, start func(func()) bool, do func() (T, error)) (c *Call[T], joined bool) {
	return g.join(ended, start, func(c *Call[T]) func() {
		return func() { c.value, c.err = do() }
	})
}

// join joins a call or starts one. prepare returns what a new call runs.
func (g *Group[T]) join(ended uint64, start func(func()) bool, prepare func(*Call[T]) func()) (c *Call[T], joined bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.ended.Load()
	if g.last != nil && g.last.number >= min(ended, now) {
		return g.last, true
	}
	c = &Call[T]{number: now, done: make(chan struct{})}
	run := prepare(c)
	if !start(func() {
		run()
		g.ended.Add(1)
		close(c.done)
	}) {
		return nil, false
	}
	g.last = c
	return c, false
}

// Value returns the value of a call of [Group.JoinWith], which may still be running.
func (c *Call[T]) Value() T { return c.value }

// Result returns the result of a call, and whether the call has ended. For a nil Call, ended is
// false.
func (c *Call[T]) Result() (value T, ended bool, err error) {
	if c != nil {
		select {
		case <-c.done:
			return c.value, true, c.err
		default:
		}
	}
	return value, false, nil
}

// Wait waits until the call has ended, and returns its result. If ctx or the owner's context ends
// first, the error is the cause of that context. For a nil Call, which the owner refused to start,
// the error is the cause of the owner's context.
func (c *Call[T]) Wait(ctx, owner context.Context) (value T, err error) {
	if c == nil {
		return value, context.Cause(owner)
	}
	if value, ended, err := c.Result(); ended {
		return value, err
	}
	select {
	case <-c.done:
		return c.value, c.err
	case <-ctx.Done():
		return value, context.Cause(ctx)
	case <-owner.Done():
		return value, context.Cause(owner)
	}
}
