package mcpclient

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/hawser-mcp/hawser/streamablehttp"
	"github.com/hawser-mcp/hawser/transport"
)

// sideStream is the stream on which the server tells things on its own: the
// standing GET of a legacy session, a subscriptions/listen of a modern one. It
// is opened only when a handler wants what comes on it, after Connect, off
// everybody's path; it follows the epochs; its failures never touch a call.
type sideStream struct {
	mu     sync.Mutex
	cancel context.CancelFunc // guarded by mu; ends the stream of the current epoch
	closed bool               // guarded by mu
}

// follow moves the stream to an epoch.
func (d *sideStream) follow(s *Session, sn *snapshot) {
	if !s.opts.Handlers.standing() {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cancel != nil {
		d.cancel()
		d.cancel = nil
	}
	if d.closed {
		return
	}
	ctx, cancel := context.WithCancel(s.root)
	keeper := &streamKeeper{s: s, ctx: ctx, sn: sn}
	if !s.owned.start(func() { defer cancel(); keeper.run() }) {
		cancel()
		return
	}
	d.cancel = cancel
}

func (d *sideStream) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	if d.cancel != nil {
		d.cancel()
	}
}

// streamKeeper keeps the side stream of one epoch open. It is also the
// receiver of what comes on it.
type streamKeeper struct {
	s      *Session
	ctx    context.Context // ends with the epoch
	sn     *snapshot
	cursor streamablehttp.Cursor
	opened bool // once: what is lost afterwards is a gap
	alive  bool // since the last look: something came
}

// run opens the stream again and again, under backoff, until the epoch ends or
// the server says that there is no such stream.
func (k *streamKeeper) run() {
	ctx := k.ctx
	pace := backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(sideInitial), backoff.WithMultiplier(2), backoff.WithRandomizationFactor(0.2),
		backoff.WithMaxInterval(streamablehttp.ReconnectCeiling), backoff.WithMaxElapsedTime(0),
	)
	for ctx.Err() == nil {
		k.alive = false
		err := k.open(ctx)
		if ctx.Err() != nil {
			return
		}
		if k.ended(ctx, err) {
			return
		}
		if k.alive {
			pace.Reset()
		}
		if k.opened {
			if _, resumable := k.cursor.ID(); !resumable {
				k.s.enqueue(event{kind: eventGap})
			}
		}
		pause := pace.NextBackOff()
		if asked, ok := k.cursor.Retry(); ok && k.alive {
			pause = max(asked, sideInitial/10)
		}
		k.s.log.Debug("side stream lost", "error", err, "pause", pause)
		if k.s.sleep(ctx, pause) != nil {
			return
		}
	}
}

const sideInitial = 500 * time.Millisecond

func (k *streamKeeper) open(ctx context.Context) error {
	if k.sn.modern() {
		return k.listen(ctx)
	}
	return k.s.conn.Listen(ctx, k.sn.http, &k.cursor, k, func() { k.opened, k.alive = true, true })
}

// ended reports whether the stream is not worth opening again on this epoch:
// the server has none. A lost session is recovered, since without a call
// nobody else would notice; the next epoch brings its own stream.
func (k *streamKeeper) ended(ctx context.Context, err error) bool {
	if err == nil {
		return true // a modern server ended the subscription in good order
	}
	var (
		status   *streamablehttp.HTTPError
		rpc      *streamablehttp.RPCError
		protocol *streamablehttp.ProtocolError
		link     *transport.Error
		redirect *streamablehttp.RedirectError
	)
	switch {
	case err == io.EOF:
		return false
	case errors.As(err, &link):
		return link.Permanent
	case errors.As(err, &status):
		if k.sn.inSession() && (status.Status == http.StatusNotFound || status.Status == http.StatusBadRequest) {
			// Gone, or has no such stream: ask. After a recovery the next epoch
			// brings its own stream; one that failed is tried again.
			err := k.s.recover(ctx, k.sn.epoch, sessionDoubted)
			return err == nil || errors.Is(err, errSessionAlive)
		}
		again := status.Status/100 == 5 && status.Status != http.StatusNotImplemented ||
			status.Status == http.StatusTooManyRequests || status.Status == http.StatusRequestTimeout
		return !again
	case errors.As(err, &rpc), errors.As(err, &protocol), errors.As(err, &redirect):
		return true
	}
	return false
}

// DecodeResult implements streamablehttp.Receiver.
func (k *streamKeeper) DecodeResult(data []byte) (int, error) { return skipValue(data) }

// Event implements streamablehttp.Receiver.
func (k *streamKeeper) Event() { k.alive = true }

// Notification implements streamablehttp.Receiver.
func (k *streamKeeper) Notification(method string, params []byte) {
	switch method {
	case methodLog:
		k.s.enqueueLog(params)
		return
	case methodAcknowledged:
		k.opened = true
		return
	}
	k.s.enqueueNotification(method, params)
}

// Request implements streamablehttp.Receiver.
func (k *streamKeeper) Request(method string, id, params []byte) error {
	return k.s.serve(k.ctx, k.sn, method, id, params)
}

// listen opens the subscription of a modern server (2026-07-28,
// "Subscriptions") for the lists that handlers care about.
func (k *streamKeeper) listen(parent context.Context) error {
	params := k.s.opts.Handlers.listenParams()
	if params == nil {
		return nil
	}
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	c := &call{s: k.s, used: k.sn, method: methodListen, params: params, id: k.s.nextID()}
	req := streamablehttp.Request{ID: c.id, Method: c.method, Body: c.encode()}
	return k.s.conn.Call(ctx, cancel, k.sn.http, &req, k)
}
