package mcpclient

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// closer makes Close run once while everybody waits for it, on a channel: the
// one that runs waits for peers.
type closer struct {
	once sync.Once
	done chan struct{} // closed when err may be read
	err  error
}

// Close ends the session: calls in flight fail with [KindClosed], a legacy
// session is deleted on the server, and every goroutine of the session ends.
// It takes at most [Timeouts].Close. A server that does not answer the DELETE is
// no error. Close may be called more than once and from several goroutines;
// not from a handler, which it would wait for.
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

func (s *Session) close() error {
	bound, stop := context.WithTimeoutCause(context.Background(), s.opts.Timeouts.Close, errors.New("timeout of Close"))
	defer stop()
	s.cancel(ErrClosed)
	cut, ended := s.watch.close(ErrClosed)
	s.side.stop()
	deleted := s.farewell(bound, cut, ended)
	var err error
	if waitErr := errors.Join(s.owned.Wait(bound), s.notices.Wait(bound)); waitErr != nil {
		err = fmt.Errorf("mcp close: goroutines are still running: %w", waitErr)
	}
	if state := s.now.Load(); state != deleted && state.inSession() {
		s.deleteSession(bound, state) // a recovery ended after all
	}
	return errors.Join(err, s.closeConn())
}

// farewell tells a legacy server that its calls and its session are over. The
// calls end first: what a server answers to a cancellation is no result of theirs.
// It returns the state whose session it deleted.
func (s *Session) farewell(bound context.Context, cut []running, ended <-chan struct{}) *sessionState {
	patience, stop := context.WithTimeout(bound, s.opts.Timeouts.Close/8) // a call may be in its callback
	select {
	case <-ended:
	case <-patience.Done():
	}
	stop()
	ctx, cancel := context.WithTimeout(bound, min(deleteTimeout, s.opts.Timeouts.Close/4))
	s.cancelAll(ctx, cut)
	cancel()
	state := s.now.Load()
	if state.inSession() {
		s.deleteSession(bound, state)
	}
	return state
}

// deleteTimeout bounds the DELETE, so that a server that does not answer leaves
// Close time for the rest.
const deleteTimeout = 2 * time.Second

// deleteSession tells the server that its session is over. The outcome changes nothing.
func (s *Session) deleteSession(ctx context.Context, state *sessionState) {
	ctx, cancel := context.WithTimeout(ctx, min(deleteTimeout, s.opts.Timeouts.Close/2))
	defer cancel()
	if err := s.conn.Delete(ctx, state.http); err != nil {
		s.log.Debug("session not deleted on the server", "error", brief(err))
	}
}
