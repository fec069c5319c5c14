package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
)

// exchange is one RoundTrip of a Direct. In one allocation, it holds the trace, which records how
// far the request got, and the body of the response.
//
// The first group of fields belongs to the goroutine of RoundTrip, on which net/http calls GotConn.
// The second group belongs to the reader of the body.
type exchange struct {
	d      *direct
	req    *http.Request // the caller's request
	body   io.ReadCloser // of the response
	cancel context.CancelCauseFunc
	trace  httptrace.ClientTrace
	sender *requestBody    // nil unless the body may block or the exchange has a worker
	worker *worker         // nil unless the exchange may use HTTP/2
	parent context.Context // the parent of a prepared context; nil without Prepare

	ready   bool // req was prepared: it needs no copy
	gotConn bool
	sent    bool      // an earlier connection may have carried the request
	conn    *conn     // the last connection; nil if it is unknown
	tls     *tls.Conn // the same connection, with TLS
	writes  uint32    // conn.writes when the exchange got the connection
	h2      bool      // the response came over HTTP/2

	readErr  error       // sticky
	accepted atomic.Bool // body is set
	ended    atomic.Bool
	whole    atomic.Bool // ended with io.EOF
	closed   atomic.Bool
}

// errReplay cancels a request that net/http is about to send again.
var errReplay = errors.New("the connection or the server dropped the request, and it must not be sent twice")

// outgoing returns the request for net/http. httptrace also calls the caller's own trace, after
// this one.
//
// The request has no GetBody. With it, net/http would send a POST again: on HTTP/2 up to seven
// times after RST_STREAM (PROTOCOL_ERROR or REFUSED_STREAM) or GOAWAY, and on a dead HTTP/1
// connection if there is an Idempotency-Key. Without GetBody, net/http repeats only requests that
// it has not begun to send. For requests without a body, see got.
func (e *exchange) outgoing() *http.Request {
	if e.ready {
		return e.req
	}
	e.trace.GotConn = e.got
	ctx := guarded(httptrace.WithClientTrace(e.req.Context(), &e.trace))
	bodyless := e.req.Body == nil || e.req.Body == http.NoBody
	if bodyless {
		ctx, e.cancel = context.WithCancelCause(ctx)
	}
	out := e.req.WithContext(ctx)
	switch {
	case bodyless && !safe(e.req.Method):
		out.Header = hideIdempotencyKey(out.Header)
	case !bodyless && e.req.GetBody == nil:
		e.sender = &requestBody{ReadCloser: e.req.Body, blocks: true}
		out.Body = e.sender
	}
	out.GetBody = nil
	return out
}

// safe reports whether a method is safe (RFC 9110 section 9.2.1) and may be repeated.
func safe(method string) bool {
	switch method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	}
	return false
}

// hideIdempotencyKey spells the Idempotency-Key headers in lower case. net/http takes their
// canonical spelling as permission to repeat a request without a body. Servers ignore the spelling
// (RFC 9110 section 5.1).
func hideIdempotencyKey(h http.Header) http.Header {
	for canonical, lower := range map[string]string{
		"Idempotency-Key":   "idempotency-key",
		"X-Idempotency-Key": "x-idempotency-key",
	} {
		if v, ok := h[canonical]; ok {
			h = h.Clone()
			delete(h, canonical)
			h[lower] = append(h[lower], v...)
		}
	}
	return h
}

// got is the GotConn function of the trace. Once it is called, the request may be on the wire.
func (e *exchange) got(info httptrace.GotConnInfo) {
	if e.req == nil {
		return // the prepared context is used for another request
	}
	if e.gotConn && !e.unsent() {
		e.sent = true
	}
	e.gotConn = true
	e.conn, e.tls = unwrap(info.Conn)
	if e.conn != nil {
		e.writes = e.conn.writes.Load()
	}
	// This cancel is in time: net/http's HTTP/2 checks the context again before it writes headers.
	// HTTP/1 repeats only safe methods here, once per dead connection, which the contract allows.
	if e.sent && e.cancel != nil && (!safe(e.req.Method) || isHTTP2(e.tls)) {
		e.cancel(errReplay)
	}
	if e.conn == nil || isHTTP2(e.tls) {
		return // all HTTP/2 streams end with the connection
	}
	if e.conn.user.Swap(e) == leaving {
		e.conn.closeUnused()
	}
	if e.sender != nil && e.sender.blocks {
		e.sender.conn.Store(e.conn)
		e.conn.sending.Store(e.sender)
	}
}

// leaving is the user of a connection that Close of a body is about to close. If the next exchange
// gets the connection at that moment, it closes the connection first, and is not sent.
var leaving = new(exchange)

// unwrap returns the conn below TLS, including TLS to a proxy.
func unwrap(nc net.Conn) (*conn, *tls.Conn) {
	var outer *tls.Conn
	for {
		switch c := nc.(type) {
		case *conn:
			return c, outer
		case *tls.Conn:
			if outer == nil {
				outer = c
			}
			nc = c.NetConn()
		default:
			return nil, outer
		}
	}
}

