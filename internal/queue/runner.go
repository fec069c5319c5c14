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
	wake  chan struct{} // full: the goroutine looks again before the time of an item that is held back

	mu     sync.Mutex
	buffer Buffer[K, V] // guarded by mu
	open   bool         // guarded by mu: items are passed on
	busy   bool         // guarded by mu: the goroutine runs
}

// NewRunner returns a runner that passes items to run once [Runner.Open] was called, and until ctx
// ends. Items that wait then are discarded. start runs a function on a new goroutine, or returns
// false. run is called without a lock, and may call Push.
func NewRunner[K comparable, V any](ctx context.Context, buffer Buffer[K, V], start func(f func()) bool, run func(v V)) *Runner[K, V] {
	return &Runner[K, V]{ctx: ctx, buffer: buffer, start: start, run: run, begun: time.Now(), wake: make(chan struct{}, 1)}
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
		default: // it looks again already
		}
		return
	}
	r.launch()
}

// Open lets items be passed on.
func (r *Runner[K, V]) Open() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open = true
	r.launch()
}

// launch starts the goroutine if there is something to do and it does not run. mu is held.
func (r *Runner[K, V]) launch() {
	if r.open && !r.busy && len(r.buffer.items) > 0 {
		r.busy = r.start(r.deliver)
	}
}

// deliver passes items on until none waits or the context ends.
func (r *Runner[K, V]) deliver() {
	for r.ctx.Err() == nil {
		v, wait, ok := r.next()
		switch {
		case !ok:
			return
		case wait > 0:
			r.pause(wait)
		default:
			r.run(v)
		}
	}
}

func (r *Runner[K, V]) next() (v V, wait time.Duration, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v, wait, r.busy = r.buffer.Take(time.Since(r.begun))
	return v, wait, r.busy
}

// pause waits until the next item is not held back, another one comes, or the context ends.
func (r *Runner[K, V]) pause(wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.wake:
	case <-r.ctx.Done():
	}
}
