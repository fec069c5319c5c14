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
	mu      sync.Mutex
	epoch   uint64                      // guarded by mu: the newest one followed
	cancel  context.CancelFunc          // guarded by mu: ends the stream of that epoch
	closed  bool                        // guarded by mu
	refused bool                        // guarded by mu: the server has no such stream, in any epoch
	doubted bool                        // guarded by mu: a session was begun anew for a stream that has not opened since
	pace    *backoff.ExponentialBackOff // guarded by mu: it outlives epochs, so that losing them in a row slows down
}

// sideInitial is the first wait before a lost side stream is opened again;
// sideFloor is the least that a server may ask for.
const (
	sideInitial = 500 * time.Millisecond
	sideFloor   = 100 * time.Millisecond
)

// follow moves the stream to an epoch, unless it has been followed past it.
func (d *sideStream) follow(s *Session, sn *snapshot) {
	if h := &s.opts.Handlers; !h.standing() || (sn.modern() && h.listenParams() == nil) {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed || d.refused || sn.epoch <= d.epoch {
		return
	}
	if d.cancel != nil {
		d.cancel()
	}
	ctx, cancel := context.WithCancel(s.root)
	d.epoch, d.cancel = sn.epoch, cancel
	keeper := &streamKeeper{s: s, ctx: ctx, sn: sn}
	if !s.owned.start(func() { defer cancel(); keeper.run() }) {
		cancel()
	}
}

func (d *sideStream) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	if d.cancel != nil {
		d.cancel()
	}
}

// doubt reports whether a refused first GET may be the session's fault, which
// is worth finding out once.
func (d *sideStream) doubt() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	before := d.doubted
	d.doubted = true
	return !before
}

func (d *sideStream) trust() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.doubted = false
}

// refuse remembers that the server has no such stream.
func (d *sideStream) refuse() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refused = true
}

// pause is how long to wait before the stream is opened again. It grows until a
// stream was of use: it brought a message or outlived the last pause.
func (d *sideStream) pause(last time.Duration, useful bool, cursor *streamablehttp.Cursor) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.pace == nil {
		d.pace = backoff.NewExponentialBackOff(
			backoff.WithInitialInterval(sideInitial), backoff.WithMultiplier(2), backoff.WithRandomizationFactor(0.2),
			backoff.WithMaxInterval(streamablehttp.ReconnectCeiling), backoff.WithMaxElapsedTime(0),
		)
	}
	if useful || last == 0 {
		d.pace.Reset()
	}
	next := d.pace.NextBackOff()
	asked, ok := cursor.Retry()
	switch {
	case ok && useful:
		return max(asked, sideFloor)
	case ok:
		return max(asked, next)
	}
	return next
}

// streamKeeper keeps the side stream of one epoch open. It is also the
// receiver of what comes on it.
type streamKeeper struct {
	s      *Session
	ctx    context.Context // ends with the epoch
	sn     *snapshot
	cursor streamablehttp.Cursor
	opened bool // once in this epoch
	live   bool // opened and not lost since: the loss is a gap
	spoken bool // since it was last opened: a message came
}

// ending is what the end of one stream means for the next.
type ending uint8

const (
	streamLost    ending = iota // open it again
	streamOver                  // not again in this epoch, which is told
	streamMoved                 // not again in this epoch: the next one brings its own
	streamRefused               // never again: the server has no such stream
)

// run opens the stream again and again, under backoff, until the epoch ends or
// there is nothing more to open.
func (k *streamKeeper) run() {
	var pause time.Duration
	for k.ctx.Err() == nil {
		k.spoken = false
		start := k.s.watch.now()
		err := k.open()
		if k.ctx.Err() != nil {
			return
		}
		switch k.judge(err) {
		case streamRefused:
			k.s.side.refuse()
			k.s.log.Debug("the server has no stream for notifications", "error", brief(err))
			return
		case streamOver:
			k.s.log.Debug("side stream ended", "error", brief(err))
			if k.ctx.Err() == nil {
				k.s.enqueue(event{kind: eventGap, gap: Gap{Ended: true}})
			}
			return
		case streamMoved:
			return
		case streamLost:
		}
		if _, resumable := k.cursor.ID(); k.live && !resumable {
			k.s.enqueue(event{kind: eventGap})
			k.live = false
		}
		useful := k.spoken || (pause > 0 && k.s.watch.now()-start > pause)
		pause = k.s.side.pause(pause, useful, &k.cursor)
		k.s.log.Debug("side stream lost", "error", brief(err), "pause", pause)
		if k.s.sleep(k.ctx, pause) != nil {
			return
		}
	}
}

