package streamablehttp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
	"github.com/hawser-mcp/hawser/internal/redact"
)

// Request is one JSON-RPC message to send. This package does not modify it.
type Request struct {
	// ID is the JSON-RPC ID in Body, which the response must have. [Conn.Notify] ignores it.
	ID int64
	// Method is the JSON-RPC method in Body.
	Method string
	// Name is mirrored into Mcp-Name if HasName is set: the name of a tool or prompt, or the URI of
	// a resource.
	Name    string
	HasName bool
	// Params are the tool arguments to mirror into headers.
	Params []Param
	// Header is sent with this request only, and with the GETs that resume its stream. Check it with
	// [CheckHeader] first.
	Header http.Header
	// Body is the whole message. It must not change until the context of the call has ended.
	Body []byte
	// MaxReply, if positive, lowers the limits of the Conn for this reply, in bytes.
	MaxReply int64
	// Began, if not nil, is set by the caller once anything other than the reply shows that the
	// server processes the request. From then on the request is not sent again: no redirect is
	// followed, and GetBody fails.
	Began *atomic.Bool
	// OnHeader, if not nil, is called with the header of a 2xx response before the body is read.
	OnHeader func(http.Header)
	// Cancel, if not nil, ends the context of the call. The Conn calls Cancel when the exchange is
	// over. That may be up to 50 ms after [Conn.Call] returned, because the Conn drains an answered
	// stream to reuse its connection. Without Cancel, draining ends when the caller ends the
	// context.
	Cancel context.CancelCauseFunc
}

// Receiver gets the messages that arrive for one request. All methods run on the goroutine of
// [Conn.Call] or [Conn.Listen], in the order of arrival. Byte slices are valid only during the
// call.
type Receiver interface {
	// DecodeResult decodes the JSON-RPC result that starts at data[0], and returns its length in
	// bytes. data continues after the result.
	DecodeResult(data []byte) (n int, err error)
	// Notification gets a notification that arrived before the answer.
	Notification(method string, params []byte)
	// Request gets a request from the server. An error ends the call, and the error of the call
	// wraps it.
	Request(method string, id, params []byte) error
	// Event is called when the response header arrives, and when an event with data arrives.
	Event()
}

// Call sends a request and waits for its answer, on the caller's goroutine. The error is nil if the
// receiver decoded the result. Otherwise it is one of:
//
//   - *transport.Error: the exchange failed without an answer. The stage says how far the request
//     got. It is MaybeSent if the reply was cut off or ended without the answer;
//   - [*RPCError]: the server answered with an error;
//   - [*HTTPError]: the status is not 2xx, and no JSON-RPC error answers the request;
//   - [*ProtocolError]: the server accepted the request, but its reply is not valid MCP;
//   - [*LimitError]: the reply exceeds a limit;
//   - [*RedirectError]: a redirect was not followed.
//
// A legacy stream that is cut after an event with an ID is resumed by GET (2025-11-25,
// "Resumability and Redelivery"). Before each GET, Call waits for the server's reconnection time
// or, without one, for a backoff of 250 ms to 30 s; it always waits at least 100 ms. It gives up
// after four failures in a row.
func (c *Conn) Call(ctx context.Context, s *Session, req *Request, recv Receiver) error {
	x := new(exchange) // a literal would also be on the stack, which should be small for streams
	x.conn, x.session, x.id, x.header, x.recv, x.cancel = c, s, req.ID, req.Header, recv, req.Cancel
	x.limits = c.limits.within(req.MaxReply)
	x.greets = req.Method == "initialize" || req.Method == "server/discover"
	if x.cancel == nil {
		x.cancel = func(error) {}
	}
	defer func() { // even if a receiver panics
		if !x.drained {
			x.cancel(nil)
		}
	}()
	return x.run(ctx, req)
}

