package mcpclient

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/hawser-mcp/hawser/streamablehttp"
	"github.com/hawser-mcp/hawser/transport"
)

// repeat sends a call until the retry table says that it is over.
func (s *Session) repeat(c *call) error {
	q := situation{repeatable: c.repeatable, handshake: c.on != nil, tool: c.method == methodCallTool}
	budget := newRetryBudget(s, c)
	recoveries := 0
	for {
		c.tries++
		err := s.try(c)
		if err == nil {
			return nil
		}
		q.inSession, q.modern, q.began = c.used.inSession(), c.used.modern(), c.began.Load()
		q.authorizes = s.mayAuthorize(c)
		v := judge(err, q)
		c.last, c.reached = v.outcome, c.reached || stageOf(err) != transport.NotSent
		if over := s.over(c, err); over != nil {
			return over
		}
		s.giveUpTry(c, err)
		var failure error
		switch v.step {
		case stepFail:
			return c.failed(v, err)
		case stepWait:
			if c.mayResend() {
				failure = s.pause(c, &budget, v, err)
			}
		case stepRecover, stepProbe, stepVersion:
			q.versioned = q.versioned || v.step == stepVersion
			if recoveries++; recoveries == 1 {
				budget.waits++ // it counts, but it is always granted
			} else if out := s.pauseAgain(c, &budget, v, err); out != nil {
				return out
			}
			failure = s.renew(c, v, err)
		case stepAuthorize:
			if c.mayResend() {
				failure = s.reauthorize(c, v, err)
			}
		case stepTools:
			q.relisted = true
			failure = s.relist(c, v, err)
		}
		switch {
		case failure != nil:
			return failure
		case !c.mayResend():
			return c.failed(v, err)
		}
		c.past, c.last = c.past.and(c.last), NotRun
	}
}

// mayResend reports whether the call may be sent again: because it is harmless, or because its last
// try provably did not run. Progress that came meanwhile, on whatever stream, refutes the proof.
func (c *call) mayResend() bool { return c.repeatable || c.last == NotRun && !c.began.Load() }

// outcome is what is known of the call so far, over all its tries and rounds.
func (c *call) outcome() Outcome {
	if c.last == NotRun && c.began.Load() {
		return Unknown
	}
	return c.past.and(c.last)
}

// pause waits before the call is sent again. It returns the call's failure if there is no time left for that.
func (s *Session) pause(c *call, budget *retryBudget, v verdict, refusal error) error {
	pause, ok := budget.next(v.wait)
	if !ok || c.endsWithin(pause) {
		return c.failed(v, refusal)
	}
	s.log.Debug("request is tried again", "method", c.method, "tries", c.tries, "pause", pause, "error", brief(refusal))
	if ended := s.sleep(c.ctx, pause); ended != nil {
		return s.over(c, withCause(refusal, ended))
	}
	return nil
}

// pauseAgain waits before another recovery for the same call, if the call is to be sent again after
// it: a server may lose its sessions again and again.
func (s *Session) pauseAgain(c *call, budget *retryBudget, v verdict, refusal error) error {
	if !v.confirms && !c.mayResend() {
		return nil
	}
	return s.pause(c, budget, v, refusal)
}

// relist reads the tools again for a call whose mirrored headers were refused.
// All of it may take as long as one try.
func (s *Session) relist(c *call, v verdict, refusal error) error {
	outer, cancelOuter := c.bounded()
	defer cancelOuter()
	limit := c.timeouts.Try
	if !c.mayResend() && (limit <= 0 || limit > repairPatience) {
		limit = repairPatience
	}
	ctx, cancel := outer, context.CancelFunc(func() {})
	if limit > 0 {
		ctx, cancel = context.WithTimeout(outer, limit)
	}
	defer cancel()
	switch err := s.relistTools(ctx); {
	case err == nil:
		return nil
	case !c.mayResend(): // it has its answer
	case outer.Err() != nil:
		return s.over(c, withCause(refusal, context.Cause(outer)))
	case s.root.Err() != nil:
		return s.over(c, withCause(refusal, ErrClosed))
	}
	return c.failed(v, refusal)
}

// giveUpTry cancels a try that timed out on a legacy server, although the call goes on.
func (s *Session) giveUpTry(c *call, err error) {
	if c.timedOut(err) != nil && stageOf(err) == transport.MaybeSent {
		s.sendCancelled(c, KindTimeout)
	}
}

