package mcpclient

import (
	"context"
	"errors"
	"time"

	"github.com/hawser-mcp/hawser/transport"
)

// errNothingHonored is for a server that has nothing of what a filter names.
var errNothingHonored = errors.New("the server offers nothing of what was asked for")

// runModern keeps a subscriptions/listen open: nil when the session has moved on.
func (l *Subscription) runModern(state *sessionState) *ListenError {
	l.s.side.leave(l.s, l) // it may come from a legacy generation
	var pace pace
	nothing := false
	ctx, cancel := context.WithCancelCause(l.ctx)
	defer cancel(nil)
	stream := listenStream{s: l.s, state: state, notified: l.notified}
	stream.acknowledged = func(honored Filter) {
		honored = l.wants.within(honored)
		if nothing = honored.empty(); nothing {
			cancel(errNothingHonored)
			return
		}
		l.agreed(honored)
	}
	for l.s.now.Load() == state {
		l.tries++
		start, made := l.s.watch.now(), l.s.attempt()
		err := stream.open(ctx, l.wants)
		switch {
		case l.ctx.Err() != nil:
			return l.closed()
		case nothing:
			return &ListenError{EndRefused, errNothingHonored}
		case err == nil:
			return &ListenError{Reason: EndCompleted}
		case err == errCancelledByServer:
			return &ListenError{Reason: EndCancelled}
		}
		if _, refused := refusedVersion(err); refused && !l.versioned {
			l.versioned = true
			if _, failed := l.s.recover(l.ctx, state.generation, versionRefused); failed == nil {
				return nil
			}
		}
		if refusal := l.s.unauthorized(err); refusal != nil && l.authorized < maxAuthorizations {
			l.authorized++
			if err = l.s.authorize(l.ctx, refusal, made); err == nil {
				continue
			}
		}
		if stream.agreed {
			l.missed = err
		}
		pause := pace.next(stream.spoken, l.s.watch.now()-start, nil)
		if end := l.judge(err, &pause); end != nil {
			return end
		}
		l.s.log.Debug("subscription lost", "error", brief(err), "pause", pause)
		if l.s.sleep(l.ctx, pause) != nil {
			return l.closed()
		}
	}
	return nil
}

// judge says how a stream's end ends the subscription; nil if it goes on, after
// the pause, which is changed to what the server asked for. One that has not begun is
// tried like any request that is safe to repeat, one that has for as long as it takes.
func (l *Subscription) judge(err error, pause *time.Duration) *ListenError {
	asked := time.Duration(-1)
	if status := (*HTTPError)(nil); errors.As(err, &status) {
		asked = status.RetryAfter
	}
	switch {
	case !lost(err):
		return &ListenError{EndRefused, err}
	case l.began && l.opts.once:
		return &ListenError{EndLost, err}
	case l.began:
		*pause = max(*pause, asked)
		return nil
	case permanent(err):
		return notBegun(err)
	}
	var again bool
	if *pause, again = l.budget.next(asked); !again {
		return notBegun(err)
	}
	return nil
}

func permanent(err error) bool {
	var link *transport.Error
	return errors.As(err, &link) && link.Stage == transport.NotSent && link.Permanent
}
