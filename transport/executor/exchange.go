package executor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hawser-mcp/hawser/internal/execproto"
	"github.com/hawser-mcp/hawser/internal/link"
	"github.com/hawser-mcp/hawser/transport"
)

// progress is how far the writer got with the message of a request.
type progress uint8

const (
	queued progress = iota
	underWay
	sent
)

// exchange is one request on one link and the body of its response. Three goroutines use it: the
// caller's, and the reader and the writer of the link.
type exchange struct {
	id   int64
	req  *http.Request
	c    *conn         // set when the exchange begins
	wake chan struct{} // wakes the caller, which waits for the head or the body

	// Used only by the link's reader.
	answered bool  // the answer to the request came
	done     bool  // the last delta came
	seq      int64 // sequence number of the last delta

	counted bool        // guarded by c.mu; the caller no longer waits for the exchange
	headed  atomic.Bool // the executor has sent the head, or failed

	mu       sync.Mutex
	stop     func() bool // guarded by mu; stops watching the context
	deadline *time.Timer // guarded by mu; timer for the head
	progress progress    // guarded by mu
	head     *response   // guarded by mu
	early    bool        // guarded by mu; the whole body arrived before the head
	buf      []byte      // guarded by mu; received bytes; those from off on are unread
	off      int         // guarded by mu
	got      int64       // guarded by mu; bytes of the body that arrived
	err      error       // guarded by mu; how the body ended; returned after buf has been read
	lost     error       // guarded by mu; how the link ended while the request was being sent
}

// watch makes the exchange end when ctx ends, or when the head does not arrive in time.
func (e *exchange) watch(ctx context.Context, headerTimeout time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.err != nil {
		return
	}
	if ctx.Done() != nil {
		e.stop = context.AfterFunc(ctx, func() {
			e.cancel(func(s transport.Stage) error { return transport.Canceled(ctx, s, "round trip") })
		})
	}
	if headerTimeout > 0 && e.head == nil {
		e.deadline = time.AfterFunc(headerTimeout, func() {
			e.cancel(func(s transport.Stage) error {
				return &transport.Error{Stage: s, Op: "round trip", Err: fmt.Errorf("%w: no response after %v", ErrSilent, headerTimeout)}
			})
		})
	}
}

// settle stops what watch started. The caller holds mu.
func (e *exchange) settle() {
	if e.stop != nil {
		e.stop()
	}
	if e.deadline != nil {
		e.deadline.Stop()
	}
}

// wait waits for the head of the response and returns it, or an error if the exchange fails first.
// The link, or a function that watch started, wakes it.
func (e *exchange) wait() (*response, error) {
	for {
		e.mu.Lock()
		head, err := e.head, e.err
		e.mu.Unlock()
		switch {
		case head != nil:
			return head, nil
		case err != nil:
			return nil, err
		}
		<-e.wake
	}
}

// writing is called by the writer before it sends the request. It returns false if the exchange
// ended while the request was queued.
func (e *exchange) writing() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.err != nil {
		return false
	}
	e.progress = underWay
	return true
}

// written is called by the writer with the result of sending the request.
func (e *exchange) written(err error) {
	e.mu.Lock()
	e.progress = sent
	cause := e.lost
	if err != nil && e.err == nil {
		stage := transport.NotSent // the executor ignores a partial message
		if errors.Is(err, link.ErrUncertain) {
			stage = transport.MaybeSent
		}
		e.settle()
		e.err = &transport.Error{Stage: stage, Op: "send request", Err: lost(err)}
	}
	e.mu.Unlock()
	if err != nil {
		signal(e.wake)
	} else if cause != nil { // the link ended during Send, and linkLost left the result to the writer
		e.linkLost(cause)
	}
}

// linkLost ends the exchange because its link has ended. Bytes that arrived before can still be
// read.
func (e *exchange) linkLost(cause error) {
	e.mu.Lock()
	if e.err != nil || e.progress == underWay {
		e.lost = cause // for the writer
		e.mu.Unlock()
		return
	}
	e.settle()
	e.err = &transport.Error{Stage: e.stage(), Permanent: errors.Is(cause, transport.ErrClosed), Op: "round trip", Err: cause}
	e.mu.Unlock()
	signal(e.wake)
}

// finish ends the body normally.
func (e *exchange) finish() {
	e.mu.Lock()
	switch {
	case e.err != nil:
	case e.head == nil:
		e.early = true
	default:
		e.settle()
		e.err = e.ending()
	}
	e.mu.Unlock()
	e.c.wake(e)
}

// ending returns io.EOF, or an error if the body is shorter than the declared length. The caller
// holds mu.
func (e *exchange) ending() error {
	if e.head.length < 0 || e.got == e.head.length {
		return io.EOF
	}
	return bodyError(fmt.Errorf("%w: got %d bytes of %d", io.ErrUnexpectedEOF, e.got, e.head.length))
}

// giveUp ends the exchange with an error although more messages may arrive for it. If drop is true,
// it discards the unread bytes.
func (e *exchange) giveUp(err error, drop bool) {
	e.mu.Lock()
	e.end(err, drop)
}

// cancel calls giveUp from goroutines that do not belong to the link. reason makes the error from
// the stage of the request.
func (e *exchange) cancel(reason func(transport.Stage) error) {
	e.mu.Lock()
	e.end(reason(e.stage()), true)
}

// stage returns the stage that the error of a failing exchange must have. The caller holds mu.
func (e *exchange) stage() transport.Stage {
	if e.progress == queued {
		return transport.NotSent
	}
	return transport.MaybeSent
}

