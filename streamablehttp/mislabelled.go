package streamablehttp

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// A complete response with the request's ID counts as the answer, even if its content type is
// wrong: frameworks default to text/plain, and gateways change the content type.

// peekLimit bounds how many bytes of a body are examined to distinguish JSON from a web page.
const peekLimit = 64

// body reads a response body through another reader, such as a buffered one, and closes the
// original.
type body struct {
	io.Reader
	io.Closer
}

// readUnlabelled reads a reply with an unexpected content type if the body looks like JSON. If the
// body is not the answer, the error is about the content type.
func (x *exchange) readUnlabelled(ctx context.Context, resp *http.Response) error {
	c := x.conn
	wrong := &ProtocolError{
		Reason: fmt.Sprintf("unexpected content type %q of the reply", shown(c, resp, resp.Header.Get("Content-Type"), 128)),
		Status: resp.StatusCode,
	}
	buffered := bufio.NewReaderSize(resp.Body, peekLimit)
	watchdog := time.AfterFunc(errorBodyTime, func() { c.discard(resp) })
	_, _ = buffered.Peek(1) // what comes first is enough
	watchdog.Stop()
	head, _ := buffered.Peek(min(buffered.Buffered(), peekLimit))
	resp.Body = body{buffered, resp.Body}
	if head = jsonrpc.Trim(head); len(head) == 0 || head[0] != '{' && head[0] != '[' {
		wrong.Preview = c.preview(resp)
		return wrong
	}
	err := x.readJSON(ctx, resp)
	if e, ok := err.(*ProtocolError); ok && !e.Answers {
		wrong.Preview = e.Preview
		return wrong
	}
	return err
}

// resemblesStream reports whether a body that should be JSON is an event stream.
func resemblesStream(text []byte) bool {
	text = jsonrpc.Trim(text)
	for _, field := range []string{"data:", "event:", "id:", "retry:", ":"} {
		if bytes.HasPrefix(text, []byte(field)) {
			return true
		}
	}
	return false
}

// readEvents parses text, a complete event stream whose content type was JSON.
func (x *exchange) readEvents(resp *http.Response, text []byte) error {
	plain := *resp
	plain.Header, plain.Body = http.Header{}, io.NopCloser(bytes.NewReader(text))
	x.resp = resp
	_, err := x.conn.messages(&plain, &x.cursor, x.limits.event(), x)
	switch {
	case err == nil || !isBroken(err):
		return unwrap(err)
	case x.foreign != nil:
		return x.foreign
	}
	wrong := &ProtocolError{
		Reason: "the reply is an event stream without an answer, sent as JSON", Status: resp.StatusCode,
		Preview: shown(x.conn, resp, text, previewLimit),
	}
	return wrong
}
