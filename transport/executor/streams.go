package executor

import "slices"

// Shared streams stay open for as long as a session. An executor that runs one request at a time
// can still begin another request on a link whose streams have all received their heads. So streams
// can share links, but there the body of a slow consumer overflows instead of waiting. Therefore
// they share only when they have all the links that they may have.

// streamLimit is how many links carry shared streams at most. The others are left to calls.
func (p *pool) streamLimit() int { return max(1, p.opts.MaxLinks/streamShare) }

// streamsShare reports whether no stream can get a link of its own. The caller holds mu.
func (p *pool) streamsShare() bool {
	return p.streams >= p.streamLimit() || len(p.idle) == 0 && p.total() >= p.opts.MaxLinks
}

// shareStreams lets waiting streams use links of other streams. The caller holds mu.
func (p *pool) shareStreams() {
	for p.streamsShare() {
		i := slices.IndexFunc(p.waiters, func(w *waiter) bool { return w.sharedStream })
		if i < 0 {
			return
		}
		c := p.shareable()
		if c == nil {
			return
		}
		w := p.waiters[i]
		p.waiters = slices.Delete(p.waiters, i, i+1)
		p.grant(w, c)
	}
}

// shareable reserves a place on the link with the fewest streams, among the links on which all
// streams have received their heads. It returns nil if there is none. The caller holds mu.
func (p *pool) shareable() *conn {
	var best *conn
	least := 0
	for c, m := range p.members {
		if n, ok := c.shareable(); ok && m.sharedStream && (best == nil || n < least) {
			best, least = c, n
		}
	}
	if best == nil || !best.share() {
		return nil
	}
	return best
}
