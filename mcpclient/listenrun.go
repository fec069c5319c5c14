package mcpclient

import (
	"context"
	"errors"

	"github.com/hawser-mcp/hawser/internal/verdict"
	"github.com/hawser-mcp/hawser/transport"
)

// run keeps the subscription over the generations of the session until it ends.
func (l *Subscription) run() {
	stop := context.AfterFunc(l.s.root, func() { l.cancel(ErrClosed) })
	defer stop()
	defer l.cancel(nil)
	defer l.s.side.leave(l.s, l)
	l.budget = newRetryBudget(&l.s.watch, l.s.opts.Retry, nil)
	for {
		state := l.s.now.Load()
		serve := l.runLegacy
		if state.modern() {
			serve = l.runModern
		}
		end := serve(state)
		if end == nil && l.began && l.opts.once {
			end = &ListenError{EndLost, ErrSessionLost}
		}
		if l.ctx.Err() != nil {
			end = l.closed()
		}
		if end != nil {
			l.finish(end)
			return
		}
		if l.began {
			l.missed = ErrSessionLost
		}
	}
}

// closed is the end of a subscription that this side ended.
func (l *Subscription) closed() *ListenError {
	switch {
	case l.caller.Err() != nil:
		return &ListenError{EndClosed, canceled(l.caller)}
	case l.s.root.Err() != nil:
		return &ListenError{EndClosed, ErrClosed}
	}
	return &ListenError{Reason: EndClosed}
}

// finish ends the subscription; what waits to be read stays.
func (l *Subscription) finish(end *ListenError) {
	l.err = end
	l.mu.Lock()
	l.ended = true
	l.filled.Broadcast()
	l.mu.Unlock()
	close(l.done)
}

// agreed notes what the server agreed to, and tells what was missed before that.
func (l *Subscription) agreed(honored Filter) {
	l.mu.Lock()
	l.honored = honored
	l.mu.Unlock()
	l.tries, l.authorized, l.versioned = 0, 0, false
	if l.missed != nil {
		l.push(ListenEvent{Kind: ListenMissedEvents, Cause: l.missed})
		l.missed = nil
	}
	if !l.began {
		l.began = true
		close(l.ready)
	}
}

// notBegun is the end of a subscription that was asked for until its tries were over.
func notBegun(err error) *ListenError {
	if status := (*HTTPError)(nil); errors.As(err, &status) {
		return &ListenError{EndRefused, err}
	}
	return &ListenError{EndLost, err}
}

// canceled is the error of a subscription whose caller did not wait for its beginning.
func (l *Subscription) canceled() *Error {
	cause := &ListenError{EndClosed, canceled(l.caller)}
	return &Error{Kind: KindCanceled, Method: methodListen, Stage: transport.MaybeSent, Tries: 1, Err: cause, harmless: true}
}

// failure is the error of a subscription that did not begin. Done is closed.
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
	case cause == nil, cause == errNothingHonored: // the server ended or cancelled it at once
		e.Kind = KindServer
	case errors.As(cause, &timeout):
		e.Kind, e.Stage, e.Outcome = KindTimeout, transport.MaybeSent, Unknown
	default:
		v := verdict.Judge(unwrapNoStream(cause), verdict.Situation{Repeatable: true, Modern: true})
		e.Kind, e.Stage, e.Outcome = Kind(v.Kind), verdict.StageOf(cause), Outcome(v.Outcome)
	}
	return e
}

// unwrapNoStream returns the verdict behind the refusal of a standing stream.
func unwrapNoStream(err error) error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok && errors.Is(err, errNoStream) {
		return joined.Unwrap()[1]
	}
	return err
}
