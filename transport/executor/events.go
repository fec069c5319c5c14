package executor

import (
	"context"
	"errors"
	"time"

	"github.com/hawser-mcp/hawser/transport"
)

// Observer is called when something happened to a link. The context has the values of the context
// of the exchange that led to the event, and [context.Background] if none did. The calls are
// synchronous, from any goroutine and concurrently, but never with a lock held: an Observer must
// return soon, because a link waits for it, and must not close the Transport.
type Observer func(ctx context.Context, e Event)

// Event is one of [LinkDialed], [DialFailed], [LinkLost] and [Overflowed]. More types may be added,
// so an Observer must ignore those that it does not know.
type Event interface{ event() }

// LinkDialed says that a link was made and is ready for exchanges.
type LinkDialed struct {
	Version string        // the executor's, without control characters; may be empty
	Took    time.Duration // for dial, handshake and warm-up; zero for the link passed to New
}

// DialFailed says that a link could not be made, but not that exchanges failed: they may try again.
type DialFailed struct {
	Err error // a [*transport.Error]
}

// LinkLost says that a link failed: the executor or the network ended it, or it fell silent, or the
// executor violated the protocol. The Transport makes another link when an exchange needs one.
type LinkLost struct {
	Cause     error // wraps [ErrLinkLost]
	Exchanges int   // that were in progress on the link
}

// Overflowed says that a body on a shared link fails with [ErrOverflow], because its caller reads
// it too slowly.
type Overflowed struct {
	Unread int64 // bytes of all unread bodies on the link
}

func (LinkDialed) event() {}
func (DialFailed) event() {}
func (LinkLost) event()   {}
func (Overflowed) event() {}

// dialed counts and reports a link that is ready. Only after that, its loss is reported.
func (t *Transport) dialed(ctx context.Context, c *conn) {
	t.stats.linksTotal.Add(1)
	if o := t.opts.Observer; o != nil {
		o(ctx, LinkDialed{Version: transport.Scrub(c.env.Version), Took: c.took})
	}
	c.mu.Lock()
	c.ready = true
	cause := c.err
	c.mu.Unlock()
	if cause != nil {
		c.reportLoss(cause, 0)
	}
}

// dialFailed counts and reports a link that could not be made.
func (t *Transport) dialFailed(ctx context.Context, err error) {
	t.stats.dialsFailed.Add(1)
	if o := t.opts.Observer; o != nil {
		o(ctx, DialFailed{Err: err})
	}
}

// reportLoss counts and reports the end of a link that was ready, if it failed.
func (c *conn) reportLoss(cause error, exchanges int) {
	if !isFailure(cause) {
		return
	}
	c.stats.linksLost.Add(1)
	if o := c.opts.Observer; o != nil {
		o(context.Background(), LinkLost{Cause: cause, Exchanges: exchanges})
	}
}

// isFailure reports whether a link ended because of a failure.
func isFailure(cause error) bool {
	return !errors.Is(cause, errUnused) && !errors.Is(cause, transport.ErrClosed)
}

// overflowed counts and reports a body that fails because its caller reads it too slowly.
func (e *exchange) overflowed() {
	e.c.stats.overflows.Add(1)
	if o := e.c.opts.Observer; o != nil {
		o(e.req.Context(), Overflowed{Unread: e.c.buffered.Load()})
	}
}
