package executor

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hawser-mcp/hawser/internal/execproto"
)

// owner is notified of changes of a conn. The notifications are sent without a lock held.
type owner interface {
	// ended is called when an exchange has ended. live is the number of exchanges that have a
	// waiting caller. open also counts exchanges that were given up but have not ended at the
	// executor.
	ended(c *conn, live, open int)
	// gone is called once, when the link has ended.
	gone(c *conn)
}

// conn is one link after its handshake, with the exchanges on it. Two goroutines serve it: a reader
// and a writer. Both end with the link.
type conn struct {
	link   Link
	env    execproto.Environment
	owner  owner
	opts   *Options
	stats  *counters
	log    *slog.Logger
	outbox chan struct{} // wakes the writer
	space  chan struct{} // wakes the reader, which may be waiting for a slow consumer
	over   chan struct{} // closed when the link has ended

	took time.Duration // what making the link took, with its warm-up; set before the link is used
	cold bool          // the link was made without a warm-up that it may need; likewise
	warm warmUp        // used only by the reader after it has started

	wakesLate bool      // used only by the reader; it wakes callers when it waits for the link
	toWake    *exchange // used only by the reader; the exchange whose caller it has not woken yet

	stalled  atomic.Bool  // the reader waits for a slow consumer
	resumed  atomic.Int64 // when stalled last became false, in nanoseconds since 1970
	buffered atomic.Int64 // unread bytes of all bodies
	sharing  atomic.Bool  // more than one exchange may use the link

	mu        sync.Mutex
	exchanges map[int64]*exchange // guarded by mu; by id, until nothing more can arrive for it
	live      int                 // guarded by mu; number of exchanges that have a waiting caller
	claims    int                 // guarded by mu; number of exchanges that share has admitted and that have not begun
	queue     []outgoing          // guarded by mu; for the writer
	sending   bool                // guarded by mu; a message is being sent
	own       bool                // guarded by mu; by a caller, see push
	refusals  int                 // guarded by mu; number of queued responses to requests from the executor
	ready     bool                // guarded by mu; the link was reported as dialed
	retired   bool                // guarded by mu; the link admits no new exchanges, and is closed after the last live one
	served    int                 // guarded by mu; number of exchanges begun
	err       error               // guarded by mu; why the link has ended
}

// outgoing is a message for the writer.
type outgoing struct {
	frame   *[]byte
	e       *exchange // nil for the warm-up, and for a response to a request of the executor
	refusal bool      // a response to a request of the executor
}

const maxRefusals = 16

func newConn(l Link, env execproto.Environment, o owner, opts *Options, stats *counters) *conn {
	c := &conn{
		link: l, env: env, owner: o, opts: opts, stats: stats, log: opts.Logger,
		outbox: make(chan struct{}, 1), space: make(chan struct{}, 1), over: make(chan struct{}),
		exchanges: make(map[int64]*exchange),
	}
	c.sharing.Store(opts.Shared)
	return c
}

// signal wakes the goroutine that waits on ch, now or when it next waits.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// begin registers e and queues its frame. The caller must call push afterwards. begin returns false
// if the link accepts no more exchanges.
func (c *conn) begin(e *exchange, frame *[]byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil || c.retired {
		return false
	}
	e.c = c
	c.exchanges[e.id] = e // registered before the request is sent, because the answer may be fast
	c.live++
	c.claims = max(0, c.claims-1)
	c.stats.began(c.served > 0)
	c.served++
	c.queue = append(c.queue, outgoing{frame: frame, e: e})
	return true
}

// lookup returns the exchange with the given message ID, or nil if there is none.
func (c *conn) lookup(id int64) *exchange {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.exchanges[id]
}

// ended records that no caller waits for e any more. If forget is true, no more messages can arrive
// for e, and its ID is released. Otherwise the ID stays reserved.
func (c *conn) ended(e *exchange, forget bool) {
	c.mu.Lock()
	if c.exchanges[e.id] != e {
		c.mu.Unlock()
		return // the link has ended
	}
	if !e.counted {
		e.counted = true
		c.live--
		c.stats.exchanges.Add(-1)
	}
	if forget {
		delete(c.exchanges, e.id)
	}
	c.tellOwner()
}

// unused gives back a link on which the caller will not begin an exchange.
func (c *conn) unused() {
	c.mu.Lock()
	c.claims = max(0, c.claims-1)
	c.tellOwner()
}

// tellOwner unlocks mu, which the caller holds, and notifies the owner of the counts.
func (c *conn) tellOwner() {
	live, open := c.counts()
	retired := c.retired
	c.mu.Unlock()
	if retired && live == 0 {
		c.fail(errUnused)
		return
	}
	c.owner.ended(c, live, open)
}

