package streamablehttp

import (
	"bytes"
	"fmt"
	"net/http"

	"github.com/hawser-mcp/hawser/internal/httpstatus"
	"github.com/hawser-mcp/hawser/internal/jsonrpc"
	"github.com/hawser-mcp/hawser/internal/sse"
)

// Trace is what the body of a refusal tells of the request beyond the status.
type Trace uint8

const (
	// NoTrace: the body was read to its end, and is no response to the request.
	NoTrace Trace = iota
	// TraceUnclear: the body was not read to its end, or may be a damaged response to the request.
	TraceUnclear
	// TraceBegan: there was a message other than a response, an event id, or more than one event: the
	// server looked at the request.
	TraceBegan
	// TraceAnswered: the body is a JSON-RPC result with the request's id.
	TraceAnswered
)

// refusal reads a reply that is not 2xx. A JSON-RPC error that carries the
// request's id is its answer, whatever the status; any other body only
// illustrates the status.
func (c *Conn) refusal(resp *http.Response, id int64) error {
	if httpstatus.Of(resp.StatusCode) == httpstatus.Informational {
		c.discard(resp)
		return &ProtocolError{Reason: fmt.Sprintf("status %d as the final response", resp.StatusCode), Status: resp.StatusCode}
	}
	e := &HTTPError{
		Status: resp.StatusCode, ContentType: mediaType(resp.Header),
		RetryAfter: retryAfter(resp.Header), Challenges: resp.Header.Values("WWW-Authenticate"),
	}
	text, whole := c.errorBody(resp)
	if !whole && e.ContentType != "text/html" {
		e.notice(TraceUnclear)
	}
	if e.ContentType == typeStream {
		text = e.readEvents(text)
	}
	e.Preview = shown(c, resp, text, previewLimit)
	return c.readMessage(e, resp, text, id)
}

// notice keeps the strongest trace.
func (e *HTTPError) notice(t Trace) { e.Trace = max(e.Trace, t) }

// readMessage reads the body as a JSON-RPC message, and returns what the refusal is then.
func (c *Conn) readMessage(e *HTTPError, resp *http.Response, text []byte, id int64) error {
	var msg jsonrpc.Message
	if len(text) == 0 {
		return e
	}
	if msg.Decode(text, nil) != nil {
		if resemblesMessage(text) {
			e.notice(TraceUnclear)
		}
		return e
	}
	ours := id != 0 && msg.IDIs(id)
	switch {
	case msg.Method != "":
		e.notice(TraceBegan)
	case msg.Error == nil && ours:
		e.notice(TraceAnswered)
	case msg.Error == nil:
	case ours && !e.statusCounts() && e.Trace < TraceBegan:
		return c.rpcError(msg.Error, resp)
	default:
		e.RPC = c.rpcError(msg.Error, resp)
	}
	return e
}

// readEvents reads an error that came as an event stream. It returns the data of the first event, the
// text itself if there is none.
func (e *HTTPError) readEvents(text []byte) (first []byte) {
	r := sse.NewReader(bytes.NewReader(text), MaxErrorBody+1)
	events := 0
	for {
		ev, err := r.Next()
		if err != nil {
			break
		}
		if ev.HasID {
			e.notice(TraceBegan)
		}
		if len(ev.Data) == 0 {
			continue
		}
		if events++; events == 1 {
			first = bytes.Clone(ev.Data)
		} else {
			e.notice(TraceBegan)
		}
	}
	if events == 0 {
		return text
	}
	return first
}

// statusCounts reports whether the status speaks about credentials or about the
// time of requests: then it counts, not the body.
func (e *HTTPError) statusCounts() bool {
	return e.Status == http.StatusUnauthorized || httpstatus.Of(e.Status) == httpstatus.Limited ||
		(e.Status == http.StatusForbidden && len(e.Challenges) > 0)
}

// resemblesMessage reports whether a text that does not decode may be meant as a JSON-RPC message.
func resemblesMessage(text []byte) bool {
	text = bytes.TrimLeft(text, "\xef\xbb\xbf \t\r\n")
	return len(text) > 0 && (text[0] == '{' || text[0] == '[') &&
		(bytes.Contains(text, []byte(`"jsonrpc"`)) || bytes.Contains(text, []byte(`"id"`)))
}
