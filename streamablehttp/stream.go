package streamablehttp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/hawser-mcp/hawser/internal/httprule"
	"github.com/hawser-mcp/hawser/internal/jsonrpc"
	"github.com/hawser-mcp/hawser/internal/redact"
	"github.com/hawser-mcp/hawser/internal/sse"
)

// Cursor is the position in an event stream: the ID of its last event, and the reconnection time
// that its server requested. Each stream has its own Cursor. The ID and the reconnection time stay
// valid after a reconnect until the server sends new ones. The zero value is the start of a stream.
// A Cursor is not safe for concurrent use.
type Cursor struct {
	id    string
	hasID bool
	retry time.Duration
	asked bool
}

// ID returns the ID of the last event, and whether the stream can be resumed from it. The stream
// cannot be resumed from an ID that is longer than 4 KiB or that a header cannot carry.
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

// readerPool holds stream readers that no call is using.
var readerPool = sync.Pool{New: func() any { return sse.NewReader(nil, 0) }}

// streamReader returns a Reader for the body of resp, and a function that gives it back. A stream
// that is meant to stay open gets a new Reader, because one from the pool may have a large window.
func streamReader(resp *http.Response) (r *sse.Reader, done func()) {
	if req := resp.Request; httprule.OpensStream(req.Method, req.Header) {
		return new(sse.Reader), func() {}
	}
	r = readerPool.Get().(*sse.Reader)
	return r, func() {
		r.Reset(nil, 0)
		readerPool.Put(r)
	}
}

// sink receives the events and messages of a stream.
type sink interface {
	// event is called for each event with data. An error ends the reading.
	event(name []byte) error
	// take receives the data of a message and reports whether it is the last message. It must not
	// keep data.
	take(data []byte) (last bool, err error)
	// rest receives the incomplete end of the stream: the data of an unfinished event, or a body
	// that is not an event stream. It reports whether data is the last message.
	rest(data []byte) (last bool, err error)
}

// messages reads the messages of a stream, each at most maxEvent bytes, and passes them to the
// sink. It stops when the sink reports the last message or an error, or when the stream ends. The
// error is nil after the last message, and io.EOF at the end of the stream. ended reports whether
// the body was read to its end.
func (c *Conn) messages(resp *http.Response, cursor *Cursor, maxEvent int, to sink) (ended bool, err error) {
	body, err := c.decoded(resp)
	if err != nil {
		return false, err
	}
	r, done := streamReader(resp)
	defer done()
	r.Reset(body, maxEvent)
	defer func() { ended = r.SourceEnded() }()
	return false, readMessages(r, cursor, to)
}

// readMessages passes the messages of r to the sink, see messages.
func readMessages(r *sse.Reader, cursor *Cursor, to sink) error {
	for {
		ev, err := r.Next()
		if err != nil {
			return streamEnd(r, err, to)
		}
		cursor.take(&ev)
		if len(ev.Data) == 0 {
			continue // heartbeats and IDs do not show that the server works on the request
		}
		if err := to.event(ev.Name); err != nil {
			return err
		}
		if ev.Name != nil && string(ev.Name) != "message" {
			continue
		}
		last, err := to.take(ev.Data)
		if last || err != nil {
			return err
		}
	}
}

// streamEnd returns what messages returns after err, the error of r. The incomplete end of the stream
// goes to the sink.
func streamEnd(r *sse.Reader, err error, to sink) error {
	var tooLarge *sse.TooLargeError
	if errors.As(err, &tooLarge) {
		return &LimitError{What: "event bytes", Limit: int64(tooLarge.Limit)}
	}
	if err != io.EOF && err != io.ErrUnexpectedEOF { // not an end of the server's
		return err
	}
	data, raw := r.Rest()
	if data == nil {
		data = raw
	}
	if last, ended := to.rest(data); last || ended != nil {
		return ended
	}
	return err
}

// readAnswerStream reads the stream of a POST, and the streams that resume it, until the answer.
func (x *exchange) readAnswerStream(ctx context.Context, resp *http.Response) error {
	for {
		x.resp = resp
		ended, err := x.conn.messages(resp, &x.cursor, x.limits.event(), x)
		if err == nil || !isBroken(err) {
			x.leave(resp, ended, err)
			return unwrap(err)
		}
		x.conn.discard(resp)
		lost := noAnswer(ctx, err)
		if _, resumable := x.cursor.ID(); !resumable || x.session.modern || ctx.Err() != nil {
			if err == io.EOF && x.foreign != nil {
				return x.foreign
			}
			return lost
		}
		if resp, err = x.resume(ctx, lost); err != nil {
			return err
		}
		x.resumed = true
	}
}

