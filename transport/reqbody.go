package transport

import (
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

var errBodyTaken = errors.New("the exchange is over: its request body must not be read any more")

// requestBody wraps the caller's request body for net/http.
//
// Read may block if the body is not in memory. net/http waits for that Read even after the HTTP/1
// connection is closed. Only closing the body ends the Read, so conn.Close closes the body.
//
// A worker lends the body to net/http, which may still read it after the exchange has ended. By
// then the caller may reuse the bytes: see end.
type requestBody struct {
	io.ReadCloser
	blocks  bool                 // a Read may block
	reading chan struct{}        // full while a Read runs; nil if the body is not lent
	conn    atomic.Pointer[conn] // its Close closes this body
	closed  atomic.Bool
}

// Read implements io.Reader.
func (b *requestBody) Read(p []byte) (int, error) {
	if b.reading == nil {
		return b.ReadCloser.Read(p)
	}
	b.reading <- struct{}{}
	defer func() { <-b.reading }()
	if b.closed.Load() {
		return 0, errBodyTaken
	}
	return b.ReadCloser.Read(p)
}

// Close closes the caller's body once.
func (b *requestBody) Close() error {
	if b.closed.Swap(true) {
		return nil
	}
	if c := b.conn.Load(); c != nil {
		c.sending.CompareAndSwap(b, nil) // an idle connection must not refer to the caller's body
	}
	if b.blocks && b.reading != nil {
		go func() { _ = b.ReadCloser.Close() }() // net/http, and so the exchange, would wait for Close in the user's code
		return nil
	}
	return b.ReadCloser.Close()
}

// end takes a lent body back: after it returns, net/http can no longer read the body. It waits at
// most grace for a Read that blocks in the caller's code.
func (b *requestBody) end() {
	_ = b.Close()
	select {
	case b.reading <- struct{}{}:
		<-b.reading
		return
	default:
	}
	limit := time.NewTimer(grace)
	defer limit.Stop()
	select {
	case b.reading <- struct{}{}:
		<-b.reading
	case <-limit.C:
	}
}

// lendBody replaces out's body with a requestBody that wraps it.
func (e *exchange) lendBody(out *http.Request) {
	if out.Body == nil || out.Body == http.NoBody {
		return
	}
	if e.sender == nil {
		e.sender = &requestBody{ReadCloser: out.Body}
		out.Body = e.sender
	}
	e.sender.reading = make(chan struct{}, 1)
}

// takeBody ends the loan that lendBody began.
func (e *exchange) takeBody() {
	if b := e.sender; b != nil && b.reading != nil {
		b.end()
	}
}
