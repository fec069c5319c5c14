package mcpclient

import (
	"context"
	"errors"
	"net/http"
	"strings"
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
	epoch  uint64
	done   chan struct{}
	err    error
	pinged bool // a ping was refused: the session is gone
}

func (r *recovery) running() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.current != nil
}

// reason says why a recovery was asked for.
type reason uint8

const (
	sessionGone    reason = iota // the server said so
	sessionDoubted               // it may be gone: ask first
	accessDoubted                // either the session is gone or the credentials are refused: find out which
	versionRefused               // the server no longer speaks the negotiated revision
)

func recoverWhy(v verdict) reason {
	switch {
	case v.step == stepProbe && v.kind == KindAuthRequired:
		return accessDoubted
	case v.step == stepProbe:
		return sessionDoubted
	case v.step == stepVersion:
		return versionRefused
	default:
		return sessionGone
	}
}

// recover replaces the epoch that a call was refused on. If it has been
// replaced already, there is nothing to do but to send the call again. A
// recovery that fails leaves the old epoch in place: the next call that needs
// it tries again. Pinged says that a ping found that the session of the epoch is gone.
func (s *Session) recover(ctx context.Context, epoch uint64, why reason) (pinged bool, err error) {
	for {
		task, err := s.joinRecovery(epoch, why)
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
		if errors.Is(task.err, errSessionAlive) && (why == sessionGone || why == versionRefused) {
			continue // joined somebody's doubt, but this caller knows
		}
		return task.pinged, task.err
	}
}

// joinRecovery returns the running recovery of an epoch, starting it if need
// be; nil if the epoch is past or the session is closing.
func (s *Session) joinRecovery(epoch uint64, why reason) (*recoveryTask, error) {
	r := &s.recovery
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.now.Load().epoch != epoch {
		return nil, nil
	}
	if r.current != nil {
		return r.current, nil
	}
	task := &recoveryTask{epoch: epoch, done: make(chan struct{})}
	if !s.owned.start(func() { s.runRecovery(task, why) }) {
		return nil, ErrClosed
	}
	r.current = task
	return task, nil
}

func (s *Session) runRecovery(task *recoveryTask, why reason) {
	next, err := s.replaceSession(task, why)
	r := &s.recovery
	r.mu.Lock()
	if err == nil {
		next.epoch = task.epoch + 1
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
func (s *Session) replaceSession(task *recoveryTask, why reason) (next *snapshot, err error) {
	old := s.now.Load()
	if why == sessionDoubted || why == accessDoubted {
		if s.alive(s.root, old, why) {
			return nil, errSessionAlive
		}
		task.pinged = true
	}
	switch why {
	case accessDoubted:
		// Without a session there is nothing to refuse but the credentials.
		next, err = s.initialize(context.WithValue(s.root, askNobody{}, true), old.version, 1)
		if kind := KindOf(err); kind == KindAuthRequired || kind == KindForbidden {
			return nil, errSessionAlive
		}
	case versionRefused:
		next, err = s.negotiate(s.root, EraUnknown)
	default:
		next, err = s.negotiate(s.root, old.era)
	}
	if err != nil {
		return nil, err
	}
	s.restoreLevel(next)
	return next, nil
}

// alive pings an epoch once. Anything but the refusal that a dead session gets
// leaves it the benefit of the doubt.
func (s *Session) alive(ctx context.Context, sn *snapshot, why reason) bool {
	var (
		err    = s.pingOn(context.WithValue(ctx, askNobody{}, true), sn)
		status *HTTPError
		rpc    *RPCError
	)
	switch {
	case errors.As(err, &status) && isUnknownMethod(status.RPC), errors.As(err, &rpc) && rpc.Code == CodeMethodNotFound:
		return true // it has no ping
	case status != nil && status.Status == http.StatusUnauthorized && len(status.Challenges) == 0:
		return why != accessDoubted
	case status != nil:
		return !tellsOfSessions(status.Status)
	case rpc != nil:
		return !tellsOfSessions(rpc.Status) && !strings.Contains(strings.ToLower(rpc.Message), "session")
	}
	return true
}

// SessionRestored tells that the server's session ended and a new one was
// begun. What the server kept for the old one is gone; the log level and the
// standing stream were set up again.
type SessionRestored struct {
	// Era and ProtocolVersion are the new session's.
	Era             Era
	ProtocolVersion string
}
