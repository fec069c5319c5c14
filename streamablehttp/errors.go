package streamablehttp

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/hawser-mcp/hawser/internal/challenge"
	"github.com/hawser-mcp/hawser/internal/redact"
	"github.com/hawser-mcp/hawser/transport"
)

// errNoAnswer is the cause of the error for a stream that ended normally, but before the response.
var errNoAnswer = errors.New("the stream ended without an answer")

// RPCError is the JSON-RPC error that answers a request, with any HTTP status (JSON-RPC 2.0,
// section 5.1). Unless NoID is set, the error had the request's ID.
type RPCError struct {
	// Code is the JSON-RPC error code.
	Code int64
	// Message is the server's text. Secrets of the request in it are masked. Treat it as data, not
	// as markup.
	Message string
	// Data is the data member as the server sent it, or nil if absent. Secrets of the request in it
	// are not masked. Error does not show it.
	Data json.RawMessage
	// Status is the HTTP status of the response.
	Status int
	// NoID is set if the error had no ID. Such an error answers the request only if it is the only
	// message and its code means that the server could not read the request. The error then does
	// not show whether the request ran.
	NoID bool
}

// Error returns "server error CODE: message".
func (e *RPCError) Error() string {
	return "server error " + strconv.FormatInt(e.Code, 10) + ": " + redact.Clean(e.Message, previewLimit)
}

// HTTPError is a response with a status other than 2xx, and without a JSON-RPC error that answers
// the request.
type HTTPError struct {
	// Status is the HTTP status.
	Status int
	// ContentType is the media type of the response.
	ContentType string
	// Preview is the beginning of the body, at most 2 KiB. Control characters are replaced, secrets
	// of the request masked.
	Preview string
	// RPC is the JSON-RPC error in the body, or nil. It does not answer the request: its ID is
	// missing or wrong, or the status is about credentials or the rate of requests.
	RPC *RPCError
	// RetryAfter is the wait that the server requested (RFC 9110, section 10.2.3), at most 60 s. It
	// is negative if the server requested none.
	RetryAfter time.Duration
	// Challenges are the values of WWW-Authenticate, as received.
	Challenges []string
	// Unclear is set if the body was not read to its end, or may be a damaged JSON-RPC response. At
	// most 64 KiB are read, for at most 5 s.
	Unclear bool
	// Began is set if the body shows that the server processed the request: it has a result with
	// the request's ID, a message that is not a response, an event ID, or more than one event.
	Began bool
	// Answered is set if the body is a JSON-RPC result with the ID of the request.
	Answered bool
}

// Error returns the status and the beginning of the body.
func (e *HTTPError) Error() string {
	text := "HTTP status " + strconv.Itoa(e.Status)
	if name := http.StatusText(e.Status); name != "" {
		text += " " + name
	}
	switch {
	case e.RPC != nil:
		text += ": " + e.RPC.Error()
	case e.Preview != "":
		text += ": " + redact.Shorten(e.Preview, lineLimit)
	}
	return text
}

// InsufficientScope reports whether the response is a 403 that asks for more authorization (RFC
// 6750, section 3.1; RFC 9449, section 7.1).
func (e *HTTPError) InsufficientScope() bool {
	return e.Status == http.StatusForbidden && challenge.HasError(e.Challenges, "insufficient_scope")
}

// InvalidToken reports whether the response is a 403 that says that the token is invalid. Some
// servers send it instead of a 401 (RFC 6750, section 3.1).
func (e *HTTPError) InvalidToken() bool {
	return e.Status == http.StatusForbidden && challenge.HasError(e.Challenges, "invalid_token")
}

// ProtocolError is a reply that is not valid MCP: it has no answer, an unexpected content type,
// bytes that cannot be parsed, or the answer to another request.
type ProtocolError struct {
	// Reason says what is wrong. It is this package's text and quotes at most a few words of the
	// reply.
	Reason string
	// Status is the HTTP status of the reply.
	Status int
	// Preview is the beginning of the reply, at most 2 KiB. Control characters are replaced,
	// secrets of the request masked.
	Preview string
	// Err is the cause, or nil.
	Err error
	// Answers is set if the reply is a JSON-RPC response with the ID of the request, but its result
	// cannot be decoded.
	Answers bool
}

// Error returns the reason, the cause and the beginning of the reply.
func (e *ProtocolError) Error() string {
	text := "protocol error: " + e.Reason
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	if e.Preview != "" {
		text += fmt.Sprintf(" (reply begins %q)", redact.Shorten(e.Preview, lineLimit))
	}
	return text
}

// Unwrap returns the cause.
func (e *ProtocolError) Unwrap() error { return e.Err }

// LimitError is returned when the server sends more than a limit allows.
type LimitError struct {
	// What names the limit and its unit: "body bytes", "event bytes".
	What string
	// Limit is the value of the limit.
	Limit int64
}

// Error returns the limit and its value.
func (e *LimitError) Error() string {
	return fmt.Sprintf("the server sent more than the limit of %d %s", e.Limit, e.What)
}

// RedirectError is a redirect that was not followed. Only 307 and 308 to the endpoint's own origin
// are followed, at most three in a row.
type RedirectError struct {
	// Status is the HTTP status of the redirect.
	Status int
	// Origin is the scheme, host and port of the target, without its path and query.
	Origin string
	// Target is the URL of the target without its query, with the request's secrets masked. It is
	// empty if the target is on another host than the endpoint.
	Target string
	// Reason says why the redirect was not followed.
	Reason string
}

// Error returns the status, the target and the reason.
func (e *RedirectError) Error() string {
	target := e.Target
	if target == "" {
		target = e.Origin
	}
	return fmt.Sprintf("redirect %d to %s not followed: %s", e.Status, target, e.Reason)
}

// linkError turns an error of a RoundTripper or of a body into a *transport.Error. The result is
// the outermost error, so callers find the stage without unwrapping. If the context has ended, the
// error wraps its cause.
func linkError(cause error, op string, err error) *transport.Error {
	if quoted, ok := err.(*url.Error); ok { // from a decorator that sends with an http.Client
		err = quoted.Err // without the URL, whose query may be secret
	}
	out := &transport.Error{Stage: transport.StageOf(err), Permanent: transport.IsPermanent(err), Op: op, Err: err}
	var inner *transport.Error
	if errors.As(err, &inner) && error(inner) == err {
		out.Op, out.Err = inner.Op, inner.Err
	}
	if cause != nil && !errors.Is(out.Err, cause) {
		out.Err = fmt.Errorf("%w: %w", cause, out.Err)
	}
	return out
}

// cut returns the error of a response that was cut off after its headers.
func cut(cause error, op string, err error) *transport.Error {
	out := linkError(cause, op, err)
	out.Stage, out.Permanent = transport.MaybeSent, false
	return out
}
