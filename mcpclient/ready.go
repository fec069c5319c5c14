package mcpclient

import (
	"cmp"
	"context"
)

// State says what a session is currently doing.
type State uint8

const (
	// StateReady: calls go to the server.
	StateReady State = iota
	// StateRecovering: the server lost the session, and a new one is being started. Calls that need
	// it wait.
	StateRecovering
	// StateClosed: Close was called.
	StateClosed
)

var stateNames = map[State]string{StateReady: "ready", StateRecovering: "recovering"}

// String returns "ready", "recovering" or "closed".
func (s State) String() string { return cmp.Or(stateNames[s], "closed") }

// State returns what the session is currently doing.
func (s *Session) State() State {
	switch {
	case s.root.Err() != nil:
		return StateClosed
	case s.recovery.Running():
		return StateRecovering
	}
	return StateReady
}

// WaitReady waits until a call would go to the server at once: no recovery is running, and the first
// calls need not wait until the server can send requests (see [Handlers]). It sends nothing and says
// nothing about the server's health; see [Session.Ping] and [Options].KeepAlive. Use it for readiness
// probes, with a context that ends soon.
//
// It returns [ErrClosed] if the session is closed, and the cause of ctx if ctx ends first.
func (s *Session) WaitReady(ctx context.Context) error {
	for {
		if s.root.Err() != nil {
			return ErrClosed
		}
		var err error
		state := s.now.Load()
		switch running := s.recovery.Current(); {
		case running != nil:
			_, err = running.Wait(ctx, s.root)
		case s.sharedPending(state):
			err = s.awaitTried(ctx, state)
		case s.isCurrent(state.generation):
			return nil
		}
		if err != nil && ctx.Err() != nil { // after a failed recovery, the next call starts another one at once
			return context.Cause(ctx)
		}
	}
}