func isHTTP2(c *tls.Conn) bool {
	return c != nil && c.ConnectionState().NegotiatedProtocol == "h2"
}

// unsent reports whether the last connection provably carried no part of the request. An HTTP/1
// connection serves one exchange at a time, so its write counter is proof. Streams share an HTTP/2
// connection, so there the counter proves nothing.
func (e *exchange) unsent() bool {
	if e.conn == nil || isHTTP2(e.tls) {
		return false
	}
	_ = e.conn.Close() // net/http no longer uses it; from now on nothing can be written
	return e.conn.writes.Load() == e.writes
}

func (e *exchange) stage() Stage {
	if !e.sent && (!e.gotConn || e.unsent()) {
		return NotSent
	}
	return MaybeSent
}

// fail returns the error of a RoundTrip that net/http failed with err.
func (e *exchange) fail(err error) *Error {
	e.release()
	if invalidRequest(e.req) {
		return &Error{Stage: NotSent, Permanent: true, Op: "send request", Err: clean(err)}
	}
	op := "connect"
	if e.gotConn {
		op = "round trip"
	}
	return e.failure(e.stage(), op, err)
}

// failure returns an Error whose cause is, in this order, the end of the caller's context, Close of
// the Direct, or err.
func (e *exchange) failure(stage Stage, op string, err error) *Error {
	switch ctx := e.req.Context(); {
	case ctx.Err() != nil:
		return &Error{Stage: stage, Op: op, Err: contextCause(ctx)}
	case e.d.closed.Load():
		return &Error{Stage: stage, Permanent: true, Op: op, Err: ErrClosed}
	case errors.Is(err, context.Canceled) && e.sent && e.cancel != nil:
		return &Error{Stage: stage, Op: op, Err: errReplay}
	}
	return &Error{Stage: stage, Permanent: permanent(err), Op: op, Err: clean(err)}
}

// release drops the references to the exchange after it has ended.
func (e *exchange) release() {
	if e.conn != nil {
		e.conn.user.CompareAndSwap(e, nil) // the next exchange may already use the connection
	}
	if e.cancel != nil {
		e.cancel(nil)
	}
}

// accept makes the exchange the body of resp.
func (e *exchange) accept(resp *http.Response) {
	e.h2 = resp.ProtoMajor == 2
	if resp.Body == http.NoBody {
		e.release()
		return
	}
	e.body = resp.Body
	resp.Body = (*responseBody)(e)
	e.accepted.Store(true)
	if e.d.closed.Load() && !e.h2 {
		e.abandon() // Close ran before the body was set
	}
}

// abandon ends net/http's goroutines for an HTTP/1 exchange whose connection is closed, even if the
// caller never reads the body.
func (e *exchange) abandon() {
	if e.accepted.Load() {
		_ = e.body.Close()
	}
}

// responseBody is an exchange in its role as the body of the response. Read may be called by one
// goroutine at a time, Close by any.
type responseBody exchange

// Read reads the available bytes. It returns io.EOF only after the whole body; any other error is
// an [*Error]. Later calls return the same error.
func (b *responseBody) Read(p []byte) (int, error) {
	if b.readErr != nil {
		return 0, b.readErr
	}
	if b.closed.Load() { // over HTTP/2, the body below may not be closed yet
		return 0, &Error{Op: "read body", Err: http.ErrBodyReadAfterClose}
	}
	n, err := b.next(p)
	if err == nil {
		return n, nil
	}
	e := (*exchange)(b)
	switch {
	case err == io.EOF:
		b.whole.Store(true)
	case b.closed.Load():
		err = &Error{Op: "read body", Err: http.ErrBodyReadAfterClose}
	default:
		err = e.failure(MaybeSent, "read body", err)
	}
	b.readErr = err
	b.ended.Store(true)
	e.release()
	return n, err
}

func (b *responseBody) next(p []byte) (int, error) {
	if b.h2 {
		return b.worker.pull(p)
	}
	return b.body.Read(p)
}

// Close discards the rest of the body, without waiting for the peer. It always returns nil.
func (b *responseBody) Close() error {
	if b.closed.Swap(true) {
		return nil
	}
	e := (*exchange)(b)
	if b.h2 {
		close(b.worker.quit)
		e.takeBody()
		if b.whole.Load() {
			e.release() // net/http has nothing left to close
		} else {
			b.worker.close(e)
		}
		return nil
	}
	// net/http would also close the connection, but over TLS it first sends an alert, for up to 5 s.
	// If a Read has just met the end of the body, the next exchange may already have the connection.
	if !b.ended.Load() && b.conn != nil && b.conn.user.CompareAndSwap(e, leaving) {
		_ = b.conn.Close()
	}
	_ = b.body.Close()
	e.release()
	return nil
}
