package mcpclient

import (
	"context"
	"errors"

	"github.com/hawser-mcp/hawser/internal/verdict"
	"github.com/hawser-mcp/hawser/transport"
)

// follow keeps the subscription running across session generations until it ends.
func (l *Subscription) follow() {
	stop := context.AfterFunc(l.s.root, func() { l.cancel(ErrClosed) })
	defer stop()
	defer l.cancel(nil)
	defer l.s.shared.leave(l.s, l)
	l.budget = newRetryBudget(&l.s.watch, l.s.opts.Retry, nil)
	for {
		l.state, l.pace, l.live = l.s.now.Load(), new(reopenPace), false
		serve := l.runLegacy
		if l.state.modern() {
			serve = l.runModern
		}
		end := serve()
		if end == nil && l.opened && l.opts.once {
			end = &ListenError{EndLost, ErrSessionLost}
		}
		if l.ctx.Err() != nil {
			end = l.closed()
		}
		if end != nil {
			l.finish(end)
			return
		}
		if l.opened {
			l.missed = ErrSessionLost
		}
	}
}

// closed returns the ListenError for a subscription that the client ended.
func (l *Subscription) closed() *ListenError {
	switch {
	case l.caller.Err() != nil:
		return &ListenError{EndClosed, canceled(l.caller)}
	case l.s.root.Err() != nil:
		return &ListenError{EndClosed, ErrClosed}
	}
	return &ListenError{Reason: EndClosed}
}

// finish ends the subscription. Events that are waiting can still be read.
func (l *Subscription) finish(end *ListenError) {
	l.err = end
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	close(l.done) // closed under mu: when Events ends, Err already returns the reason
	l.filled.Broadcast()
}

// agreed notes what the server agreed to, and reports events that were missed before.
func (l *Subscription) agreed(honored Filter) {
	l.mu.Lock()
	l.honored = honored
	l.mu.Unlock()
	l.tries, l.authorized, l.versioned = 0, 0, false
	first := !l.opened
	missed := l.acknowledged()
	if l.state.modern() { // otherwise the stream is the shared one
		l.tellOpened(l, missed)
	}
	if missed != nil {
		l.missedEvents(missed)
	}
	if first {
		close(l.ready)
	}
}

// neverStarted returns the ListenError for a subscription that never started and is no longer
// retried.
func neverStarted(err error) *ListenError {
	if status := (*HTTPError)(nil); errors.As(err, &status) {
		return &ListenError{EndRefused, err}
	}
	return &ListenError{EndLost, err}
}

// canceled returns the error of Listen if its context ended before the subscription started.
func (l *Subscription) canceled() *Error {
	cause := &ListenError{EndClosed, canceled(l.caller)}
	return &Error{Kind: KindCanceled, Method: methodListen, Stage: transport.MaybeSent, Tries: 1, Err: cause, harmless: true}
}

// failure returns the error of Listen for a subscription that never started. Call it only after
// done is closed.
func (l *Subscription) failure() *Error {
	cause := l.err.Err
	e := &Error{Method: methodListen, Stage: transport.Answered, Outcome: Answered, Tries: max(l.tries, 1), Err: l.err, harmless: true}
	var (
		inner   *Error
		timeout *TimeoutError
	)
	switch {
	case l.err.Reason == EndClosed && l.caller.Err() != nil:
		return l.canceled()
	case l.err.Reason == EndClosed:
		e.Kind, e.Stage, e.Outcome = KindClosed, transport.MaybeSent, Unknown
	case errors.As(cause, &inner):
		e.Kind, e.Stage, e.Outcome = inner.Kind, inner.Stage, inner.Outcome
	case cause == nil, cause == errNothingHonored: // the server completed, canceled or refused it at once
		e.Kind = KindServer
	case errors.As(cause, &timeout):
		e.Kind, e.Stage, e.Outcome = KindTimeout, transport.MaybeSent, Unknown
	default:
		v := verdict.Judge(unwrapNoStream(cause), verdict.Situation{Repeatable: true, Modern: true})
		e.Kind, e.Stage, e.Outcome = Kind(v.Kind), verdict.StageOf(cause), Outcome(v.Outcome)
	}
	return e
}

// unwrapNoStream returns the error with which the server refused a shared stream, without
// errNoStream.
func unwrapNoStream(err error) error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok && errors.Is(err, errNoStream) {
		return joined.Unwrap()[1]
	}
	return err
}
