package mcpclient

import (
	"context"
	"encoding/json"
	"time"

	"github.com/hawser-mcp/hawser/internal/queue"
)

// listDebounce is the shortest time between the starts of two runs of a handler for list changes.
const listDebounce = 250 * time.Millisecond

// maxQueued bounds the bytes of the events that wait for handlers, and of those that wait in one
// subscription.
const maxQueued = 16 << 20

// event is a queued call of a handler. If run is nil, the handler is MissedEvents. Its key in the
// queue is the method of a list change, keyRestored, keyMissed, or "" for a message, which is never
// merged.
type event struct {
	run    func()
	missed MissedEvents
}

const (
	keyRestored = "restored"
	keyMissed   = "missed"
)

type eventQueue = queue.Runner[string, event]

func (s *Session) newEventQueue() *eventQueue {
	return queue.NewRunner(s.root, queue.Buffer[string, event]{
		MaxItems: s.opts.Limits.Notifications, MaxBytes: maxQueued, Dropped: missedItem(MissedEvents{Dropped: 1}),
		Merge: func(waiting *event, next event) {
			waiting.run = next.run
			waiting.missed.Dropped += next.missed.Dropped
			waiting.missed.Ended = waiting.missed.Ended || next.missed.Ended
		},
	}, s.owned.Go, s.dispatch)
}

func (s *Session) dispatch(ev event) {
	if ev.run != nil {
		ev.run()
	} else if h := s.opts.Handlers.MissedEvents; h != nil { // may be nil: the queue reports events dropped for other handlers this way
		h(s.root, s, ev.missed)
	}
}

// enqueue queues a call of a handler. size is the memory that the call holds until it runs, in
// bytes.
func (s *Session) enqueue(size int, run func()) {
	s.events.Push(queue.Item[string, event]{Value: event{run: run}, Bytes: size})
}

func missedItem(g MissedEvents) queue.Item[string, event] {
	return queue.Item[string, event]{Value: event{missed: g}, Key: keyMissed, Last: true, Keep: true}
}

func (s *Session) enqueueMissed(g MissedEvents) {
	if s.opts.Handlers.MissedEvents != nil {
		s.events.Push(missedItem(g))
	}
}

func (s *Session) enqueueRestored(r SessionRestored) {
	if h := s.opts.Handlers.SessionRestored; h != nil {
		s.events.Push(queue.Item[string, event]{Value: event{run: func() { h(s.root, s, r) }}, Key: keyRestored, Keep: true})
	}
}

func (s *Session) enqueueChange(method string, params []byte, h func(ctx context.Context, s *Session)) {
	if h == nil {
		return
	}
	run := func() { h(s.root, s) }
	if s.incoming != nil {
		kept := append(json.RawMessage(nil), params...)
		run = func() { s.receiveGuarded(method, kept, func(ctx context.Context, _ json.RawMessage) { h(ctx, s) }) }
	}
	s.events.Push(queue.Item[string, event]{Value: event{run: run}, Key: method, Keep: true, Every: listDebounce})
}

// enqueueNotification handles a notification that does not belong to a call.
func (s *Session) enqueueNotification(method string, params []byte) {
	for _, l := range s.shared.joined() {
		l.notified(method, params)
	}
	h := &s.opts.Handlers
	switch method {
	case methodToolsChanged:
		s.enqueueChange(method, params, h.ToolsChanged)
	case methodPromptsChanged:
		s.enqueueChange(method, params, h.PromptsChanged)
	case methodResourcesChanged:
		s.enqueueChange(method, params, h.ResourcesChanged)
	case methodAcknowledged:
		// It belongs to a subscription that the session does not know.
	case methodElicitationComplete:
		s.elicitationComplete(params)
	default:
		if s.handlesNotification(method) {
			s.enqueueReceive(method, params, func(ctx context.Context, params json.RawMessage) { s.deliverNotification(ctx, method, params) })
		}
	}
}
