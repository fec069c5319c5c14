package executor

import (
	"strconv"
	"time"

	"github.com/hawser-mcp/hawser/internal/execproto"
	"github.com/hawser-mcp/hawser/transport"
)

// Some executors prepare a link only when its first request arrives: codex loads its TLS roots. The
// warm-up is a request that makes them do it before an exchange uses the link. It has no effect: it
// names a port on the executor's host to which nothing can connect. Any answer means that the link
// is ready. Without an answer, the link is used after warmLimit, and a late answer is ignored.

// warmUp is the warm-up of one link.
type warmUp struct {
	id       int64
	answered chan struct{} // closed by the reader; nil if there is no warm-up
	done     bool
}

const (
	warmURL = "http://127.0.0.1:0/"
	warmMs  = 250 // within which the executor gives up, in milliseconds
)

// queueWarmUp queues the warm-up of c, whose goroutines do not run yet. Links that are shared by
// all exchanges have none: there, the warm-up would only delay the first exchange.
func (t *Transport) queueWarmUp(c *conn) {
	if t.opts.Shared || c.env.HTTPReady {
		return
	}
	if t.opts.NoWarmUp {
		c.cold = true
		return
	}
	id := t.ids.Add(1)
	c.warm = warmUp{id: id, answered: make(chan struct{})}
	frame := newFrame()
	*frame = execproto.AppendHTTPRequest(*frame, id, &execproto.HTTPRequest{
		Method: "GET", URL: warmURL, TimeoutMs: warmMs, Stop: true, RequestID: strconv.FormatInt(id, 10),
	})
	c.queue = append(c.queue, outgoing{frame: frame})
	signal(c.outbox)
}

// answeredBy records the answer to the warm-up. It returns false if the message with this ID is not
// the answer.
func (w *warmUp) answeredBy(id int64) bool {
	if w.answered == nil || id != w.id {
		return false
	}
	if !w.done {
		w.done = true
		close(w.answered)
	}
	return true
}

// awaitWarm waits until c is ready for an exchange. It returns an error if c ends before.
func (t *Transport) awaitWarm(c *conn) error {
	if c.warm.answered == nil {
		return nil
	}
	limit := time.NewTimer(warmLimit)
	defer limit.Stop()
	select {
	case <-c.warm.answered:
	case <-limit.C:
	case <-c.over:
		return c.cause()
	case <-t.closing.Done():
		c.fail(transport.ErrClosed)
		return transport.ErrClosed
	}
	return nil
}
