package transport

import (
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

var errBodyTaken = errors.New("the exchange is over: its request body must not be read any more")

// requestBody stands between the caller's request body and net/http.
//
// A Read of a body that is not in memory may block. net/http waits for that Read even after the
// HTTP/1 connection is closed. Only closing the body ends the Read, so conn.Close does that.
//
// A worker lends the body to net/http, which may still read it when the exchange is over. By then
// the bytes belong to the caller again: see end.
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
		go func() { _ = b.ReadCloser.Close() }() // net/http, and so the exchange, would wait for the user's Close
		return nil
	}
	return b.ReadCloser.Close()
}

// end takes a lent body back. When it returns, net/http no longer reads the body. It waits at most
// grace for a Read that blocks in the caller's code.
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

// lendBody wraps out's body in a requestBody.
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

// takeBody undoes lendBody.
func (e *exchange) takeBody() {
	if b := e.sender; b != nil && b.reading != nil {
		b.end()
	}
}
