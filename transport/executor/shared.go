package executor

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/hawser-mcp/hawser/transport"
)

// shared gives all exchanges the same link, and makes a new one when that is
// lost, or when it is full of exchanges that were given up.
type shared struct {
	open    opener        // nil when there is only the one link
	pending chan struct{} // a token for each exchange that waits for its head

	mu      sync.Mutex
	link    *conn              // guarded by mu; nil before the first one
	opening *opening           // guarded by mu; nil when nobody opens a link
	links   map[*conn]struct{} // guarded by mu; link, and those before it that still carry something
	closed  error              // guarded by mu
}

// opening is a link that is being opened.
type opening struct {
	done chan struct{} // closed at the end
	err  error         // why it failed, for all who wait; nil also when who opens it gave up
}

func newShared(open opener) *shared {
	return &shared{open: open, pending: make(chan struct{}, maxPending), links: make(map[*conn]struct{})}
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
	for {
		c, err := s.usable()
		if c != nil || err != nil {
			return c, err
		}
		o, mine := s.begin()
		if mine {
			if c, err = s.usable(); c == nil && err == nil { // it may be there since
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

// begin returns the link that is being opened. It is the caller's to open if nobody has begun.
func (s *shared) begin() (o *opening, mine bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.opening != nil {
		return s.opening, false
	}
	s.opening = &opening{done: make(chan struct{})}
	return s.opening, true
}

// opened ends o. A link could not be had, or the one who opened it gave up.
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

// use makes c the link.
func (s *shared) use(c *conn) {
	s.mu.Lock()
	s.link = c
	s.links[c] = struct{}{}
	closed := s.closed
	s.mu.Unlock()
	if closed != nil {
		c.fail(closed)
	} else if c.isOver() { // before it was known here
		s.gone(c)
	}
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
	if s.open != nil && c.idle() && !c.quiet() {
		c.failIf(lost(errEnded), noneOpen) // unless somebody has begun meanwhile
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
	open := slices.Collect(maps.Keys(s.links))
	s.mu.Unlock()
	for _, c := range open {
		c.fail(err)
	}
}
