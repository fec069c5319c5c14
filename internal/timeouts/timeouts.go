// Package timeouts ends exchanges that take too long. It uses one timer for all exchanges of an
// owner.
package timeouts

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Kind says which limit of an exchange was exceeded.
type Kind uint8

const (
	Total Kind = iota // [Exchange.Total]
	Try               // [Exchange.Try]
	Idle              // [Exchange.Idle]
)

// Watch watches exchanges. Its timer is set for the earliest known deadline. Activity only
// postpones deadlines, so the timer checks again when it fires, and a normal exchange never touches
// the timer. All methods are safe for concurrent use.
type Watch struct {
	start   time.Time
	expired func(Kind, time.Duration) error

	mu     sync.Mutex
	first  *Exchange     // guarded by mu; head of a doubly linked list
	timer  *time.Timer   // guarded by mu; nil until needed
	due    time.Duration // guarded by mu; when the timer fires, 0 if it is not set
	pauses int           // guarded by mu; pauses that apply to all exchanges
	closed error         // guarded by mu; the cause for all later calls of Add
	idle   chan struct{} // guarded by mu; made by Close, closed when no exchange is watched
}

// Exchange is the state of one watched exchange. It is meant to be a field of the caller's own
// type, so that watching allocates nothing. The exported fields must not change while it is
// watched.
type Exchange struct {
	// Cancel cancels the exchange with the cause.
	Cancel context.CancelCauseFunc
	// Owner is the argument of the callback of [Watch.Close]. If it is nil, Close cancels the
	// exchange without a callback.
	Owner any
	// Idle is how long the exchange may go without [Watch.Touch]. Zero means no limit.
	Idle time.Duration
	// Try bounds one try and Total bounds the whole exchange. Use [Watch.In] to set them. Zero
	// means no limit.
	Try, Total Deadline

	prev, next *Exchange
	watched    uint32        // guarded by Watch.mu; counts the calls of Add and Remove
	pauses     int32         // guarded by Watch.mu; pauses of this exchange
	cut        bool          // guarded by Watch.mu; Close canceled it
	pausedAt   time.Duration // guarded by Watch.mu; when its timers were last paused
	paused     atomic.Int64  // how long its timers have been paused, in nanoseconds
	last       atomic.Int64  // time of the last activity, on the clock of the Watch
}

// Deadline is the time when a limit is exceeded, on the clock of a [Watch].
type Deadline struct{ At, Limit time.Duration }

// Init sets the clock of w to zero. expired returns the cause with which an exchange is canceled
// when a limit is exceeded. Init must be called before w is used.
func (w *Watch) Init(expired func(kind Kind, limit time.Duration) error) {
	w.start, w.expired = time.Now(), expired
}

// Now returns the time since Init: the clock of w.
func (w *Watch) Now() time.Duration { return time.Since(w.start) }

// In returns a deadline that is limit from now.
func (w *Watch) In(limit time.Duration) Deadline { return Deadline{w.Now() + limit, limit} }

// Touch records activity of the peer: [Exchange.Idle] counts from here.
func (w *Watch) Touch(e *Exchange) { e.last.Store(int64(w.Now())) }

// Paused returns how long the timers of e have been paused, over all its tries.
func (e *Exchange) Paused() time.Duration { return time.Duration(e.paused.Load()) }

// AddPaused counts d as time in which the timers of e were paused.
func (e *Exchange) AddPaused(d time.Duration) { e.paused.Add(int64(d)) }

// WasCut reports whether Close canceled e. It must not be called while e is watched.
func (e *Exchange) WasCut() bool { return e.cut }

// Add starts watching e. Each Add needs a Remove. After Close, Add returns the cause that was
// passed to Close.
func (w *Watch) Add(e *Exchange) error {
	now := w.Now()
	e.last.Store(int64(now))
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed != nil {
		return w.closed
	}
	e.prev, e.next = nil, w.first
	if w.first != nil {
		w.first.prev = e
	}
	w.first = e
	e.watched, e.pauses, e.pausedAt = e.watched+1, 0, now
	if at, _, _ := w.next(e); at > 0 {
		w.arm(at)
	}
	return nil
}

// Remove stops watching e. It may be called twice.
func (w *Watch) Remove(e *Exchange) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case e.prev != nil:
		e.prev.next = e.next
	case w.first == e:
		w.first = e.next
	default:
		return
	}
	if e.next != nil {
		e.next.prev = e.prev
	}
	if w.isPaused(e) {
		e.AddPaused(w.Now() - e.pausedAt)
	}
	e.watched, e.pauses = e.watched+1, 0
	e.prev, e.next = nil, nil
	if w.first == nil && w.idle != nil {
		close(w.idle)
		w.idle = nil
	}
}

