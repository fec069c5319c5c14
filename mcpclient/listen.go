package mcpclient

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/redact"
	"github.com/hawser-mcp/hawser/transport"
)

// Filter selects the events of a subscription. The zero Filter selects none.
type Filter struct {
	// ToolsChanged, PromptsChanged and ResourcesChanged select changes of a list.
	ToolsChanged, PromptsChanged, ResourcesChanged bool
	// Resources are the URIs of the resources whose updates are selected.
	Resources []string
}

// empty reports whether a filter selects nothing.
func (f Filter) empty() bool {
	return !f.ToolsChanged && !f.PromptsChanged && !f.ResourcesChanged && len(f.Resources) == 0
}

// within returns the part of f that is also in other.
func (f Filter) within(other Filter) Filter {
	f.ToolsChanged = f.ToolsChanged && other.ToolsChanged
	f.PromptsChanged = f.PromptsChanged && other.PromptsChanged
	f.ResourcesChanged = f.ResourcesChanged && other.ResourcesChanged
	there := make(map[string]bool, len(other.Resources))
	for _, uri := range other.Resources {
		there[uri] = true
	}
	f.Resources = slices.DeleteFunc(slices.Clone(f.Resources), func(uri string) bool { return !there[uri] })
	if len(f.Resources) == 0 {
		f.Resources = nil
	}
	return f
}

// params returns the parameters of a subscriptions/listen request with the filter.
func (f Filter) params() []byte {
	data, err := json.Marshal(map[string]any{"notifications": mcp.SubscriptionFilter{
		ToolsListChanged: f.ToolsChanged, PromptsListChanged: f.PromptsChanged, ResourcesListChanged: f.ResourcesChanged,
		ResourceSubscriptions: f.Resources,
	}})
	if err != nil {
		return nil // cannot happen: the filter has only booleans and strings
	}
	return data
}

// ListenEventKind is the kind of a [ListenEvent].
type ListenEventKind uint8

const (
	// ListenToolsChanged: the list of tools has changed.
	ListenToolsChanged ListenEventKind = iota + 1
	// ListenPromptsChanged: the list of prompts has changed.
	ListenPromptsChanged
	// ListenResourcesChanged: the list of resources has changed.
	ListenResourcesChanged
	// ListenResourceUpdated: a resource, or a part of one, has changed.
	ListenResourceUpdated
	// ListenMissedEvents: events may have been missed before this one, but none are missed after
	// it. Read everything that you subscribed to again.
	ListenMissedEvents
)

// ListenEvent is one event of a subscription.
type ListenEvent struct {
	Kind ListenEventKind
	// URI identifies the updated resource in a ListenResourceUpdated event. It is a resource in the
	// filter or a part of one.
	URI string
	// Cause says why events were missed in a ListenMissedEvents event: the stream ended, or too
	// many events were waiting.
	Cause error
}

// EndReason says why a subscription ended.
type EndReason uint8

const (
	// EndClosed: the client ended the subscription through Subscription.Close, its context, or
	// Session.Close.
	EndClosed EndReason = iota + 1
	// EndCompleted: the server completed the subscription.
	EndCompleted
	// EndCancelled: the server cancelled the subscription.
	EndCancelled
	// EndLost: the stream was lost, and [WithoutReopening] was given.
	EndLost
	// EndRefused: the server refused the subscription, supports nothing in its filter, or sent
	// something that cannot be decoded. A refusal may also follow when a lost stream is opened
	// again.
	EndRefused
)

var endReasons = map[EndReason]string{
	EndClosed: "ended by this side", EndCompleted: "ended by the server", EndCancelled: "cancelled by the server",
	EndLost: "stream lost", EndRefused: "refused",
}

// String returns the reason in words.
func (r EndReason) String() string { return cmp.Or(endReasons[r], "unknown reason") }

// ListenError is the error of a subscription that ended or could not start.
type ListenError struct {
	Reason EndReason
	// Err is the cause, nil if Reason says everything.
	Err error
}

// Error returns the reason and the cause.
func (e *ListenError) Error() string {
	text := "subscription: " + e.Reason.String()
	if e.Err != nil {
		text += ": " + causeText(e.Err)
	}
	return text
}

// Unwrap returns the cause.
func (e *ListenError) Unwrap() error { return e.Err }

// ListenOption configures one subscription.
type ListenOption func(*listenOptions)

type listenOptions struct{ once bool }

// WithoutReopening ends the subscription with [EndLost] when its stream is lost.
func WithoutReopening() ListenOption { return func(o *listenOptions) { o.once = true } }

// Listen subscribes to the events that the filter selects. It returns once the server has agreed;
// [Subscription.Honored] returns the events that the server agreed to. The subscription ends when
// its context ends, or when [Subscription.Close] or [Session.Close] is called.
//
// Any number of subscriptions may run concurrently. A lost stream is opened again with backoff, and
// a ListenMissedEvents reports it. On a modern server, each subscription is a separate
// subscriptions/listen request (2026-07-28, "Subscriptions"). On a legacy server, all subscriptions
// share one stream, and each resource is subscribed to once.
//
// The error is an [*Error] that wraps a [*ListenError].
func (s *Session) Listen(ctx context.Context, f Filter, opts ...ListenOption) (*Subscription, error) {
	if f.empty() {
		return nil, invalid(methodListen, errors.New("the filter selects nothing"))
	}
	if ctx.Err() != nil {
		return nil, notListening(KindCanceled, canceled(ctx))
	}
	l := &Subscription{
		printed: redact.NewPrinted("mcpclient.Subscription"), streamReopener: streamReopener{s: s},
		wants: f, ready: make(chan struct{}), done: make(chan struct{}), events: newEvents(s.opts.Limits.Notifications),
	}
	l.wants.Resources = slices.Compact(slices.Sorted(slices.Values(f.Resources)))
	l.filled = sync.NewCond(&l.mu)
	for _, opt := range opts {
		if opt != nil {
			opt(&l.opts)
		}
	}
	l.caller = ctx
	l.ctx, l.cancel = context.WithCancelCause(ctx)
	if !s.owned.start(l.follow) {
		l.cancel(nil)
		return nil, notListening(KindClosed, ErrClosed)
	}
	select {
	case <-l.ready:
		return l, nil
	case <-l.done:
	case <-ctx.Done():
		return nil, l.canceled()
	}
	select {
	case <-l.ready: // the subscription started, and has already ended
		return l, nil
	default:
		return nil, l.failure()
	}
}

// notListening returns the error for a Listen that failed before it sent anything.
func notListening(kind Kind, cause error) *Error {
	return &Error{
		Kind: kind, Method: methodListen, Stage: transport.NotSent, Outcome: NotRun, Err: &ListenError{EndClosed, cause}, harmless: true,
	}
}
