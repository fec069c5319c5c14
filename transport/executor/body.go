package executor

import (
	"fmt"
	"net/http"
	"time"

	"github.com/hawser-mcp/hawser/internal/execproto"
	"github.com/hawser-mcp/hawser/transport"
)

// shrink is the size in bytes above which an empty buffer is freed.
const shrink = 2 << 20

// put adds a piece to the unread body. On a link of its own it waits for the consumer to make room,
// which makes the executor wait. On a shared link, and before the head, nothing may wait: what does
// not fit is an error. Only the link's reader calls put.
func (e *exchange) put(d *execproto.Delta) error {
	if len(d.Base64) == 0 {
		return nil
	}
	size := d.Size()
	for {
		e.mu.Lock()
		if e.err != nil {
			e.mu.Unlock()
			return nil //nolint:nilerr // given up: the rest goes nowhere
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
		c.resumed.Store(time.Now().UnixNano()) // before it counts as not stalled
		return true
	case <-c.over:
		return false
	}
}

// add decodes the piece into the buffer. mu is held.
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

// body is the exchange as the body of its response. Read is for one goroutine at
// a time, Close for any.
type body exchange

// Read reads what is available, and waits if that is nothing. Its error is io.EOF only after the
// whole body, else a [*transport.Error]. Later calls return the same error.
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

// Close discards what was not read, without waiting. It always returns nil.
func (b *body) Close() error {
	(*exchange)(b).giveUp(errClosedBody, true)
	return nil
}
