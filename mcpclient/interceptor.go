package mcpclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// Interceptor wraps the messages between a session and its server, and the recovery of the session.
// Each function gets what comes next and returns what runs instead. [Connect] calls it once. A nil
// function wraps nothing. The first of several interceptors is the outermost.
//
// The functions that they return must be safe for concurrent use. They run on the goroutine that
// sends or receives the message, and delay only that message. A panic reaches the caller of the
// session's method. In what the session does by itself, and during [Connect], the panic becomes a
// [*PanicError] instead.
//
// Interceptors do not wrap the requests that have no message: the GET of a legacy stream and the
// DELETE of a session. Wrap [Options].Transport to see every HTTP request.
type Interceptor struct {
	// Outgoing wraps each request, notification and response that the session sends: once, around
	// all its tries, waits, authorizations and rounds of input. It does not run for a call whose
	// arguments or options are invalid.
	Outgoing func(next OutgoingFunc) OutgoingFunc
	// Incoming wraps each server request that a handler answers, and each notification that a
	// handler receives, except progress.
	Incoming func(next IncomingFunc) IncomingFunc
	// Recovery wraps each recovery of the session.
	Recovery func(next RecoveryFunc) RecoveryFunc
}

// OutgoingFunc sends a message and waits for its outcome. An interceptor's OutgoingFunc may:
//
//   - pass on another context: with values, a deadline, or detached from the caller's;
//   - change the message through out before it calls next;
//   - refuse the message: return an error without calling next. The call fails with [KindRefused],
//     and its outcome is [NotRun];
//   - change the result that next left in out, replace it, or provide one without calling next;
//   - return another error than next did. An error that is or wraps an [*Error] keeps its kind, any
//     other becomes KindRefused.
//
// The outcome of the call stays what the session knows of it, combined with that of an *Error of
// another call that the interceptor returns. Nothing makes it [NotRun] again. To return neither a
// result nor an error is an error.
//
// next may be called again if the message is safe to repeat or provably did not run. Otherwise it
// returns [ErrRunAgain] and sends nothing.
type OutgoingFunc func(ctx context.Context, out *Outgoing) error

// IncomingFunc passes a server request to its handler and returns the JSON of the answer, or passes
// on a notification and returns nil.
//
// Return an error to fail the request, as a handler does: [ErrRejected] declines an elicitation. An
// answer that differs from the handler's is checked like the handler's. A notification whose
// interceptor does not call next is dropped; an error is only logged.
type IncomingFunc func(ctx context.Context, in *Incoming) (json.RawMessage, error)

// RecoveryFunc replaces the session that the server has lost, or returns an error that wraps
// [ErrSessionAlive] because it is alive. The context bounds the recovery. An interceptor that returns an error without
// calling next prevents the recovery: the calls that need it fail. It must pass on the same r.
type RecoveryFunc func(ctx context.Context, r *Recovery) error

var (
	// ErrRunAgain is returned to an interceptor that calls next again for a message that may have
	// run and is not safe to repeat. Nothing was sent.
	ErrRunAgain = errors.New("the call may have run already, and is not safe to repeat")
	// ErrSent is returned to an interceptor that changes a message after it called next.
	ErrSent = errors.New("the message was already passed on")
	// ErrSessionAlive is the error of a recovery that found the server's session alive and kept it.
	// No call fails because of it.
	ErrSessionAlive = errors.New("the session is alive")
)

// Origin says why a message is sent.
type Origin uint8

const (
	// OriginCaller: a method of the session was called.
	OriginCaller Origin = iota
	// OriginSession: the session sends the message by itself, for example to restore its state, to
	// check whether the server's session is alive, or to answer a server request.
	OriginSession
	// OriginNegotiation: the message belongs to the negotiation of era and revision. Refusals are
	// normal: a legacy server refuses server/discover.
	OriginNegotiation
)

// chain builds the functions that run the interceptors. They stay nil if there is nothing to run.
func (s *Session) chain(interceptors []Interceptor) error {
	for i, in := range slices.Backward(interceptors) {
		missing := ""
		if in.Outgoing != nil {
			if s.outgoing == nil {
				s.outgoing = proceed
			}
			if s.outgoing = in.Outgoing(s.outgoing); s.outgoing == nil {
				missing = "Outgoing"
			}
		}
		if in.Incoming != nil {
			if s.incoming == nil {
				s.incoming = func(ctx context.Context, in *Incoming) (json.RawMessage, error) { return in.next(ctx) }
			}
			if s.incoming = in.Incoming(s.incoming); s.incoming == nil {
				missing = "Incoming"
			}
		}
		if in.Recovery != nil {
			if s.recovering == nil {
				s.recovering = s.replaceOnce
			}
			if s.recovering = in.Recovery(s.recovering); s.recovering == nil {
				missing = "Recovery"
			}
		}
		if missing != "" {
			return fmt.Errorf("function %s of Interceptors[%d] returned nil", missing, i)
		}
	}
	return nil
}

// replaceOnce is the end of the chain of recoveries. A recovery that succeeded does not run again,
// because that would start another session.
func (s *Session) replaceOnce(ctx context.Context, r *Recovery) error {
	if r.next != nil {
		return fmt.Errorf("the recovery has already succeeded: %w", ErrRunAgain)
	}
	return s.replace(ctx, r)
}

// replaceThrough runs a recovery through the interceptors.
func (s *Session) replaceThrough(r *Recovery) (err error) {
	if s.recovering == nil {
		return s.replace(s.root, r)
	}
	defer func() {
		if v := recover(); v != nil {
			err = s.interceptorPanicked(v)
		}
		if err != nil && r.next != nil { // nothing uses the session that was started
			_ = s.keepOld(s.root, r.next)
			r.next = nil
		}
	}()
	if err = s.recovering(s.root, r); err == nil && r.next == nil {
		err = errNoOutcome
	}
	return err
}
