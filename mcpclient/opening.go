package mcpclient

import (
	"context"

	"github.com/hawser-mcp/hawser/internal/verdict"
	"github.com/hawser-mcp/hawser/transport"
)

// opening takes the opening of a stream through the interceptors. They run on a goroutine of their
// own until the server has agreed, because the stream has the goroutine of its reader. After that,
// nothing of them is left but the values of their context.
type opening struct {
	delivery

	passed   chan context.Context // receives the context that reached next
	outcome  chan error           // receives how the opening ended, nil if the server agreed
	returned chan error           // receives the *Error of the interceptors, nil if they agreed

	failed  bool  // the opening failed, and the interceptors did not end it
	told    bool  // outcome was sent
	back    bool  // returned was received
	refused error // why the interceptors ended the stream; nil if they did not
}

// announce starts the interceptors of a stream that is about to be opened, with the context parent.
// The stream must use the returned context, which ends with ctx and has the values that the
// interceptors passed on. If they do not pass the message on, announce returns their error.
func (l *subscriptionStream) announce(parent, ctx context.Context, msg message) (context.Context, *opening, error) {
	s := l.r.s
	o := &opening{
		delivery: s.newDelivery(parent, msg),
		passed:   make(chan context.Context, 1), outcome: make(chan error, 1), returned: make(chan error, 1),
	}
	o.state, o.opens, o.origin = l.r.state, true, l.origin
	end := l.cancel
	if !s.owned.start(func() {
		err := o.run(o)
		if err != nil {
			end(err)
		}
		o.returned <- err
	}) {
		return nil, nil, ErrClosed
	}
	select {
	case values := <-o.passed:
		seen, stop := context.WithCancelCause(context.WithoutCancel(values))
		context.AfterFunc(ctx, func() { stop(context.Cause(ctx)) })
		return seen, o, nil
	case err := <-o.returned:
		return nil, nil, err
	}
}

// perform implements performer. It waits until the stream is open.
func (o *opening) perform(ctx context.Context) error {
	o.ctx = ctx
	o.tries++
	o.passed <- ctx
	select {
	case err := <-o.outcome:
		if err == nil {
			return nil
		}
		o.failed = true
		v := verdict.Judge(err, verdict.Situation{Repeatable: true, Modern: true})
		o.last = v.Outcome
		return o.failure(Kind(v.Kind), err)
	case <-ctx.Done():
		o.last = verdict.Unknown
		kind := KindCanceled
		if o.s.root.Err() != nil {
			kind = KindClosed
		}
		return o.failure(kind, &transport.Error{Stage: transport.MaybeSent, Err: canceled(ctx)})
	}
}

// agree tells the interceptors that the server has agreed, and waits until they have returned. It
// reports whether the stream may continue.
func (o *opening) agree() bool {
	o.tell(nil)
	o.refused, o.back = <-o.returned, true
	return o.refused == nil
}

// end tells the interceptors how the opening ended, unless they know. It returns the error of the
// stream: err, or that of the interceptors if they ended it. What err proves does not depend on
// them.
func (o *opening) end(err error) error {
	if !o.told {
		o.tell(err)
	}
	if !o.back {
		if own := <-o.returned; !o.failed {
			o.refused = own
		}
	}
	if o.refused != nil {
		return o.refused
	}
	return err
}

func (o *opening) tell(err error) {
	o.told = true
	o.outcome <- err
}
