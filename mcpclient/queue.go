package mcpclient

import (
	"context"
	"encoding/json"
	"sync"
	"time"
)

// queue carries notifications to the handlers: ordered, bounded in number and
// bytes, off every lock. Its goroutine runs only while there is something to deliver.
//
// Changes of lists are debounced: an event of such a kind stays where it is until
// its time has come, and those behind it go first.
type queue struct {
	mu     sync.Mutex
	events []event                           // guarded by mu
	size   int                               // guarded by mu: bytes that events hold
	lists  int                               // guarded by mu: how many of events are changes of lists
	due    [eventResources + 1]time.Duration // guarded by mu: when a kind of change may be told next, on the watch's clock
	open   bool                              // guarded by mu: Connect has returned, or is about to
	busy   bool                              // guarded by mu: a goroutine delivers
	wake   chan struct{}                     // full when that goroutine is to look again; set once, before it starts
}

// listDebounce is the least time between two runs of a handler for changes of a list.
const listDebounce = 250 * time.Millisecond

// maxQueued bounds the bytes of notifications that wait for their handlers.
const maxQueued = 16 << 20

type eventKind uint8

const (
	eventTools eventKind = iota + 1
	eventPrompts
	eventResources
	eventLog
	eventOther
	eventElicited
	eventRestored
	eventMissed
)

type event struct {
	kind     eventKind
	log      LogMessage
	method   string
	params   json.RawMessage
	restored SessionRestored
	missed   MissedEvents
}

func (ev *event) bytes() int {
	return len(ev.log.Data) + len(ev.log.Logger) + len(ev.method) + len(ev.params)
}

// enqueue adds an event for its handler, if there is one.
func (s *Session) enqueue(ev event) {
	if !s.handles(ev.kind) {
		return
	}
	q := &s.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.admit(ev, s.opts.Limits.Notifications) {
		return
	}
	switch {
	case q.busy:
		select {
		case q.wake <- struct{}{}:
		default: // it will look again already
		}
	case q.open:
		q.busy = s.owned.start(s.deliverEvents)
	}
}

// admit appends an event, merges it into one that waits, or, when the queue is
// full, counts it into a gap that stands where the loss happened. mu is held.
func (q *queue) admit(ev event, limit int) bool {
	if q.merge(ev) {
		return false
	}
	waiting := len(q.events) - q.lists // changes of lists may wait for their time only
	full := waiting >= limit || (waiting > 0 && q.size+ev.bytes() > maxQueued)
	if full && !ev.kind.single() {
		ev = event{kind: eventMissed, missed: MissedEvents{Dropped: 1}}
		if q.merge(ev) {
			return false
		}
	}
	q.events = append(q.events, ev)
	q.size += ev.bytes()
	if ev.kind.list() {
		q.lists++
	}
	return true
}

// list reports whether events of the kind tell that a list has changed.
func (k eventKind) list() bool { return k <= eventResources }

// single reports whether at most one event of the kind can wait, or one between
// two others: such an event always finds room.
func (k eventKind) single() bool {
	return k.list() || k == eventRestored || k == eventMissed
}

// merge folds an event into one of its kind that waits already and says the
// same. mu is held.
func (q *queue) merge(ev event) bool {
	switch ev.kind {
	case eventTools, eventPrompts, eventResources:
		for i := range q.events {
			if q.events[i].kind == ev.kind {
				return true
			}
		}
	case eventRestored:
		for i := range q.events {
			if q.events[i].kind == ev.kind {
				q.events[i].restored = ev.restored
				return true
			}
		}
	case eventMissed:
		if last := len(q.events) - 1; last >= 0 && q.events[last].kind == eventMissed {
			q.events[last].missed.Dropped += ev.missed.Dropped
			q.events[last].missed.Ended = q.events[last].missed.Ended || ev.missed.Ended
			return true
		}
	default: // every message counts
	}
	return false
}

