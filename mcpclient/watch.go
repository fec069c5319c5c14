package mcpclient

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// watch ends exchanges that take too long, and all of them when the session
// closes. One timer serves every exchange of a session: it is set for the
// earliest deadline known, and since activity only moves deadlines away, it
// looks again when it fires. The usual exchange never touches the timer.
type watch struct {
	start time.Time

	mu     sync.Mutex
	first  *watched      // guarded by mu; doubly linked
	timer  *time.Timer   // guarded by mu; nil until needed
	due    time.Duration // guarded by mu; when the timer fires, 0 if it does not
	closed error         // guarded by mu; the cause for all that come after
	idle   chan struct{} // guarded by mu; closed once nothing is watched any more after close
}

// watched is the part of an exchange that the watch sees. It is embedded, so
// that watching allocates nothing.
type watched struct {
	prev, next *watched
	owner      *call // nil if nobody needs to be told of its end
	cancel     context.CancelCauseFunc
	idle       time.Duration // 0: none
	deadline   time.Duration // on the watch's clock; 0: none
	onDeadline TimeoutError
	last       atomic.Int64 // last activity, on the watch's clock
}

func (w *watch) now() time.Duration { return time.Since(w.start) }

// touch tells that the peer is alive.
func (w *watch) touch(e *watched) { e.last.Store(int64(w.now())) }

// add starts watching e, whose idle, deadline and cancel are set.
func (w *watch) add(e *watched) error {
	w.touch(e)
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
	if due, ok := e.due(); ok {
		w.arm(due)
	}
	return nil
}

// remove ends watching e. It may be called twice.
func (w *watch) remove(e *watched) {
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
	e.prev, e.next = nil, nil
	if w.first == nil && w.idle != nil {
		close(w.idle)
		w.idle = nil
	}
}

// due is when e must be looked at.
func (e *watched) due() (time.Duration, bool) {
	var due time.Duration
	if e.idle > 0 {
		due = time.Duration(e.last.Load()) + e.idle
	}
	if e.deadline > 0 && (due == 0 || e.deadline < due) {
		due = e.deadline
	}
	return due, due > 0
}

// arm makes sure that the timer fires at due or before. mu is held.
func (w *watch) arm(due time.Duration) {
	if w.timer != nil && w.due > 0 && w.due <= due {
		return
	}
	w.due = due
	wait := max(due-w.now(), 0)
	if w.timer == nil {
		w.timer = time.AfterFunc(wait, w.fire)
		return
	}
	w.timer.Reset(wait)
}

// fire cancels what is overdue and sets the timer for the rest.
func (w *watch) fire() {
	type expired struct {
		cancel context.CancelCauseFunc
		cause  error
	}
	var overdue []expired
	w.mu.Lock()
	w.due = 0
	if w.closed != nil {
		w.mu.Unlock()
		return
	}
	now := w.now()
	next := time.Duration(0)
	for e := w.first; e != nil; e = e.next {
		due, ok := e.due()
		switch {
		case !ok:
		case due > now:
			if next == 0 || due < next {
				next = due
			}
		case e.deadline > 0 && e.deadline <= now:
			cause := e.onDeadline
			overdue = append(overdue, expired{e.cancel, &cause})
		default:
			overdue = append(overdue, expired{e.cancel, &TimeoutError{What: "idle", After: e.idle}})
		}
	}
	if next > 0 {
		w.arm(next)
	}
	w.mu.Unlock()
	for _, x := range overdue {
		x.cancel(x.cause)
	}
}

// running is an exchange that was in flight.
type running struct {
	on     *snapshot
	id     int64
	method string
}

// close cancels every exchange and refuses new ones. It returns those that it
// cancelled, and a channel that is closed when all of them have ended.
func (w *watch) close(cause error) (cut []running, ended <-chan struct{}) {
	w.mu.Lock()
	done := make(chan struct{})
	if w.first == nil {
		close(done)
	} else {
		w.idle = done
	}
	w.closed = cause
	if w.timer != nil {
		w.timer.Stop()
	}
	var cancels []context.CancelCauseFunc
	for e := w.first; e != nil; e = e.next {
		cancels = append(cancels, e.cancel)
		if c := e.owner; c != nil && !c.notify {
			cut = append(cut, running{c.used, c.id, c.method})
		}
	}
	w.mu.Unlock()
	for _, cancel := range cancels {
		cancel(cause)
	}
	return cut, done
}
