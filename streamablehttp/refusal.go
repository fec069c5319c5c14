package streamablehttp

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"

	"github.com/hawser-mcp/hawser/internal/httpstatus"
	"github.com/hawser-mcp/hawser/internal/jsonrpc"
	"github.com/hawser-mcp/hawser/internal/sse"
)

// refusal reads a response with a status other than 2xx. A JSON-RPC error with the ID of the
// request is the answer, whatever the status. Any other body only explains the status.
func (c *Conn) refusal(resp *http.Response, id int64) error {
	if httpstatus.Of(resp.StatusCode) == httpstatus.Informational {
		c.discard(resp)
		return &ProtocolError{Reason: fmt.Sprintf("final response has the informational status %d", resp.StatusCode), Status: resp.StatusCode}
	}
	e := &HTTPError{
		Status: resp.StatusCode, ContentType: mediaType(resp.Header),
		RetryAfter: retryAfter(resp.Header), Challenges: resp.Header.Values("WWW-Authenticate"),
	}
	text, whole := c.errorBody(resp)
	if !whole && e.ContentType != "text/html" {
		e.Unclear = true
	}
	if e.ContentType == typeStream {
		text = e.readEvents(text)
	}
	e.Preview = shown(c, resp, text, previewLimit)
	return c.readMessage(e, resp, text, id)
}

// readMessage parses the body as a JSON-RPC message and returns the error of the refusal.
func (c *Conn) readMessage(e *HTTPError, resp *http.Response, text []byte, id int64) error {
	var msg jsonrpc.Message
	if len(text) == 0 {
		return e
	}
	if err := msg.Decode(text, nil); err != nil {
		if !errors.Is(err, jsonrpc.ErrEmpty) && resemblesMessage(text) {
			e.Unclear = true
		}
		return e
	}
	ours := id != 0 && msg.IDIs(id)
	switch {
	case msg.Method != "":
		e.Began = true
	case msg.Error == nil && ours:
		e.Began, e.Answered = true, true
	case msg.Error == nil:
	case ours && !e.statusCounts() && !e.Began:
		return c.rpcError(msg.Error, resp)
	default:
		e.RPC = c.rpcError(msg.Error, resp)
	}
	return e
}

// readEvents parses the body of an error response that is an event stream. It returns the data of
// the first event, or the whole text if no event has data.
func (e *HTTPError) readEvents(text []byte) (first []byte) {
	r := sse.NewReader(bytes.NewReader(text), maxErrorBody+1)
	events := 0
	for {
		ev, err := r.Next()
		if err != nil {
			break
		}
		if ev.HasID {
			e.Began = true
		}
		if len(ev.Data) == 0 {
			continue
		}
		if events++; events == 1 {
			first = bytes.Clone(ev.Data)
		} else {
			e.Began = true
		}
	}
	if events == 0 {
		return text
	}
	return first
}

// statusCounts reports whether the status is about credentials or the rate of requests. The status
// then decides the outcome, whatever the body says.
func (e *HTTPError) statusCounts() bool {
	return e.Status == http.StatusUnauthorized || httpstatus.Of(e.Status) == httpstatus.Limited ||
		(e.Status == http.StatusForbidden && len(e.Challenges) > 0)
}

// resemblesMessage reports whether a text that cannot be parsed looks like a JSON-RPC message.
func resemblesMessage(text []byte) bool {
	text = bytes.TrimLeft(text, "\xef\xbb\xbf \t\r\n")
	return len(text) > 0 && (text[0] == '{' || text[0] == '[') &&
		(bytes.Contains(text, []byte(`"jsonrpc"`)) || bytes.Contains(text, []byte(`"id"`)))
}
