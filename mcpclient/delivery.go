package mcpclient

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
	"github.com/hawser-mcp/hawser/internal/timeouts"
	"github.com/hawser-mcp/hawser/internal/verdict"
	"github.com/hawser-mcp/hawser/internal/wire"
	"github.com/hawser-mcp/hawser/streamablehttp"
	"github.com/hawser-mcp/hawser/transport"
)

// delivery is one message and the state of its tries: the timers of the current try, and the known
// outcome of earlier tries. Only the goroutine that sends the message may use it.
type delivery struct {
	watched

	s        *Session
	ctx      context.Context // the caller's, or what the interceptors passed on
	msg      message
	header   http.Header // sent with this message only
	args     []byte      // the arguments of a tool call
	result   wire.Decoder
	state    *sessionState   // the session state that the last try was sent on
	exchange context.Context // the context of the last try; see send

	timeouts   Timeouts
	tryBound   bool // each try is bounded by timeouts.Try, not by timeouts.Idle
	repeatable bool // the message is safe to repeat: class R of the retry table
	once       bool // do not retry after a try that timed out
	origin     Origin
	opens      bool // the message opens a stream
	begun      bool // it was sent, or passed on by the interceptors
	has        bool // there is a result
	announced  bool // the observer was told that the message will be sent again

	tries      int
	past       verdict.Outcome // the combined outcome of all tries and rounds before the last try
	last       verdict.Outcome // the outcome of the last try
	reached    bool            // a try reached the server
	began      atomic.Bool     // the shared stream carried progress of this round: the server is working on it
	authorized int             // how often authorization was requested
	made       sendTime        // when the last try was made

	out   Outgoing      // what interceptors see of this message
	phase atomic.Uint32 // see intercept
	value any           // what the caller receives, a pointer; nil if there is nothing
	pager pager         // creates value from result; nil if result decodes into value
}

// newDelivery returns a delivery of a message that is safe to repeat, with the session's timeouts.
func (s *Session) newDelivery(ctx context.Context, msg message) delivery {
	return delivery{
		s: s, ctx: ctx, msg: msg, timeouts: s.opts.Timeouts, tryBound: true, repeatable: true,
		past: verdict.NotRun, last: verdict.NotRun,
	}
}

// send sends the message once, in the session state d.state, and waits until the exchange ends. If
// receiver is nil, no answer is expected.
func (d *delivery) send(req *streamablehttp.Request, receiver streamablehttp.Receiver) error {
	d.made = d.s.sendTime()
	d.setBounds()
	ctx, cancel, stop := d.exchangeContext(receiver != nil)
	defer stop()
	d.Cancel, d.exchange = cancel, ctx
	if err := d.s.watch.Add(&d.watched); err != nil {
		cancel(nil)
		return notSent(err)
	}
	defer d.s.watch.Remove(&d.watched)
	if receiver == nil {
		defer cancel(nil)
		return d.s.conn.Notify(ctx, d.state.http, req)
	}
	req.Cancel = cancel
	return d.s.conn.Call(ctx, d.state.http, req, receiver)
}

// exchangeContext returns the context of one exchange. It ends with the caller's context until stop
// is called. If an answer is expected, its stream can be drained even after the caller's context
// has ended.
func (d *delivery) exchangeContext(expected bool) (ctx context.Context, cancel context.CancelCauseFunc, stop func() bool) {
	if d.ctx.Done() == nil || !expected {
		ctx, cancel = context.WithCancelCause(d.ctx)
		return ctx, cancel, neverStops
	}
	ctx, cancel = context.WithCancelCause(context.WithoutCancel(d.ctx))
	stop = context.AfterFunc(d.ctx, func() { cancel(context.Cause(d.ctx)) })
	if deadline, ok := d.ctx.Deadline(); ok {
		ctx = deadlineContext{ctx, deadline}
	}
	return ctx, cancel, stop
}

func neverStops() bool { return false }

// deadlineContext shows the caller's deadline to hooks and decorators. When the deadline passes,
// the embedded context ends.
type deadlineContext struct {
	context.Context
	at time.Time
}

func (d deadlineContext) Deadline() (time.Time, bool) { return d.at, true }

// setBounds sets the timeouts of this try.
func (d *delivery) setBounds() {
	d.Idle, d.Try = d.timeouts.Idle, timeouts.Deadline{}
	if !d.tryBound {
		return
	}
	d.Idle = 0
	if limit := d.timeouts.Try; limit > 0 {
		d.Try = d.s.watch.In(limit)
	}
}

// decode reads the result of a request.
func (d *delivery) decode(cursor *jsonrpc.Cursor, data []byte, result wire.Decoder) error {
	depth := d.s.opts.Limits.Depth
	*cursor = jsonrpc.NewCursor(data, depth)
	result.Decode(cursor)
	err := cursor.Err()
	if errors.Is(err, jsonrpc.ErrDepth) {
		err = &LimitError{What: "levels of nested JSON", Limit: int64(depth)}
	}
	return publicError(err)
}

// mayResend reports whether the message may be sent again: it is harmless, or its last try provably
// did not run. If progress for that try arrived on any stream, the try did run.
func (d *delivery) mayResend() bool {
	return d.repeatable || d.last == verdict.NotRun && !d.began.Load()
}

// outcome returns the combined outcome of all tries and rounds so far.
func (d *delivery) outcome() verdict.Outcome {
	if d.last == verdict.NotRun && d.began.Load() {
		return verdict.Unknown
	}
	return d.past.And(d.last)
}

