package queue

import (
	"context"
	"sync"
	"time"
)

// Runner passes the items of a [Buffer] to a function, one at a time. Its goroutine runs only while
// items wait. A Runner is safe for concurrent use.
type Runner[K comparable, V any] struct {
	ctx   context.Context
	start func(f func()) bool
	run   func(v V)
	begun time.Time

	mu sync.Mutex
	// wake is full if the goroutine must check the buffer again before an item that is held back is
	// due. It is nil until the goroutine waits for one.
	wake   chan struct{} // guarded by mu
	buffer Buffer[K, V]  // guarded by mu
	open   bool          // guarded by mu: Open was called
	busy   bool          // guarded by mu: the goroutine is running
}

// NewRunner returns a runner that passes items to run, one at a time, from the call of
// [Runner.Open] until ctx ends. Items that are still waiting then are discarded. start runs a
// function on a new goroutine; it returns false if it cannot. run is called without a lock and may
// call Push.
func NewRunner[K comparable, V any](ctx context.Context, buffer Buffer[K, V], start func(f func()) bool, run func(v V)) *Runner[K, V] {
	return &Runner[K, V]{ctx: ctx, buffer: buffer, start: start, run: run, begun: time.Now()}
}

// Push adds an item; see [Buffer.Push].
func (r *Runner[K, V]) Push(it Item[K, V]) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.buffer.Push(it) {
		return
	}
	if r.busy {
		select {
		case r.wake <- struct{}{}:
		default: // it will check the buffer again anyway: it is not waiting, or wake is full
		}
		return
	}
	r.launch()
}

// Open starts passing items on.
func (r *Runner[K, V]) Open() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open = true
	r.launch()
}

// launch starts the goroutine if items wait and it is not running. mu is held.
func (r *Runner[K, V]) launch() {
	if r.open && !r.busy && len(r.buffer.items) > 0 {
		r.busy = r.start(r.deliver)
	}
}

// deliver passes items to the function until no item waits or the context ends.
func (r *Runner[K, V]) deliver() {
	for r.ctx.Err() == nil {
		v, wait, wake, ok := r.next()
		switch {
		case !ok:
			return
		case wait > 0:
			r.pause(wait, wake)
		default:
			r.run(v)
		}
	}
}

// next takes an item. If all items are held back, it returns how long to wait, and a channel that
// receives when another item arrives.
func (r *Runner[K, V]) next() (v V, wait time.Duration, wake <-chan struct{}, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v, wait, r.busy = r.buffer.Take(time.Since(r.begun))
	if wait > 0 && r.wake == nil {
		r.wake = make(chan struct{}, 1)
	}
	return v, wait, r.wake, r.busy
}

// pause waits until wait has passed, another item arrives, or the context ends.
func (r *Runner[K, V]) pause(wait time.Duration, wake <-chan struct{}) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-wake:
	case <-r.ctx.Done():
	}
}
