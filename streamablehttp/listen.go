package streamablehttp

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// openStream sends a GET for an event stream (legacy revisions, "Listening for Messages from the
// Server"). If the cursor has an event ID, the stream resumes after that event. own are the headers of
// the request whose stream it is.
func (c *Conn) openStream(ctx context.Context, s *Session, cursor *Cursor, own http.Header) (*http.Response, error) {
	header := s.getHeader(1 + len(own))
	addHeaders(header, own)
	if id, ok := cursor.ID(); ok {
		header[headerCursor] = []string{id}
	}
	resp, err := c.roundTrip(ctx, &sending{method: http.MethodGet, header: header})
	if err != nil {
		return nil, err
	}
	switch replyKind(resp) {
	case replyStream:
		return resp, nil
	case replyRefused:
		return nil, c.refusal(resp, 0)
	default:
		return nil, &ProtocolError{
			Reason: fmt.Sprintf("expected an event stream, got content type %q", shown(c, resp, resp.Header.Get("Content-Type"), 128)),
			Status: resp.StatusCode, Preview: c.preview(resp),
		}
	}
}

// Listen opens the shared stream of a legacy session once, and passes its notifications and
// requests to recv until the stream ends. It calls opened, if not nil, when the server accepts the
// stream. It resumes after the last event of cursor, and updates cursor. It drops responses. It
// also drops messages that cannot be parsed, and logs them.
//
// The error is never nil. It is io.EOF if the server ended the stream, and otherwise as for
// [Conn.Call]. The caller decides whether to open the stream again.
func (c *Conn) Listen(ctx context.Context, s *Session, cursor *Cursor, recv Receiver, opened func()) error {
	resp, err := c.openStream(ctx, s, cursor, nil)
	if err != nil {
		return err
	}
	defer c.discard(resp)
	if opened != nil {
		opened()
	}
	l := listener{exchange{conn: c, session: s, recv: recv}}
	_, err = c.messages(resp, cursor, c.limits.event(), &l)
	if err == io.EOF || !isBroken(err) {
		return err
	}
	return cut(contextCause(ctx), "read stream", err)
}

// listener is the sink of a shared stream.
type listener struct{ exchange }

// take passes a message, or each message of a batch, to the receiver. The stream serves the whole
// session, so an invalid message does not end it.
func (l *listener) take(data []byte) (last bool, err error) {
	data = l.single(data)
	if !l.isBatch(data) {
		return false, l.takeOne(data)
	}
	bad := jsonrpc.Each(data, func(message []byte) bool {
		err = l.takeOne(message)
		return err == nil
	})
	if bad != nil {
		l.drop(bad)
	}
	return false, err
}

func (l *listener) takeOne(data []byte) error {
	var msg jsonrpc.Message
	if err := msg.Decode(data, nil); err != nil {
		l.drop(err)
		return nil
	}
	if msg.IsResponse() {
		return nil
	}
	return l.deliver(&msg)
}

func (l *listener) drop(err error) {
	l.conn.log.Warn("dropped an invalid message on the shared stream", "error", err)
}

func (l *listener) rest([]byte) (bool, error) { return false, nil }

// Delete ends a legacy session on the server. 404 and 405 count as success: the session no longer
// exists, or clients may not end it. Errors are as for [Conn.Call].
func (c *Conn) Delete(ctx context.Context, s *Session) error {
	resp, err := c.roundTrip(ctx, &sending{method: http.MethodDelete, header: s.deleteHeader()})
	if err != nil {
		return err
	}
	if resp.StatusCode/100 == 2 || resp.StatusCode == http.StatusMethodNotAllowed || resp.StatusCode == http.StatusNotFound {
		c.discardSmall(resp)
		return nil
	}
	return c.refusal(resp, 0)
}
