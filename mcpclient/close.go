package mcpclient

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// closer makes Close run once. Concurrent callers wait on a channel.
type closer struct {
	once sync.Once
	done chan struct{} // closed when err may be read
	err  error
}

// Close ends the session: calls in flight fail with [KindClosed], the session is deleted on a
// legacy server, and all goroutines of the session end. Close takes at most [Timeouts].Close. It
// returns no error if the server does not answer the DELETE. It may be called more than once and
// concurrently, but not from a handler, because Close waits for handlers.
func (s *Session) Close() error {
	first := false
	s.closer.once.Do(func() { first = true })
	if first {
		s.closer.err = s.close()
		close(s.closer.done)
	}
	<-s.closer.done
	return s.closer.err
}

var errCloseTime = errors.New("timeout of Close")

func (s *Session) close() error {
	bound, stop := context.WithTimeoutCause(context.Background(), s.opts.Timeouts.Close, errCloseTime)
	defer stop()
	s.cancel(ErrClosed)
	cut, ended := s.watch.close(ErrClosed)
	s.shared.stop()
	deleted := s.farewell(bound, cut, ended)
	var err error
	if waitErr := errors.Join(s.owned.Wait(bound), s.notices.Wait(bound)); waitErr != nil {
		err = fmt.Errorf("mcp close: goroutines are still running: %w", waitErr)
	}
	if state := s.now.Load(); state != deleted && state.inSession() {
		s.deleteSession(bound, state) // a recovery replaced the session meanwhile
	}
	err = errors.Join(err, s.closeConn())
	s.tellClosed(bound, cmp.Or(s.failure, err))
	return err
}

// farewell tells a legacy server that the calls and the session are over. It first waits for the
// calls to end, so that they do not mistake answers to their cancellation for results. It returns
// the state of the session that it deleted.
func (s *Session) farewell(bound context.Context, cut []running, ended <-chan struct{}) *sessionState {
	select {
	case <-ended: // usually, no call is running
	default:
		patience, stop := context.WithTimeout(bound, s.opts.Timeouts.Close/8) // a call may be running its callback
		select {
		case <-ended:
		case <-patience.Done():
		}
		stop()
	}
	s.cancelAll(bound, cut)
	state := s.now.Load()
	if state.inSession() {
		s.deleteSession(bound, state)
	}
	return state
}

// deleteTimeout bounds the DELETE, so that Close has time left if the server does not answer.
const deleteTimeout = 2 * time.Second

// deleteSession ends the session on the server and ignores the outcome.
func (s *Session) deleteSession(ctx context.Context, state *sessionState) {
	ctx, cancel := context.WithTimeout(ctx, min(deleteTimeout, s.opts.Timeouts.Close/2))
	defer cancel()
	if err := s.conn.Delete(ctx, state.http); err != nil {
		s.log.Debug("session not deleted on the server", "error", brief(err))
	}
}
