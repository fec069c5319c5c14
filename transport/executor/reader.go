package executor

import (
	"errors"
	"fmt"
	"io"

	"github.com/hawser-mcp/hawser/internal/execproto"
	"github.com/hawser-mcp/hawser/transport"
)

// read runs on its own goroutine. It passes messages from the executor to their exchanges.
func (c *conn) read() {
	var m execproto.Message
	if l, ok := c.link.(interface{ OnWait(f func()) bool }); ok {
		c.wakesLate = l.OnWait(c.wakeCaller)
	}
	defer c.wakeCaller()
	for {
		data, err := c.link.Receive()
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err == nil {
			c.stats.bytesIn.Add(int64(len(data)))
			if err = m.Read(data); err != nil {
				err = &ProtocolError{What: "invalid message: " + err.Error()}
			} else {
				err = c.take(&m)
			}
		}
		if err != nil {
			c.fail(lost(err))
			return
		}
	}
}

// wake wakes the caller of e. If the link can, that happens when the reader has handled all that
// arrived, because a caller that is woken for each message costs much more.
func (c *conn) wake(e *exchange) {
	if c.toWake != e {
		c.wakeCaller()
	}
	c.toWake = e
	if !c.wakesLate {
		c.wakeCaller()
	}
}

// wakeCaller wakes the caller that wake has put off.
func (c *conn) wakeCaller() {
	if e := c.toWake; e != nil {
		c.toWake = nil
		signal(e.wake)
	}
}

// take handles one message. If it returns an error, the link ends.
func (c *conn) take(m *execproto.Message) error {
	switch m.Kind {
	case execproto.BodyDelta:
		c.delta(&m.Delta)
	case execproto.Result, execproto.Failure:
		return c.answer(m)
	case execproto.Request:
		return c.refuse(m)
	case execproto.Notification: // unknown notifications are ignored
	}
	return nil
}

// refuse answers a request from the executor with an error. The reader does not wait for the
// writer. If the executor sends requests faster than it reads responses, the link ends.
func (c *conn) refuse(m *execproto.Message) error {
	frame := newFrame()
	*frame = execproto.AppendError(*frame, m.RawID, execproto.CodeUnknownMethod, "not implemented by this client", nil)
	c.mu.Lock()
	full := c.refusals >= maxRefusals
	if !full {
		c.refusals++
		c.queue = append(c.queue, outgoing{frame: frame, refusal: true})
	}
	c.mu.Unlock()
	if full {
		freeFrame(frame)
		return &ProtocolError{What: "it sends requests faster than it reads the responses"}
	}
	signal(c.outbox)
	return nil
}

// answer passes the response to an http/request to its exchange. It ignores a response with an
// unknown ID and a second response to the same request.
func (c *conn) answer(m *execproto.Message) error {
	id, ok := m.ID()
	if ok && id == execproto.NobodysID && m.Kind == execproto.Failure {
		return &ProtocolError{What: "it could not parse a message from this client: " + transport.Scrub(m.Error.Message)}
	}
	if !ok {
		return nil
	}
	if c.warm.answeredBy(id) {
		return nil
	}
	e := c.lookup(id)
	if e == nil || e.answered {
		return nil
	}
	e.answered = true
	if e.done || m.Kind == execproto.Failure {
		c.ended(e, true) // the link must be free before the caller is notified of the end
	}
	if m.Kind == execproto.Failure {
		e.giveUp(failure(&m.Error), false)
		return nil
	}
	head, err := execproto.ReadHTTPResponse(m.Result)
	switch {
	case err != nil:
		err = &ProtocolError{What: "invalid response: " + err.Error()}
	case len(head.Body) > 0:
		err = &ProtocolError{What: "the response to a streamed request contains a body"}
	default:
		err = e.setHead(head)
	}
	if err != nil {
		e.giveUp(transport.Failed(transport.MaybeSent, "read response", err), false)
	}
	return nil
}

// delta passes a piece of a body to its exchange. It ignores pieces for an unknown ID.
func (c *conn) delta(d *execproto.Delta) {
	id, ok := d.ID()
	if !ok {
		return
	}
	e := c.lookup(id)
	if e == nil || e.done {
		return
	}
	e.done = d.Done
	e.seq++
	err := e.deliver(d)
	if e.done && e.answered {
		c.ended(e, true) // the link must be free before the caller is notified of the end
	}
	switch {
	case err != nil:
		if errors.Is(err, ErrOverflow) {
			e.overflowed()
		}
		e.giveUp(bodyError(err), false)
	case e.done:
		e.finish()
	}
}

// deliver adds a piece to the body. If it returns an error, the body ends with that error.
func (e *exchange) deliver(d *execproto.Delta) error {
	if d.Seq != e.seq {
		return &ProtocolError{What: fmt.Sprintf("got body delta %d, expected %d", d.Seq, e.seq)}
	}
	if err := e.put(d); err != nil {
		return err
	}
	if d.Failed {
		return &ExecutorError{Code: execproto.CodeFailed, Message: transport.Scrub(d.Error)}
	}
	return nil
}

func bodyError(err error) error { return transport.Failed(transport.MaybeSent, "read body", err) }

// failure converts an error from the executor, and derives the stage from its code and data.
func failure(f *execproto.Error) *transport.Error {
	e := &transport.Error{Op: "http/request", Err: &ExecutorError{Code: f.Code, Message: transport.Scrub(f.Message)}}
	switch f.Code {
	case execproto.CodeInvalidParams, execproto.CodeUnknownMethod:
		e.Stage, e.Permanent = transport.NotSent, true
	case execproto.CodeInvalidRequest:
		e.Stage = transport.NotSent
	case execproto.CodeFailed:
		if s, ok := execproto.ReadStage(f.Data); ok {
			e.Permanent = s.Permanent
			if s.NotSent {
				e.Stage = transport.NotSent
			}
		}
	}
	return e
}