// Notify sends a message that has no answer: a notification, or a response to a request from the
// server. Any 2xx is success, whatever its body. Errors are as for [Conn.Call].
func (c *Conn) Notify(ctx context.Context, s *Session, req *Request) error {
	out := c.post(s, req)
	resp, err := c.roundTrip(ctx, &out)
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return c.refusal(resp, 0)
	}
	c.discardSmall(resp)
	return nil
}

// discardSmall reads a body that should be empty, so that the connection can be reused. It closes a
// body that is declared large or does not end. A body of unknown length is usually empty: Node
// sends "202" with chunked encoding.
func (c *Conn) discardSmall(resp *http.Response) {
	if resp.ContentLength != 0 && resp.ContentLength <= drainLimit {
		defer time.AfterFunc(drainTime, func() { _ = resp.Body.Close() }).Stop()
		_, _ = io.CopyN(io.Discard, resp.Body, drainLimit)
	}
	c.discard(resp)
}

// exchange is one call: the POST and the GETs that resume its stream.
type exchange struct {
	conn    *Conn
	session *Session
	limits  Limits
	id      int64
	header  http.Header // Request.Header
	recv    Receiver
	cancel  context.CancelCauseFunc
	cursor  Cursor
	events  int            // events with data, on all streams
	strays  int            // … that are answers to other requests
	resumed bool           // a GET has resumed the stream
	greets  bool           // the request negotiates the protocol
	resp    *http.Response // the stream that is read
	foreign error          // the last answer to another request
	drained bool           // the drainer owns the body and cancel
	first   outgoing       // the first HTTP request

	resuming *resumption // nil until a stream is cut
}

func (x *exchange) run(ctx context.Context, req *Request) error {
	c := x.conn
	resp, err := x.post(ctx, req)
	if err != nil {
		return err
	}
	x.recv.Event()
	kind := replyKind(resp)
	if kind == replyRefused {
		err := c.refusal(resp, req.ID)
		if x.greets && refusesAccept(err) && !c.streamFirst.Swap(true) { // else it was sent like this already
			return x.run(ctx, req)
		}
		return err
	}
	if req.OnHeader != nil {
		req.OnHeader(resp.Header)
	}
	switch kind {
	case replyJSON:
		return x.readJSON(ctx, resp)
	case replyStream:
		return x.readAnswerStream(ctx, resp)
	case replyEmpty:
		c.discardSmall(resp)
		return &ProtocolError{Reason: fmt.Sprintf("status %d without an answer to the request", resp.StatusCode), Status: resp.StatusCode}
	default:
		return x.readUnlabelled(ctx, resp)
	}
}

// post sends the request. What it needs is not on the stack while the reply is read.
//
//go:noinline
func (x *exchange) post(ctx context.Context, req *Request) (*http.Response, error) {
	out := x.conn.post(x.session, req)
	if x.first.text == nil {
		out.room = &x.first
	}
	return x.conn.roundTrip(ctx, &out)
}

// refusesAccept reports whether the server refused the Accept header. Such a refusal proves that
// the server did not process the request. Some servers require text/event-stream first.
func refusesAccept(err error) bool {
	e, ok := err.(*HTTPError)
	return ok && e.Status == http.StatusNotAcceptable && !e.Unclear && !e.Began
}

// readJSON reads a reply that is a single JSON message.
func (x *exchange) readJSON(ctx context.Context, resp *http.Response) error {
	c := x.conn
	defer c.discard(resp)
	body, err := c.decoded(resp)
	if err != nil {
		return err
	}
	buf, err := readAll(body, resp.ContentLength, x.limits.body())
	switch {
	case err == errTooLong:
		return &LimitError{What: "body bytes", Limit: x.limits.body()}
	case err != nil:
		return cut(contextCause(ctx), "read body", err)
	}
	defer putBuffer(buf)
	if len(*buf) == 0 {
		return &ProtocolError{Reason: "empty reply to the request", Status: resp.StatusCode}
	}
	if resemblesStream(*buf) {
		return x.readEvents(resp, *buf)
	}
	return x.readMessage(resp, jsonrpc.Trim(*buf))
}

