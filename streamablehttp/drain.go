package streamablehttp

import (
	"context"
	"io"
	"sync"
	"time"
)

// drainer reads the rest of answered streams in the background. Connections can then be reused, and
// callers do not wait. It runs one goroutine, which the first stream starts and close ends. If its
// queue is full, because a server keeps its streams open, further streams are closed without
// draining.
type drainer struct {
	mu     sync.Mutex
	queue  chan leftover
	closed bool
	done   chan struct{}
}

type leftover struct {
	body   io.ReadCloser
	cancel context.CancelCauseFunc // ends the exchange; never nil
	until  time.Time               // when draining stops, even if it has not begun
}

const drainQueue = 64

// add takes ownership of a body and of the cancel function of its exchange.
func (d *drainer) add(body io.ReadCloser, cancel context.CancelCauseFunc) {
	if !d.enqueue(leftover{body, cancel, time.Now().Add(drainTime)}) {
		cancel(nil)
		_ = body.Close()
	}
}

// readEnd reads the end of a body if nothing else is left of it and the end has arrived, which the
// bodies of this module's transports know. It never waits for the peer. It reports whether the body
// has ended.
func readEnd(body io.Reader) bool {
	b, ok := body.(interface{ Ending() bool })
	if !ok || !b.Ending() {
		return false
	}
	var rest [1]byte
	_, err := body.Read(rest[:])
	return err == io.EOF
}

func (d *drainer) enqueue(l leftover) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return false
	}
	if d.queue == nil {
		d.queue, d.done = make(chan leftover, drainQueue), make(chan struct{})
		go d.run()
	}
	select {
	case d.queue <- l:
		return true
	default:
		return false
	}
}

func (d *drainer) run() {
	defer close(d.done)
	for l := range d.queue {
		timer := time.AfterFunc(d.bound(l), func() {
			l.cancel(nil)
			_ = l.body.Close() // some bodies ignore their context
		})
		_, _ = io.Copy(io.Discard, io.LimitReader(l.body, drainLimit))
		timer.Stop()
		_ = l.body.Close()
		l.cancel(nil)
	}
}

// bound returns the time left to drain one body. It is 0 once the Conn is closing.
func (d *drainer) bound(l leftover) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return 0
	}
	return time.Until(l.until)
}

func (d *drainer) close() {
	d.mu.Lock()
	wasClosed, done := d.closed, d.done
	d.closed = true
	if !wasClosed && d.queue != nil {
		close(d.queue)
	}
	d.mu.Unlock()
	if done != nil {
		<-done
	}
}
