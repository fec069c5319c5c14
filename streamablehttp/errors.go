package streamablehttp

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/hawser-mcp/hawser/internal/challenge"
	"github.com/hawser-mcp/hawser/transport"
)

// ErrNoAnswer is wrapped when a response stream ended, without being cut,
// before the answer to its request came.
var ErrNoAnswer = errors.New("the stream ended without an answer")

// RPCError is a JSON-RPC error object (JSON-RPC 2.0, section 5.1) that answers a
// request: it carries the request's id, whatever the HTTP status, or NoID is set.
type RPCError struct {
	// Code is the JSON-RPC error code.
	Code int64
	// Message is the server's text, with the secrets of the request masked. It is the peer's: show
	// it as data, not as markup.
	Message string
	// Data is the error's data member as the server sent it, nil when absent. Secrets of the
	// request that the server repeats in it are not masked, and Error does not show it.
	Data json.RawMessage
	// Status is the HTTP status it came with.
	Status int
	// NoID says that the error carried no id and came alone, with a code for a request that the
	// server could not read. It can only be about this request; what became of it is not said.
	NoID bool
}

// Error returns "server error CODE: message".
func (e *RPCError) Error() string {
	return "server error " + strconv.FormatInt(e.Code, 10) + ": " + sanitize(e.Message, previewLimit)
}

// HTTPError is a response whose status alone is the verdict.
type HTTPError struct {
	// Status is the HTTP status.
	Status int
	// ContentType is the response's media type.
	ContentType string
	// Preview is the beginning of the body: at most 2 KiB, control characters replaced, the secrets
	// of the request masked.
	Preview string
	// RPC is the JSON-RPC error in the body if the status counts all the same, nil otherwise: it has another
	// id or none, or the status speaks about credentials or the rate of requests.
	RPC *RPCError
	// RetryAfter is what the server asked to wait (RFC 9110, section 10.2.3);
	// negative when it did not say.
	RetryAfter time.Duration
	// Challenges are the WWW-Authenticate header values, as received.
	Challenges []string
	// Trace says what the body tells of the request: with one, the status may be no proof of a refusal.
	Trace Trace
}

// Error returns the status with the beginning of what the server said.
func (e *HTTPError) Error() string {
	text := "HTTP status " + strconv.Itoa(e.Status)
	if name := http.StatusText(e.Status); name != "" {
		text += " " + name
	}
	switch {
	case e.RPC != nil:
		text += ": " + e.RPC.Error()
	case e.Preview != "":
		text += ": " + shorten(e.Preview)
	}
	return text
}

// InsufficientScope reports whether the status is 403 because the token does not
// allow enough (RFC 6750 section 3.1, RFC 9449 section 7.1): more authorization may help.
func (e *HTTPError) InsufficientScope() bool {
	if e.Status != http.StatusForbidden {
		return false
	}
	return slices.ContainsFunc(challenge.Parse(e.Challenges), func(c challenge.Challenge) bool {
		return (c.Is("Bearer") || c.Is("DPoP")) && c.Param("error") == "insufficient_scope"
	})
}

// ProtocolError is a reply that is not MCP: no answer where one is due, another
// content type, bytes that do not parse, an answer to another request.
type ProtocolError struct {
	// Reason says what was wrong, in our words.
	Reason string
	// Status is the HTTP status of the reply.
	Status int
	// Preview is the beginning of what came: at most 2 KiB, control characters replaced, the secrets
	// of the request masked.
	Preview string
	// Err is the cause, when there is one.
	Err error
	// Answers says that the reply is a JSON-RPC response with the request's id, whose result does not decode.
	Answers bool
}

// Error returns the reason, its cause and the beginning of the reply.
func (e *ProtocolError) Error() string {
	text := "protocol error: " + e.Reason
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	if e.Preview != "" {
		text += fmt.Sprintf(" (reply begins %q)", shorten(e.Preview))
	}
	return text
}

// Unwrap returns the cause.
func (e *ProtocolError) Unwrap() error { return e.Err }

// LimitError says that the server sent more than a limit allows.
type LimitError struct {
	// What is the limit's name, with its unit: "body bytes", "event bytes".
	What string
	// Limit is its value.
	Limit int64
}

// Error names the limit.
func (e *LimitError) Error() string {
	return fmt.Sprintf("the server sent more than the limit of %d %s", e.Limit, e.What)
}

// RedirectError is a redirect that was not followed: only 307 and 308 to the
// endpoint's own origin are, three at most.
type RedirectError struct {
	// Status is the redirect's HTTP status.
	Status int
	// Origin is where it pointed: scheme, host and port, nothing else.
	Origin string
	// Reason says why it was refused.
	Reason string
}

// Error names the target's origin.
func (e *RedirectError) Error() string {
	return fmt.Sprintf("redirect %d to %s not followed: %s", e.Status, e.Origin, e.Reason)
}

// linkError normalises an error of a RoundTripper or of a body into a
// *transport.Error that is not wrapped in anything, so that its stage is the
// first thing a reader of the error meets. A context that ended is named by its cause.
func linkError(cause error, op string, err error) *transport.Error {
	if quoted, ok := err.(*url.Error); ok { // one that is wrapped is part of another text already
		err = quoted.Err // of a decorator that sends with an http.Client: the URL's query may be secret
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

// cut is the error of a response that broke off after its headers.
func cut(cause error, op string, err error) *transport.Error {
	out := linkError(cause, op, err)
	out.Stage, out.Permanent = transport.MaybeSent, false
	return out
}