// bounded returns the caller's context, bounded by the remaining total timeout. A call uses it for
// work between its tries.
func (d *delivery) bounded() (context.Context, context.CancelFunc) {
	if d.Total.At == 0 {
		return d.ctx, func() {}
	}
	left := max(d.Total.At-d.s.watch.now(), 0)
	return context.WithTimeoutCause(d.ctx, left, &TimeoutError{What: TimeoutTotal, After: d.Total.Limit})
}

// endsWithin reports whether the total timeout expires during the pause.
func (d *delivery) endsWithin(pause time.Duration) bool {
	return d.Total.At > 0 && d.s.watch.now()+pause >= d.Total.At
}

// over returns the error of a message that the client ended: through the message's context, a
// timeout, or Close. In that case it sends a legacy server a cancellation. It returns nil for any
// other message, in particular if the server answered first.
func (d *delivery) over(err error) error {
	if _, link := err.(*transport.Error); !link {
		return nil
	}
	var kind Kind
	timeout := d.timedOut(err)
	switch {
	case d.ctx.Err() != nil:
		kind, err = KindCanceled, withCause(err, canceled(d.ctx))
	case d.s.root.Err() != nil && errors.Is(err, ErrClosed):
		kind, err = KindClosed, withCause(err, ErrClosed)
	case timeout != nil && (timeout.What != TimeoutTry || !d.repeatable || d.once):
		kind, err = KindTimeout, withCause(err, timeout)
	default:
		return nil
	}
	if verdict.StageOf(err) == transport.MaybeSent && kind != KindClosed {
		d.s.sendCancelled(d, kind)
	}
	return d.failure(kind, err)
}

// interrupted does the same as over, for work between two tries that uses ctx. It returns nil if
// neither ctx nor the session has ended.
func (d *delivery) interrupted(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return d.over(withCause(err, context.Cause(ctx)))
	case d.s.root.Err() != nil:
		return d.over(withCause(err, ErrClosed))
	}
	return nil
}

// failed returns the *Error for a message that failed with err and the given kind.
func (d *delivery) failed(kind Kind, err error) error {
	if timeout := d.timedOut(err); timeout != nil {
		kind, err = KindTimeout, withCause(err, timeout)
	}
	switch {
	case kind == KindNotSent && d.repeatable && d.outcome() != verdict.NotRun:
		kind = KindUnanswered // an earlier try was sent
	case kind == KindSessionLost && !errors.Is(err, ErrSessionLost):
		err = answered("", fmt.Errorf("%w: %w", ErrSessionLost, err))
	}
	return d.failure(kind, err)
}

// timedOut returns the session timeout that ended the last try or the pause after it. It returns
// nil if no timeout did. It does not search the error's chain: a hook's error may wrap another
// session's timeout.
func (d *delivery) timedOut(err error) *TimeoutError {
	link, isLink := err.(*transport.Error)
	if !isLink {
		return nil
	}
	if ended, ok := link.Err.(*endedError); ok {
		if timeout, ok := ended.cause.(*TimeoutError); ok {
			return timeout
		}
	}
	if d.exchange == nil {
		return nil
	}
	timeout, _ := context.Cause(d.exchange).(*TimeoutError)
	return timeout
}

func (d *delivery) failure(kind Kind, err error) *Error {
	return &Error{
		Kind: kind, Method: d.msg.method, Stage: verdict.StageOf(err), Outcome: Outcome(d.outcome()), Tries: d.tries, Err: err,
		harmless: d.repeatable, reached: d.reached,
	}
}

// notSent returns an error that occurred before anything was sent.
func notSent(err error) error {
	return &transport.Error{Stage: transport.NotSent, Permanent: true, Err: err}
}

// answered returns an error that follows from the server's reply.
func answered(op string, err error) error {
	return &transport.Error{Stage: transport.Answered, Op: op, Err: err}
}

// canceled returns the error of an ended context together with its cause.
func canceled(ctx context.Context) error {
	if cause := context.Cause(ctx); cause != ctx.Err() {
		return fmt.Errorf("%w: %w", ctx.Err(), cause)
	}
	return ctx.Err()
}

// withCause returns an error that wraps cause and err, in this order, and keeps err's stage.
func withCause(err, cause error) error {
	return &transport.Error{Stage: verdict.StageOf(err), Err: &endedError{cause, err}}
}

// watch ends exchanges that exceed a timeout, and all exchanges when the session closes.
type watch struct{ timeouts.Watch }

// watched is the part of a delivery that the watch uses.
type watched = timeouts.Exchange

func (w *watch) now() time.Duration { return w.Now() }

// expired returns the cause for ending an exchange that exceeds a timeout.
func expired(kind timeouts.Kind, limit time.Duration) error {
	what := TimeoutTotal
	switch kind {
	case timeouts.Try:
		what = TimeoutTry
	case timeouts.Idle:
		what = TimeoutIdle
	case timeouts.Total:
	}
	return &TimeoutError{What: what, After: limit}
}

// running identifies an exchange that was in flight.
type running struct {
	state  *sessionState
	id     int64 // 0 for a notification
	method string
}

// running returns the exchange of the last try.
func (d *delivery) running() running { return running{d.state, d.msg.id, d.msg.method} }

// close cancels every exchange and refuses new ones. It returns the canceled exchanges, and a
// channel that is closed when all exchanges have ended.
func (w *watch) close(cause error) (cut []running, ended <-chan struct{}) {
	ended = w.Close(cause, func(owner any) {
		if from, ok := owner.(performer); ok {
			cut = append(cut, from.running())
		}
	})
	return cut, ended
}
