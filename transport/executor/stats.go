package executor

import "sync/atomic"

// Stats are numbers about a [Transport]. Those that say "now" are gauges, the others only grow. The
// numbers of links and waiters belong to one moment. The others are exact, but they are read one
// after the other, while the Transport continues.
type Stats struct {
	// Links are the links that are ready now, LinksIdle those of them that no exchange uses, and
	// LinksTotal those made so far.
	Links, LinksIdle, LinksTotal int64
	// LinksLost are the links that failed so far: the executor or the network ended them, or they
	// fell silent, or the executor violated the protocol.
	LinksLost int64
	// Dialing are the links being made now: dialed, greeted and warmed. DialsFailed are the attempts
	// so far that failed, without those that the Transport or its callers gave up.
	Dialing, DialsFailed int64
	// Waiting are the exchanges that wait for a link now.
	Waiting int64
	// Exchanges are the exchanges that are in progress now: on a link, neither complete nor given up
	// by the caller. ExchangesTotal are those begun so far. An exchange that is sent over another
	// link, because the first one had ended, is begun twice.
	Exchanges, ExchangesTotal int64
	// ExchangesReused are the exchanges begun so far on a link that had carried an exchange before.
	// The others needed a new link.
	ExchangesReused int64
	// BytesIn and BytesOut are the bytes of all messages received from executors and sent to them,
	// without the framing of the link.
	BytesIn, BytesOut int64
	// Overflows are the bodies so far that failed with [ErrOverflow].
	Overflows int64
}

// counters are the numbers of Stats that are not part of the links.
type counters struct {
	linksTotal, linksLost, dialsFailed         atomic.Int64
	exchanges, exchangesTotal, exchangesReused atomic.Int64
	bytesIn, bytesOut                          atomic.Int64
	overflows                                  atomic.Int64
}

// began counts an exchange that begins on a link.
func (c *counters) began(reused bool) {
	c.exchanges.Add(1)
	c.exchangesTotal.Add(1)
	if reused {
		c.exchangesReused.Add(1)
	}
}

// Stats returns the current numbers, also after Close. It does not wait for the network and
// allocates nothing, so a program may call it as often as it likes.
func (t *Transport) Stats() Stats {
	c := &t.stats
	return t.links.count(Stats{
		LinksTotal: c.linksTotal.Load(), LinksLost: c.linksLost.Load(), DialsFailed: c.dialsFailed.Load(),
		Exchanges: c.exchanges.Load(), ExchangesTotal: c.exchangesTotal.Load(), ExchangesReused: c.exchangesReused.Load(),
		BytesIn: c.bytesIn.Load(), BytesOut: c.bytesOut.Load(),
		Overflows: c.overflows.Load(),
	})
}

// count implements links. It takes and returns values, so that Stats does not allocate.
func (p *pool) count(s Stats) Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.Links, s.LinksIdle = int64(len(p.members)), int64(len(p.idle))
	s.Dialing, s.Waiting = int64(len(p.growth.makings)), int64(len(p.waiters))
	return s
}

func (s *shared) count(out Stats) Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.links {
		out.Links++
		if c.idle() {
			out.LinksIdle++
		}
	}
	if s.opening != nil {
		out.Dialing = 1
	}
	out.Waiting = s.waiting.Load()
	return out
}