// readMessage parses the body of a reply: the answer, or a batch that contains it.
func (x *exchange) readMessage(resp *http.Response, text []byte) error {
	c := x.conn
	x.resp = resp
	if text = x.single(text); x.isBatch(text) {
		last, err := x.take(text)
		switch {
		case last || err != nil:
			return unwrap(err)
		case x.foreign != nil:
			return x.foreign
		}
		return &ProtocolError{Reason: "batch without the response to the request", Status: resp.StatusCode, Preview: shown(c, resp, text, previewLimit)}
	}
	var msg jsonrpc.Message
	if err := msg.Decode(text, x.recv); err != nil {
		return c.undecodable("reply is not a valid JSON-RPC message", resp, text, err)
	}
	if !msg.IsResponse() {
		return &ProtocolError{Reason: "reply is not a response to the request", Status: resp.StatusCode, Preview: shown(c, resp, text, previewLimit)}
	}
	return x.verdict(&msg, text, resp)
}

// verdict returns the outcome of the call for a response.
func (x *exchange) verdict(msg *jsonrpc.Message, data []byte, resp *http.Response) error {
	c := x.conn
	switch {
	case msg.Error != nil && msg.IDIs(x.id):
		return c.rpcError(msg.Error, resp)
	case msg.Error != nil && isNull(msg.ID) && x.resumed:
		return &resumeError{c.rpcError(msg.Error, resp)}
	case msg.Error != nil && isNull(msg.ID) && x.alone() && refusedUnread(msg.Error.Code):
		e := c.rpcError(msg.Error, resp)
		e.NoID = true
		return e
	case msg.Error != nil && isNull(msg.ID):
		return &ProtocolError{
			Reason: "error without the ID of a request", Status: resp.StatusCode,
			Preview: shown(c, resp, data, previewLimit), Err: c.rpcError(msg.Error, resp),
		}
	case !msg.IDIs(x.id):
		reason := fmt.Sprintf("expected the response with ID %[2]d, got ID %[1]s", shown(c, resp, msg.ID, 64), x.id)
		e := &ProtocolError{Reason: reason, Status: resp.StatusCode, Preview: shown(c, resp, data, previewLimit)}
		if msg.Error != nil {
			e.Err = c.rpcError(msg.Error, resp)
		}
		return e
	case msg.ResultErr != nil:
		err := c.undecodable("result cannot be decoded", resp, data, msg.ResultErr)
		if e, ok := err.(*ProtocolError); ok {
			e.Answers = true
		}
		return err
	}
	return nil
}

// undecodable returns the error for a message that cannot be decoded, or that has more elements or
// levels than allowed.
func (c *Conn) undecodable(reason string, resp *http.Response, data []byte, err error) error {
	var limit *LimitError
	switch {
	case errors.As(err, &limit):
		return limit
	case errors.Is(err, jsonrpc.ErrDepth):
		return &LimitError{What: "levels of nested JSON", Limit: jsonrpc.DefaultMaxDepth}
	}
	return &ProtocolError{Reason: reason, Status: resp.StatusCode, Preview: shown(c, resp, data, previewLimit), Err: err}
}

// refusedUnread reports whether a code says that the server could not read the request. An error
// with such a code and no ID answers the request if it is the only message (JSON-RPC 2.0, section
// 5).
func refusedUnread(code int64) bool {
	return code == -32700 || code == -32600 || (-32022 <= code && code <= -32020)
}

func isNull(id []byte) bool { return id == nil || string(id) == "null" }

// rpcError converts a server's error and masks the secrets of the request in its message.
func (c *Conn) rpcError(e *jsonrpc.Error, resp *http.Response) *RPCError {
	return &RPCError{Code: e.Code, Message: redact.Mask(e.Message, c.secrets(resp)), Data: e.Data, Status: resp.StatusCode}
}

// noAnswer returns the error of a stream that ended or was cut before the answer.
func noAnswer(ctx context.Context, err error) error {
	if err == io.EOF {
		err = errNoAnswer
	}
	return cut(contextCause(ctx), "read stream", err)
}
