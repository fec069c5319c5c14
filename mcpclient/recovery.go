package mcpclient

import (
	"context"
	"errors"

	"github.com/hawser-mcp/hawser/internal/verdict"
)

// errSessionAlive says that the session was not lost after all.
var errSessionAlive = errors.New("the session is alive")

// recovery is one recovery of the session: it replaces a session that the server lost, once, however
// many calls noticed. It runs on a goroutine of the session, and each call waits on its own context.
type recovery struct {
	generation uint64 // to replace
	why        reason
	pinged     bool // a ping was refused, and not because the server has no ping: the session is gone
}

// reason says why a recovery was requested, in ascending order of certainty.
type reason uint8

const (
	sessionDoubted reason = iota // it may be gone: ping first
	accessDoubted                // the same, and a ping refused for its credentials confirms it
	versionDoubted               // the server may have been upgraded: send discover first
	versionRefused               // the server no longer speaks the negotiated revision
	sessionGone                  // the server said so
)

func (s *Session) recoverWhy(v verdict.Verdict) reason {
	switch {
	case v.Step == verdict.StepProbe && v.Confirms && s.pings.useless():
		return sessionGone // the server names the session, and does not support pings
	case v.Step == verdict.StepProbe && (v.Confirms || v.Kind == verdict.KindAuthRequired):
		return accessDoubted
	case v.Step == verdict.StepProbe:
		return sessionDoubted
	case v.Step == verdict.StepVersion && v.Kind == verdict.KindVersion:
		return versionRefused
	case v.Step == verdict.StepVersion:
		return versionDoubted
	}
	return sessionGone
}

// recover replaces the generation that a call was refused on, or joins the recovery that does. If the
// generation has been replaced already, the call just needs to be sent again. A recovery that fails
// leaves the old generation in place, and the next call tries again. pinged says that a ping showed
// that the session of the generation is gone.
func (s *Session) recover(ctx context.Context, generation uint64, why reason) (pinged bool, err error) {
	for s.isCurrent(generation) {
		call, _ := s.recovery.Join(s.owned.Go, func() (r recovery, err error) {
			r = recovery{generation: generation, why: why}
			err = s.runRecovery(&r)
			return r, err
		})
		r, err := call.Wait(ctx, s.root)
		if _, ended, _ := call.Result(); ended {
			switch {
			case r.generation != generation:
				continue // joined the recovery of an earlier generation
			case errors.Is(err, errSessionAlive) && why > r.why:
				continue // joined a recovery for a weaker reason
			}
		}
		return r.pinged, err
	}
	return false, nil
}

// isCurrent reports whether a generation has not been replaced.
func (s *Session) isCurrent(generation uint64) bool { return s.now.Load().generation == generation }

// runRecovery does one recovery, unless the generation has been replaced meanwhile.
func (s *Session) runRecovery(r *recovery) error {
	if !s.isCurrent(r.generation) {
		return nil
	}
	next, err := s.replaceSession(r)
	switch {
	case err == nil:
		next.generation = r.generation + 1
		s.now.Store(next)
		s.log.Info("session restored", "era", next.era, "version", next.version)
		s.enqueueRestored(SessionRestored{Era: next.era, ProtocolVersion: next.version})
		s.shared.follow(s, next)
	case !errors.Is(err, errSessionAlive):
		s.log.Warn("session recovery failed", "error", brief(err))
	}
	return err
}

// replaceSession finds out whether the old session is alive, if that is in doubt, negotiates, and
// restores the log level.
func (s *Session) replaceSession(r *recovery) (*sessionState, error) {
	old := s.now.Load()
	next, err := s.successor(r, old)
	if err != nil {
		return nil, err
	}
	s.restoreLevel(next)
	return next, nil
}

// successor negotiates the state that replaces old, unless the old session is alive.
func (s *Session) successor(r *recovery, old *sessionState) (*sessionState, error) {
	switch r.why {
	case versionRefused:
		return s.negotiate(s.root, EraUnknown)
	case versionDoubted:
		next, err := s.discover(quietly(s.root), modernVersion, 0)
		if err != nil {
			return nil, errSessionAlive
		}
		return next, nil
	case sessionGone:
		return s.negotiate(s.root, old.era)
	case sessionDoubted, accessDoubted:
	}
	found := s.examine(s.root, old)
	switch {
	case found == pingAnswered, found == pingDenied && r.why == sessionDoubted:
		return nil, errSessionAlive
	case found == pingDenied:
		return s.readmitted(old)
	}
	next, err := s.negotiate(s.root, old.era)
	if err != nil {
		return nil, err
	}
	r.pinged = s.proves(next)
	if !r.pinged && r.why == sessionDoubted {
		return nil, s.keepOld(next)
	}
	return next, nil
}

// readmitted begins a session to find out whether the server refused the old session or the
// credentials. Without a session, only the credentials can be refused, and a new session cannot be
// lost.
func (s *Session) readmitted(old *sessionState) (*sessionState, error) {
	next, err := s.initialize(quietly(s.root), old.version, 1)
	switch kind := KindOf(err); {
	case kind == KindAuthRequired || kind == KindForbidden:
		return nil, errSessionAlive
	case err != nil:
		return nil, err
	case s.examine(s.root, next) == pingDenied:
		return nil, s.keepOld(next)
	}
	return next, nil
}

// keepOld deletes a session that was begun only to find something out.
func (s *Session) keepOld(next *sessionState) error {
	if next.inSession() {
		s.deleteSession(s.root, next)
	}
	return errSessionAlive
}

// SessionRestored says that the server lost the session, or no longer accepts its revision, and
// that a new session replaced it. The server's state of the old session is gone. The log level and
// the shared stream were restored.
type SessionRestored struct {
	// Era and ProtocolVersion are those of the new session.
	Era             Era
	ProtocolVersion string
}
