package mcpclient

import (
	"context"
	"errors"
	"iter"
	"strings"
	"sync"

	"github.com/hawser-mcp/hawser/internal/queue"
)

// Subscription receives events from a server; see [Session.Listen]. Its methods are safe for
// concurrent use.
type Subscription struct {
	printed

	// The reopener and the fields below belong to the goroutine of follow. The reopener's context
	// ends with Close and with the caller's context. In a modern session, it keeps the stream open.
	// In a legacy session, the shared stream provides the events, and only missed and opened are
	// used.
	streamReopener

	wants  Filter
	opts   listenOptions
	caller context.Context
	cancel context.CancelCauseFunc
	ready  chan struct{} // closed when the server agreed for the first time
	done   chan struct{} // closed when err may be read
	err    *ListenError

	authorized int         // how often authorization was requested since the server last agreed
	versioned  bool        // the revision was renegotiated since the server last agreed
	tries      int         // since the server last agreed
	budget     retryBudget // until the server agrees for the first time

	mu      sync.Mutex
	filled  *sync.Cond                             // signalled when an event arrives or the subscription ends
	honored Filter                                 // guarded by mu
	events  queue.Buffer[ListenEvent, ListenEvent] // guarded by mu; an event's key is the event without its cause
	ended   bool                                   // guarded by mu
}

// Honored returns the part of the filter that the server last agreed to. Treat it as read-only.
func (l *Subscription) Honored() Filter {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.honored
}

// Events yields events as they arrive. It ends when the subscription has ended and all its events
// were yielded; [Subscription.Err] then returns why. Equal events that are waiting are yielded
// once. Unlike handlers, events are not debounced: the loop sets the pace. Breaking out of the loop
// does not end the subscription. Concurrent loops share the events.
func (l *Subscription) Events() iter.Seq[ListenEvent] {
	return func(yield func(ListenEvent) bool) {
		for {
			ev, ok := l.pop()
			if !ok || !yield(ev) {
				return
			}
		}
	}
}

// Done returns a channel that is closed when the subscription has ended.
func (l *Subscription) Done() <-chan struct{} { return l.done }

// Err returns why the subscription ended, as a [*ListenError]. It returns nil while the
// subscription is active.
func (l *Subscription) Err() error {
	select {
	case <-l.done:
		return l.err
	default:
		return nil
	}
}

// Close ends the subscription without waiting for the server. It may be called more than once. The
// error is always nil.
func (l *Subscription) Close() error {
	l.cancel(nil)
	return nil
}

// errOverflow is the cause of a ListenMissedEvents when too many events were waiting.
var errOverflow = errors.New("more events were waiting than the limits allow")

// maxEventURI bounds the URI of an event, in bytes.
const maxEventURI = 64 << 10

// newEvents returns the buffer of a subscription's events.
func newEvents(limit int) queue.Buffer[ListenEvent, ListenEvent] {
	return queue.Buffer[ListenEvent, ListenEvent]{
		MaxItems: limit, MaxBytes: maxQueued, Dropped: listenItem(ListenEvent{Kind: ListenMissedEvents, Cause: errOverflow}),
	}
}

// listenItem returns the queue item for an event. Equal events that are waiting are merged. If too
// many events wait, only resource updates are dropped, and a ListenMissedEvents replaces them.
func listenItem(ev ListenEvent) queue.Item[ListenEvent, ListenEvent] {
	return queue.Item[ListenEvent, ListenEvent]{
		Value: ev, Bytes: len(ev.URI), Key: ListenEvent{Kind: ev.Kind, URI: ev.URI},
		Last: ev.Kind == ListenMissedEvents, Keep: ev.Kind != ListenResourceUpdated,
	}
}

// push adds an event, unless an equal one is waiting.
func (l *Subscription) push(ev ListenEvent) {
	if len(ev.URI) > maxEventURI {
		ev = ListenEvent{Kind: ListenMissedEvents, Cause: errOverflow}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ended && l.events.Push(listenItem(ev)) {
		l.filled.Signal()
	}
}

// missedEvents reports that events may have been missed, unless the subscription has not started
// yet.
func (l *Subscription) missedEvents(cause error) {
	select {
	case <-l.ready:
		l.push(ListenEvent{Kind: ListenMissedEvents, Cause: cause})
	default:
	}
}

// pop removes the oldest event, waiting for one if necessary. It returns false if the subscription
// has ended and no event is left.
func (l *Subscription) pop() (ListenEvent, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		ev, _, ok := l.events.Take(0)
		if ok || l.ended {
			return ev, ok
		}
		l.filled.Wait()
	}
}

// notified turns a notification into an event if the filter selects it.
func (l *Subscription) notified(method string, params []byte) {
	switch method {
	case methodToolsChanged:
		if l.wants.ToolsChanged {
			l.push(ListenEvent{Kind: ListenToolsChanged})
		}
	case methodPromptsChanged:
		if l.wants.PromptsChanged {
			l.push(ListenEvent{Kind: ListenPromptsChanged})
		}
	case methodResourcesChanged:
		if l.wants.ResourcesChanged {
			l.push(ListenEvent{Kind: ListenResourcesChanged})
		}
	case methodResourceUpdated:
		if uri := stringMember(params, "uri"); uri != "" && l.wants.covers(uri) {
			l.push(ListenEvent{Kind: ListenResourceUpdated, URI: uri})
		}
	}
}

// covers reports whether the resource is in the filter or is a part of one that is (2026-07-28,
// "Resources", "Subscriptions").
func (f Filter) covers(uri string) bool {
	for _, want := range f.Resources {
		rest, part := strings.CutPrefix(uri, want)
		if part && (rest == "" || strings.HasSuffix(want, "/") || strings.IndexByte("/?#", rest[0]) >= 0) {
			return true
		}
	}
	return false
}
