package executor

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/hawser-mcp/hawser/transport"
)

// links provides links for exchanges.
type links interface {
	// acquire returns a link for one exchange. The caller must then begin the exchange on that
	// link. The error is a [*transport.Error] of stage NotSent.
	acquire(ctx context.Context, sharedStream bool) (*conn, error)
	// headed is called once for each successful acquire, after the exchange has received the head
	// of its response or an error.
	headed()
	// close ends every link. The exchanges on the links fail with err.
	close(err error)
}

// opener makes a link for owner o and performs its handshake.
type opener func(ctx context.Context, o owner) (*conn, error)

// pool gives each exchange its own link.
type pool struct {
	open opener
	opts *Options

	mu           sync.Mutex
	members      map[*conn]*member // guarded by mu; the links that are open
	idle         []*conn           // guarded by mu; the most recently used link is last
	total        int               // guarded by mu; links that are open or being opened
	sharedStream int               // guarded by mu; how many of total carry shared streams
	waiters      []*waiter         // guarded by mu; in order of arrival
	closed       error             // guarded by mu
}

// member is the pool's state of one link.
type member struct {
	sharedStream bool
	expiry       *time.Timer // while the link is idle; nil without a limit
}

// waiter is an exchange that waits for a link. Its grant is either a link or nil. Nil grants the
// right to open a link, which is already counted in total.
type waiter struct {
	sharedStream bool
	grant        chan *conn
}

func newPool(open opener, opts *Options) *pool {
	return &pool{open: open, opts: opts, members: make(map[*conn]*member)}
}

// headed lets a waiting shared stream share a link, if the head that has just arrived made that
// possible.
func (p *pool) headed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.waiters, func(w *waiter) bool { return w.sharedStream })
	if i < 0 {
		return
	}
	if c := p.shareable(); c != nil {
		p.waiters[i].grant <- c
		p.waiters = slices.Delete(p.waiters, i, i+1)
	}
}

// acquire takes an idle link, opens a new one, or waits for a link, in this order. Shared streams
// leave the last link to other requests. If no other link is free, they share one with each other.
func (p *pool) acquire(ctx context.Context, sharedStream bool) (*conn, error) {
	for {
		c, w, err := p.take(sharedStream)
		switch {
		case err != nil:
			return nil, err
		case c != nil && (c.sharing.Load() || c.quiet()):
			return c, nil
		case c != nil:
			c.fail(lost(errEnded))
			continue
		case w != nil:
			if c, err = p.await(ctx, w); c != nil || err != nil {
				return c, err
			}
		}
		return p.openOne(ctx, sharedStream)
	}
}

// take returns a link or a place in the queue. If it returns neither and no error, the caller must
// open a link.
func (p *pool) take(sharedStream bool) (*conn, *waiter, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed != nil {
		return nil, nil, &transport.Error{Stage: transport.NotSent, Permanent: true, Op: "round trip", Err: p.closed}
	}
	if !sharedStream || p.sharedStream < p.opts.MaxLinks-1 {
		if n := len(p.idle); n > 0 {
			c := p.idle[n-1]
			p.idle = p.idle[:n-1]
			p.use(c, sharedStream)
			return c, nil, nil
		}
		if p.total < p.opts.MaxLinks {
			p.count(sharedStream, 1)
			return nil, nil, nil
		}
	}
	if sharedStream {
		if c := p.shareable(); c != nil {
			return c, nil, nil
		}
	}
	w := &waiter{sharedStream, make(chan *conn, 1)}
	p.waiters = append(p.waiters, w)
	return nil, w, nil
}

// count adds n to the number of links that are open or being opened. The caller holds mu.
func (p *pool) count(sharedStream bool, n int) {
	p.total += n
	if sharedStream {
		p.sharedStream += n
	}
}

// use marks an idle link as used. The caller holds mu.
func (p *pool) use(c *conn, sharedStream bool) {
	m := p.members[c]
	if m.expiry != nil {
		m.expiry.Stop()
	}
	if m.sharedStream = sharedStream; sharedStream {
		p.sharedStream++
	}
}

// shareable returns a link on which all open exchanges are shared streams that have received their
// heads, or nil if there is none. Even an executor that runs one request at a time can begin
// another request on such a link. The caller holds mu.
func (p *pool) shareable() *conn {
	for c, m := range p.members {
		if m.sharedStream && c.share() {
			return c
		}
	}
	return nil
}

// await waits for a grant. After a second, the exchange may use a link on which all exchanges have
// received their heads and only bodies are missing. One of those bodies may itself depend on this
// exchange: a tool call may wait until the client answers a request from the server.
func (p *pool) await(ctx context.Context, w *waiter) (*conn, error) {
	long := time.NewTicker(shareAfter)
	defer long.Stop()
	for {
		select {
		case c, ok := <-w.grant:
			if !ok {
				return nil, &transport.Error{Stage: transport.NotSent, Permanent: true, Op: "round trip", Err: transport.ErrClosed}
			}
			return c, nil
		case <-long.C:
			if c := p.shareAny(w); c != nil {
				return c, nil
			}
		case <-ctx.Done():
			if !p.leave(w) { // a link was granted at the same time: pass it on
				if c, ok := <-w.grant; ok {
					p.giveBack(c, w.sharedStream)
				}
			}
			return nil, transport.Canceled(ctx, transport.NotSent, "wait for a link")
		}
	}
}

