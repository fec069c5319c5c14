package streamablehttp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
	"github.com/hawser-mcp/hawser/internal/redact"
)

// Request is one JSON-RPC request to send.
type Request struct {
	// ID is the request's JSON-RPC id, the one in Body. A response must carry it.
	ID int64
	// Method is its JSON-RPC method.
	Method string
	// Name is mirrored into Mcp-Name when HasName: the name of a tool or
	// prompt, the URI of a resource.
	Name    string
	HasName bool
	// Params are the tool arguments to mirror into headers.
	Params []Param
	// Header is sent with this request only. The caller has checked it with [CheckHeader].
	Header http.Header
	// Body is the whole message. It must not change until the call's context has ended.
	Body []byte
	// MaxReply, if positive, bounds the body or each event of the reply, where the limits of the Conn allow more.
	MaxReply int64
	// Began, if not nil, is set once anything else than the reply shows that the server works on the
	// request. It is not sent again then, by nobody below: no redirect is followed, GetBody refuses.
	Began *atomic.Bool
	// OnHeader, if not nil, sees the header of a successful response before its body.
	OnHeader func(http.Header)
}

// Receiver takes what comes back for one request. All methods run on the
// goroutine of [Conn.Call] or [Conn.Listen], in the order of the wire; byte
// slices are valid during the call only.
type Receiver interface {
	// DecodeResult decodes the JSON-RPC result that starts at data[0] and says
	// how many bytes it took; data goes on behind it.
	DecodeResult(data []byte) (n int, err error)
	// Notification takes a notification that came before the answer.
	Notification(method string, params []byte)
	// Request takes a request of the server. An error ends the call with it.
	Request(method string, id, params []byte) error
	// Event tells that the header of the response, or an event with data, came: the peer is alive.
	Event()
}

// Call sends a request and waits for its answer. A nil error means that the
// receiver decoded the result. Cancel must end ctx; Call takes it over and
// calls it when the exchange is over, which may be a moment after Call
// returned: a stream that was answered is drained, within 50 ms, for the sake
// of its connection.
//
// The error is one of
//
//   - *transport.Error: no verdict. Its stage says how far the request got; a
//     reply that broke off or ended without the answer is MaybeSent;
//   - [*RPCError]: the server's answer is an error;
//   - [*HTTPError]: another status than 2xx, and no JSON-RPC error that answers this request;
//   - [*ProtocolError]: a reply that is not MCP, after the request was taken;
//   - [*LimitError]: the reply is larger than allowed;
//   - [*RedirectError]: a redirect that is not followed.
//
// In a legacy session a stream that breaks off after an event with an id is
// resumed by GET (2025-11-25, "Resumability and Redelivery") before Call gives up.
func (c *Conn) Call(ctx context.Context, cancel context.CancelCauseFunc, s *Session, req *Request, recv Receiver) error {
	x := exchange{conn: c, session: s, limits: c.limits.within(req.MaxReply), id: req.ID, recv: recv, cancel: cancel}
	defer func() { // also when a receiver panics
		if !x.drained {
			cancel(nil)
		}
	}()
	return x.run(ctx, req)
}

// Notify sends a message that has no answer: a notification, or the response
// to a request of the server. Any 2xx is success, whatever its body.
func (c *Conn) Notify(ctx context.Context, s *Session, req *Request) error {
	resp, err := c.roundTrip(ctx, http.MethodPost, s.postHeader(req), req.Body, req.Began)
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return c.refusal(resp, 0)
	}
	c.discardSmall(resp)
	return nil
}

// discardSmall reads a body that should be empty, so that the connection can be
// used again. One that says that it is large, or that does not end, is given up;
// one that says nothing is most often empty: Node sends "202" with chunks.
func (c *Conn) discardSmall(resp *http.Response) {
	if resp.ContentLength != 0 && resp.ContentLength <= drainLimit {
		defer time.AfterFunc(drainTime, func() { _ = resp.Body.Close() }).Stop()
		_, _ = io.CopyN(io.Discard, resp.Body, drainLimit)
	}
	c.discard(resp)
}

