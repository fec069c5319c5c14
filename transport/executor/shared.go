package executor

import (
	"context"
	"sync"
	"time"

	"github.com/hawser-mcp/hawser/transport"
)

// shared gives all exchanges the same link, and makes a new one when that is
// lost, or when it is full of exchanges that were given up.
type shared struct {
	open    opener        // nil when there is only the one link
	opening chan struct{} // a token for who opens a link
	pending chan struct{} // a token for each exchange that waits for its head

	mu     sync.Mutex
	link   *conn // guarded by mu; nil before the first one
	closed error // guarded by mu
}

func newShared(open opener) *shared {
	return &shared{open: open, opening: make(chan struct{}, 1), pending: make(chan struct{}, maxPending)}
}

// acquire waits while too many exchanges wait for their heads: executors stop
// reading when too many requests are queued.
func (s *shared) acquire(ctx context.Context, _ bool) (*conn, error) {
	select {
	case s.pending <- struct{}{}:
	case <-ctx.Done():
		return nil, transport.Canceled(ctx, transport.NotSent, "wait for the link")
	}
	c, err := s.current(ctx)
	if err != nil {
		s.headed()
	}
	return c, err
}

func (s *shared) headed() { <-s.pending }

// current returns the link, or opens one, once for all who wait for it.
func (s *shared) current(ctx context.Context) (*conn, error) {
	c, err := s.usable()
	if c != nil || err != nil {
		return c, err
	}
	select {
	case s.opening <- struct{}{}:
	case <-ctx.Done():
		return nil, transport.Canceled(ctx, transport.NotSent, "wait for the link")
	}
	defer func() { <-s.opening }()
	if c, err = s.usable(); c != nil || err != nil {
		return c, err
	}
	if c, err = s.open(ctx, s); err != nil {
		return nil, err
	}
	s.mu.Lock()
	closed := s.closed
	s.link = c
	s.mu.Unlock()
	if closed != nil {
		c.fail(closed)
	}
	return c, nil
}

// usable returns the link if it is good, an error if there can be none.
func (s *shared) usable() (*conn, error) {
	s.mu.Lock()
	c, closed := s.link, s.closed
	s.mu.Unlock()
	if closed != nil {
		return nil, &transport.Error{Stage: transport.NotSent, Permanent: true, Op: "round trip", Err: closed}
	}
	if c == nil {
		return nil, nil
	}
	if _, open := c.counts(); open == 0 && !c.quiet() {
		c.fail(lost(errEnded))
	}
	switch {
	case c.takes():
		return c, nil
	case s.open == nil:
		return nil, &transport.Error{Stage: transport.NotSent, Permanent: true, Op: "round trip", Err: c.cause()}
	}
	return nil, nil
}

// ended replaces a link that carries too much which nobody wants, and closes one
// that carries nothing else: that is the only cancel there is.
func (s *shared) ended(c *conn, live, open int) {
	if s.open == nil || open == live {
		return
	}
	if open-live >= maxGivenUp {
		c.retire()
	}
	if live > 0 {
		return
	}
	time.AfterFunc(drainGrace, func() {
		if live, open := c.counts(); live == 0 && open > 0 {
			c.retire()
		}
	})
}

func (s *shared) gone(*conn) {}

func (s *shared) close(err error) {
	s.mu.Lock()
	s.closed = err
	c := s.link
	s.mu.Unlock()
	if c != nil {
		c.fail(err)
	}
}
