package executor

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hawser-mcp/hawser/transport"
)

// shared gives all exchanges the same link. It opens another link when the current one is lost or
// has too many exchanges that were given up.
type shared struct {
	open    opener        // nil for a single link
	pending chan struct{} // has one element for each exchange that waits for its head
	waiting atomic.Int64  // number of exchanges that wait for the link

	mu      sync.Mutex
	link    *conn              // guarded by mu; nil before the first one
	opening *opening           // guarded by mu; nil unless a link is being opened
	links   map[*conn]struct{} // guarded by mu; the current link, and earlier ones that still carry exchanges
	closed  error              // guarded by mu
}

// opening is a link that is being opened.
type opening struct {
	done chan struct{} // closed when opening has ended
	err  error         // the failure for all waiters; nil if the opener gave up
}

func newShared(open opener) *shared {
	return &shared{open: open, pending: make(chan struct{}, maxPending), links: make(map[*conn]struct{})}
}

// acquire returns the shared link. It waits while too many exchanges wait for their heads, because
// executors stop reading when too many requests are queued.
func (s *shared) acquire(ctx context.Context, _ *waiter) (*conn, error) {
	s.waiting.Add(1)
	defer s.waiting.Add(-1)
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

// current returns the link. If there is none, it opens one for all waiters.
func (s *shared) current(ctx context.Context) (*conn, error) {
	for {
		c, err := s.usable()
		if c != nil || err != nil {
			return c, err
		}
		o, mine := s.begin()
		if mine {
			if c, err = s.usable(); c == nil && err == nil { // another exchange may have opened the link meanwhile
				c, err = s.open(ctx, s)
			}
			s.opened(o, c, err, ctx.Err() != nil)
			return c, err
		}
		select {
		case <-o.done:
			if o.err != nil {
				return nil, o.err
			}
		case <-ctx.Done():
			return nil, transport.Canceled(ctx, transport.NotSent, "wait for the link")
		}
	}
}

// begin returns the link that is being opened. mine is true if the caller must open it.
func (s *shared) begin() (o *opening, mine bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.opening != nil {
		return s.opening, false
	}
	s.opening = &opening{done: make(chan struct{})}
	return s.opening, true
}

// opened completes o with a link or an error. Both are nil if the opener gave up.
func (s *shared) opened(o *opening, c *conn, err error, gaveUp bool) {
	if c != nil {
		s.use(c)
	} else if !gaveUp {
		o.err = err
	}
	s.mu.Lock()
	s.opening = nil
	s.mu.Unlock()
	close(o.done)
}

// use makes c the shared link.
func (s *shared) use(c *conn) {
	s.mu.Lock()
	s.link = c
	s.links[c] = struct{}{}
	closed := s.closed
	s.mu.Unlock()
	if closed != nil {
		c.fail(closed)
	} else if c.isOver() { // the link ended before it was registered
		s.gone(c)
	}
}

// usable returns the link if it works, or an error if no other link can be opened. Otherwise it
// returns nil and no error.
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
	if s.open != nil && c.idle() && !c.quiet() {
		c.failIf(lost(errEnded), noneOpen) // unless an exchange has begun meanwhile
	}
	switch {
	case c.takes():
		return c, nil
	case s.open == nil:
		return nil, &transport.Error{Stage: transport.NotSent, Permanent: true, Op: "round trip", Err: c.cause()}
	}
	return nil, nil
}

// ended replaces a link that has too many exchanges that were given up. It closes a link that has
// only such exchanges, because only closing the link cancels them.
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
	time.AfterFunc(drainGrace, func() { c.failIf(errUnused, noneLive) })
}

func (s *shared) gone(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.links, c)
}

func (s *shared) close(err error) {
	s.mu.Lock()
	s.closed = err
	open := maps.Clone(s.links)
	s.mu.Unlock()
	for c := range open {
		c.fail(err)
	}
}
