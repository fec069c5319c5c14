package mcpclient

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
	"github.com/hawser-mcp/hawser/streamablehttp"
)

// cancelTimeout bounds the sending of a cancellation. Only Close waits for it.
const cancelTimeout = 5 * time.Second

// notices tracks the cancellations that are being sent. Close waits a short time for them before it
// aborts them, so that a call canceled just before Close is still cancelled on the server.
type notices struct {
	owned
	once sync.Once
	ctx  context.Context
	stop context.CancelFunc
}

// context returns the context that ends with end. It is made when it is first needed.
func (n *notices) context() context.Context {
	n.once.Do(func() { n.ctx, n.stop = context.WithCancel(context.Background()) })
	return n.ctx
}

// end aborts the cancellations that are being sent. No more may begin.
func (n *notices) end() {
	n.context()
	n.stop()
}

// sendCancelled sends a legacy server a cancellation of the last try's request. If Close sends the
// cancellation, sendCancelled does nothing.
func (s *Session) sendCancelled(d *delivery, why Kind) {
	gone := d.running()
	if d.WasCut() || !gone.cancellable() {
		return
	}
	values, open := context.WithoutCancel(d.ctx), s.notices.context()
	s.notices.start(func() {
		ctx, cancel := context.WithTimeoutCause(values, cancelTimeout, &TimeoutError{What: TimeoutTotal, After: cancelTimeout})
		defer cancel()
		defer context.AfterFunc(open, cancel)()
		s.postCancelled(ctx, gone, why)
	})
}

// cancellable reports whether a request is cancelled by a notification. A modern server needs no
// notification, because closing the stream cancels the request. initialize must not be cancelled.
func (r *running) cancellable() bool {
	return r.id != 0 && !r.state.modern() && r.method != methodInitialize
}

// postCancelled posts one cancellation notification (2025-11-25, "Cancellation").
func (s *Session) postCancelled(ctx context.Context, gone running, why Kind) {
	params := strconv.AppendInt([]byte(`{"requestId":`), gone.id, 10)
	params = append(params, `,"reason":`...)
	params = append(jsonrpc.AppendString(params, why.String()), '}')
	n := &notice{s.newDelivery(ctx, message{method: methodCancelled, params: params})}
	n.state, n.origin = gone.state, OriginSession
	if err := n.run(n); err != nil {
		s.log.Debug("cancellation not delivered", "error", brief(err))
	}
}

// notice is a cancellation. It is sent once, even while the session is closing.
type notice struct{ delivery }

// perform implements performer.
func (n *notice) perform(ctx context.Context) error {
	n.tries++
	req := streamablehttp.Request{Method: n.msg.method, Header: n.header, Body: n.msg.encode(n.state, nil)}
	return n.s.conn.Notify(ctx, n.state.http, &req)
}

// maxNotices bounds how many cancellations Close sends. Deleting the session ends the remaining
// calls.
const maxNotices = 64

// cancelAll sends cancellations for the calls that Close ended, all at once. It waits for them and
// for cancellations that are already being sent: a server may wait for its own handlers to end
// before it answers the DELETE. It waits at most [deleteTimeout] and a quarter of the time for Close.
func (s *Session) cancelAll(bound context.Context, cut []running) {
	if len(cut) == 0 && s.notices.ended() {
		return
	}
	ctx, cancel := context.WithTimeout(bound, min(deleteTimeout, s.opts.Timeouts.Close/4))
	defer cancel()
	sent := 0
	for _, gone := range cut {
		if !gone.cancellable() || sent == maxNotices {
			continue
		}
		sent++
		s.notices.start(func() { s.postCancelled(ctx, gone, KindClosed) })
	}
	_ = s.notices.Wait(ctx) // those that are left are ended below
	s.notices.end()
}