func (s *Session) handles(kind eventKind) bool {
	h := &s.opts.Handlers
	switch kind {
	case eventTools:
		return h.ToolsChanged != nil
	case eventPrompts:
		return h.PromptsChanged != nil
	case eventResources:
		return h.ResourcesChanged != nil
	case eventLog:
		return h.Log != nil
	case eventRestored:
		return h.SessionRestored != nil
	case eventMissed:
		return h.MissedEvents != nil
	case eventElicited:
		return h.ElicitationComplete != nil
	default:
		return h.Notification != nil
	}
}

// openQueue lets delivery begin: the session is there for handlers to use.
func (s *Session) openQueue() {
	q := &s.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	q.open, q.wake = true, make(chan struct{}, 1)
	if len(q.events) > 0 && !q.busy {
		q.busy = s.owned.start(s.deliverEvents)
	}
}

// deliverEvents runs handlers until the queue is empty or the session closes.
func (s *Session) deliverEvents() {
	for s.root.Err() == nil {
		ev, wait, ok := s.queue.next(s.watch.now())
		switch {
		case !ok:
			return
		case wait > 0:
			s.queue.pause(s.root, wait)
		default:
			s.dispatch(ev)
		}
	}
}

// next takes the oldest event that may be told now. If there is none, it says how
// long to wait for one; ok is false when no event is left.
func (q *queue) next(now time.Duration) (ev event, wait time.Duration, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := range q.events { // it skips at most three: one of each kind that is debounced
		kind := q.events[i].kind
		if !kind.list() {
			return q.take(i), 0, true
		}
		if q.due[kind] <= now {
			q.due[kind] = now + listDebounce
			return q.take(i), 0, true
		}
		if held := q.due[kind] - now; wait == 0 || held < wait {
			wait = held
		}
	}
	if len(q.events) == 0 {
		q.events, q.busy = nil, false
	}
	return event{}, wait, q.busy
}

// take removes an event; those before it keep their order. mu is held.
func (q *queue) take(i int) event {
	ev := q.events[i]
	copy(q.events[1:i+1], q.events[:i])
	q.events[0] = event{}
	q.events = q.events[1:]
	q.size -= ev.bytes()
	if ev.kind.list() {
		q.lists--
	}
	return ev
}

// pause waits until the next held event may be told, another one comes, or the session closes.
func (q *queue) pause(root context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-q.wake:
	case <-root.Done():
	}
}

func (s *Session) dispatch(ev event) {
	h := &s.opts.Handlers
	switch ev.kind {
	case eventTools:
		h.ToolsChanged(s.root, s)
	case eventPrompts:
		h.PromptsChanged(s.root, s)
	case eventResources:
		h.ResourcesChanged(s.root, s)
	case eventLog:
		h.Log(s.root, s, ev.log)
	case eventRestored:
		h.SessionRestored(s.root, s, ev.restored)
	case eventMissed:
		if h.MissedEvents != nil { // it may stand for what another handler missed
			h.MissedEvents(s.root, s, ev.missed)
		}
	case eventElicited:
		h.ElicitationComplete(s.root, s, string(ev.params))
	case eventOther:
		h.Notification(s.root, s, ev.method, ev.params)
	}
}

// enqueueNotification sorts a notification that does not belong to a call.
func (s *Session) enqueueNotification(method string, params []byte) {
	for _, l := range s.side.joined() {
		l.notified(method, params)
	}
	switch method {
	case methodToolsChanged:
		s.enqueue(event{kind: eventTools})
	case methodPromptsChanged:
		s.enqueue(event{kind: eventPrompts})
	case methodResourcesChanged:
		s.enqueue(event{kind: eventResources})
	case methodAcknowledged:
		// Nothing of ours is concerned.
	case methodElicitationComplete:
		s.elicitationComplete(params)
	default:
		if s.opts.Handlers.Notification != nil {
			s.enqueue(event{kind: eventOther, method: method, params: append(json.RawMessage(nil), params...)})
		}
	}
}
