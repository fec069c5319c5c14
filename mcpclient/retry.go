package mcpclient

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/hawser-mcp/hawser/internal/verdict"
	"github.com/hawser-mcp/hawser/transport"
)

// sender sends a message. Each try sends it once, in the delivery's session state.
type sender interface{ try() error }

// repeat sends a message until the retry table says that it is finished. If q.Fixed is set, every
// try uses d.state, which the caller has set. Otherwise each try uses the session's current state.
func (s *Session) repeat(d *delivery, from sender, q verdict.Situation, policy Retry) error {
	if d.ctx.Err() != nil {
		return d.failure(KindCanceled, notSent(canceled(d.ctx)))
	}
	q.Repeatable = d.repeatable
	budget := newRetryBudget(&s.watch, policy, &d.watched)
	recoveries := 0
	for {
		if !q.Fixed {
			d.state = s.now.Load()
		}
		d.tries++
		err := from.try()
		if err == nil {
			return nil
		}
		v := s.judge(d, err, &q)
		d.last, d.reached = v.Outcome, d.reached || verdict.StageOf(err) != transport.NotSent
		if over := d.over(err); over != nil {
			return over
		}
		d.giveUpTry(err)
		var failure error
		switch v.Step {
		case verdict.StepFail:
			return d.failed(Kind(v.Kind), err)
		case verdict.StepWait:
			if d.mayResend() {
				failure = d.pause(&budget, v, err)
			}
		case verdict.StepRecover, verdict.StepProbe, verdict.StepVersion:
			q.Versioned, q.Doubted = q.Versioned || v.Step == verdict.StepVersion, q.Doubted || v.Doubtful
			if !v.Doubtful { // a doubtful reply leads to one recovery per call
				recoveries++
			}
			if out := d.pauseAgain(&budget, recoveries, v, err); out != nil {
				return out
			}
			failure = s.renew(d, &budget, v, err)
		case verdict.StepAuthorize:
			if d.mayResend() {
				failure = s.reauthorize(d, v, err)
			}
		case verdict.StepTools:
			q.Relisted = true
			failure = s.relist(d, v, err)
		}
		switch {
		case failure != nil:
			return failure
		case !d.mayResend():
			return d.failed(Kind(v.Kind), err)
		}
		if !d.announced {
			d.retrying(v.Step, 0, err)
		}
		d.announced = false
		d.past, d.last = d.past.And(d.last), verdict.NotRun
	}
}

// judge completes the situation and returns the row of the retry table for err.
func (s *Session) judge(d *delivery, err error, q *verdict.Situation) verdict.Verdict {
	q.InSession, q.Modern, q.Began = d.state.inSession(), d.state.modern(), d.began.Load()
	q.Authorizes = s.mayAuthorize(d)
	v := verdict.Judge(err, *q)
	if v.Doubtful && !s.mayProbe(d.state) {
		v.Step = v.Else
	}
	return v
}

// pause waits before the message is sent again. If the retry budget or the total timeout leaves no
// time for that, pause returns the error for the message.
func (d *delivery) pause(budget *retryBudget, v verdict.Verdict, refusal error) error {
	pause, ok := budget.next(v.Wait)
	if !ok || d.endsWithin(pause) {
		return d.failed(Kind(v.Kind), refusal)
	}
	d.announced = true
	d.retrying(v.Step, pause, refusal)
	if ended := d.s.sleep(d.ctx, pause); ended != nil {
		return d.over(withCause(refusal, ended))
	}
	return nil
}

// retrying tells that the message is about to be sent again after the pause. step is what the retry
// table demands before that.
func (d *delivery) retrying(step verdict.Step, pause time.Duration, cause error) {
	if d.s.observed() {
		d.s.tell(d.ctx, Retrying{
			Endpoint: d.s.Endpoint(), Method: d.msg.method, Name: d.msg.name, Tries: d.tries,
			Reason: retryReasons[step], Wait: pause, Cause: cause,
		})
	}
}

// retryReasons are the values of Retrying.Reason.
var retryReasons = map[verdict.Step]string{
	verdict.StepWait: "wait", verdict.StepRecover: "session", verdict.StepProbe: "session", verdict.StepVersion: "version",
	verdict.StepAuthorize: "authorization", verdict.StepTools: "tools",
}

// pauseAgain waits before another recovery for the same message. The pause keeps a server that
// repeatedly loses its sessions from causing a loop. It does not wait if the message will not be
// sent again.
func (d *delivery) pauseAgain(budget *retryBudget, recoveries int, v verdict.Verdict, refusal error) error {
	switch {
	case v.Doubtful:
		return nil
	case recoveries == 1:
		budget.waits++ // the first recovery counts but is always allowed
		return nil
	case !v.Confirms && !d.mayResend():
		return nil
	}
	return d.pause(budget, v, refusal)
}

// relist lists the tools again for a call whose mirrored headers were refused. Timeouts.Try bounds
// the reading of the whole list.
func (s *Session) relist(d *delivery, v verdict.Verdict, refusal error) error {
	outer, cancelOuter := d.bounded()
	defer cancelOuter()
	limit := d.timeouts.Try
	if !d.mayResend() && (limit <= 0 || limit > repairPatience) {
		limit = repairPatience
	}
	ctx, cancel := outer, context.CancelFunc(func() {})
	if limit > 0 {
		ctx, cancel = context.WithTimeout(outer, limit)
	}
	defer cancel()
	err := s.relistTools(ctx)
	if err == nil {
		return nil
	}
	if d.mayResend() { // otherwise the call already has its answer
		if ended := d.interrupted(outer, refusal); ended != nil {
			return ended
		}
	}
	return d.failed(Kind(v.Kind), refusal)
}

