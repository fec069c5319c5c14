package streamablehttp

import (
	"bytes"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/hawser-mcp/hawser/internal/httpstatus"
	"github.com/hawser-mcp/hawser/internal/jsonrpc"
	"github.com/hawser-mcp/hawser/internal/sse"
)

// reply is what a response's status and content type make of it.
type reply uint8

const (
	replyRefused reply = iota // not 2xx: see refusal
	replyEmpty                // 2xx that cannot hold an answer
	replyJSON                 // one JSON message
	replyStream               // an event stream
	replyOther                // 2xx with something else, such as a web page
)

// replyKind is the one table from status and content type to what a reply to a
// request is. A missing content type is read as JSON: servers forget it, and
// the strict decoding behind it tells.
func replyKind(resp *http.Response) reply {
	switch {
	case resp.StatusCode/100 != 2:
		return replyRefused
	case resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusCreated && resp.StatusCode != http.StatusNonAuthoritativeInfo:
		return replyEmpty
	}
	switch mediaType(resp.Header) {
	case typeJSON, "":
		return replyJSON
	case typeStream:
		return replyStream
	}
	return replyOther
}

func mediaType(h http.Header) string {
	value := h.Get("Content-Type")
	switch value {
	case typeJSON, typeStream, "":
		return value
	}
	name, _, err := mime.ParseMediaType(value)
	if err != nil {
		name, _, _ = strings.Cut(value, ";")
		name = strings.ToLower(strings.TrimSpace(name))
	}
	return name
}

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
	body := c.errorBody(resp)
	if e.ContentType == typeStream {
		body = firstData(body)
	}
	e.Preview = sanitize(body, previewLimit)
	var msg jsonrpc.Message
	switch {
	case len(body) == 0 || msg.Decode(body, nil) != nil:
	case msg.Method != "":
		e.Began = true
	case msg.Error == nil:
		e.Began = id != 0 && msg.IDIs(id)
	case id != 0 && msg.IDIs(id) && !e.statusCounts():
		return rpcError(msg.Error, resp.StatusCode)
	default:
		e.RPC = rpcError(msg.Error, resp.StatusCode)
	}
	return e
}

// statusCounts reports whether the status speaks about credentials or about the
// time of requests: then it counts, not the body.
func (e *HTTPError) statusCounts() bool {
	return e.Status == http.StatusUnauthorized || httpstatus.Of(e.Status) == httpstatus.Limited ||
		(e.Status == http.StatusForbidden && len(e.Challenges) > 0)
}

// firstData returns the data of the first event of an error that came as a
// stream, the text itself if there is none.
func firstData(text []byte) []byte {
	r := sse.NewReader(bytes.NewReader(text), MaxErrorBody+1)
	for {
		ev, err := r.Next()
		switch {
		case err != nil:
			return text
		case len(ev.Data) > 0:
			return ev.Data
		}
	}
}

// retryAfter reads a Retry-After header, seconds or a date; −1 when there is
// none that can be read.
func retryAfter(h http.Header) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if value == "" {
		return -1
	}
	wait := MaxRetryAfter
	if at, err := http.ParseTime(value); err == nil {
		wait = time.Until(at)
	} else if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if !allDigits(value) {
		return -1
	}
	return min(max(wait, 0), MaxRetryAfter)
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
