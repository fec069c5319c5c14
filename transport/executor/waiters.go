package executor

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/hawser-mcp/hawser/transport"
)

// waiter is an exchange that needs a link, over all its tries. The owner of links uses it while
// acquire runs.
type waiter struct {
	turn         int64 // orders the waiters; the ID of the first try
	sharedStream bool  // a shared stream, see httprule.OpensStream

	joined time.Time       // guarded by the pool's mu; when it joined the queue
	values context.Context // guarded by the pool's mu; the values for a dial that is made for it
	grants chan grant      // made when it first joins the queue, with room for one grant

	failing time.Time // when the making began that failed last; zero before
}

// grant ends the wait of a waiter, with a link or an error.
type grant struct {
	c     *conn
	err   error
	began time.Time // with an error: when the making began that failed
}

// mayHave reports whether w may have a link of its own. Streams stay open for long, so they have at
// most streamLimit links. The caller holds mu.
func (p *pool) mayHave(w *waiter) bool { return !w.sharedStream || p.streams < p.streamLimit() }

// enqueue adds w to the queue, by turn. The caller holds mu.
func (p *pool) enqueue(ctx context.Context, w *waiter) {
	if w.grants == nil {
		w.grants = make(chan grant, 1)
	}
	w.joined, w.values = time.Now(), ctx
	i, _ := slices.BinarySearchFunc(p.waiters, w, func(a, b *waiter) int { return cmp.Compare(a.turn, b.turn) })
	p.waiters = slices.Insert(p.waiters, i, w)
}

// dequeue removes w from the queue. It returns false if w is not in it. The caller holds mu.
func (p *pool) dequeue(w *waiter) bool {
	i := slices.Index(p.waiters, w)
	if i < 0 {
		return false
	}
	p.waiters = slices.Delete(p.waiters, i, i+1)
	return true
}

// nextWaiter removes and returns the oldest waiter that may have a link, or nil. The caller holds
// mu.
func (p *pool) nextWaiter() *waiter {
	i := slices.IndexFunc(p.waiters, p.mayHave)
	if i < 0 {
		return nil
	}
	w := p.waiters[i]
	p.waiters = slices.Delete(p.waiters, i, i+1)
	return w
}

// grant ends the wait of w, which is no longer in the queue, with link c. The caller holds mu.
func (p *pool) grant(w *waiter, c *conn) {
	p.moved = time.Now()
	w.grants <- grant{c: c}
}

// failWaiters ends all waits with an error. Each exchange decides how long it continues to try. The
// caller holds mu.
func (p *pool) failWaiters(g grant) {
	for _, w := range p.waiters {
		w.grants <- g
	}
	p.waiters = nil
}

// await waits for a grant. After a second, the exchange may use a link on which all exchanges have
// received their heads and only bodies are missing. One of those bodies may itself depend on this
// exchange: a tool call may wait until the client answers a request from the server.
func (p *pool) await(ctx context.Context, w *waiter) (*conn, error) {
	long := time.NewTicker(shareAfter)
	defer long.Stop()
	for {
		select {
		case g := <-w.grants:
			w.failing = g.began
			return g.c, g.err
		case <-long.C:
			if c := p.shareAny(w); c != nil {
				return c, nil
			}
		case <-ctx.Done():
			if !p.leave(w) { // a link was granted at the same time: pass it on
				if g := <-w.grants; g.c != nil {
					g.c.unused()
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
	if !p.dequeue(w) {
		return false
	}
	p.settle()
	return true
}

// shareAny lets w use any link that can be shared. It returns nil if there is none. It skips links
// whose reader waits for a slow consumer, because sharing a link ends its back-pressure.
func (p *pool) shareAny(w *waiter) *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !slices.Contains(p.waiters, w) {
		return nil
	}
	for c := range p.members {
		if !c.stalled.Load() && c.share() {
			p.dequeue(w)
			p.settle()
			return c
		}
	}
	return nil
}
