package streamablehttp

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
	"github.com/hawser-mcp/hawser/internal/sse"
)

// Cursor is where an event stream stands: the id of its last event and the
// reconnection time its server asked for. Each stream has its own, kept over
// reconnects until a newer value comes, even if a connection brings no value.
type Cursor struct {
	id    string
	hasID bool
	retry time.Duration
	asked bool
}

// ID returns the last event's id and whether there is one to resume from.
func (p *Cursor) ID() (string, bool) { return p.id, p.hasID && p.id != "" }

// Retry returns the reconnection time the server asked for, at most
// [MaxRetry], and whether it did.
func (p *Cursor) Retry() (time.Duration, bool) { return p.retry, p.asked }

// take notes what an event says of the stream.
func (p *Cursor) take(ev *sse.Event) {
	if ev.HasID {
		switch {
		case !fitsHeader(ev.ID):
			p.id = "" // it cannot be sent back, so there is nothing to resume from
		case p.id != string(ev.ID):
			p.id = string(ev.ID)
		}
		p.hasID = true
	}
	if ev.HasRetry {
		p.retry, p.asked = min(ev.Retry, MaxRetry), true
	}
}

// fitsHeader reports whether an event id comes back to its server in a header
// as it is: of sane length, without control characters, and without white space
// at its ends, which HTTP strips.
func fitsHeader(id []byte) bool {
	return len(id) <= maxCursor && len(bytes.Trim(id, " \t")) == len(id) && validHeaderValue(string(id))
}

// readerPool holds stream readers without a source: plain memory.
var readerPool = sync.Pool{New: func() any { return sse.NewReader(nil, 0) }}

// messages reads a stream's messages, each of at most maxEvent bytes, until one is the last, an error,
// or the stream's end (io.EOF); it never returns nil without the last message. Event is called for each
// event with data. Take says whether its message was the last, and owns nothing of the data after
// it returned.
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
			continue // heartbeats and ids are no sign that the work goes on
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

// readAnswerStream reads the stream of a POST, and what resumes it, until the answer.
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

// event counts an event with data: the peer is alive.
func (x *exchange) event() {
	x.events++
	x.recv.Event()
}

// alone reports whether the message at hand is all that the server has sent for the request.
func (x *exchange) alone() bool { return x.events <= 1 && !x.cursor.hasID && !x.resumed }

// leave ends an answered stream. After a verdict the rest is drained so that
// the connection can be reused; after a violation it is not worth waiting for.
func (x *exchange) leave(resp *http.Response, err error) {
	if _, refused := err.(*RPCError); err == nil || refused {
		x.drained = true
		x.conn.drain.add(resp.Body, x.cancel)
		return
	}
	x.conn.discard(resp)
}

// isBroken tells the end or the loss of a stream from a verdict about what it carried.
func isBroken(err error) bool {
	switch err.(type) {
	case *ProtocolError, *LimitError, *RPCError, *receiverError, *resumeError:
		return false
	}
	return true
}

// receiverError wraps an error that a Receiver returned, so that it is not taken for the stream's.
type receiverError struct{ err error }

func (e *receiverError) Error() string { return e.err.Error() }
func (e *receiverError) Unwrap() error { return e.err }

// resumeError is an error without an id on a resumed stream: it is about the resuming GET. What
// became of the request is not known.
type resumeError struct{ err error }

func (e *resumeError) Error() string { return e.err.Error() }
func (e *resumeError) Unwrap() error { return e.err }

// unwrap turns what ended a stream into the outcome of its call.
func unwrap(err error) error {
	switch e := err.(type) {
	case *receiverError:
		return cut(nil, "serve the server's request", e.err)
	case *resumeError:
		return cut(nil, "resume stream", e.err)
	}
	return err
}

// take handles one message of an answer stream.
func (x *exchange) take(resp *http.Response) func([]byte) (bool, error) {
	return func(data []byte) (bool, error) {
		var msg jsonrpc.Message
		if err := msg.Decode(data, x.recv); err != nil {
			return false, x.conn.undecodable("event is not a JSON-RPC message", resp, data, err)
		}
		if msg.IsResponse() {
			return true, x.verdict(&msg, data, resp)
		}
		return false, x.deliver(&msg)
	}
}

// deliver hands on what the server sent besides the answer.
func (x *exchange) deliver(msg *jsonrpc.Message) error {
	if msg.IsNotification() {
		x.recv.Notification(msg.Method, msg.Params)
		return nil
	}
	if x.session.modern {
		return &ProtocolError{Reason: "server sent the request " + sanitize(msg.Method, 64) + " on a stream, which 2026-07-28 forbids"}
	}
	if err := x.recv.Request(msg.Method, msg.ID, msg.Params); err != nil {
		return &receiverError{err}
	}
	return nil
}
