package executor

import (
	"fmt"
	"net/http"
	"time"

	"github.com/hawser-mcp/hawser/internal/execproto"
	"github.com/hawser-mcp/hawser/transport"
)

// shrink is a size in bytes: larger empty buffers are freed.
const shrink = 2 << 20

// put adds a piece to the unread body. On a link with one exchange it waits for the consumer to
// make room, which makes the executor wait. On a shared link, and before the head, it must not
// wait: a piece that does not fit is an error. Only the link's reader calls put.
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
			signal(e.wake)
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

// awaitSpace waits until a consumer has read something. It returns false when the link is over.
func (c *conn) awaitSpace() bool {
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

// add decodes the piece into the buffer. The caller holds mu.
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

// body is the exchange as the body of its response. Read may be called by one goroutine at a time,
// Close by any.
type body exchange

// Read reads the available bytes, and waits if there are none. Its error is io.EOF only after the
// whole body, otherwise a [*transport.Error]. Later calls return the same error.
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

var errClosedBody = &transport.Error{Op: "read body", Err: http.ErrBodyReadAfterClose}

// Close discards the unread rest, without waiting. It always returns nil.
func (b *body) Close() error {
	(*exchange)(b).giveUp(errClosedBody, true)
	return nil
}
