package mcpclient

import (
	"context"
	"errors"
	"sync"
)

// errSessionAlive says that a refusal was not the loss of the session.
var errSessionAlive = errors.New("the session is alive")

// recovery begins a new session when the server lost the old one: once,
// however many calls met the loss, each waiting on its own context. The work
// belongs to the session, not to the call that asked first.
type recovery struct {
	mu      sync.Mutex
	current *recoveryTask // guarded by mu
}

// recoveryTask is one recovery while it runs. Err and pinged may be read once done is closed.
type recoveryTask struct {
	generation uint64
	why        reason
	done       chan struct{}
	err        error
	pinged     bool // a ping was refused, and not because the server has no ping: the session is gone
}

func (r *recovery) running() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.current != nil
}

// reason says why a recovery was asked for, the weaker ones first.
type reason uint8

const (
	sessionDoubted reason = iota // it may be gone: ask first
	accessDoubted                // so it is, and even a ping that is refused for its credentials says so
	versionDoubted               // the server may have been upgraded: ask first
	versionRefused               // the server no longer speaks the negotiated revision
	sessionGone                  // the server said so
)

func (s *Session) recoverWhy(v verdict) reason {
	switch {
	case v.step == stepProbe && v.confirms && s.pings.useless():
		return sessionGone // the server names the session, and cannot be asked
	case v.step == stepProbe && (v.confirms || v.kind == KindAuthRequired):
		return accessDoubted
	case v.step == stepProbe:
		return sessionDoubted
	case v.step == stepVersion && v.kind == KindVersion:
		return versionRefused
	case v.step == stepVersion:
		return versionDoubted
	}
	return sessionGone
}

// recover replaces the generation that a call was refused on. If it has been
// replaced already, there is nothing to do but to send the call again. A
// recovery that fails leaves the old generation in place: the next call that needs
// it tries again. Pinged says that a ping found that the session of the generation is gone.
func (s *Session) recover(ctx context.Context, generation uint64, why reason) (pinged bool, err error) {
	for {
		task, err := s.joinRecovery(generation, why)
		if task == nil {
			return false, err
		}
		select {
		case <-task.done:
		case <-ctx.Done():
			return false, context.Cause(ctx)
		case <-s.root.Done():
			return false, ErrClosed
		}
		if errors.Is(task.err, errSessionAlive) && why > task.why {
			continue // joined somebody's doubt, but this caller knows more
		}
		return task.pinged, task.err
	}
}

// joinRecovery returns the running recovery of a generation, starting it if need
// be; nil if the generation is past or the session is closing.
func (s *Session) joinRecovery(generation uint64, why reason) (*recoveryTask, error) {
	r := &s.recovery
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.now.Load().generation != generation {
		return nil, nil
	}
	if r.current != nil {
		return r.current, nil
	}
	task := &recoveryTask{generation: generation, why: why, done: make(chan struct{})}
	if !s.owned.start(func() { s.runRecovery(task) }) {
		return nil, ErrClosed
	}
	r.current = task
	return task, nil
}

func (s *Session) runRecovery(task *recoveryTask) {
	next, err := s.replaceSession(task)
	r := &s.recovery
	r.mu.Lock()
	if err == nil {
		next.generation = task.generation + 1
		s.now.Store(next)
	}
	task.err, r.current = err, nil
	r.mu.Unlock()
	if err == nil {
		s.log.Info("session restored", "era", next.era, "version", next.version)
		s.enqueue(event{kind: eventRestored, restored: SessionRestored{Era: next.era, ProtocolVersion: next.version}})
		s.side.follow(s, next)
	} else if !errors.Is(err, errSessionAlive) {
		s.log.Warn("session recovery failed", "error", brief(err))
	}
	close(task.done)
}

// replaceSession does the work: it asks whether the old session lives when
// that is in doubt, negotiates, and restores what the client knows.
func (s *Session) replaceSession(task *recoveryTask) (*sessionState, error) {
	old := s.now.Load()
	next, err := s.successor(task, old)
	if err != nil {
		return nil, err
	}
	s.restoreLevel(next)
	return next, nil
}

// successor negotiates the state that replaces old, if it has to be replaced.
func (s *Session) successor(task *recoveryTask, old *sessionState) (*sessionState, error) {
	switch task.why {
	case versionRefused:
		return s.negotiate(s.root, EraUnknown)
	case versionDoubted:
		next, err := s.discover(quietly(s.root), modernVersion)
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
	case found == pingAnswered, found == pingDenied && task.why == sessionDoubted:
		return nil, errSessionAlive
	case found == pingDenied:
		return s.readmitted(old)
	}
	next, err := s.negotiate(s.root, old.era)
	if err != nil {
		return nil, err
	}
	task.pinged = s.proves(next)
	if !task.pinged && task.why == sessionDoubted {
		return nil, s.keepOld(next)
	}
	return next, nil
}

// readmitted begins a session to find out whether the old one was refused or the credentials. Without a session
// there is nothing to refuse but those; and a session that is new cannot have been lost.
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

// keepOld gives a session up that was begun to find something out.
func (s *Session) keepOld(next *sessionState) error {
	if next.inSession() {
		s.deleteSession(s.root, next)
	}
	return errSessionAlive
}

// SessionRestored tells that the server no longer takes the session, or its revision, and that a new one was
// begun. What the server kept for the old one is gone; the log level and the
// standing stream were set up again.
type SessionRestored struct {
	// Era and ProtocolVersion are the new session's.
	Era             Era
	ProtocolVersion string
}
