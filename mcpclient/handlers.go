package mcpclient

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/mark3labs/mcp-go/mcp"
)

// Handlers receive the server's notifications and answer its requests. Handlers that are nil are
// not called. The client declares a capability for each of ElicitForm, ElicitURL, Sample,
// SampleWithTools and Roots that is set, and no other.
//
// Notification handlers run one after the other, in order, on one goroutine of the session, once
// Connect is about to return. No lock is held, and their context ends with the session. A handler
// may call the session it gets. A slow one delays only the next notification. When more than
// [Limits].Notifications wait, the newest are dropped, and MissedEvents reports it.
//
// Request handlers run concurrently, each request on its own goroutine, at most 16 at once. They
// serve both eras: the requests of a legacy server, and the input that a modern one requires before
// it continues a call (2026-07-28, "Multi Round-Trip Requests"). The context has the values of the
// call that the request came with, if any. It ends with that call, with the session, and when the
// server cancels the request. A handler may call the session, even a tool that leads to another
// request. While a handler runs, the call's idle timeout is paused. The first call of a legacy
// session waits, 2 s at most, until the server can send requests. An error or a panic fails only
// that request: a legacy server gets an error without its text; on a modern one the call ends with
// a [KindInput] that wraps it. Return [ErrRejected] if the user declined sampling.
type Handlers struct {
	// ToolsChanged, PromptsChanged and ResourcesChanged report that a list has changed and should
	// be read again. They are debounced: each runs at once for the first change, then at most once
	// in 250 ms, and always again after the last change. Other notifications are not delayed.
	ToolsChanged     func(ctx context.Context, s *Session)
	PromptsChanged   func(ctx context.Context, s *Session)
	ResourcesChanged func(ctx context.Context, s *Session)
	// Log gets the server's log messages. Those that belong to a call run on the call's goroutine
	// with its context, before the call returns. Of all notification handlers, only this one must
	// be safe for concurrent use.
	Log func(ctx context.Context, s *Session, m LogMessage)
	// SessionRestored reports that the server lost the session and a new one was started.
	SessionRestored func(ctx context.Context, s *Session, r SessionRestored)
	// MissedEvents reports that notifications may have been missed.
	MissedEvents func(ctx context.Context, s *Session, g MissedEvents)
	// Notification gets every other notification. params are as received.
	Notification func(ctx context.Context, s *Session, method string, params json.RawMessage)
	// ElicitationComplete reports, by the request's ElicitationID, that the user has completed what
	// ElicitURL sent them to. Only legacy servers report this, and not all of them.
	ElicitationComplete func(ctx context.Context, s *Session, id string)

	// ElicitForm has the user fill in a form. Accepted content that does not match the form is not
	// sent: the server is told that the user cancelled, and the reason is logged.
	ElicitForm func(ctx context.Context, s *Session, r *FormRequest) (*mcp.ElicitationResult, error)
	// ElicitURL has the user open a URL; see [URLRequest] for what it must not do.
	ElicitURL func(ctx context.Context, s *Session, r *URLRequest) (*mcp.ElicitationResult, error)
	// Sample gets a message from a model. The user should see the request and the result.
	Sample func(ctx context.Context, s *Session, r *SampleRequest) (*mcp.CreateMessageResult, error)
	// SampleWithTools is Sample for requests with tools that the model may use. If Sample is nil,
	// it also gets requests without tools.
	SampleWithTools func(ctx context.Context, s *Session, r *SampleRequest) (*mcp.CreateMessageResult, error)
	// Roots returns the directories and files that the server may work on, as file URIs; see
	// [FileRoot].
	Roots func(ctx context.Context, s *Session) ([]mcp.Root, error)
}

// ErrRejected is the error of a handler whose user declined the server's request.
var ErrRejected = errors.New("rejected by the user")

// MissedEvents reports that notifications may have been missed. State that was derived from
// notifications may be out of date.
type MissedEvents struct {
	// Dropped is how many notifications did not fit in the queue. It is 0 if the stream that
	// carries them was interrupted.
	Dropped int
	// Ended reports that the server closed that stream for good: nothing more comes on it, at least
	// until the session is restored.
	Ended bool
}

// capabilities returns the client capabilities to declare.
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

// answerRequests reports whether any handler answers requests of the server.
func (h *Handlers) answerRequests() bool {
	return h.ElicitForm != nil || h.ElicitURL != nil || h.Sample != nil || h.SampleWithTools != nil || h.Roots != nil
}

// needGET reports whether any handler is for what a legacy server sends outside of calls.
func (h *Handlers) needGET() bool {
	return h.answerRequests() || h.ToolsChanged != nil || h.PromptsChanged != nil || h.ResourcesChanged != nil ||
		h.Log != nil || h.Notification != nil || h.ElicitationComplete != nil
}

// filter returns the lists whose changes the handlers need.
func (h *Handlers) filter() Filter {
	return Filter{ToolsChanged: h.ToolsChanged != nil, PromptsChanged: h.PromptsChanged != nil, ResourcesChanged: h.ResourcesChanged != nil}
}