// leave removes w from the queue. It returns false if w already has a grant.
func (p *pool) leave(w *waiter) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dequeue(w)
}

// dequeue does what leave does, for a caller that holds mu.
func (p *pool) dequeue(w *waiter) bool {
	i := slices.Index(p.waiters, w)
	if i >= 0 {
		p.waiters = slices.Delete(p.waiters, i, i+1)
	}
	return i >= 0
}

// shareAny lets w use any link that can be shared. It returns nil if there is none. It skips links
// whose reader waits for a slow consumer, because sharing a link ends its back-pressure.
func (p *pool) shareAny(w *waiter) *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.members {
		if slices.Contains(p.waiters, w) && !c.stalled.Load() && c.share() {
			p.dequeue(w)
			return c
		}
	}
	return nil
}

// openOne opens a link for one exchange. The link is already counted in total.
func (p *pool) openOne(ctx context.Context, sharedStream bool) (*conn, error) {
	c, err := p.open(ctx, p)
	if err != nil {
		p.giveBack(nil, sharedStream)
		return nil, err
	}
	p.mu.Lock()
	closed := p.closed
	p.members[c] = &member{sharedStream: sharedStream}
	p.mu.Unlock()
	if closed != nil {
		c.fail(closed)
	} else if c.isOver() { // the link ended before it became a member
		p.gone(c)
	}
	return c, nil
}

// giveBack passes an unused grant to the next waiter or back to the pool.
func (p *pool) giveBack(c *conn, sharedStream bool) {
	if c != nil {
		c.unused()
		p.headed()
		return
	}
	p.mu.Lock()
	p.count(sharedStream, -1)
	p.grantSlot()
	p.mu.Unlock()
}

// ended takes a link back after its exchange. If the exchange was given up, the link is closed as
// soon as no other exchange needs it, because only closing the link cancels the request. If many
// exchanges were given up, the link admits no more.
func (p *pool) ended(c *conn, live, open int) {
	switch {
	case open == 0:
		p.release(c)
	case live == 0:
		c.failIf(errUnused, noneLive) // unless the exchange has ended meanwhile and the link is in use again
	case open-live >= maxGivenUp:
		c.retire()
	default:
		p.headed() // a shared stream may now be able to use the link
	}
}

// release gives an unused link to the first waiter. If there is none, it keeps or closes the link.
func (p *pool) release(c *conn) {
	p.mu.Lock()
	m := p.members[c]
	if m == nil || p.closed != nil {
		p.mu.Unlock()
		c.fail(errUnused)
		return
	}
	if m.sharedStream {
		m.sharedStream = false
		p.sharedStream--
	}
	c.sharing.Store(false)
	if w := p.nextWaiter(); w != nil {
		m.expiry = nil
		p.use(c, w.sharedStream)
		w.grant <- c
		p.mu.Unlock()
		return
	}
	keep := len(p.idle) < p.opts.MaxIdleLinks
	if keep {
		p.idle = append(p.idle, c)
		if p.opts.IdleTimeout > 0 {
			m.expiry = time.AfterFunc(p.opts.IdleTimeout, func() { p.expire(c) })
		}
	}
	p.mu.Unlock()
	if !keep {
		c.fail(errUnused)
	}
}

// nextWaiter removes and returns the first waiter that may have a link, or nil. The caller holds
// mu.
func (p *pool) nextWaiter() *waiter {
	for i, w := range p.waiters {
		if !w.sharedStream || p.sharedStream < p.opts.MaxLinks-1 {
			p.waiters = slices.Delete(p.waiters, i, i+1)
			return w
		}
	}
	return nil
}

// grantSlot lets a waiter open a link that replaces a lost one. The caller holds mu.
func (p *pool) grantSlot() {
	if p.total >= p.opts.MaxLinks {
		return
	}
	if w := p.nextWaiter(); w != nil {
		p.count(w.sharedStream, 1)
		w.grant <- nil
	}
}

// expire closes a link that has been idle for too long.
func (p *pool) expire(c *conn) {
	p.mu.Lock()
	i := slices.Index(p.idle, c)
	if i >= 0 {
		p.idle = slices.Delete(p.idle, i, i+1)
	}
	p.mu.Unlock()
	if i >= 0 {
		c.fail(errUnused)
	}
}

// gone removes a link that has ended.
func (p *pool) gone(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := p.members[c]
	if m == nil {
		return
	}
	delete(p.members, c)
	if i := slices.Index(p.idle, c); i >= 0 {
		p.idle = slices.Delete(p.idle, i, i+1)
	}
	if m.expiry != nil {
		m.expiry.Stop()
	}
	p.count(m.sharedStream, -1)
	p.grantSlot()
}

func (p *pool) close(err error) {
	p.mu.Lock()
	p.closed = err
	open := slices.Collect(maps.Keys(p.members))
	waiters := p.waiters
	p.waiters = nil
	p.mu.Unlock()
	for _, w := range waiters {
		close(w.grant)
	}
	for _, c := range open {
		c.fail(err)
	}
}
