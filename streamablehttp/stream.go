package streamablehttp

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/hawser-mcp/hawser/internal/httprule"
	"github.com/hawser-mcp/hawser/internal/jsonrpc"
	"github.com/hawser-mcp/hawser/internal/redact"
	"github.com/hawser-mcp/hawser/internal/sse"
)

// Cursor is the position in an event stream: the ID of its last event, and the reconnection time
// that its server requested. Each stream has its own Cursor. A value survives reconnects until a
// newer one arrives. The zero value is the start of a stream. A Cursor is not safe for concurrent
// use.
type Cursor struct {
	id    string
	hasID bool
	retry time.Duration
	asked bool
}

// ID returns the ID of the last event, and whether the stream can be resumed from it. An ID of more
// than 4 KiB, or one that a header cannot carry, cannot be used.
func (p *Cursor) ID() (string, bool) { return p.id, p.hasID && p.id != "" }

// Retry returns the reconnection time that the server requested, at most 60 s, and whether it
// requested one.
func (p *Cursor) Retry() (time.Duration, bool) { return p.retry, p.asked }

// take updates the cursor from an event.
func (p *Cursor) take(ev *sse.Event) {
	if ev.HasID {
		switch {
		case !fitsHeader(ev.ID):
			p.id = "" // the ID cannot be sent back, so the stream cannot be resumed
		case p.id != string(ev.ID):
			p.id = string(ev.ID)
		}
		p.hasID = true
	}
	if ev.HasRetry {
		p.retry, p.asked = min(ev.Retry, maxRetry), true
	}
}

// fitsHeader reports whether a header can carry an event ID unchanged: it has at most maxCursor
// bytes, no control characters, and no white space at its ends, which HTTP strips.
func fitsHeader(id []byte) bool {
	return len(id) <= maxCursor && len(bytes.Trim(id, " \t")) == len(id) && httprule.IsFieldValue(string(id))
}

// readerPool holds stream readers without a source. Nothing in it belongs to a call.
var readerPool = sync.Pool{New: func() any { return sse.NewReader(nil, 0) }}

// messages reads the messages of a stream, each at most maxEvent bytes, until take reports the last
// one or an error, or the stream ends. It returns nil after the last message, and io.EOF at the end
// of the stream. It calls event for each event with data. take must not keep data.
func (c *Conn) messages(resp *http.Response, cursor *Cursor, maxEvent int, event func(), take func(data []byte) (last bool, err error)) error {
	body, err := c.decoded(resp)
	if err != nil {
		return err
	}
	r := readerPool.Get().(*sse.Reader)
	r.Reset(body, maxEvent)
	defer func() {
		r.Reset(nil, 0)
		readerPool.Put(r)
	}()
	for {
		ev, err := r.Next()
		if err != nil {
			var tooLarge *sse.TooLargeError
			if errors.As(err, &tooLarge) {
				return &LimitError{What: "event bytes", Limit: int64(tooLarge.Limit)}
			}
			return err
		}
		cursor.take(&ev)
		if len(ev.Data) == 0 {
			continue // heartbeats and IDs do not show that the server works on the request
		}
		event()
		if ev.Name != nil && string(ev.Name) != "message" {
			continue
		}
		last, err := take(ev.Data)
		if last || err != nil {
			return err
		}
	}
}

// readAnswerStream reads the stream of a POST, and the streams that resume it, until the answer.
func (x *exchange) readAnswerStream(ctx context.Context, resp *http.Response) error {
	for {
		err := x.conn.messages(resp, &x.cursor, x.limits.event(), x.event, x.take(resp))
		if err == nil || !isBroken(err) {
			x.leave(resp, err)
			return unwrap(err)
		}
		x.conn.discard(resp)
		lost := noAnswer(ctx, err)
		if _, resumable := x.cursor.ID(); !resumable || x.session.modern || ctx.Err() != nil {
			return lost
		}
		if resp, err = x.resume(ctx, lost); err != nil {
			return err
		}
		x.resumed = true
	}
}

// event counts an event with data and reports it to the receiver.
func (x *exchange) event() {
	x.events++
	x.recv.Event()
}

// alone reports whether the server has sent nothing but the current message for the request.
func (x *exchange) alone() bool { return x.events <= 1 && !x.cursor.hasID && !x.resumed }

// leave ends an answered stream. After an answer the rest is drained, so the connection can be
// reused. After a protocol error the stream is closed at once.
func (x *exchange) leave(resp *http.Response, err error) {
	if _, refused := err.(*RPCError); err == nil || refused {
		x.drained = true
		x.conn.drain.add(resp.Body, x.cancel)
		return
	}
	x.conn.discard(resp)
}

// isBroken reports whether err is the end or the loss of a stream, and not an error in its
// messages.
func isBroken(err error) bool {
	switch err.(type) {
	case *ProtocolError, *LimitError, *RPCError, *receiverError, *resumeError:
		return false
	}
	return true
}

// receiverError wraps an error of a Receiver, to distinguish it from an error of the stream.
type receiverError struct{ err error }

func (e *receiverError) Error() string { return e.err.Error() }
func (e *receiverError) Unwrap() error { return e.err }

// resumeError is an error without an ID on a resumed stream. It is about the resuming GET and says
// nothing about the request.
type resumeError struct{ err error }

func (e *resumeError) Error() string { return e.err.Error() }
func (e *resumeError) Unwrap() error { return e.err }

// unwrap turns the error that ended a stream into the outcome of the call.
func unwrap(err error) error {
	switch e := err.(type) {
	case *receiverError:
		return cut(nil, "handle the server's request", e.err)
	case *resumeError:
		return cut(nil, "resume stream", e.err)
	}
	return err
}

// take returns the function that handles the messages of an answer stream.
func (x *exchange) take(resp *http.Response) func([]byte) (bool, error) {
	return func(data []byte) (bool, error) {
		var msg jsonrpc.Message
		if err := msg.Decode(data, x.recv); err != nil {
			return false, x.conn.undecodable("event is not a valid JSON-RPC message", resp, data, err)
		}
		if msg.IsResponse() {
			return true, x.verdict(&msg, data, resp)
		}
		return false, x.deliver(&msg)
	}
}

// deliver passes a message other than the answer to the receiver.
func (x *exchange) deliver(msg *jsonrpc.Message) error {
	if msg.IsNotification() {
		x.recv.Notification(msg.Method, msg.Params)
		return nil
	}
	if x.session.modern {
		return &ProtocolError{Reason: "server sent the request " + redact.Clean(msg.Method, 64) + " on a stream: 2026-07-28 forbids that"}
	}
	if err := x.recv.Request(msg.Method, msg.ID, msg.Params); err != nil {
		return &receiverError{err}
	}
	return nil
}