// exchange is one call while it runs: the POST and, when its stream is cut, the
// GETs that resume it.
type exchange struct {
	conn    *Conn
	session *Session
	limits  Limits
	id      int64
	recv    Receiver
	cancel  context.CancelCauseFunc
	cursor  Cursor
	events  int  // with data, on all of its streams
	resumed bool // a GET has resumed the stream
	drained bool // the body was handed to the drainer, cancel with it

	// What resuming knows; unused until a stream is cut.
	reconnect *backoff.ExponentialBackOff
	resumedAt string // the cursor at the last GET: a newer one is progress
	failures  int    // GETs in a row that brought no stream
}

func (x *exchange) run(ctx context.Context, req *Request) error {
	c := x.conn
	resp, err := c.roundTrip(ctx, http.MethodPost, x.session.postHeader(req), req.Body, req.Began)
	if err != nil {
		return err
	}
	x.recv.Event()
	kind := replyKind(resp)
	if kind == replyRefused {
		return c.refusal(resp, req.ID)
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
		return &ProtocolError{Reason: fmt.Sprintf("status %d without an answer to a request", resp.StatusCode), Status: resp.StatusCode}
	default:
		return &ProtocolError{
			Reason: fmt.Sprintf("reply of content type %q", shown(c, resp, resp.Header.Get("Content-Type"), 128)),
			Status: resp.StatusCode, Preview: c.preview(resp),
		}
	}
}

// readJSON reads a reply that is one JSON message.
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
		return &ProtocolError{Reason: "empty reply to a request", Status: resp.StatusCode}
	}
	var msg jsonrpc.Message
	if err := msg.Decode(*buf, x.recv); err != nil {
		return c.undecodable("reply is not a JSON-RPC message", resp, *buf, err)
	}
	if !msg.IsResponse() {
		return &ProtocolError{Reason: "reply is no response to the request", Status: resp.StatusCode, Preview: shown(c, resp, *buf, previewLimit)}
	}
	return x.verdict(&msg, *buf, resp)
}

// verdict turns a response into the outcome of the call.
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
			Reason: "error that names no request", Status: resp.StatusCode,
			Preview: shown(c, resp, data, previewLimit), Err: c.rpcError(msg.Error, resp),
		}
	case !msg.IDIs(x.id):
		reason := fmt.Sprintf("answer carries the id %s, the request was %d", shown(c, resp, msg.ID, 64), x.id)
		e := &ProtocolError{Reason: reason, Status: resp.StatusCode, Preview: shown(c, resp, data, previewLimit)}
		if msg.Error != nil {
			e.Err = c.rpcError(msg.Error, resp)
		}
		return e
	case msg.ResultErr != nil:
		err := c.undecodable("result does not decode", resp, data, msg.ResultErr)
		if e, ok := err.(*ProtocolError); ok {
			e.Answers = true
		}
		return err
	}
	return nil
}

// undecodable is a message that cannot be read, or that is larger inside than allowed.
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

// refusedUnread reports whether a code says that the request could not be read: then an error without
// an id is about it, if nothing else has come for it (JSON-RPC 2.0, section 5).
func refusedUnread(code int64) bool {
	return code == -32700 || code == -32600 || (-32022 <= code && code <= -32020)
}

func isNull(id []byte) bool { return id == nil || string(id) == "null" }

// rpcError is a server's error without the secrets of the request in its message.
func (c *Conn) rpcError(e *jsonrpc.Error, resp *http.Response) *RPCError {
	return &RPCError{Code: e.Code, Message: redact.Mask(e.Message, c.secrets(resp)), Data: e.Data, Status: resp.StatusCode}
}

// noAnswer is the error of a stream that ended, or broke off, before the answer.
func noAnswer(ctx context.Context, err error) error {
	if err == io.EOF {
		err = ErrNoAnswer
	}
	return cut(contextCause(ctx), "read stream", err)
}