// giveUpTry sends a legacy server a cancellation of a try that timed out, before the message is
// sent again.
func (d *delivery) giveUpTry(err error) {
	if d.timedOut(err) != nil && verdict.StageOf(err) == transport.MaybeSent {
		d.s.sendCancelled(d, KindTimeout)
	}
}

// repairPatience bounds how long an answered call waits for a repair that its answer requires. The
// repair continues after the call returns.
const repairPatience = 2 * time.Second

// renew replaces the session generation that refused a message. A call that already has its answer
// waits briefly for the replacement. The next call then usually finds the session repaired.
func (s *Session) renew(d *delivery, budget *retryBudget, v verdict.Verdict, refusal error) error {
	kind, why := Kind(v.Kind), s.recoverWhy(v)
	if !v.Confirms && !d.mayResend() {
		s.repair(d, why, refusal)
		return d.failed(kind, refusal)
	}
	ctx, cancel := d.bounded()
	defer cancel()
	pinged, err := s.recover(ctx, d.state.generation, why, refusal)
	switch alive := errors.Is(err, ErrSessionAlive); {
	case alive && kind == KindAuthRequired && s.mayAuthorize(d):
		return s.reauthorize(d, v, refusal)
	case v.Doubtful && err != nil && v.Else == verdict.StepWait && ctx.Err() == nil && s.root.Err() == nil:
		v.Step = v.Else
		return d.pause(budget, v, refusal)
	case alive:
		return d.failed(kind, refusal)
	case err != nil:
		if ended := d.interrupted(ctx, refusal); ended != nil {
			return ended
		}
		if kind == KindAuthRequired || v.Doubtful {
			return d.failed(kind, refusal)
		}
	}
	if v.Confirms && (pinged || err == nil && s.isGone(ctx, d.state)) {
		d.last = verdict.NotRun
	}
	lost := func(op string, kind Kind, cause error) error {
		return d.failure(kind, answered(op, fmt.Errorf("%w: %w", ErrSessionLost, cause)))
	}
	switch failed := KindOf(err); {
	case !d.mayResend():
		return d.failed(kind, refusal)
	case err == nil && s.opts.SessionLoss == SessionLossFail && v.Step != verdict.StepVersion:
		return lost("", KindSessionLost, refusal)
	case err == nil:
		return nil
	case v.Step == verdict.StepVersion:
		return d.failure(KindVersion, answered("negotiate again", err))
	case failed == KindAuthRequired || failed == KindForbidden:
		return lost("begin a new session", failed, err)
	}
	return lost("begin a new session", KindSessionLost, err)
}

// repair starts a recovery for a call that has its answer, and waits for it at most
// [repairPatience].
func (s *Session) repair(d *delivery, why reason, refusal error) {
	bounded, stop := d.bounded()
	defer stop()
	ctx, cancel := context.WithTimeout(bounded, repairPatience)
	defer cancel()
	_, _ = s.recover(ctx, d.state.generation, why, refusal) // the call has its answer, so the outcome does not matter
}

// retryCeiling bounds the wait between two tries.
const retryCeiling = 8 * time.Second

// newBackOff returns the backoff between tries.
func newBackOff(initial time.Duration, factor float64) *backoff.ExponentialBackOff {
	return backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(initial), backoff.WithMultiplier(factor), backoff.WithRandomizationFactor(0.2),
		backoff.WithMaxInterval(retryCeiling), backoff.WithMaxElapsedTime(0),
	)
}

// retryBudget counts the tries of one message and computes the pauses between them.
type retryBudget struct {
	policy  Retry
	watch   *watch
	start   time.Duration // on the watch's clock
	backoff *backoff.ExponentialBackOff
	waits   int
	ordered time.Duration // pauses that the server asked for; they do not count
	timers  *watched      // time during which these timers are paused does not count; nil if they are never paused
	paused  time.Duration // how long the timers were paused before this budget was created
}

func newRetryBudget(w *watch, policy Retry, timers *watched) retryBudget {
	return retryBudget{policy: policy, watch: w, start: w.now(), timers: timers, paused: pausedTime(timers)}
}

// pausedTime returns how long the timers were paused so far, 0 if timers is nil.
func pausedTime(timers *watched) time.Duration {
	if timers == nil {
		return 0
	}
	return timers.Paused()
}

// next returns how long to wait before the next try, and whether there is one. asked is how long
// the server told the client to wait, negative if it did not say.
func (b *retryBudget) next(asked time.Duration) (time.Duration, bool) {
	policy := &b.policy
	if b.backoff == nil {
		b.backoff = newBackOff(policy.Initial, 4)
	}
	if b.waits++; b.waits >= policy.MaxTries {
		return 0, false
	}
	pause := b.backoff.NextBackOff()
	elapsed := b.watch.now() - b.start - b.ordered - (pausedTime(b.timers) - b.paused)
	if asked >= 0 {
		pause, elapsed = asked, elapsed-asked // a wait that the server requested does not count
		b.ordered += asked
	}
	return pause, policy.MaxElapsed == 0 || elapsed+pause <= policy.MaxElapsed
}