// end unlocks mu, which the caller holds, and notifies the caller of RoundTrip and the link.
func (e *exchange) end(err error, drop bool) {
	unsent, over := e.progress == queued, e.err != nil
	complete := drop && !over && e.complete()
	unread := len(e.buf) - e.off
	if drop {
		e.c.buffered.Add(int64(-unread))
		e.buf, e.off = nil, 0
	}
	switch {
	case !over:
		e.settle()
		e.err = err
	case drop && unread > 0 && e.err == io.EOF:
		e.err = err // the whole body arrived but was not read, so Read must not return io.EOF
	}
	e.mu.Unlock()
	if over {
		return
	}
	signal(e.wake)
	if complete { // there is nothing to cancel: the link is free after the last frame arrives
		time.AfterFunc(drainGrace, func() { e.c.ended(e, false) })
		return
	}
	e.c.ended(e, unsent)
}

// complete reports whether the whole body has arrived and only the last frame is missing. The
// caller holds mu.
func (e *exchange) complete() bool {
	return e.head != nil && (e.head.declared == 0 || e.head.length >= 0 && e.got == e.head.length)
}

// setHead passes the head of the response to the caller.
func (e *exchange) setHead(r *execproto.HTTPResponse) error {
	head, err := newResponse(e.req, r)
	if err != nil {
		return err
	}
	e.headed.Store(true)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.err != nil {
		return nil
	}
	e.head = head
	if e.deadline != nil {
		e.deadline.Stop()
	}
	switch {
	case head.length >= 0 && e.got > head.length:
		return errTooLong(head.length)
	case e.early:
		e.settle()
		e.err = e.ending()
	}
	e.c.wake(e)
	return nil
}

func errTooLong(length int64) error {
	return &ProtocolError{What: fmt.Sprintf("more than the %d bytes of the declared length", length)}
}

// shrink is the size in bytes above which an empty buffer is freed.
const shrink = 2 << 20

// put adds a piece to the unread body. On a link with one exchange it waits until the consumer has
// made room, which makes the executor wait. On a shared link, or before the head, it must not wait,
// so a piece that does not fit is an error. Only the link's reader calls put.
func (e *exchange) put(d *execproto.Delta) error {
	if len(d.Base64) == 0 {
		return nil
	}
	size := d.Size()
	for {
		e.mu.Lock()
		if e.err != nil {
			e.mu.Unlock()
			return nil //nolint:nilerr // the exchange was given up: the rest is dropped
		}
		unread := len(e.buf) - e.off
		alone := !e.c.sharing.Load() && e.head != nil
		switch {
		case alone && (unread == 0 || unread+size <= windowSize),
			!alone && (unread == 0 || unread+size <= e.c.opts.Buffer) && e.c.buffered.Load()+int64(size) <= int64(e.c.opts.BufferAll):
			err := e.add(d)
			e.mu.Unlock()
			e.c.wake(e)
			return err
		case !alone:
			e.mu.Unlock()
			return ErrOverflow
		}
		e.mu.Unlock()
		if !e.c.awaitSpace() {
			return nil
		}
	}
}

// awaitSpace waits until a consumer has read something. It returns false if the link has ended.
func (c *conn) awaitSpace() bool {
	c.wakeCaller()
	c.stalled.Store(true)
	defer c.stalled.Store(false)
	select {
	case <-c.space:
		c.resumed.Store(time.Now().UnixNano()) // set before stalled is cleared
		return true
	case <-c.over:
		return false
	}
}

// add decodes the piece d and appends it to the buffer. The caller holds mu.
func (e *exchange) add(d *execproto.Delta) error {
	if e.off > 0 && len(e.buf)+d.Size() > cap(e.buf) {
		e.buf = e.buf[:copy(e.buf, e.buf[e.off:])]
		e.off = 0
	}
	before := len(e.buf)
	buf, err := d.Decode(e.buf)
	if err != nil {
		return &ProtocolError{What: fmt.Sprintf("body delta %d is not base64", d.Seq)}
	}
	e.buf = buf
	n := int64(len(buf) - before)
	e.got += n
	e.c.buffered.Add(n)
	if e.head != nil && e.head.length >= 0 && e.got > e.head.length {
		return errTooLong(e.head.length)
	}
	return nil
}

// body is an exchange in its role as the body of the response. Read may be called by one goroutine
// at a time, Close by any.
type body exchange

// Read reads the available bytes, and waits if there are none. It returns io.EOF only after the
// whole body; any other error is a [*transport.Error]. Later calls return the same error.
func (b *body) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		b.mu.Lock()
		if n := copy(p, b.buf[b.off:]); n > 0 {
			b.off += n
			b.c.buffered.Add(int64(-n))
			if b.off == len(b.buf) {
				b.buf, b.off = b.buf[:0], 0
				if cap(b.buf) > shrink {
					b.buf = nil
				}
			}
			b.mu.Unlock()
			signal(b.c.space)
			return n, nil
		}
		err := b.err
		b.mu.Unlock()
		if err != nil {
			return 0, err
		}
		<-b.wake
	}
}

// Ending reports whether all that is left of the body is its end or an error, and it has arrived:
// the next Read does not wait.
func (b *body) Ending() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err != nil && b.off == len(b.buf)
}

var errClosedBody = &transport.Error{Op: "read body", Err: http.ErrBodyReadAfterClose}

// Close discards the unread rest of the body, without waiting. It always returns nil.
func (b *body) Close() error {
	(*exchange)(b).giveUp(errClosedBody, true)
	return nil
}
