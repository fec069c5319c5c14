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
	// acquire returns a link for the exchange of w. The caller must then begin the exchange on that
	// link. The error is a [*transport.Error] of stage NotSent.
	acquire(ctx context.Context, w *waiter) (*conn, error)
	// headed is called once for each successful acquire, after the exchange has received the head
	// of its response or an error.
	headed()
	// count sets the numbers of links and waiters in s, and returns s.
	count(s Stats) Stats
	// close ends every link. The exchanges on the links fail with err.
	close(err error)
}

// opener makes a link for owner o and performs its handshake.
type opener func(ctx context.Context, o owner) (*conn, error)

// pool gives each exchange its own link. An exchange that finds no idle link waits. The pool makes
// links on goroutines of its own, and a link that is ready or free goes to the oldest waiter. So no
// exchange waits for one particular link, and none holds anything while it waits.
//
// These invariants hold whenever mu is free; FuzzPool checks them:
//
//   - While a link is idle, no waiter may have it.
//   - A link belongs to one exchange at a time, unless shared streams share it.
//   - There are at most MaxLinks members and makings together, and at most MaxIdleLinks idle links.
//   - Waiters are ordered by turn, and links are granted in that order.
//   - A making begins only if fewer makings are in progress than waiters could use.
//   - The timer runs only while a waiter could use one more link.
//   - After close there are no waiters, and no making begins.
//
// An exchange begins only after its grant, so every failure before that is NotSent.
type pool struct {
	open  opener
	spawn func(func()) bool // starts a goroutine that the Transport's Close waits for; false after Close
	opts  *Options

	mu      sync.Mutex
	members map[*conn]*member // guarded by mu; the links that are open and ready
	idle    []*conn           // guarded by mu; the most recently used link is last
	streams int               // guarded by mu; number of members that carry shared streams
	waiters []*waiter         // guarded by mu; by turn
	moved   time.Time         // guarded by mu; time of the last grant to a waiter
	growth  growth            // guarded by mu
	closed  error             // guarded by mu
}

// member is the pool's state of one link.
type member struct {
	sharedStream bool
	expiry       *time.Timer // while the link is idle; nil without a limit
}

// newPool returns a pool that makes its links with open, on goroutines that spawn starts.
func newPool(open opener, spawn func(func()) bool, opts *Options) *pool {
	return &pool{open: open, spawn: spawn, opts: opts, members: make(map[*conn]*member), growth: growth{price: firstPrice}}
}

// acquire takes an idle link, or a link that streams share, or waits for a link, in this order.
func (p *pool) acquire(ctx context.Context, w *waiter) (*conn, error) {
	for {
		c, err := p.take(ctx, w)
		switch {
		case err != nil:
			return nil, err
		case c == nil:
			return p.await(ctx, w)
		case c.sharing.Load() || c.quiet():
			return c, nil
		}
		c.fail(lost(errEnded))
	}
}

// take returns a link. If none can be used now, it returns nil, and w is in the queue.
func (p *pool) take(ctx context.Context, w *waiter) (*conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed != nil {
		return nil, errPoolClosed(p.closed)
	}
	if n := len(p.idle); n > 0 && p.mayHave(w) {
		c := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.use(c, w)
		return c, nil
	}
	if w.sharedStream && p.streamsShare() {
		if c := p.shareable(); c != nil {
			return c, nil
		}
	}
	p.enqueue(ctx, w)
	p.settle()
	return nil, nil
}

func errPoolClosed(err error) error {
	return &transport.Error{Stage: transport.NotSent, Permanent: true, Op: "round trip", Err: err}
}

// use marks a link that was idle as used by w. The caller holds mu.
func (p *pool) use(c *conn, w *waiter) {
	m := p.members[c]
	if m.expiry != nil {
		m.expiry.Stop()
		m.expiry = nil
	}
	if m.sharedStream = w.sharedStream; m.sharedStream {
		p.streams++
	}
}

// settle gives idle links to the waiters that may have them, lets streams share, and makes links
// for the other waiters. Every change of the pool ends with it. The caller holds mu.
func (p *pool) settle() {
	for len(p.idle) > 0 {
		w := p.nextWaiter()
		if w == nil {
			break
		}
		n := len(p.idle) - 1
		c := p.idle[n]
		p.idle = p.idle[:n]
		p.use(c, w)
		p.grant(w, c)
	}
	p.shareStreams()
	p.grow()
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

// headed lets waiting shared streams share a link, if the head that has just arrived made that
// possible.
func (p *pool) headed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shareStreams()
}

// release makes a link free that no exchange uses any more.
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
		p.streams--
	}
	c.sharing.Store(false)
	surplus := p.offer(c)
	p.mu.Unlock()
	if surplus {
		c.fail(errUnused)
	}
}

// offer makes a member idle, unless a waiter takes it. It returns true if too many links are idle:
// the caller must then close this one. The caller holds mu.
func (p *pool) offer(c *conn) (surplus bool) {
	p.idle = append(p.idle, c)
	p.settle()
	i := slices.Index(p.idle, c)
	if i < 0 {
		return false
	}
	if len(p.idle) > p.opts.MaxIdleLinks {
		p.idle = slices.Delete(p.idle, i, i+1)
		return true
	}
	if p.opts.IdleTimeout > 0 {
		p.members[c].expiry = time.AfterFunc(p.opts.IdleTimeout, func() { p.expire(c) })
	}
	return false
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
	if m.sharedStream {
		p.streams--
	}
	p.settle()
}

func (p *pool) close(err error) {
	p.mu.Lock()
	p.closed = err
	p.failWaiters(grant{err: errPoolClosed(err)})
	p.stopGrowing(err)
	open := slices.Collect(maps.Keys(p.members))
	p.mu.Unlock()
	for _, c := range open {
		c.fail(err)
	}
}