// repairPatience bounds how long a call that has its answer waits for the repair that the answer shows
// to be due. The repair goes on without it.
const repairPatience = 2 * time.Second

// renew brings the session to a new generation for a call that the old one refused. A call that has its
// answer waits for that a moment, so that the next call most often finds the session mended.
func (s *Session) renew(c *call, v verdict, refusal error) error {
	why := s.recoverWhy(v)
	if !v.confirms && !c.mayResend() {
		s.mend(c, why)
		return c.failed(v, refusal)
	}
	ctx, cancel := c.bounded()
	defer cancel()
	pinged, err := s.recover(ctx, c.used.generation, why)
	switch alive := errors.Is(err, errSessionAlive); {
	case alive && v.kind == KindAuthRequired && s.mayAuthorize(c):
		return s.reauthorize(c, v, refusal)
	case alive:
		return c.failed(v, refusal)
	case err != nil && ctx.Err() != nil:
		return s.over(c, withCause(refusal, context.Cause(ctx)))
	case err != nil && s.root.Err() != nil:
		return s.over(c, withCause(refusal, ErrClosed))
	case err != nil && v.kind == KindAuthRequired:
		return c.failed(v, refusal)
	}
	if v.confirms && (pinged || err == nil && s.isGone(ctx, c.used)) {
		c.last = NotRun
	}
	switch kind := KindOf(err); {
	case !c.mayResend():
		return c.failed(v, refusal)
	case err == nil && s.opts.SessionLoss == SessionLossFail && v.step != stepVersion:
		return c.failure(KindSessionLost, answered("", fmt.Errorf("%w: %w", ErrSessionLost, refusal)))
	case err == nil:
		return nil
	case v.step == stepVersion:
		return c.failure(KindVersion, answered("negotiate again", err))
	case kind == KindAuthRequired || kind == KindForbidden:
		return c.failure(kind, answered("begin a new session", fmt.Errorf("%w: %w", ErrSessionLost, err)))
	}
	return c.failure(KindSessionLost, answered("begin a new session", fmt.Errorf("%w: %w", ErrSessionLost, err)))
}

// mend starts a recovery on behalf of a call that is over.
func (s *Session) mend(c *call, why reason) {
	bounded, stop := c.bounded()
	defer stop()
	ctx, cancel := context.WithTimeout(bounded, repairPatience)
	defer cancel()
	_, _ = s.recover(ctx, c.used.generation, why) // the call has its answer, whatever comes of it
}

// answered marks an error that follows from the server's verdict.
func answered(op string, err error) error {
	return &transport.Error{Stage: transport.Answered, Op: op, Err: err}
}

// bounded is the caller's context, shortened to the call's total timeout.
func (c *call) bounded() (context.Context, context.CancelFunc) {
	if c.Total.At == 0 {
		return c.ctx, func() {}
	}
	left := max(c.Total.At-c.s.watch.now(), 0)
	return context.WithTimeoutCause(c.ctx, left, &TimeoutError{What: TimeoutTotal, After: c.total})
}

// endsWithin reports whether the call's total timeout leaves no time after a pause.
func (c *call) endsWithin(pause time.Duration) bool {
	return c.Total.At > 0 && c.s.watch.now()+pause >= c.Total.At
}

// over returns the error of a call that was ended from this side: by its
// context, a timeout, or Close; nil if it was not, in particular if the server
// had spoken before. It tells a legacy server that nobody waits any more.
func (s *Session) over(c *call, err error) error {
	if _, link := err.(*transport.Error); !link {
		return nil
	}
	var kind Kind
	timeout := c.timedOut(err)
	switch {
	case c.ctx.Err() != nil:
		kind, err = KindCanceled, withCause(err, canceled(c.ctx))
	case s.root.Err() != nil && errors.Is(err, ErrClosed):
		kind, err = KindClosed, withCause(err, ErrClosed)
	case timeout != nil && (timeout.What != TimeoutTry || !c.repeatable):
		kind, err = KindTimeout, withCause(err, timeout)
	default:
		return nil
	}
	stage := stageOf(err)
	if stage == transport.MaybeSent && kind != KindClosed {
		s.sendCancelled(c, kind)
	}
	return c.failure(kind, err)
}

