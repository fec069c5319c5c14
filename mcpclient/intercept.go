package mcpclient

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/hawser-mcp/hawser/internal/verdict"
	"github.com/hawser-mcp/hawser/transport"
)

// performer is a message with everything that it needs to be sent.
type performer interface {
	// perform sends the message with all its tries, until it has an outcome.
	perform(ctx context.Context) error
	// running returns the exchange of the last try.
	running() running
}

// Phases of a message with interceptors. They keep a call of next that another goroutine makes, or
// that is left behind, from changing an outcome that the caller has already seen.
const (
	phaseOpen    uint32 = iota // the interceptors may call next
	phaseRunning               // next is running
	phaseSettled               // the interceptors have returned
)

var (
	errNoOutcome = errors.New("an interceptor returned neither a result nor an error")
	errLateNext  = errors.New("next was called while it was running, or after the interceptor returned")
	errLeftNext  = errors.New("an interceptor returned while next was running")
	errPanicked  = errors.New("the call panicked")
)

// run sends the message through the interceptors.
func (d *delivery) run(from performer) error {
	d.Owner = from
	if d.s.outgoing == nil {
		return from.perform(d.ctx)
	}
	d.out.d = d
	if d.origin == OriginCaller && !d.opens {
		return d.settle(d.s.outgoing(d.ctx, &d.out))
	}
	return d.runGuarded()
}

// runGuarded sends a message of the session itself through the interceptors. A panic becomes an
// error, because there is no caller to see it.
func (d *delivery) runGuarded() (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = d.settle(d.s.interceptorPanicked(v))
		}
	}()
	return d.settle(d.s.outgoing(d.ctx, &d.out))
}

// interceptorPanicked logs a panic and returns it as an error.
func (s *Session) interceptorPanicked(v any) error {
	p := &PanicError{Value: v, Stack: debug.Stack(), who: "an interceptor"}
	s.log.Error("an interceptor panicked", "value", fmt.Sprint(v), "stack", string(p.Stack))
	return p
}

// proceed is the end of the chain of interceptors: it sends the message.
func proceed(ctx context.Context, out *Outgoing) error {
	d := out.d
	if !d.phase.CompareAndSwap(phaseOpen, phaseRunning) {
		return &Error{Kind: KindRefused, Method: d.msg.method, Stage: transport.NotSent, Err: errLateNext}
	}
	sent := errPanicked // unless perform returns
	defer func() {
		if sent == errPanicked {
			d.past = verdict.Unknown
		}
		d.phase.CompareAndSwap(phaseRunning, phaseOpen)
	}()
	if d.begun && (d.opens || !d.repeatable && d.outcome() != verdict.NotRun) {
		sent = d.failure(KindRefused, answered("", ErrRunAgain))
		return sent
	}
	d.begun, d.has = true, false
	sent = d.Owner.(performer).perform(ctx)
	d.has = sent == nil
	d.past, d.last = d.past.And(verdict.Outcome(OutcomeOf(sent))), verdict.NotRun
	d.began.Store(false) // past includes it
	return sent
}

// settle returns the outcome of the message after the interceptors returned err. What the session
// knows of the outcome is never lost: an interceptor can only make it worse.
func (d *delivery) settle(err error) error {
	if !d.phase.CompareAndSwap(phaseOpen, phaseSettled) {
		d.phase.Store(phaseSettled)
		if err == nil {
			err = errNoOutcome
		}
		// Only fields that the running next does not change may be read here.
		return &Error{
			Kind: KindRefused, Method: d.msg.method, Stage: transport.MaybeSent, Outcome: Unknown, Tries: 1,
			Err: fmt.Errorf("%w: %w", errLeftNext, err), harmless: d.repeatable,
		}
	}
	switch {
	case err == nil && d.has:
		return nil
	case err == nil:
		err = errNoOutcome
	}
	var e *Error
	switch {
	case !errors.As(err, &e):
		return d.refusal(err)
	case e == nil:
		return d.refusal(errNoOutcome)
	case err != error(e) || e.Method != d.msg.method:
		wrapped := *e
		wrapped.Err, wrapped.where = err, ""
		e = &wrapped
	}
	outcome, harmless := Outcome(d.outcome().And(verdict.Outcome(e.Outcome))), d.repeatable && e.harmless
	if e.Outcome == outcome && e.harmless == harmless && e.Method == d.msg.method {
		return e
	}
	own := *e
	own.Method, own.Outcome, own.Tries, own.harmless, own.reached = d.msg.method, outcome, d.tries, harmless, e.reached || d.reached
	return &own
}

// refusal returns the error of a message that an interceptor refused with err.
func (d *delivery) refusal(err error) *Error {
	if ended := d.ctx.Err(); !d.begun && ended != nil && errors.Is(err, ended) {
		return d.failure(KindCanceled, notSent(err))
	}
	e := d.failure(KindRefused, err)
	switch {
	case !d.begun || e.Outcome == NotRun && !d.reached:
		e.Stage = transport.NotSent
	case e.Outcome == Unknown:
		e.Stage = transport.MaybeSent
	default:
		e.Stage = transport.Answered
	}
	return e
}
