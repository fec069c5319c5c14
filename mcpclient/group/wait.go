package group

import (
	"context"
	"errors"
	"fmt"
)

// start starts a try, if the server is still in a state that was seen. A wish that arrives later
// would start another try right after the one that is running.
func (m *member) start(seen State) {
	m.g.mu.RLock()
	defer m.g.mu.RUnlock()
	if m.state.Status == seen.Status && m.state.Since.Equal(seen.Since) {
		m.wake.set()
	}
}

// reconnect starts a try of a server that is not connected, and makes later calls of Wait wait for
// it.
func (m *member) reconnect() {
	m.g.mu.Lock()
	defer m.g.mu.Unlock()
	switch m.state.Status {
	case Idle, Down, NeedsAuth:
		select {
		case <-m.settled:
			m.settled = make(chan struct{})
		default:
		}
		m.wake.set()
	default:
	}
}

// connectIdle starts the first try of a lazy server.
func (m *member) connectIdle() {
	m.g.mu.RLock()
	defer m.g.mu.RUnlock()
	if m.state.Status == Idle {
		m.wake.set()
	}
}

// wait waits until the first try, or that of a reconnect, has ended or needs a person. It returns an
// error if the server is required and not ready.
func (m *member) wait(ctx context.Context) error {
	for {
		m.g.mu.RLock()
		st, settled, changed := m.state, m.settled, m.changed
		m.g.mu.RUnlock()
		required := m.cfg.Required && st.Status != Disabled
		select {
		case <-settled:
			switch {
			case !required || st.Status == Ready || st.Status == Closed && m.g.ctx.Err() == nil:
				return nil // also if the server was removed
			case st.Status != Connecting:
				return notReadyError(st, nil)
			}
		default:
		}
		select {
		case <-changed:
		case <-ctx.Done():
			if !required || st.Status == Ready {
				return nil
			}
			return notReadyError(st, context.Cause(ctx))
		}
	}
}

// notReadyError is the error of Wait for a required server.
func notReadyError(st State, ended error) error {
	err := errors.Join(st.Err, ended)
	if err == nil {
		return fmt.Errorf("group: required server %s is %s", st.Server, st.Status)
	}
	return fmt.Errorf("group: required server %s is %s: %w", st.Server, st.Status, err)
}
