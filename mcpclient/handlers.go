package mcpclient

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/mark3labs/mcp-go/mcp"
)

// Handlers receive what the server tells on its own, and answer what it asks. Nil
// fields are not told, and not asked: the client declares a capability for each
// of ElicitForm, ElicitURL, Sample, SampleWithTools and Roots that is set, and no other.
//
// Those that tell run one after the other, in order, on one goroutine of the session, off
// every lock, once Connect is about to return; their context ends with the
// session. A handler may call the session it is given. One that is slow delays the next notification, nothing else; when
// more than [Limits].Notifications wait, the newest are dropped and MissedEvents tells.
//
// Those that ask run beside each other, each request on a goroutine of its own,
// at most 16 at once. They serve both eras: the requests of a legacy server, and the input
// that a modern one requires before it goes on with a call (2026-07-28, "Multi
// Round-Trip Requests"). The context has the values of the call that the
// question came with, if it came with one, and ends with that call, when the server takes the
// question back, and with the session. A handler may call the session,
// also a tool that asks again. As long as one runs, the call's idle timeout
// stands still. A call that is the first of a legacy session waits, 2 s at most, until the
// server can ask. An error or a panic fails that one question: a legacy server
// gets an error without its text; on a modern one the call ends with a
// [KindInput] that wraps it. Return [ErrRejected] if the person said no to sampling.
type Handlers struct {
	// ToolsChanged, PromptsChanged and ResourcesChanged tell that a list is
	// worth reading again. They are debounced: each runs at once for the first
	// change, then at most once in 250 ms, and always again after the last change.
	// Meanwhile other notifications go on.
	ToolsChanged     func(ctx context.Context, s *Session)
	PromptsChanged   func(ctx context.Context, s *Session)
	ResourcesChanged func(ctx context.Context, s *Session)
	// Log takes log messages of the server. Those that belong to a call run on
	// the call's goroutine with its context, before the call returns: of all
	// handlers, this one must be safe for concurrent use.
	Log func(ctx context.Context, s *Session, m LogMessage)
	// SessionRestored tells that the server's session was lost and begun anew.
	SessionRestored func(ctx context.Context, s *Session, r SessionRestored)
	// MissedEvents tells that notifications may have been missed.
	MissedEvents func(ctx context.Context, s *Session, g MissedEvents)
	// Notification takes every other notification, params as received.
	Notification func(ctx context.Context, s *Session, method string, params json.RawMessage)
	// ElicitationComplete tells that what ElicitURL sent a person to is done
	// there, by the request's ElicitationID. Only legacy servers tell, and not all.
	ElicitationComplete func(ctx context.Context, s *Session, id string)

	// ElicitForm asks a person to fill in a form. An accepted content that does
	// not match the form is not sent: the server is told that the person
	// cancelled, and the reason is logged.
	ElicitForm func(ctx context.Context, s *Session, r *FormRequest) (*mcp.ElicitationResult, error)
	// ElicitURL asks a person to visit a page; see [URLRequest] for what it must not do.
	ElicitURL func(ctx context.Context, s *Session, r *URLRequest) (*mcp.ElicitationResult, error)
	// Sample asks a model for a message. A person should see request and result.
	Sample func(ctx context.Context, s *Session, r *SampleRequest) (*mcp.CreateMessageResult, error)
	// SampleWithTools is Sample for requests that bring tools for the model to
	// use. It takes those without tools too, if Sample is nil.
	SampleWithTools func(ctx context.Context, s *Session, r *SampleRequest) (*mcp.CreateMessageResult, error)
	// Roots returns the directories and files that the server may work on, as file URIs; see [FileRoot].
	Roots func(ctx context.Context, s *Session) ([]mcp.Root, error)
}

// ErrRejected is what a handler returns when a person said no to what the server asks.
var ErrRejected = errors.New("rejected by the user")

// MissedEvents tells that notifications may have been missed: what was learned from
// them may be out of date.
type MissedEvents struct {
	// Dropped is how many notifications did not fit the queue; 0 when the
	// stream they come on was interrupted.
	Dropped int
	// Ended says that the server closed that stream for good: nothing more
	// comes on it, at least until the session is restored.
	Ended bool
}

// capabilities are what the client declares that it can do for the server.
func (h *Handlers) capabilities(era Era) (c mcp.ClientCapabilities) {
	yes := &struct{}{}
	if h.ElicitForm != nil || h.ElicitURL != nil {
		c.Elicitation = &mcp.ElicitationCapability{}
		if h.ElicitForm != nil {
			c.Elicitation.Form = yes
		}
		if h.ElicitURL != nil {
			c.Elicitation.URL = yes
		}
	}
	if h.Sample != nil || h.SampleWithTools != nil {
		c.Sampling = &mcp.SamplingCapability{}
		if h.SampleWithTools != nil {
			c.Sampling.Tools = yes
		}
	}
	if h.Roots != nil {
		c.Roots = &struct {
			ListChanged bool `json:"listChanged,omitempty"`
		}{ListChanged: era == EraLegacy}
	}
	return c
}

// asks reports whether any handler answers questions.
func (h *Handlers) asks() bool {
	return h.ElicitForm != nil || h.ElicitURL != nil || h.Sample != nil || h.SampleWithTools != nil || h.Roots != nil
}

// standing reports whether any handler is for what a legacy server sends outside of calls.
func (h *Handlers) standing() bool {
	return h.asks() || h.ToolsChanged != nil || h.PromptsChanged != nil || h.ResourcesChanged != nil ||
		h.Log != nil || h.Notification != nil || h.ElicitationComplete != nil
}

// filter is what the handlers want to be told of lists.
func (h *Handlers) filter() Filter {
	return Filter{ToolsChanged: h.ToolsChanged != nil, PromptsChanged: h.PromptsChanged != nil, ResourcesChanged: h.ResourcesChanged != nil}
}
