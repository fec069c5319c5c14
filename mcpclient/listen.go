package mcpclient

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/redact"
	"github.com/hawser-mcp/hawser/transport"
)

// Filter says what a subscription is about. The zero Filter is about nothing.
type Filter struct {
	// ToolsChanged, PromptsChanged and ResourcesChanged ask to be told when a list changes.
	ToolsChanged, PromptsChanged, ResourcesChanged bool
	// Resources are the URIs of resources to be told of when they change.
	Resources []string
}

// empty reports whether a filter is about nothing.
func (f Filter) empty() bool {
	return !f.ToolsChanged && !f.PromptsChanged && !f.ResourcesChanged && len(f.Resources) == 0
}

// within is the part of f that is in other too.
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

// params are the parameters of a subscriptions/listen for what f names.
func (f Filter) params() []byte {
	data, err := json.Marshal(map[string]any{"notifications": mcp.SubscriptionFilter{
		ToolsListChanged: f.ToolsChanged, PromptsListChanged: f.PromptsChanged, ResourcesListChanged: f.ResourcesChanged,
		ResourceSubscriptions: f.Resources,
	}})
	if err != nil {
		return nil // booleans and strings: cannot happen
	}
	return data
}

// ListenEventKind says what a [ListenEvent] tells.
type ListenEventKind uint8

const (
	// ListenToolsChanged: the list of tools is worth reading again.
	ListenToolsChanged ListenEventKind = iota + 1
	// ListenPromptsChanged: the list of prompts is.
	ListenPromptsChanged
	// ListenResourcesChanged: the list of resources is.
	ListenResourcesChanged
	// ListenResourceUpdated: a resource is, or a part of one.
	ListenResourceUpdated
	// ListenMissedEvents: events may have been missed, and they come again from here on:
	// everything subscribed to is worth reading again.
	ListenMissedEvents
)

// ListenEvent is one event of a subscription.
type ListenEvent struct {
	Kind ListenEventKind
	// URI is the resource of ListenResourceUpdated: one that was subscribed to, or a part of it.
	URI string
	// Cause says how a ListenMissedEvents came about: the stream's end, or a full queue.
	Cause error
}

// EndReason says why a subscription ended.
type EndReason uint8

const (
	// EndClosed: this side ended it: Close, its context, or the session's Close.
	EndClosed EndReason = iota + 1
	// EndCompleted: the server ended it in good order.
	EndCompleted
	// EndCancelled: the server cancelled it.
	EndCancelled
	// EndLost: the stream was lost and is not opened again ([WithoutReopening]).
	EndLost
	// EndRefused: the server refuses the subscription, or has nothing of what it
	// asks for, or what it sends cannot be read; at first, or when it was asked again.
	EndRefused
)

var endReasons = [...]string{
	EndClosed: "ended by this side", EndCompleted: "ended by the server", EndCancelled: "cancelled by the server",
	EndLost: "stream lost", EndRefused: "refused",
}

// String returns the reason in words.
func (r EndReason) String() string {
	if int(r) < len(endReasons) && endReasons[r] != "" {
		return endReasons[r]
	}
	return "unknown reason"
}

// ListenError is why a subscription ended, or did not begin.
type ListenError struct {
	Reason EndReason
	// Err is the cause, if there is one besides the reason.
	Err error
}

// Error gives the reason and the cause.
func (e *ListenError) Error() string {
	text := "subscription: " + e.Reason.String()
	if e.Err != nil {
		text += ": " + causeText(e.Err)
	}
	return text
}

// Unwrap returns the cause.
func (e *ListenError) Unwrap() error { return e.Err }

// ListenOption changes one subscription.
type ListenOption func(*listenOptions)

type listenOptions struct{ once bool }

// WithoutReopening ends the subscription with [EndLost] when its stream is lost.
func WithoutReopening() ListenOption { return func(o *listenOptions) { o.once = true } }

// Listen subscribes to what the filter names. It returns when the server has
// agreed; [Subscription.Honored] says to what. The context ends the
// subscription, at any time; so do [Subscription.Close] and the session's Close.
//
// Any number of subscriptions may run beside each other. A stream that is lost
// is opened again, under backoff, and a ListenMissedEvents tells of it. On a modern server each
// subscription is a subscriptions/listen of its own (2026-07-28, "Subscriptions"); on a
// legacy one all share the standing stream, and resources are subscribed to one by one.
//
// The error is an [*Error] that wraps a [*ListenError].
func (s *Session) Listen(ctx context.Context, f Filter, opts ...ListenOption) (*Subscription, error) {
	if f.empty() {
		return nil, invalid(methodListen, errors.New("the filter names nothing"))
	}
	if ctx.Err() != nil {
		return nil, notListening(KindCanceled, canceled(ctx))
	}
	l := &Subscription{printed: redact.NewPrinted("mcpclient.Subscription"), s: s, wants: f, ready: make(chan struct{}), done: make(chan struct{})}
	l.wants.Resources = slices.Compact(slices.Sorted(slices.Values(f.Resources)))
	l.filled = sync.NewCond(&l.mu)
	for _, opt := range opts {
		if opt != nil {
			opt(&l.opts)
		}
	}
	l.caller = ctx
	l.ctx, l.cancel = context.WithCancelCause(ctx)
	if !s.owned.start(l.run) {
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
	case <-l.ready: // it began, and has ended since
		return l, nil
	default:
		return nil, l.failure()
	}
}

// notListening is the error of a subscription for which nothing was sent.
func notListening(kind Kind, cause error) *Error {
	return &Error{
		Kind: kind, Method: methodListen, Stage: transport.NotSent, Outcome: NotRun, Err: &ListenError{EndClosed, cause}, harmless: true,
	}
}
