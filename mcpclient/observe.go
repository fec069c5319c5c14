package mcpclient

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/hawser-mcp/hawser/internal/goroutines"
)

// Observer is called for each [Event] of a session, when the event happens and on the goroutine on
// which it happens. Its context is that of the call that the event is about, else the session's.
// Events that follow from each other arrive in that order, and before the caller can see their
// effect. Goroutines of the session run concurrently, so an Observer must be safe for concurrent
// use.
//
// An Observer must return at once, and must not call the session: the session waits for it. No lock
// is held. A panic is logged and has no other effect. To act on an event, start a goroutine or use
// [Handlers].
//
// Sessions may share an Observer. To tell sessions with the same endpoint apart, give each its own.
type Observer func(ctx context.Context, e Event)

// Event is something that happened to a session: [Negotiated], [Connected], [Retrying],
// [RecoveryStarted], [RecoveryEnded], [StreamOpened], [StreamLost], [StreamGap],
// [AuthorizationStarted], [AuthorizationEnded], [ToolRedefined] or [Closed]. Later versions may add
// types. An Endpoint is the URL of the server without its query. Errors are as the session found
// them. They hold no secrets of the client, but may hold texts of the server.
type Event interface{ event() }

// Negotiated reports that the server and the client agreed on a revision: in [Connect], or in a
// recovery, which may still discard the new session.
type Negotiated struct {
	Endpoint        string
	Era             Era
	ProtocolVersion string
}

// Connected reports that [Connect] is about to return a session. It happens once in each session.
type Connected struct {
	Endpoint        string
	Era             Era
	ProtocolVersion string
}

// Retrying reports that a message is about to be sent again, after Wait. There is one Retrying for
// each time. If the caller gives up meanwhile, the message is not sent. Continuing a call with input
// that the server required is no retry.
type Retrying struct {
	Endpoint string
	// Method is the method of the message. Name is the name of the tool or prompt, or the URI of
	// the resource; "" for other methods.
	Method, Name string
	// Tries is how often the message was sent so far.
	Tries int
	// Reason says what the session did, or does, before the message is sent again: "wait", "session"
	// (it started a new session), "version" (it negotiated again), "tools" (it listed the tools
	// again) or "authorization" (it was authorized).
	Reason string
	// Wait is the pause, 0 for none. It may be a wait that the server asked for.
	Wait time.Duration
	// Cause is the error of the last try.
	Cause error
}

// RecoveryStarted reports that the session is being replaced. If [Recovery].Doubted is set, it may
// turn out to be alive. RecoveryEnded follows.
type RecoveryStarted struct{ Recovery *Recovery }

// RecoveryEnded reports that a recovery has ended. The calls that waited for it continue after this
// event, and everything that happens in a new session happens after it.
type RecoveryEnded struct {
	Recovery *Recovery
	// Replaced says that a new session replaces the old one. If it is not set and Err is nil, the
	// old session turned out to be alive.
	Replaced bool
	// Era and ProtocolVersion describe the new session, if there is one.
	Era             Era
	ProtocolVersion string
	// Err is why the recovery failed. The old session stays in place until the next recovery.
	Err error
}

// StreamOpened reports that the server accepted a stream for notifications: the session's shared
// stream, or that of a subscription to a modern server.
type StreamOpened struct {
	Endpoint string
	// Subscription is the subscription whose stream it is, nil for the shared stream. Do not call
	// its methods in the Observer.
	Subscription *Subscription
}

// StreamLost reports that a stream for notifications ended, or that it could not be opened. It does
// not report streams that this side ends: through Close, through the context of a subscription, or
// because a recovery replaced the session.
type StreamLost struct {
	Endpoint     string
	Subscription *Subscription // see StreamOpened
	// Opened says that the server had accepted the stream.
	Opened bool
	// Final says that the stream is not opened again in this session of the server. If Final is not
	// set, it is opened again after Wait.
	Final bool
	Wait  time.Duration
	// Cause is why the stream ended, nil if the server completed it.
	Cause error
}