// failed makes the error of a call from a row of the table.
func (c *call) failed(v verdict, err error) error {
	if timeout := c.timedOut(err); timeout != nil {
		v.kind, err = KindTimeout, withCause(err, timeout)
	}
	switch {
	case v.kind == KindNotSent && c.repeatable && c.outcome() != NotRun:
		v.kind = KindUnanswered // an earlier try was sent
	case v.kind == KindSessionLost && !errors.Is(err, ErrSessionLost):
		err = answered("", fmt.Errorf("%w: %w", ErrSessionLost, err))
	}
	return c.failure(v.kind, err)
}

// timedOut returns the timeout of this session that ended the last try, or the
// wait after it. An error's chain is no witness: a hook's may hold another session's.
func (c *call) timedOut(err error) *TimeoutError {
	link, isLink := err.(*transport.Error)
	if !isLink {
		return nil
	}
	if ended, ok := link.Err.(*endedError); ok {
		if timeout, ok := ended.cause.(*TimeoutError); ok {
			return timeout
		}
	}
	if c.exchange == nil {
		return nil
	}
	timeout, _ := context.Cause(c.exchange).(*TimeoutError)
	return timeout
}

func (c *call) failure(kind Kind, err error) *Error {
	return &Error{
		Kind: kind, Method: c.method, Stage: stageOf(err), Outcome: c.outcome(), Tries: c.tries, Err: err,
		harmless: c.repeatable, reached: c.reached,
	}
}

// stageOf extends transport.StageOf to what is above the seam: a verdict of the server means that it answered.
func stageOf(err error) transport.Stage {
	switch err.(type) {
	case *invalidError:
		return transport.NotSent
	case *streamablehttp.HTTPError, *streamablehttp.RPCError, *streamablehttp.ProtocolError, *streamablehttp.RedirectError,
		*streamablehttp.LimitError:
		return transport.Answered
	}
	return transport.StageOf(err)
}

// canceled is the error of an ended context: both its kind and its cause.
func canceled(ctx context.Context) error {
	if cause := context.Cause(ctx); cause != ctx.Err() {
		return fmt.Errorf("%w: %w", ctx.Err(), cause)
	}
	return ctx.Err()
}

// withCause puts cause in front of err and keeps err's stage.
func withCause(err, cause error) error {
	return &transport.Error{Stage: stageOf(err), Err: &endedError{cause, err}}
}

// nextUnasked is how long to wait before a call is made again for which the
// server required nothing but that.
func (c *call) nextUnasked() time.Duration {
	if c.unasked == nil {
		c.unasked = newBackOff(c.s.opts.Retry.Initial, 2)
	}
	return c.unasked.NextBackOff()
}

// newBackOff paces what is sent again.
func newBackOff(initial time.Duration, factor float64) *backoff.ExponentialBackOff {
	return backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(initial), backoff.WithMultiplier(factor), backoff.WithRandomizationFactor(0.2),
		backoff.WithMaxInterval(retryCeiling), backoff.WithMaxElapsedTime(0),
	)
}

// retryBudget counts the tries of one call and paces them.
type retryBudget struct {
	policy  Retry
	watch   *watch
	start   time.Duration // on the watch's clock
	backoff *backoff.ExponentialBackOff
	waits   int
	ordered time.Duration // waits that the server asked for: not counted
	call    *call         // nor is the time in which a person was asked
	stood   time.Duration // so much of it was before this budget
}

func newRetryBudget(s *Session, c *call) retryBudget {
	b := retryBudget{policy: s.opts.Retry, watch: &s.watch, start: s.watch.now(), call: c, stood: c.Paused()}
	if c.maxTries > 0 {
		b.policy.MaxTries = c.maxTries
	}
	return b
}

// next returns how long to wait before the next try and whether there is one.
// Asked is what the server wants, negative if it did not say.
func (b *retryBudget) next(asked time.Duration) (time.Duration, bool) {
	policy := &b.policy
	if b.backoff == nil {
		b.backoff = newBackOff(policy.Initial, 4)
	}
	if b.waits++; b.waits >= policy.MaxTries {
		return 0, false
	}
	pause := b.backoff.NextBackOff()
	elapsed := b.watch.now() - b.start - b.ordered - (b.call.Paused() - b.stood)
	if asked >= 0 {
		pause, elapsed = asked, elapsed-asked // which does not count
		b.ordered += asked
	}
	return pause, policy.MaxElapsed == 0 || elapsed+pause <= policy.MaxElapsed
}

// retryCeiling bounds the wait between two tries.
const retryCeiling = 8 * time.Second