// event counts an event with data and reports it to the receiver. The old transport is recognised
// while the protocol is negotiated.
func (x *exchange) event(name []byte) error {
	x.events++
	x.recv.Event()
	if x.greets && string(name) == eventEndpoint {
		return &ProtocolError{Reason: "no answer", Status: http.StatusOK, Err: ErrOldTransport}
	}
	return nil
}

// alone reports whether the current message is all that the server has sent for the request.
func (x *exchange) alone() bool { return x.events <= 1 && !x.cursor.hasID && !x.resumed }

// leave ends an answered stream. ended reports whether it was read to its end. After an answer the
// rest is drained, so the connection can be reused. After a protocol error, or if there is no rest,
// the stream is closed at once.
func (x *exchange) leave(resp *http.Response, ended bool, err error) {
	if _, refused := err.(*RPCError); (err == nil || refused) && !ended && !readEnd(resp.Body) {
		x.drained = true
		x.conn.drain.add(resp.Body, x.cancel)
		return
	}
	x.conn.discard(resp)
}

// isBroken reports whether err means that the stream ended or was lost. It returns false for an
// error in a message.
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

// resumeError is a JSON-RPC error without an ID on a resumed stream. It is about the GET that
// resumed the stream, and does not show whether the request ran.
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

// take handles one message of an answer stream, or a batch of messages.
func (x *exchange) take(data []byte) (last bool, err error) {
	data = x.single(data)
	if !x.isBatch(data) {
		return x.takeOne(data)
	}
	bad := jsonrpc.Each(data, func(message []byte) bool {
		last, err = x.takeOne(message)
		return !last && err == nil
	})
	if bad != nil && !last && err == nil {
		err = x.conn.undecodable("event is not a valid JSON-RPC batch", x.resp, data, bad)
	}
	return last, err
}

// takeOne handles one message. On the stream of a request, some servers send heartbeats that are
// not messages, or answers to other requests. takeOne skips both. If the stream then ends without
// the answer, the call fails.
func (x *exchange) takeOne(data []byte) (bool, error) {
	var msg jsonrpc.Message
	if err := msg.Decode(data, x.recv); err != nil {
		if isNoise(data, err) {
			x.conn.log.Info("skipped an event that is not a JSON-RPC message", "error", err)
			return false, nil
		}
		return false, x.conn.undecodable("event is not a valid JSON-RPC message", x.resp, data, err)
	}
	switch {
	case !msg.IsResponse():
		return false, x.deliver(&msg)
	case isNull(msg.ID) || msg.IDIs(x.id):
		return true, x.verdict(&msg, data, x.resp)
	}
	x.foreign = x.verdict(&msg, data, x.resp)
	x.strays++
	x.conn.log.Info("skipped the answer to another request")
	return false, nil
}

// rest accepts the incomplete end of a stream as the answer if it is a complete message. The
// standard discards an event without its blank line, but some servers omit that line, and some
// label JSON as an event stream. Any other data was cut off.
func (x *exchange) rest(data []byte) (bool, error) {
	if len(data) == 0 {
		return false, nil
	}
	data = x.single(jsonrpc.Trim(data))
	var msg jsonrpc.Message
	if whole := msg.Decode(data, nil) == nil; !whole || !msg.IsResponse() || !msg.IDIs(x.id) {
		return false, nil
	}
	if err := x.event(nil); err != nil {
		return false, err
	}
	return x.takeOne(data)
}

// single unwraps a batch of one message, which some servers of all legacy revisions send.
func (x *exchange) single(data []byte) []byte {
	if x.session.modern {
		return data
	}
	return jsonrpc.Only(data)
}

// isBatch reports whether data is a batch and the revision allows batches. These are the revisions
// without a version header, 2025-03-26 and 2024-11-05.
func (x *exchange) isBatch(data []byte) bool {
	return !x.session.modern && x.session.version == "" && jsonrpc.IsBatch(data)
}

// isNoise reports whether data is certainly not a message. err is the error of decoding data. Noise
// is text that is not a JSON object, or an object without any member of a message. Damaged JSON is
// not noise, because it may have been the answer.
func isNoise(data []byte, err error) bool {
	if err == jsonrpc.ErrEmpty && !bytes.Contains(data, []byte(`"id"`)) {
		return true // an envelope without content
	}
	for _, member := range []string{`"jsonrpc"`, `"result"`, `"error"`, `"method"`} {
		if bytes.Contains(data, []byte(member)) {
			return false
		}
	}
	var envelope *jsonrpc.EnvelopeError
	data = jsonrpc.Trim(data)
	return errors.As(err, &envelope) || len(data) == 0 || data[0] != '{' && data[0] != '['
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