// StreamGap reports, after StreamOpened, that notifications may have been missed before: the stream
// was lost and could not be resumed, was only opened at the second attempt or later, or belongs to a
// new session.
type StreamGap struct {
	Endpoint     string
	Subscription *Subscription // see StreamOpened
	// Cause is why notifications may have been missed.
	Cause error
}

// AuthorizationStarted reports that [Options].Auth is called, since the server refused a request
// with this status. AuthorizationEnded follows.
type AuthorizationStarted struct {
	Endpoint string
	Status   int
}

// AuthorizationEnded reports that [Options].Auth has returned Err. The requests that waited for it
// continue after this event.
type AuthorizationEnded struct {
	Endpoint string
	Err      error
}

// ToolRedefined reports that a tool was listed with another definition than before in this session.
// Its description or schema may not be what the user approved.
type ToolRedefined struct {
	Endpoint string
	Tool     string
	// Old and New are fingerprints; see [Tool.Fingerprint].
	Old, New string
}

// Closed reports that a session has ended, through Close or because [Connect] failed. It is the last
// event of the session, and happens once.
type Closed struct {
	Endpoint string
	// Lived is the time since Connect was called.
	Lived time.Duration
	// Era and ProtocolVersion are those that the session used last. They are zero if Connect failed.
	Era             Era
	ProtocolVersion string
	// Err is the error of Connect, else the error of Close, nil if both succeeded.
	Err error
}

func (Negotiated) event()           {}
func (Connected) event()            {}
func (Retrying) event()             {}
func (RecoveryStarted) event()      {}
func (RecoveryEnded) event()        {}
func (StreamOpened) event()         {}
func (StreamLost) event()           {}
func (StreamGap) event()            {}
func (AuthorizationStarted) event() {}
func (AuthorizationEnded) event()   {}
func (ToolRedefined) event()        {}
func (Closed) event()               {}

// observation passes events to the log and to the observer.
type observation struct {
	to     []Observer       // the log, the user's observer; empty if nothing is observed
	active goroutines.Group // calls of observers; refuses new ones when the session is closed
}

// observe sets where events go. Without a logger and an observer, no event is made.
func (s *Session) observe(o *Options) {
	if o.Logger != nil {
		s.observation.to = append(s.observation.to, s.logEvent)
	}
	if o.Observer != nil {
		s.observation.to = append(s.observation.to, o.Observer)
	}
}

// observed reports whether there is a logger or an observer. Call it before making an event, because
// converting that to an Event allocates.
func (s *Session) observed() bool { return len(s.observation.to) > 0 }

// tell passes an event on, unless the session is closed. No lock may be held.
func (s *Session) tell(ctx context.Context, e Event) {
	if !s.observation.active.Begin() {
		return
	}
	defer s.observation.active.End()
	s.deliver(ctx, e)
}

// tellClosed reports the end of the session, after all other events. An observer that does not return
// delays it until ctx ends.
func (s *Session) tellClosed(ctx context.Context, err error) {
	if !s.observed() {
		return
	}
	_ = s.observation.active.Wait(ctx) // an observer that does not return breaks its contract
	last := s.now.Load()
	s.deliver(s.root, Closed{Endpoint: s.Endpoint(), Lived: s.watch.now(), Era: last.era, ProtocolVersion: last.version, Err: err})
}

func (s *Session) deliver(ctx context.Context, e Event) {
	for _, to := range s.observation.to {
		s.callObserver(ctx, to, e)
	}
}

func (s *Session) callObserver(ctx context.Context, to Observer, e Event) {
	defer func() {
		if v := recover(); v != nil {
			s.log.Error("an observer panicked", "value", fmt.Sprint(v), "stack", string(debug.Stack()))
		}
	}()
	to(ctx, e)
}
