package mcpclient

import (
	"context"
	"errors"
	"maps"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// sharedStream is the stream that belongs to the session, not to a call. It is a GET in a legacy
// session, and the handlers' subscription in a modern session. It is opened only if a handler or,
// in a legacy session, a subscription needs it. Each session generation opens its own stream in the
// background. Its failures never affect a call.
type sharedStream struct {
	tried     atomic.Uint64 // the newest generation in which calls no longer wait for the stream
	accepted  atomic.Bool   // the server accepted the stream at least once, in any generation
	suspected atomic.Bool   // the session was examined because of a refused GET since the stream was last open
	pace      reopenPace    // shared by all generations, so that repeated losses of the session lengthen the pauses

	mu       sync.Mutex
	reopener *sharedReopener            // guarded by mu: keeps the stream of the newest generation open
	closed   bool                       // guarded by mu
	refused  error                      // guarded by mu: the refusal that shows that the server has no such stream
	subs     map[*Subscription]struct{} // guarded by mu: the subscriptions that use the stream in a legacy session
	status   sharedStatus               // guarded by mu
	changed  chan struct{}              // guarded by mu: closed at the next change of status or generation; nil if no goroutine waits
}

// sharedStatus is the status of the shared stream. Calls and subscriptions wait for it to change.
type sharedStatus struct {
	open   bool
	losses int   // how often events may have been missed
	lost   error // the last of these losses
	failed error // why the last try to open it failed; reset when a subscription joins
	over   error // why it is not opened again in this generation
}

// follow starts the stream for a session state, unless the stream was already started for this or a
// newer state.
func (d *sharedStream) follow(s *Session, state *sessionState) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.followLocked(s, state)
}

// followLocked is follow with mu held.
func (d *sharedStream) followLocked(s *Session, state *sessionState) {
	defer d.broadcast()
	h := &s.opts.Handlers
	wanted := h.needGET() || s.notifies(state) || len(d.subs) > 0
	if state.modern() {
		wanted = !s.filterFor(state, h.filter()).empty()
	}
	if !wanted || d.closed || d.refused != nil || d.reopener != nil && d.reopener.state.generation >= state.generation {
		return
	}
	d.halt()
	k := newSharedReopener(s, state)
	d.reopener, d.status = k, sharedStatus{losses: d.status.losses}
	if !s.owned.start(func() { defer k.cancel(); k.run(k) }) {
		k.cancel()
	}
}

// halt ends the stream, if there is one. mu is held.
func (d *sharedStream) halt() {
	if d.reopener != nil {
		d.reopener.cancel()
	}
}

// broadcast wakes all goroutines that wait for a change. mu is held.
func (d *sharedStream) broadcast() {
	if d.changed != nil {
		close(d.changed)
		d.changed = nil
	}
}

// look returns the status, and a channel that is closed when the status changes.
func (d *sharedStream) look() (sharedStatus, <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.changed == nil {
		d.changed = make(chan struct{})
	}
	st := d.status
	if st.over == nil {
		st.over = d.refused
	}
	return st, d.changed
}

// note applies change to the status, unless another reopener has replaced k.
func (d *sharedStream) note(k *sharedReopener, change func(st *sharedStatus)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.reopener == k {
		change(&d.status)
		d.setTried(k.state.generation)
		d.broadcast()
	}
}

// join adds a subscription of a legacy session. It opens the stream if it is not open.
func (d *sharedStream) join(s *Session, l *Subscription) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, joined := d.subs[l]; !joined && d.status.over != nil { // the server may accept the stream by now
		d.reopener = nil
	}
	if d.subs == nil {
		d.subs = make(map[*Subscription]struct{})
	}
	d.subs[l] = struct{}{}
	d.status.failed = nil
	d.wakeLocked()
	d.followLocked(s, s.now.Load()) // under mu, so that a concurrent recovery sees the subscription
}

// leave removes a subscription. It ends the stream if nothing needs it any more.
func (d *sharedStream) leave(s *Session, l *Subscription) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, joined := d.subs[l]; !joined {
		return
	}
	delete(d.subs, l)
	if len(d.subs) == 0 && !s.opts.Handlers.needGET() && !s.notifies(s.now.Load()) {
		d.halt()
		d.reopener, d.status.open = nil, false
	}
}

// joined returns the subscriptions that use the stream.
func (d *sharedStream) joined() []*Subscription {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Collect(maps.Keys(d.subs))
}

// wake skips the pause before the stream is opened again, because the reason for the last refusal
// may be gone.
func (d *sharedStream) wake() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.wakeLocked()
}

func (d *sharedStream) wakeLocked() {
	if d.reopener == nil || d.status.open {
		return
	}
	select {
	case d.reopener.wake <- struct{}{}:
	default:
	}
}

func (d *sharedStream) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	d.halt()
}

// refuse notes that the server has no such stream.
func (d *sharedStream) refuse(cause error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refused = cause
	d.setTried(everyGeneration)
	d.broadcast()
}

// everyGeneration is the value of tried if calls never wait for the stream.
const everyGeneration = math.MaxUint64

// setTried notes that the stream was opened, lost or refused in a generation, so that calls no
// longer wait for it.
func (d *sharedStream) setTried(generation uint64) {
	for {
		old := d.tried.Load()
		if old >= generation || d.tried.CompareAndSwap(old, generation) {
			return
		}
	}
}

// sharedWait bounds how long calls wait for the shared stream, once per generation. Opening the
// stream usually takes one round trip, but a proxy may hold back its header until the first event.
const sharedWait = 2 * time.Second

var errNoSharedStream = errors.New("the shared stream was not open yet")

// awaitShared makes a call to a legacy server wait until the session has tried to open the shared
// stream in this generation. It waits only if the server may send a request while it handles the
// call. Some servers send such requests on the shared stream. If the stream is not open yet, they
// lose the request and never answer the call.
func (s *Session) awaitShared(c *call) error {
	if !s.sharedPending(c.state) || !c.mayCauseRequests() {
		return nil
	}
	ctx, cancel := c.bounded()
	defer cancel()
	return s.awaitTried(ctx, c.state)
}

// sharedPending reports whether calls that may cause requests of the server have to wait for the
// shared stream.
func (s *Session) sharedPending(state *sessionState) bool {
	return !state.modern() && s.shared.tried.Load() < state.generation && s.opts.Handlers.answerRequests()
}

// awaitTried waits until the session has tried to open the shared stream in this state, or the state
// was replaced.
func (s *Session) awaitTried(ctx context.Context, state *sessionState) error {
	shared := &s.shared
	timer := time.NewTimer(sharedWait)
	defer timer.Stop()
	for {
		_, changed := shared.look()
		if s.now.Load() != state || shared.tried.Load() >= state.generation {
			return nil
		}
		select {
		case <-changed:
		case <-timer.C:
			shared.setTried(state.generation)
		case <-ctx.Done():
			return withCause(notSent(errNoSharedStream), context.Cause(ctx))
		case <-s.root.Done():
			return withCause(notSent(errNoSharedStream), ErrClosed)
		}
	}
}

// mayCauseRequests reports whether the server may send requests before it answers the call. Servers
// may do so for tool calls, prompts and resources, but not for lists or pings.
func (c *call) mayCauseRequests() bool {
	return !c.tryBound || c.msg.method == methodGetPrompt || c.msg.method == methodReadResource
}
