package agent

import "sync/atomic"

// Stats are numbers about the agents that share a [Budget]. Those that say "now" are gauges, the
// others only grow. Each number is exact, but they are read one after the other, while the agents
// continue.
type Stats struct {
	// Links are the links that are open now, and LinksTotal those opened so far.
	Links, LinksTotal int64
	// Exchanges are the exchanges that are admitted now: waiting, in progress, or with a last
	// message that the client has not received. ExchangesTotal are those admitted so far.
	Exchanges, ExchangesTotal int64
	// BytesIn and BytesOut are the bytes of all messages received from clients and sent to them,
	// without the framing of the link.
	BytesIn, BytesOut int64
	// Held are the bytes that count against the Budget now, HeldPeak is the highest value so far,
	// and Limit the limit of the Budget.
	Held, HeldPeak, Limit int64
	// Overflows are the links, messages, requests and responses refused so far because the Budget
	// had no room for them.
	Overflows int64
	// Evictions are the links ended so far to make room for others.
	Evictions int64
	// LateMessages are the links ended so far because a message did not arrive within
	// [Options.MessageTimeout].
	LateMessages int64
}

// counters are the numbers of Stats that are not part of the Budget itself.
type counters struct {
	links, linksTotal         atomic.Int64
	exchanges, exchangesTotal atomic.Int64
	bytesIn, bytesOut         atomic.Int64
	overflows, lateMessages   atomic.Int64
	evictions                 atomic.Int64
}

// Stats returns the current numbers. It takes no lock and allocates nothing, so a program may call
// it as often as it likes.
func (b *Budget) Stats() Stats {
	c := &b.counters
	return Stats{
		Links: c.links.Load(), LinksTotal: c.linksTotal.Load(),
		Exchanges: c.exchanges.Load(), ExchangesTotal: c.exchangesTotal.Load(),
		BytesIn: c.bytesIn.Load(), BytesOut: c.bytesOut.Load(),
		Held: b.used.Load(), HeldPeak: b.peak.Load(), Limit: b.limit,
		Overflows: c.overflows.Load(), Evictions: c.evictions.Load(), LateMessages: c.lateMessages.Load(),
	}
}

// Stats returns the numbers of the Listener's Budget.
func (l *Listener) Stats() Stats { return l.c.Budget.Stats() }
