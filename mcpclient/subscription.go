package mcpclient

import (
	"context"
	"errors"
	"iter"
	"strings"
	"sync"
)

// Subscription is what [Session.Listen] returns. Its methods are safe for concurrent use.
type Subscription struct {
	printed

	s      *Session
	wants  Filter
	opts   listenOptions
	caller context.Context
	ctx    context.Context // ends with Close and the caller's context
	cancel context.CancelCauseFunc
	ready  chan struct{} // closed when the server agreed for the first time
	done   chan struct{} // closed when err may be read
	err    *ListenError

	// Only run uses these, and what waits for done.
	began      bool        // ready is closed
	authorized int         // how often authorization was sought since the server last agreed
	versioned  bool        // the revision was negotiated again for it since the server last agreed
	missed     error       // a loss that is to be told once the server has agreed again
	tries      int         // since the server last agreed
	budget     retryBudget // of the beginning

	mu      sync.Mutex
	filled  *sync.Cond     // events, or the end
	honored Filter         // guarded by mu
	events  []ListenEvent  // guarded by mu
	pending map[string]int // guarded by mu: how many of events are about a URI
	bytes   int            // guarded by mu: of the URIs in events
	ended   bool           // guarded by mu
}

// Honored returns what of the filter the server agreed to when it was last
// asked. Treat it as read-only.
func (l *Subscription) Honored() Filter {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.honored
}

// Events yields the events as they come, and ends when the subscription does
// and every event that came before was yielded; [Subscription.Err] then says
// why. Of equal events that wait, one is yielded. Unlike handlers, events are not
// debounced: the loop sets the pace. Breaking out of the loop ends nothing. Several
// loops share the events.
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

// Done is closed when the subscription has ended.
func (l *Subscription) Done() <-chan struct{} { return l.done }

// Err returns why the subscription ended, a [*ListenError]; nil while it runs.
func (l *Subscription) Err() error {
	select {
	case <-l.done:
		return l.err
	default:
		return nil
	}
}

// Close ends the subscription. It does not wait for the server. It may be called more than once.
func (l *Subscription) Close() error {
	l.cancel(nil)
	return nil
}

// errOverflow is the cause of a gap.
var errOverflow = errors.New("more events than fit were waiting to be read")

// maxEventURI bounds the URI of an event.
const maxEventURI = 64 << 10

// push adds an event, unless one that says the same waits already. When too
// much waits, the event is lost, and a gap tells that.
func (l *Subscription) push(ev ListenEvent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended || l.waits(ev) {
		return
	}
	full := len(l.events) >= l.s.opts.Limits.Notifications || l.bytes+len(ev.URI) > maxQueued || len(ev.URI) > maxEventURI
	if full && ev.Kind == ListenResourceUpdated {
		if ev = (ListenEvent{Kind: ListenMissedEvents, Cause: errOverflow}); l.waits(ev) {
			return
		}
	}
	if l.pending == nil {
		l.pending = make(map[string]int)
	}
	if ev.Kind == ListenResourceUpdated {
		l.pending[ev.URI]++
	}
	l.bytes += len(ev.URI)
	l.events = append(l.events, ev)
	l.filled.Signal()
}

// gap tells that the stream is there again after a loss, if the subscription had begun before it.
func (l *Subscription) gap(cause error) {
	select {
	case <-l.ready:
		l.push(ListenEvent{Kind: ListenMissedEvents, Cause: cause})
	default:
	}
}

// waits reports whether an event like ev is in the queue. Of gaps only the last
// event counts: what comes after a gap says something new. mu is held.
func (l *Subscription) waits(ev ListenEvent) bool {
	switch ev.Kind {
	case ListenResourceUpdated:
		return l.pending[ev.URI] > 0
	case ListenMissedEvents:
		last := len(l.events) - 1
		return last >= 0 && l.events[last].Kind == ListenMissedEvents
	default:
	}
	for i := range l.events {
		if l.events[i].Kind == ev.Kind {
			return true
		}
	}
	return false
}

// pop takes the oldest event, waiting for one; false when there is none and none will come.
func (l *Subscription) pop() (ListenEvent, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.events) == 0 {
		if l.ended {
			return ListenEvent{}, false
		}
		l.filled.Wait()
	}
	ev := l.events[0]
	l.events[0] = ListenEvent{}
	l.events = l.events[1:]
	l.bytes -= len(ev.URI)
	if ev.Kind == ListenResourceUpdated {
		delete(l.pending, ev.URI)
	}
	return ev, true
}

// notified turns a notification into an event, if it is about what the subscription wants.
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

// covers reports whether a resource was subscribed to, or is part of one that was
// (2026-07-28, "Resources", "Subscriptions").
func (f Filter) covers(uri string) bool {
	for _, want := range f.Resources {
		rest, part := strings.CutPrefix(uri, want)
		if part && (rest == "" || strings.HasSuffix(want, "/") || strings.IndexByte("/?#", rest[0]) >= 0) {
			return true
		}
	}
	return false
}
