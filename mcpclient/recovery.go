package mcpclient

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/hawser-mcp/hawser/internal/redact"
	"github.com/hawser-mcp/hawser/internal/verdict"
)

// Recovery is one replacement of the server's session, for all calls that need it. It identifies
// the session as well as the recovery: sessions may have the same endpoint and generation, but they
// never have the same Recovery. Its fields must not be changed. It is safe for concurrent use.
type Recovery struct {
	printed

	// Endpoint is the URL of the server without its query.
	Endpoint string
	// Generation is the number of the session state that is to be replaced. The state that Connect
	// negotiated is number 1.
	Generation uint64
	// Doubted says that the session may be alive. The recovery finds out, and then replaces it or
	// keeps it.
	Doubted bool
	// Cause is the refusal that led to the recovery.
	Cause error

	why    reason
	pinged bool          // a refused ping proved that the session is gone; may be read once the recovery has ended
	next   *sessionState // the new session; set by Session.replace

	keeps bool // whether waiting contexts are kept for OnWait, which only an observer or an interceptor can call
	mu    sync.Mutex
	calls []context.Context           // guarded by mu; the contexts of the calls that have waited
	told  []func(ctx context.Context) // guarded by mu
}

// OnWait calls f with the context of each call that waits for this recovery: at once for calls that
// wait already or have waited, later on the goroutine of the call, before it waits. f must return
// at once. It must be safe for concurrent use. Work that the session does for itself counts as a
// call.
func (r *Recovery) OnWait(f func(ctx context.Context)) {
	r.mu.Lock()
	r.told = append(r.told, f)
	calls := slices.Clone(r.calls)
	r.mu.Unlock()
	for _, ctx := range calls {
		f(ctx)
	}
}

// wait notes that a call with this context is about to wait for the recovery.
func (r *Recovery) wait(ctx context.Context) {
	if !r.keeps {
		return
	}
	r.mu.Lock()
	r.calls = append(r.calls, ctx)
	told := slices.Clone(r.told)
	r.mu.Unlock()
	for _, f := range told {
		f(ctx)
	}
}

// reason says why a recovery was requested, in ascending order of certainty.
type reason uint8

