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
	asking int           // guarded by mu; questions that any of the exchanges may wait for
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
	tryEnd     time.Duration // on the watch's clock; 0: none
	tryLimit   time.Duration // which tryEnd comes from
	end        time.Duration // of the call as a whole, on the watch's clock; 0: none
	endLimit   time.Duration // which end comes from
	cut        bool          // close ended it; under watch.mu, or when it is watched no more
	turn       int           // under watch.mu: how often it was watched; each try of a call is
	asking     int           // under watch.mu: questions of this exchange that are with a person
	asked      time.Duration // under watch.mu: when its clocks last stopped
	waited     atomic.Int64  // for how long they stood still, in nanoseconds
	last       atomic.Int64  // last activity, on the watch's clock
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
	e.turn, e.asking, e.asked = e.turn+1, 0, w.now()
	if due, _, ok := w.dueAt(e); ok {
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
	if w.stopped(e) { // it ended while a person was being asked
		e.waited.Add(int64(w.now() - e.asked))
	}
	e.turn, e.asking = e.turn+1, 0
	e.prev, e.next = nil, nil
	if w.first == nil && w.idle != nil {
		close(w.idle)
		w.idle = nil
	}
}

// dueAt is when e must be looked at, and what has run out by then. mu is held.
func (w *watch) dueAt(e *watched) (due time.Duration, cause TimeoutError, ok bool) {
	earlier := func(at time.Duration, what Timeout, after time.Duration) {
		if due == 0 || at < due {
			due, cause = at, TimeoutError{What: what, After: after}
		}
	}
	if e.end > 0 {
		earlier(e.end, TimeoutTotal, e.endLimit)
	}
	if w.stopped(e) {
		return due, cause, due > 0
	}
	if e.tryEnd > 0 {
		earlier(e.tryEnd, TimeoutTry, e.tryLimit)
	}
	if e.idle > 0 {
		earlier(time.Duration(e.last.Load())+e.idle, TimeoutIdle, e.idle)
	}
	return due, cause, due > 0
}

// stop stops the clocks of an exchange while a person is asked on its behalf. It
// returns what starts them again, which may be called more than once.
func (w *watch) stop(e *watched) (start func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	turn := e.turn
	w.halt(e)
	e.asking++
	return sync.OnceFunc(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if e.turn == turn { // else the try that it was asked in is over
			e.asking--
			w.resume(e)
		}
	})
}

// stopAll is stop for all exchanges: a legacy server that asks on the standing
// stream does not say which call waits for that.
func (w *watch) stopAll() (start func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for e := w.first; e != nil; e = e.next {
		w.halt(e)
	}
	w.asking++
	return sync.OnceFunc(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.asking--
		for e := w.first; e != nil; e = e.next {
			w.resume(e)
		}
	})
}

// stopped reports whether the clocks of e stand still. mu is held.
func (w *watch) stopped(e *watched) bool { return w.asking > 0 || e.asking > 0 }

// halt notes when the clocks of e stop, if they have not. mu is held.
func (w *watch) halt(e *watched) {
	if !w.stopped(e) {
		e.asked = w.now()
	}
}

// resume lets the clocks of e go on if nothing stops them any more. mu is held.
func (w *watch) resume(e *watched) {
	if w.stopped(e) {
		return
	}
	stood := w.now() - e.asked
	e.waited.Add(int64(stood))
	if e.tryEnd > 0 {
		e.tryEnd += stood
	}
	w.touch(e)
	if due, _, ok := w.dueAt(e); ok && w.closed == nil {
		w.arm(due)
	}
}

// stood is for how long the clocks of e stood still so far.
func (e *watched) stood() time.Duration { return time.Duration(e.waited.Load()) }

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
		due, cause, ok := w.dueAt(e)
		switch {
		case !ok:
		case due > now:
			if next == 0 || due < next {
				next = due
			}
		default:
			overdue = append(overdue, expired{e.cancel, &cause})
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
	on     *sessionState
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
			e.cut = true
			cut = append(cut, running{c.used, c.id, c.method})
		}
	}
	w.mu.Unlock()
	for _, cancel := range cancels {
		cancel(cause)
	}
	return cut, done
}
