package mcpclient

import (
	"encoding/json"
	"sync"
)

// queue carries notifications to the handlers: ordered, bounded, off every
// lock. Its goroutine runs only while there is something to deliver.
type queue struct {
	mu      sync.Mutex
	events  []event // guarded by mu
	busy    bool    // guarded by mu: a goroutine delivers
	dropped int     // guarded by mu: since the last Gap
}

type eventKind uint8

const (
	eventTools eventKind = iota + 1
	eventPrompts
	eventResources
	eventLog
	eventOther
	eventRestored
	eventGap
)

type event struct {
	kind     eventKind
	log      LogMessage
	method   string
	params   json.RawMessage
	restored SessionRestored
	gap      Gap
}

// coalesces reports whether a second event of the kind says nothing new.
func (k eventKind) coalesces() bool { return k >= eventTools && k <= eventResources }

// enqueue adds an event for its handler, if there is one.
func (s *Session) enqueue(ev event) {
	if !s.handles(ev.kind) {
		return
	}
	q := &s.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	if ev.kind.coalesces() {
		for i := range q.events {
			if q.events[i].kind == ev.kind {
				return
			}
		}
	}
	if len(q.events) >= s.opts.Limits.Notifications {
		q.dropped++
		return
	}
	q.events = append(q.events, ev)
	if !q.busy {
		q.busy = s.owned.start(s.deliverEvents)
	}
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
	case eventGap:
		return h.Gap != nil
	default:
		return h.Notification != nil
	}
}

// deliverEvents runs handlers until the queue is empty or the session closes.
func (s *Session) deliverEvents() {
	for s.root.Err() == nil {
		ev, ok := s.queue.next()
		if !ok {
			return
		}
		s.dispatch(ev)
	}
}

// next takes the oldest event; a gap is told after what came before it.
func (q *queue) next() (event, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case len(q.events) > 0:
		ev := q.events[0]
		q.events[0] = event{}
		q.events = q.events[1:]
		if len(q.events) == 0 {
			q.events = nil
		}
		return ev, true
	case q.dropped > 0:
		ev := event{kind: eventGap, gap: Gap{Dropped: q.dropped}}
		q.dropped = 0
		return ev, true
	}
	q.busy = false
	return event{}, false
}

func (s *Session) dispatch(ev event) {
	h := &s.opts.Handlers
	if !s.handles(ev.kind) {
		return
	}
	switch ev.kind {
	case eventTools:
		h.ToolsChanged(s.root)
	case eventPrompts:
		h.PromptsChanged(s.root)
	case eventResources:
		h.ResourcesChanged(s.root)
	case eventLog:
		h.Log(s.root, ev.log)
	case eventRestored:
		h.SessionRestored(s.root, ev.restored)
	case eventGap:
		h.Gap(s.root, ev.gap)
	case eventOther:
		h.Notification(s.root, ev.method, ev.params)
	}
}

// enqueueNotification sorts a notification that does not belong to a call.
func (s *Session) enqueueNotification(method string, params []byte) {
	switch method {
	case methodToolsChanged:
		s.enqueue(event{kind: eventTools})
	case methodPromptsChanged:
		s.enqueue(event{kind: eventPrompts})
	case methodResourcesChanged:
		s.enqueue(event{kind: eventResources})
	case methodCancelled, methodProgress, methodAcknowledged:
		// Nothing of ours is concerned: progress outside of its call is late.
	default:
		if s.opts.Handlers.Notification != nil {
			s.enqueue(event{kind: eventOther, method: method, params: append(json.RawMessage(nil), params...)})
		}
	}
}
