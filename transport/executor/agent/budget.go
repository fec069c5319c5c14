package agent

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/hawser-mcp/hawser/internal/redact"
)

// DefaultBudget is the limit of the Budget of an agent without [Options.Budget], in bytes.
const DefaultBudget = 256 << 20

// Budget bounds the bytes that agents hold for their clients, and counts what the agents do, see
// [Budget.Stats]. Agents that share a Budget share its limit. It is safe for concurrent use.
//
// These bytes count, each for as long as it is held:
//
//   - 128 KiB for a link;
//   - a message that is being received, even before it is complete, and the copy made to decode it;
//   - 32 KiB for an exchange, with the URL, headers and body of its request;
//   - the headers of a response, and 128 KiB while they are awaited;
//   - a response that is not streamed, and the message that carries it;
//   - 1 MiB for a streamed body that is read ahead.
//
// Links that hold little come first. A link that holds up to 1 MiB may use the whole limit. A link
// that holds more may use three quarters of it, and there only twice as much as remains free. So
// one link gets at most half of the limit. A request that gets no room fails with code −32603 and
// stage "notSent"; a response that gets none, with code −32603 and stage "maybeSent". Both errors
// allow a retry. A body that gets no room to be read ahead is sent in small pieces. A link that
// gets no room is refused.
//
// Clients that never read, or that stop in the middle of a message, would keep their share
// forever. So when less than an eighth of the limit is free, the agent ends the link that holds the
// most. It also does so when a link gets no room, if another link holds four times as much as that
// one would.
type Budget struct {
	printed

	limit    int64
	small    int64 // a link that holds up to this may use the whole limit
	used     atomic.Int64
	peak     atomic.Int64
	counters counters

	mu       sync.Mutex
	links    map[*account]struct{} // guarded by mu
	evicting *account              // guarded by mu; a link that is being ended
}

// NewBudget returns a Budget with a limit in bytes. Zero or less means [DefaultBudget].
func NewBudget(limit int64) *Budget {
	if limit <= 0 {
		limit = DefaultBudget
	}
	return &Budget{
		printed: redact.NewPrinted("agent.Budget"),
		limit:   limit, small: min(smallShare, limit/32),
		links: make(map[*account]struct{}),
	}
}

const (
	smallShare = 1 << 20 // in bytes
	greedy     = 4       // a link may be ended for one that would hold this many times less
)

// errEvicted is the cause of the end of a link.
var errEvicted = errors.New("the client holds too much memory of the executor: it does not read, or does not finish its messages")

// errBudget is the cause of an error that is sent to a client, so it does not reveal what others
// hold.
var errBudget = errors.New("the executor's memory budget is used up")

// What counts for a link and for an exchange, in bytes.
const (
	linkCost     = 128 << 10 // the buffers of the connection, and the smallest one for a message
	exchangeCost = 32 << 10  // goroutines, the buffers of a connection to a server, a piece of the body
	headerRoom   = 128 << 10 // limit of the headers of a response
	fieldCost    = 128       // of a header field, in addition to its text
	aheadCost    = 1 << 20   // an ahead, and the message that carries a piece
)

// account is what one link holds of a Budget.
type account struct {
	budget *Budget
	held   atomic.Int64
	end    context.CancelCauseFunc // ends the link
}

// open starts the account of a link. It fails if there is no room for another link.
func (b *Budget) open() (*account, error) {
	a := &account{budget: b}
	if !a.take(linkCost) {
		return nil, errBudget
	}
	b.counters.links.Add(1)
	b.counters.linksTotal.Add(1)
	return a, nil
}

// register lets the Budget end the link.
func (a *account) register(end context.CancelCauseFunc) {
	a.budget.mu.Lock()
	defer a.budget.mu.Unlock()
	a.end = end
	a.budget.links[a] = struct{}{}
}

// close returns everything that the link holds. exchanges is the number of exchanges that never
// ran.
func (a *account) close(exchanges int) {
	a.give(a.held.Load())
	a.budget.counters.links.Add(-1)
	a.budget.counters.exchanges.Add(-int64(exchanges))
	a.budget.mu.Lock()
	defer a.budget.mu.Unlock()
	delete(a.budget.links, a)
	if a.budget.evicting == a {
		a.budget.evicting = nil
	}
}

// evict ends the link that holds the most, if that is more than least. It ends one link at a time.
func (b *Budget) evict(least int64) {
	b.mu.Lock()
	var most *account
	for a := range b.links {
		if held := a.held.Load(); b.evicting == nil && held > least {
			most, least = a, held
		}
	}
	if most != nil {
		b.evicting = most
		b.counters.evictions.Add(1)
	}
	b.mu.Unlock()
	if most != nil {
		most.end(errEvicted)
	}
}

// take counts n more bytes, unless the link may not hold them. A failure counts as an overflow.
func (a *account) take(n int64) bool {
	ok := a.try(n)
	if !ok {
		a.budget.counters.overflows.Add(1)
	}
	return ok
}

// try is take for bytes that the link can do without.
func (a *account) try(n int64) bool {
	b := a.budget
	held := a.held.Add(n) // first, so that concurrent calls never exceed the link's share
	for {
		used := b.used.Load()
		total := used + n
		if total > b.limit || held > b.small && held > 2*(b.limit-b.limit/4-total) {
			a.held.Add(-n)
			b.evict(greedy * held)
			return false
		}
		if b.used.CompareAndSwap(used, total) {
			b.reached(total)
			if total > b.limit-b.limit/8 {
				b.evict(0)
			}
			return true
		}
	}
}

// reached records a new peak.
func (b *Budget) reached(total int64) {
	for {
		peak := b.peak.Load()
		if total <= peak || b.peak.CompareAndSwap(peak, total) {
			return
		}
	}
}

// give returns n bytes.
func (a *account) give(n int64) {
	a.held.Add(-n)
	a.budget.used.Add(-n)
}

// swap replaces a count of from bytes by one of to bytes. If it fails, from still counts.
func (a *account) swap(from, to int64) bool {
	if to > from {
		return a.take(to - from)
	}
	a.give(from - to)
	return true
}
