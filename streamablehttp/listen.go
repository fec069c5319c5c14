package streamablehttp

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// openStream sends a GET for an event stream (legacy revisions, "Listening for
// Messages from the Server"), from the cursor's last event on if it has one.
func (c *Conn) openStream(ctx context.Context, s *Session, cursor *Cursor) (*http.Response, error) {
	header := cloneHeader(s.get, 1)
	if id, ok := cursor.ID(); ok {
		header[headerCursor] = []string{id}
	}
	resp, err := c.roundTrip(ctx, http.MethodGet, header, nil, nil)
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
			Reason: fmt.Sprintf("content type %q where an event stream is due", shown(c, resp, resp.Header.Get("Content-Type"), 128)),
			Status: resp.StatusCode, Preview: c.preview(resp),
		}
	}
}

// Listen opens the standing stream of a legacy session once and hands its
// notifications and requests to recv until it ends; opened, if not nil, is
// called when the server accepted it. Responses on it belong to nobody and are
// dropped. Cursor goes in as where the stream stood and is kept up to date.
//
// The error is never nil: io.EOF when the server ended the stream, else as
// [Conn.Call]'s. Whether to open it again is the caller's decision.
func (c *Conn) Listen(ctx context.Context, s *Session, cursor *Cursor, recv Receiver, opened func()) error {
	resp, err := c.openStream(ctx, s, cursor)
	if err != nil {
		return err
	}
	defer c.discard(resp)
	if opened != nil {
		opened()
	}
	x := exchange{conn: c, session: s, recv: recv}
	err = c.messages(resp, cursor, c.limits.event(), recv.Event, func(data []byte) (bool, error) {
		var msg jsonrpc.Message
		if err := msg.Decode(data, nil); err != nil {
			// The stream serves the whole session: one bad message is passed over.
			c.log.WarnContext(ctx, "message on the standing stream does not parse", "error", err)
			return false, nil
		}
		if msg.IsResponse() {
			return false, nil
		}
		return false, x.deliver(&msg)
	})
	if err == io.EOF || !isBroken(err) {
		return err
	}
	return cut(contextCause(ctx), "read stream", err)
}

// Delete ends a legacy session on the server. A server that does not allow it
// (405) is no error.
func (c *Conn) Delete(ctx context.Context, s *Session) error {
	resp, err := c.roundTrip(ctx, http.MethodDelete, cloneHeader(s.del, 0), nil, nil)
	if err != nil {
		return err
	}
	if resp.StatusCode/100 == 2 || resp.StatusCode == http.StatusMethodNotAllowed || resp.StatusCode == http.StatusNotFound {
		c.discardSmall(resp)
		return nil
	}
	return c.refusal(resp, 0)
}
