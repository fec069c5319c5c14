package mcpclient

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/mark3labs/mcp-go/mcp"
)

// Handlers receive the server's notifications and answer its requests. Nil handlers are not called.
// The client declares a capability for each of ElicitForm, ElicitURL, Sample, SampleWithTools and
// Roots that is set, and no others.
//
// Notification handlers run one at a time, in order, on one goroutine of the session. The first one
// runs when Connect is about to return. No lock is held, and their context ends with the session. A
// handler may call the session that it is passed. A slow handler delays only later notifications.
// When more than [Limits].Notifications are waiting, the newest are dropped, and MissedEvents
// reports it.
//
// Request handlers run concurrently, each request on its own goroutine, at most 16 at once. They
// serve both eras: the requests of a legacy server, and the input that a modern server requires
// before it continues a call (2026-07-28, "Multi Round-Trip Requests").
//
// If the request arrived with a call, the handler's context has the values of that call's context.
// It ends when that call ends, when the session ends, or when the server cancels the request. A
// handler may call the session, even a tool that leads to another request. While a handler runs,
// the call's idle timeout is paused. The first call of a legacy session waits up to 2 s until the
// server can send requests.
//
// An error or a panic fails only that request. A legacy server receives an error response without
// the error's text. On a modern server, the call fails with a [KindInput] error that wraps the
// handler's error. Return [ErrRejected] if the user declined sampling.
type Handlers struct {
	// ToolsChanged, PromptsChanged and ResourcesChanged report that a list has changed and should
	// be read again. They are debounced: each runs at once for the first change, then at most once
	// every 250 ms, and once more after the last change. Other notifications are not delayed.
	ToolsChanged     func(ctx context.Context, s *Session)
	PromptsChanged   func(ctx context.Context, s *Session)
	ResourcesChanged func(ctx context.Context, s *Session)
	// Log receives the server's log messages. Messages that belong to a call arrive on the call's
	// goroutine with its context, before the call returns. Log is the only notification handler
	// that must be safe for concurrent use.
	Log func(ctx context.Context, s *Session, m LogMessage)
	// SessionRestored reports that the server lost the session and a new one was started.
	SessionRestored func(ctx context.Context, s *Session, r SessionRestored)
	// MissedEvents reports that notifications may have been missed.
	MissedEvents func(ctx context.Context, s *Session, g MissedEvents)
	// Notification receives all other notifications. params are as received.
	Notification func(ctx context.Context, s *Session, method string, params json.RawMessage)
	// ElicitationComplete reports, by the request's ElicitationID, that the user has completed what
	// the URL of an ElicitURL request was for. Only legacy servers report this, and not all of them
	// do.
	ElicitationComplete func(ctx context.Context, s *Session, id string)

	// ElicitForm asks the user to fill in a form. If accepted content does not match the form, the
	// server receives a cancellation instead, and the reason is logged.
	ElicitForm func(ctx context.Context, s *Session, r *FormRequest) (*mcp.ElicitationResult, error)
	// ElicitURL asks the user to open a URL. [URLRequest] says what the handler must and must not
	// do.
	ElicitURL func(ctx context.Context, s *Session, r *URLRequest) (*mcp.ElicitationResult, error)
	// Sample gets a message from a model. The user should see the request and the result.
	Sample func(ctx context.Context, s *Session, r *SampleRequest) (*mcp.CreateMessageResult, error)
	// SampleWithTools is Sample for requests with tools that the model may use. If Sample is nil,
	// it also receives requests without tools.
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
	// Dropped is how many notifications did not fit in the queue. It is 0 if the stream of
	// notifications was interrupted.
	Dropped int
	// Ended reports that the server closed the stream of notifications for good. No more
	// notifications arrive, at least until the session is restored.
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

// needGET reports whether any handler receives messages that a legacy server sends outside of
// calls.
func (h *Handlers) needGET() bool {
	return h.answerRequests() || h.ToolsChanged != nil || h.PromptsChanged != nil || h.ResourcesChanged != nil ||
		h.Log != nil || h.Notification != nil || h.ElicitationComplete != nil
}

// filter returns the list changes that have a handler.
func (h *Handlers) filter() Filter {
	return Filter{ToolsChanged: h.ToolsChanged != nil, PromptsChanged: h.PromptsChanged != nil, ResourcesChanged: h.ResourcesChanged != nil}
}