func (k *streamKeeper) open() error {
	if k.sn.modern() {
		return k.listen()
	}
	return k.s.conn.Listen(k.ctx, k.sn.http, &k.cursor, k, k.acknowledge)
}

// acknowledge notes that the server accepted the stream.
func (k *streamKeeper) acknowledge() {
	k.opened, k.live = true, true
	k.s.side.trust()
}

// listen opens the subscription of a modern server (2026-07-28,
// "Subscriptions") for the lists that handlers care about.
func (k *streamKeeper) listen() error {
	ctx, cancel := context.WithCancelCause(k.ctx)
	defer cancel(nil)
	c := &call{s: k.s, used: k.sn, method: methodListen, params: k.s.opts.Handlers.listenParams(), id: k.s.nextID()}
	req := streamablehttp.Request{ID: c.id, Method: c.method, Body: c.encode()}
	return k.s.conn.Call(ctx, cancel, k.sn.http, &req, k)
}

// judge says what the end of a stream means.
func (k *streamKeeper) judge(err error) ending {
	var (
		status *streamablehttp.HTTPError
		link   *transport.Error
		rpc    *streamablehttp.RPCError

		protocol *streamablehttp.ProtocolError
	)
	switch {
	case err == nil: // a modern server ended the subscription in good order
		return streamOver
	case err == io.EOF:
		return streamLost
	case errors.As(err, &status):
		return k.judgeStatus(status)
	case errors.Is(err, transport.ErrClosed):
		return streamOver
	case errors.As(err, &link):
		return streamLost // whatever it is, it is not the server's refusal
	case errors.As(err, &rpc) && rpc.Code == CodeMethodNotFound, errors.As(err, &protocol):
		return k.absent() // or a web page where the stream should be
	}
	return streamOver // another verdict, or something that would only be sent again
}

// absent is for a refusal that says that there is no such stream; once it was
// there, it can only be over.
func (k *streamKeeper) absent() ending {
	if k.opened {
		return streamOver
	}
	return streamRefused
}

func (k *streamKeeper) judgeStatus(e *streamablehttp.HTTPError) ending {
	switch e.Status {
	case http.StatusNotFound, http.StatusBadRequest:
		if _, resumed := k.cursor.ID(); resumed {
			k.cursor = streamablehttp.Cursor{} // it may be the cursor that is refused
			return streamLost
		}
		if !k.sn.inSession() || (!k.opened && !k.s.side.doubt()) {
			return k.absent()
		}
		// The session may be gone, and without a call nobody else would
		// notice. The next epoch brings its own stream.
		err := k.s.recover(k.ctx, k.sn.epoch, sessionDoubted)
		switch {
		case errors.Is(err, errSessionAlive):
			return k.absent()
		case err == nil:
			return streamMoved
		}
		return streamLost
	case http.StatusTooManyRequests, http.StatusRequestTimeout, http.StatusTooEarly:
		return streamLost
	case http.StatusMethodNotAllowed, http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return k.absent()
	}
	if e.Status/100 == 5 {
		return streamLost
	}
	return streamOver // 401, 403 and the like say nothing about the stream
}

// DecodeResult implements streamablehttp.Receiver.
func (k *streamKeeper) DecodeResult(data []byte) (int, error) { return skipValue(data) }

// Event implements streamablehttp.Receiver.
func (k *streamKeeper) Event() {}

// Notification implements streamablehttp.Receiver.
func (k *streamKeeper) Notification(method string, params []byte) {
	switch method {
	case methodAcknowledged:
		k.acknowledge()
		return
	case methodLog:
		k.s.enqueueLog(params)
	case methodProgress:
		k.s.routeProgress(params)
	default:
		k.s.enqueueNotification(method, params)
	}
	k.spoken = true
}

// Request implements streamablehttp.Receiver.
func (k *streamKeeper) Request(method string, id, params []byte) error {
	k.spoken = true
	return k.s.serve(k.ctx, k.sn, method, id, params)
}
