package mcpclient

import (
	"context"
	"errors"
	"time"

	"github.com/hawser-mcp/hawser/internal/verdict"
)

// minKeepAlive is the shortest pause between two pings of keepAlive.
const minKeepAlive = time.Second

// keepAlive pings a legacy server at an interval until the session ends (2025-11-25, "Ping"). If a
// ping is refused because the session is lost, or is not answered, a recovery starts. Modern servers
// have no ping, so they are sent nothing.
func (s *Session) keepAlive() {
	interval := max(s.opts.KeepAlive, minKeepAlive)
	for s.sleep(s.root, interval) == nil {
		if state := s.now.Load(); !state.modern() {
			s.checkAlive(state, interval)
		}
	}
}

// checkAlive pings a session, with the session's retries. Each try takes at most limit.
func (s *Session) checkAlive(state *sessionState, limit time.Duration) {
	r := s.newPing(quietly(s.root), state, limit)
	err := r.reply(s.opts.Retry)
	if err == nil {
		s.pings.answered.Store(true)
		return
	}
	if s.root.Err() != nil {
		return
	}
	s.log.Info("keep-alive ping failed", "error", brief(err))
	if why, lost := s.pingVerdict(r, err); lost {
		_, _ = s.recover(s.root, state.generation, why, err) // an event reports how it ends
	}
}

// pingVerdict reports whether a failed ping is a reason for a recovery.
func (s *Session) pingVerdict(r *stateRequest, err error) (why reason, lost bool) {
	var e *Error
	if !errors.As(err, &e) {
		return 0, false
	}
	v := s.judge(&r.delivery, e.Err, &verdict.Situation{Repeatable: true})
	switch {
	case v.Step == verdict.StepRecover, v.Step == verdict.StepProbe, v.Step == verdict.StepVersion:
		return s.recoverWhy(v), true
	case e.Kind == KindUnanswered, e.Kind == KindTimeout:
		return sessionSilent, r.state.inSession()
	}
	return 0, false
}

// outlive starts a new session because the old one does not answer pings. If the server answers in
// the new session, but still not in the old one, the new one replaces it. If the old session answers
// again, only the server or the network was interrupted.
func (s *Session) outlive(ctx context.Context, old *sessionState) (*sessionState, error) {
	next, err := s.negotiate(ctx, old.era)
	if err != nil {
		return nil, err
	}
	r := s.newPing(quietly(ctx), old, pingPatience)
	if _, lost := s.pingVerdict(r, r.reply(once(s.opts.Retry))); !lost {
		return nil, s.keepOld(ctx, next)
	}
	return next, nil
}