// counts returns the number of live exchanges and the number of open ones, see owner. The caller
// holds mu.
func (c *conn) counts() (live, open int) {
	return c.live + c.claims, len(c.exchanges) + c.claims
}

// idle reports whether no exchange is open.
func (c *conn) idle() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, open := c.counts()
	return open == 0
}

// retire makes the link admit no new exchanges, and closes it after the last live one.
func (c *conn) retire() {
	c.mu.Lock()
	c.retired = true
	live, _ := c.counts()
	c.mu.Unlock()
	if live == 0 {
		c.fail(errUnused)
	}
}

// isOver reports whether the link has ended.
func (c *conn) isOver() bool {
	select {
	case <-c.over:
		return true
	default:
		return false
	}
}

// fail ends the link and all its exchanges at once, with err as the cause. Only the first call has
// an effect.
func (c *conn) fail(err error) {
	c.failIf(err, func(int, int) bool { return true })
}

// failIf does what fail does, but only if allowed returns true for the current counts.
func (c *conn) failIf(err error, allowed func(live, open int) bool) {
	c.mu.Lock()
	if c.err != nil || !allowed(c.counts()) {
		c.mu.Unlock()
		return
	}
	c.err = err
	open := c.exchanges
	c.exchanges = nil
	c.stats.exchanges.Add(int64(-c.live))
	c.live = 0
	ready := c.ready
	c.mu.Unlock()
	close(c.over)
	_ = c.link.Close()
	if ready {
		c.reportLoss(err, len(open)) // before callers learn of it
	}
	for _, e := range open {
		e.linkLost(err)
	}
	c.owner.gone(c)
	c.logEnd(err, len(open))
}

func (c *conn) logEnd(err error, exchanges int) {
	if !isFailure(err) {
		return
	}
	level := slog.LevelDebug
	if errors.As(err, new(*ProtocolError)) {
		level = slog.LevelWarn
	}
	c.log.Log(context.Background(), level, "link to the executor lost", "cause", err, "exchanges", exchanges)
}

// noneOpen and noneLive are conditions for failIf.
func noneOpen(_, open int) bool    { return open == 0 }
func noneLive(live, open int) bool { return live == 0 && open > 0 }

// cause returns why the link has ended.
func (c *conn) cause() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// quiet reports whether nothing has arrived on an idle link, not even EOF. Such a link probably
// still works.
func (c *conn) quiet() bool {
	if c.isOver() {
		return false
	}
	q, ok := c.link.(interface{ Quiet() bool })
	return !ok || q.Quiet()
}

// errUnused ends a link that is no longer needed.
var errUnused = errors.New("link no longer needed")

// errEnded says that an idle link had already ended when it was about to be used.
var errEnded = errors.New("the link ended while it was idle")

// takes reports whether the link accepts a new exchange.
func (c *conn) takes() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err == nil && !c.retired
}

// share reserves a place for one more exchange and returns true if every exchange on the link has
// received its head.
func (c *conn) share() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.admits() {
		return false
	}
	c.claims++
	c.sharing.Store(true)
	signal(c.space) // the reader may be waiting for a slow consumer
	return true
}

// shareable returns how many exchanges are open on the link, and whether share would succeed.
func (c *conn) shareable() (open int, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.exchanges), c.admits()
}

// admits reports whether every exchange on the link has received its head, and there is one. While
// a caller sends its request, canceling that must close the link. The caller holds mu.
func (c *conn) admits() bool {
	if c.err != nil || c.retired || c.own || c.claims > 0 || len(c.exchanges) == 0 {
		return false
	}
	for _, e := range c.exchanges {
		if !e.headed.Load() {
			return false
		}
	}
	return true
}

// begun returns how many exchanges have ever begun on the link.
func (c *conn) begun() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.served
}

// pinger is a link that can ping the far end.
type pinger interface {
	Ping() error
	Heard() time.Time
}

// keepAlive runs on its own goroutine. It pings an executor that is silent, and ends the link if
// the silence continues. The writer cannot do this, because Send may block.
func (c *conn) keepAlive(p pinger) {
	t := time.NewTicker(c.opts.KeepAlive)
	defer t.Stop()
	for {
		select {
		case <-c.over:
			return
		case <-t.C:
		}
		switch silence := c.silence(p); {
		case silence >= 2*c.opts.KeepAlive:
			c.fail(lost(ErrSilent))
		case silence >= c.opts.KeepAlive/2:
			_ = p.Ping() // the next Send or Receive reports any error
		}
	}
}

// silence returns how long the link has been silent. Time that the reader spent waiting for a slow
// consumer does not count.
func (c *conn) silence(p pinger) time.Duration {
	heard := p.Heard()
	if heard.IsZero() || c.stalled.Load() {
		return 0
	}
	if resumed := c.resumed.Load(); resumed > heard.UnixNano() {
		heard = time.Unix(0, resumed)
	}
	return time.Since(heard)
}