const (
	sessionSilent    reason = iota // pings got no answer: compare the old session with a new one
	sessionDoubted                 // the session may be gone, but another cause is likelier: ping the old and a new session
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
// and the next call tries again. refusal is why the call needs the recovery. pinged reports whether
// a ping proved that the generation's session is gone.
func (s *Session) recover(ctx context.Context, generation uint64, why reason, refusal error) (pinged bool, err error) {
	for s.isCurrent(generation) {
		call, _ := s.recovery.JoinWith(func() *Recovery { return s.newRecovery(generation, why, refusal) }, s.owned.Go, s.runRecovery)
		if call == nil {
			return false, context.Cause(s.root)
		}
		r := call.Value()
		r.wait(ctx)
		_, err := call.Wait(ctx, s.root)
		if _, ended, _ := call.Result(); !ended {
			return false, err
		}
		switch {
		case r.Generation != generation:
			continue // joined the recovery of an earlier generation
		case errors.Is(err, ErrSessionAlive) && why > r.why:
			continue // joined a recovery for a weaker reason
		}
		return r.pinged, err
	}
	return false, nil
}

func (s *Session) newRecovery(generation uint64, why reason, refusal error) *Recovery {
	return &Recovery{
		printed: redact.NewPrinted("mcpclient.Recovery"), Endpoint: s.Endpoint(), Generation: generation,
		Doubted: why != sessionGone && why != versionRefused, Cause: refusal, why: why,
		keeps: s.opts.Observer != nil || s.recovering != nil,
	}
}

// isCurrent reports whether a generation is the current one.
func (s *Session) isCurrent(generation uint64) bool { return s.now.Load().generation == generation }

// runRecovery runs one recovery, unless the generation has already been replaced. It does not delete
// the replaced session on the server. Other calls may still run in it, and a ping that is refused
// because of our DELETE would look like proof that such a call did not run.
func (s *Session) runRecovery(r *Recovery) error {
	defer s.doubts.settle()
	if !s.isCurrent(r.Generation) {
		return nil
	}
	if s.observed() {
		s.tell(s.root, RecoveryStarted{Recovery: r})
	}
	err := s.replaceThrough(r)
	if s.observed() {
		s.tell(s.root, r.ended(err)) // before anything can happen in the new session
	}
	if err != nil {
		return err
	}
	next := r.next
	next.generation = r.Generation + 1
	s.now.Store(next)
	s.enqueueRestored(SessionRestored{Era: next.era, ProtocolVersion: next.version})
	s.shared.follow(s, next)
	return nil
}

// ended returns the event for a recovery that ended with err.
func (r *Recovery) ended(err error) RecoveryEnded {
	switch {
	case err == nil:
		return RecoveryEnded{Recovery: r, Replaced: true, Era: r.next.era, ProtocolVersion: r.next.version}
	case errors.Is(err, ErrSessionAlive):
		return RecoveryEnded{Recovery: r}
	}
	return RecoveryEnded{Recovery: r, Err: err}
}

// replace negotiates a new session, restores its log level, and sets r.next. If the loss of the old
// session is uncertain, replace first checks whether it is alive.
func (s *Session) replace(ctx context.Context, r *Recovery) error {
	next, err := s.successor(ctx, r, s.now.Load())
	if err != nil {
		return err
	}
	s.restoreLevel(ctx, next)
	r.next = next
	return nil
}

// successor negotiates the state that replaces old. It returns ErrSessionAlive if the old session
// is alive.
func (s *Session) successor(ctx context.Context, r *Recovery, old *sessionState) (*sessionState, error) {
	switch r.why {
	case versionRefused:
		return s.negotiate(ctx, EraUnknown)
	case versionSuspected:
		next, err := s.discover(quietly(ctx), modernVersion, 0, isRefusal)
		if err != nil {
			return nil, ErrSessionAlive
		}
		return next, nil
	case sessionGone:
		return s.negotiate(ctx, old.era)
	case sessionSilent:
		return s.outlive(ctx, old)
	case sessionDoubted, sessionSuspected, accessSuspected:
	}
	found := s.examine(ctx, old, r.why == sessionDoubted)
	switch {
	case found == pingAnswered, found == pingDenied && r.why <= sessionSuspected:
		return nil, ErrSessionAlive
	case found == pingDenied:
		return s.readmitted(ctx, old)
	}
	next, err := s.negotiate(ctx, old.era)
	if err != nil {
		return nil, err
	}
	if r.why == sessionDoubted {
		r.pinged = s.accepts(ctx, next)
	} else {
		r.pinged = s.proves(ctx, next)
	}
	if !r.pinged && r.why <= sessionSuspected {
		return nil, s.keepOld(ctx, next)
	}
	return next, nil
}

// readmitted starts a new session to find out whether the server refused the old session or the
// credentials. If the server also refuses the credentials in the new session, readmitted keeps the
// old session.
func (s *Session) readmitted(ctx context.Context, old *sessionState) (*sessionState, error) {
	next, err := s.initialize(quietly(ctx), old.version, 1, func(err error) bool {
		kind := KindOf(err)
		return kind == KindAuthRequired || kind == KindForbidden
	})
	switch kind := KindOf(err); {
	case kind == KindAuthRequired || kind == KindForbidden:
		return nil, ErrSessionAlive
	case err != nil:
		return nil, err
	case s.examine(ctx, next, false) == pingDenied:
		return nil, s.keepOld(ctx, next)
	}
	return next, nil
}

// keepOld deletes the session of next, which was only started to check the old session. It returns
// ErrSessionAlive.
func (s *Session) keepOld(ctx context.Context, next *sessionState) error {
	if next.inSession() {
		s.deleteSession(ctx, next)
	}
	return ErrSessionAlive
}

// SessionRestored reports that the server lost the session, or no longer accepts its revision, and
// that a new session replaced it. State that the server kept in the old session is gone. The log
// level and the shared stream were restored.
type SessionRestored struct {
	// Era and ProtocolVersion describe the new session.
	Era             Era
	ProtocolVersion string
}
