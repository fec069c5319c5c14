package mcpclient

import (
	"context"
	"encoding/json"

	"github.com/mark3labs/mcp-go/mcp"
)

// Handlers receive what the server tells on its own. Nil fields are not told.
//
// They run one after the other, in order, on one goroutine of the session, off
// every lock, once Connect is about to return; their context ends with the
// session. A handler may call the session it is given. One that is slow delays the next notification, nothing else; when
// more than [Limits].Notifications wait, the newest are dropped and Gap tells.
type Handlers struct {
	// ToolsChanged, PromptsChanged and ResourcesChanged tell that a list is
	// worth reading again. Several in a row are told once.
	ToolsChanged     func(ctx context.Context, s *Session)
	PromptsChanged   func(ctx context.Context, s *Session)
	ResourcesChanged func(ctx context.Context, s *Session)
	// Log takes log messages of the server. Those that belong to a call run on
	// the call's goroutine with its context, before the call returns: of all
	// handlers, this one must be safe for concurrent use.
	Log func(ctx context.Context, s *Session, m LogMessage)
	// SessionRestored tells that the server's session was lost and begun anew.
	SessionRestored func(ctx context.Context, s *Session, r SessionRestored)
	// Gap tells that notifications may have been missed.
	Gap func(ctx context.Context, s *Session, g Gap)
	// Notification takes every other notification, params as received.
	Notification func(ctx context.Context, s *Session, method string, params json.RawMessage)
}

// Gap tells that notifications may have been missed: what was learned from
// them may be out of date.
type Gap struct {
	// Dropped is how many notifications did not fit the queue; 0 when the
	// stream they come on was interrupted.
	Dropped int
	// Ended says that the server closed that stream for good: nothing more
	// comes on it, at least until the session is restored.
	Ended bool
}

// standing reports whether any handler is for what comes outside of calls.
func (h *Handlers) standing() bool {
	return h.ToolsChanged != nil || h.PromptsChanged != nil || h.ResourcesChanged != nil || h.Log != nil || h.Notification != nil
}

// listenParams are the parameters of the subscription that the handlers need, nil for none.
func (h *Handlers) listenParams() []byte {
	filter := mcp.SubscriptionFilter{
		ToolsListChanged: h.ToolsChanged != nil, PromptsListChanged: h.PromptsChanged != nil, ResourcesListChanged: h.ResourcesChanged != nil,
	}
	if filter.IsEmpty() {
		return nil
	}
	params, err := json.Marshal(map[string]any{"notifications": filter})
	if err != nil {
		return nil // three booleans: cannot happen
	}
	return params
}
