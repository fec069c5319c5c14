package executor

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// making is a link that is being made: dialed, greeted and warmed. It belongs to no waiter.
type making struct {
	began  time.Time
	cancel context.CancelCauseFunc
	limit  *time.Timer // bounds a making for which no exchange waits; nil if something else does
}

// make begins to make a link. The dial gets the values of w's context, but does not end with it,
// because the link may go to another waiter. make returns false if the Transport is closed. The
// caller holds mu.
func (p *pool) make(w *waiter) bool {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(w.values))
	m := &making{began: time.Now(), cancel: cancel}
	p.growth.makings = append(p.growth.makings, m)
	p.growth.began = m.began
	begun := p.spawn(func() {
		defer cancel(nil)
		c, err := p.open(ctx, p)
		p.made(m, c, err)
	})
	if !begun {
		cancel(nil)
		p.removeMaking(m)
	}
	return begun
}

// made ends a making. Its link goes to the oldest waiter or becomes idle. Its error goes to all
// waiters.
func (p *pool) made(m *making, c *conn, err error) {
	p.mu.Lock()
	p.removeMaking(m)
	if err != nil {
		p.failWaiters(grant{err: err, began: m.began})
		p.settle()
		p.mu.Unlock()
		return
	}
	p.growth.learn(c)
	closed, surplus := p.closed, false
	if closed == nil {
		p.members[c] = new(member)
		surplus = p.offer(c)
	}
	p.mu.Unlock()
	switch {
	case closed != nil:
		c.fail(closed)
	case surplus:
		c.fail(errUnused)
	}
	if c.isOver() { // perhaps before it became a member
		p.gone(c)
	}
}

// removeMaking forgets a making that has ended. The caller holds mu.
func (p *pool) removeMaking(m *making) {
	g := &p.growth
	if i := slices.Index(g.makings, m); i >= 0 {
		g.makings = slices.Delete(g.makings, i, i+1)
	}
	if m.limit != nil {
		m.limit.Stop()
	}
}

// boundMakings bounds the makings for which no exchange waits, if HandshakeTimeout does not bound
// them. The caller holds mu.
func (p *pool) boundMakings() {
	if p.opts.HandshakeTimeout > 0 || p.closed != nil {
		return
	}
	for _, m := range p.growth.makings {
		switch {
		case len(p.waiters) > 0 && m.limit != nil:
			m.limit.Stop()
			m.limit = nil
		case len(p.waiters) == 0 && m.limit == nil:
			m.limit = time.AfterFunc(DefaultHandshakeTimeout, func() { m.cancel(errUnwanted) })
		}
	}
}

var errUnwanted = fmt.Errorf("%w: no link after %v, and no exchange waits for it", ErrSilent, DefaultHandshakeTimeout)

// stopGrowing ends the timer and all makings. The caller holds mu.
func (p *pool) stopGrowing(err error) {
	p.disarm()
	for _, m := range p.growth.makings {
		m.cancel(err)
		if m.limit != nil {
			m.limit.Stop()
			m.limit = nil
		}
	}
}
