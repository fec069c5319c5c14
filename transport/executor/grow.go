package executor

import (
	"time"
)

// growth is how the pool decides when to make a link.
//
// An executor may need much longer to make a link than to serve a request: codex loads its TLS
// roots for the first request of each link, in about 30 ms of CPU, and links made at the same time
// slow each other down. So a link is made only when the oldest waiter would otherwise wait longer
// than its price, the measured time that making one takes.
type growth struct {
	makings []*making     // in the order in which they began
	price   time.Duration // of a link: moving average of the measured times
	priced  bool          // price was measured
	free    bool          // the last link took no time worth waiting for
	cold    bool          // the last link was made without a warm-up, so its price is not known
	began   time.Time     // when the last making began
	timer   *time.Timer   // nil before its first use
	armed   time.Time     // when timer fires; zero if it is stopped
}

// total is the number of links that are open or being made. The caller holds mu.
func (p *pool) total() int { return len(p.members) + len(p.growth.makings) }

// grow begins the makings that are due, and sets the timer for the next one. The caller holds mu.
func (p *pool) grow() {
	p.boundMakings()
	for {
		w, at := p.due(time.Now())
		if w == nil {
			p.disarm()
			return
		}
		if wait := time.Until(at); wait > 0 {
			p.arm(at, wait)
			return
		}
		if !p.make(w) {
			return
		}
	}
}

// due returns the oldest waiter for which one more link could be made, and the time for that. It
// returns nil if there is no such waiter. The caller holds mu.
func (p *pool) due(now time.Time) (*waiter, time.Time) {
	g := &p.growth
	w, wanted := p.wanting()
	if wanted <= len(g.makings) || p.total() >= p.opts.MaxLinks || p.closed != nil {
		return nil, now
	}
	young := g.young(now)
	busy := len(p.members) - len(p.idle) - p.streams // links that may come free
	at := now
	if !g.free && (busy > 0 || len(young) > 0) {
		still := later(w.joined, p.moved).Add(min(g.price, patience))
		at = earlier(still, w.joined.Add(2*g.price))
	}
	if len(young) >= max(1, int(burst/g.price)) {
		at = later(at, young[0].began.Add(hanging))
	}
	if g.cold {
		at = later(at, g.began.Add(firstPrice))
	}
	return w, at
}

// wanting returns the oldest waiter that may have a link, and how many links the waiters could use.
// The caller holds mu.
func (p *pool) wanting() (oldest *waiter, wanted int) {
	streams := p.streamLimit() - p.streams
	for _, w := range p.waiters {
		if w.sharedStream {
			if streams <= 0 {
				continue
			}
			streams--
		}
		if oldest == nil {
			oldest = w
		}
		wanted++
	}
	return oldest, wanted
}

// young returns the makings that are not hanging.
func (g *growth) young(now time.Time) []*making {
	for i, m := range g.makings {
		if now.Sub(m.began) < hanging {
			return g.makings[i:]
		}
	}
	return nil
}

// learn takes the price from a link that was made. The caller holds mu.
func (g *growth) learn(c *conn) {
	if g.cold = c.cold; g.cold {
		return
	}
	took := c.took
	g.free = took < freePrice
	if g.priced {
		took = g.price + (took-g.price)/4
	}
	g.price, g.priced = min(max(took, leastPrice), mostPrice), true
}

// arm sets the timer. The caller holds mu.
func (p *pool) arm(at time.Time, wait time.Duration) {
	g := &p.growth
	switch {
	case g.armed.Equal(at):
		return
	case g.timer == nil:
		g.timer = time.AfterFunc(wait, p.tick)
	default:
		g.timer.Reset(wait)
	}
	g.armed = at
}

// disarm stops the timer. The caller holds mu.
func (p *pool) disarm() {
	if g := &p.growth; !g.armed.IsZero() {
		g.timer.Stop()
		g.armed = time.Time{}
	}
}

// tick runs when the timer fires.
func (p *pool) tick() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.growth.armed = time.Time{}
	p.grow()
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