// next returns the time when the first limit of e is exceeded, and which limit that is. at is 0 if
// e has no limit. The caller holds mu.
func (w *Watch) next(e *Exchange) (at time.Duration, kind Kind, limit time.Duration) {
	earlier := func(d Deadline, k Kind) {
		if d.At > 0 && (at == 0 || d.At < at) {
			at, kind, limit = d.At, k, d.Limit
		}
	}
	earlier(e.Total, Total)
	if w.isPaused(e) {
		return at, kind, limit
	}
	earlier(e.Try, Try)
	if e.Idle > 0 {
		earlier(Deadline{time.Duration(e.last.Load()) + e.Idle, e.Idle}, Idle)
	}
	return at, kind, limit
}

// Pause pauses the Try and Idle timers of e. resume continues them, and may be called more than
// once. A pause ends at the latest when e is removed.
func (w *Watch) Pause(e *Exchange) (resume func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	watched := e.watched
	w.pause(e)
	e.pauses++
	return sync.OnceFunc(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if e.watched == watched {
			e.pauses--
			w.resume(e)
		}
	})
}

// PauseAll is like [Watch.Pause] for all exchanges, including those that are added before resume is
// called.
func (w *Watch) PauseAll() (resume func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for e := w.first; e != nil; e = e.next {
		w.pause(e)
	}
	w.pauses++
	return sync.OnceFunc(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.pauses--
		for e := w.first; e != nil; e = e.next {
			w.resume(e)
		}
	})
}

// isPaused reports whether the timers of e are paused. The caller holds mu.
func (w *Watch) isPaused(e *Exchange) bool { return w.pauses > 0 || e.pauses > 0 }

// pause records the time when the timers of e are paused, unless they are paused already. The
// caller holds mu.
func (w *Watch) pause(e *Exchange) {
	if !w.isPaused(e) {
		e.pausedAt = w.Now()
	}
}

// resume continues the timers of e if no pause is left. The caller holds mu.
func (w *Watch) resume(e *Exchange) {
	if w.isPaused(e) {
		return
	}
	paused := w.Now() - e.pausedAt
	e.AddPaused(paused)
	if e.Try.At > 0 {
		e.Try.At += paused
	}
	w.Touch(e)
	if at, _, _ := w.next(e); at > 0 && w.closed == nil {
		w.arm(at)
	}
}

// arm makes sure that the timer fires at due or earlier. The caller holds mu.
func (w *Watch) arm(due time.Duration) {
	if w.timer != nil && w.due > 0 && w.due <= due {
		return
	}
	w.due = due
	wait := max(due-w.Now(), 0)
	if w.timer == nil {
		w.timer = time.AfterFunc(wait, w.fire)
		return
	}
	w.timer.Reset(wait)
}

// canceled is an exchange to cancel after mu is released.
type canceled struct {
	cancel context.CancelCauseFunc
	cause  error
}

// fire cancels overdue exchanges and sets the timer for the rest.
func (w *Watch) fire() {
	var overdue []canceled
	w.mu.Lock()
	w.due = 0
	if w.closed != nil {
		w.mu.Unlock()
		return
	}
	now, due := w.Now(), time.Duration(0)
	for e := w.first; e != nil; e = e.next {
		switch at, kind, limit := w.next(e); {
		case at == 0:
		case at <= now:
			overdue = append(overdue, canceled{e.Cancel, w.expired(kind, limit)})
		case due == 0 || at < due:
			due = at
		}
	}
	if due > 0 {
		w.arm(due)
	}
	w.mu.Unlock()
	for _, c := range overdue {
		c.cancel(c.cause)
	}
}

// unwatched is what Close returns if no exchange is watched.
var unwatched = func() chan struct{} {
	ended := make(chan struct{})
	close(ended)
	return ended
}()

// Close cancels every exchange with cause, and makes later calls of Add fail. For each exchange
// with an owner it calls cut, during which no exchange can be added or removed. ended is closed
// when no exchange is watched any more.
func (w *Watch) Close(cause error, cut func(owner any)) (ended <-chan struct{}) {
	w.mu.Lock()
	done := unwatched
	if w.first != nil {
		done = make(chan struct{})
		w.idle = done
	}
	w.closed = cause
	if w.timer != nil {
		w.timer.Stop()
	}
	var cancels []context.CancelCauseFunc
	for e := w.first; e != nil; e = e.next {
		cancels = append(cancels, e.Cancel)
		if e.Owner != nil {
			e.cut = true
			cut(e.Owner)
		}
	}
	w.mu.Unlock()
	for _, cancel := range cancels {
		cancel(cause)
	}
	return done
}
