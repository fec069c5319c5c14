package mcpclient

import (
	"context"
	"errors"

	"github.com/hawser-mcp/hawser/internal/verdict"
)

// errSessionAlive says that the session was not lost.
var errSessionAlive = errors.New("the session is alive")

// recovery replaces a session that the server lost, once for all calls that noticed the loss. It
// runs on a goroutine of the session, and each call waits on its own context.
type recovery struct {
	generation uint64 // the generation to replace
	why        reason
	pinged     bool // a refused ping proved that the session is gone
}

// reason says why a recovery was requested, in ascending order of certainty.
type reason uint8

const (
	sessionDoubted   reason = iota // the session may be gone, but another cause is likelier: ping the old and a new session
	sessionSuspected               // the session may be gone: ping first
	accessSuspected                // as sessionSuspected, but a ping refused with 401 also suggests that the session is gone
	versionSuspected               // the server may have been upgraded: send discover first
	versionRefused                 // the server no longer supports the negotiated revision
	sessionGone                    // the server said that the session is gone
)

func (s *Session) recoverWhy(v verdict.Verdict) reason {
	switch {
	case v.Doubtful:
		return sessionDoubted
	case v.Step == verdict.StepProbe && v.Confirms && s.pings.useless():
		return sessionGone // the server names the session and does not support ping
	case v.Step == verdict.StepProbe && (v.Confirms || v.Kind == verdict.KindAuthRequired):
		return accessSuspected
	case v.Step == verdict.StepProbe:
		return sessionSuspected
	case v.Step == verdict.StepVersion && v.Kind == verdict.KindVersion:
		return versionRefused
	case v.Step == verdict.StepVersion:
		return versionSuspected
	}
	return sessionGone
}

// recover replaces the session generation in which a call was refused, or joins a recovery that is
// already replacing it. If the generation has already been replaced, recover returns at once, and
// the call only needs to be sent again. If the recovery fails, the old generation stays in place,
// and the next call tries again. pinged reports whether a ping proved that the generation's session
// is gone.
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

// isCurrent reports whether a generation is the current one.
func (s *Session) isCurrent(generation uint64) bool { return s.now.Load().generation == generation }

// runRecovery runs one recovery, unless the generation has already been replaced. It does not delete
// the replaced session on the server. Other calls may still run in it, and a ping that is refused
// because of our DELETE would look like proof that such a call did not run.
func (s *Session) runRecovery(r *recovery) error {
	defer s.doubts.settle()
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

// replaceSession negotiates a new session and restores the log level. If the loss of the old
// session is uncertain, replaceSession first checks whether it is alive.
func (s *Session) replaceSession(r *recovery) (*sessionState, error) {
	old := s.now.Load()
	next, err := s.successor(r, old)
	if err != nil {
		return nil, err
	}
	s.restoreLevel(next)
	return next, nil
}

// successor negotiates the state that replaces old. It returns errSessionAlive if the old session
// is alive.
func (s *Session) successor(r *recovery, old *sessionState) (*sessionState, error) {
	switch r.why {
	case versionRefused:
		return s.negotiate(s.root, EraUnknown)
	case versionSuspected:
		next, err := s.discover(quietly(s.root), modernVersion, 0)
		if err != nil {
			return nil, errSessionAlive
		}
		return next, nil
	case sessionGone:
		return s.negotiate(s.root, old.era)
	case sessionDoubted, sessionSuspected, accessSuspected:
	}
	found := s.examine(s.root, old, r.why == sessionDoubted)
	switch {
	case found == pingAnswered, found == pingDenied && r.why <= sessionSuspected:
		return nil, errSessionAlive
	case found == pingDenied:
		return s.readmitted(old)
	}
	next, err := s.negotiate(s.root, old.era)
	if err != nil {
		return nil, err
	}
	if r.why == sessionDoubted {
		r.pinged = s.accepts(next)
	} else {
		r.pinged = s.proves(next)
	}
	if !r.pinged && r.why <= sessionSuspected {
		return nil, s.keepOld(next)
	}
	return next, nil
}

// readmitted starts a new session to find out whether the server refused the old session or the
// credentials. If the server also refuses the credentials in the new session, readmitted keeps the
// old session.
func (s *Session) readmitted(old *sessionState) (*sessionState, error) {
	next, err := s.initialize(quietly(s.root), old.version, 1)
	switch kind := KindOf(err); {
	case kind == KindAuthRequired || kind == KindForbidden:
		return nil, errSessionAlive
	case err != nil:
		return nil, err
	case s.examine(s.root, next, false) == pingDenied:
		return nil, s.keepOld(next)
	}
	return next, nil
}

// keepOld deletes the session of next, which was only started to check the old session. It returns
// errSessionAlive.
func (s *Session) keepOld(next *sessionState) error {
	if next.inSession() {
		s.deleteSession(s.root, next)
	}
	return errSessionAlive
}

// SessionRestored reports that the server lost the session, or no longer accepts its revision, and
// that a new session replaced it. State that the server kept in the old session is gone. The log
// level and the shared stream were restored.
type SessionRestored struct {
	// Era and ProtocolVersion describe the new session.
	Era             Era
	ProtocolVersion string
}
