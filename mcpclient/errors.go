package mcpclient

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hawser-mcp/hawser/streamablehttp"
	"github.com/hawser-mcp/hawser/transport"
)

// Kind says in one word how a call failed.
type Kind uint8

const (
	// KindInvalid: the caller's input cannot be sent. Nothing was.
	KindInvalid Kind = iota + 1
	// KindNotSent: the request could not be sent, even after retries. Tries before the last may have
	// been refused; see [Unreachable].
	KindNotSent
	// KindOutcomeUnknown: the server may have acted on the request, and its
	// answer is lost. It was not repeated, since repeating it may not be safe.
	KindOutcomeUnknown
	// KindUnanswered: a request that is safe to repeat got no answer, also after
	// retries. A status such as 503 in its last try makes it a KindHTTP.
	KindUnanswered
	// KindServer: the server answered with a JSON-RPC error. See [RPCError].
	KindServer
	// KindHTTP: the server refused with an HTTP status. See [HTTPError].
	KindHTTP
	// KindAuthRequired: the server answered 401.
	KindAuthRequired
	// KindForbidden: the server answered 403.
	KindForbidden
	// KindProtocol: the reply is not MCP. See [ProtocolError].
	KindProtocol
	// KindLimit: the reply is over a limit. See [LimitError].
	KindLimit
	// KindVersion: client and server have no protocol revision in common.
	KindVersion
	// KindSessionLost: the server's session ended, and it was not, or could not
	// be, replaced for this call.
	KindSessionLost
	// KindTimeout: a timeout of the session or the call ended it. See [TimeoutError].
	KindTimeout
	// KindCanceled: the caller's context ended it.
	KindCanceled
	// KindClosed: the session is closed.
	KindClosed
	// KindInput: the server requires input for the call, and there is none: a
	// handler failed, or there were more rounds than [Limits].InputRounds.
	KindInput
	// KindTool: the tool ran and says that it failed. Only [Call] makes an error of it. See [ToolError].
	KindTool
)

var kindNames = [...]string{
	KindInvalid: "invalid input", KindNotSent: "not sent", KindOutcomeUnknown: "outcome unknown", KindUnanswered: "no answer",
	KindServer: "server error", KindHTTP: "refused", KindAuthRequired: "authorization required", KindForbidden: "forbidden",
	KindProtocol: "protocol error", KindLimit: "limit exceeded", KindVersion: "no common protocol version",
	KindSessionLost: "session lost", KindTimeout: "timeout", KindCanceled: "ended by the caller's context", KindClosed: "session closed",
	KindInput: "input required", KindTool: "tool failed",
}

// String returns the kind in words.
func (k Kind) String() string {
	if int(k) < len(kindNames) && kindNames[k] != "" {
		return kindNames[k]
	}
	return "error"
}

// The errors that an [*Error] wraps. [errors.As] finds them without another import.
type (
	// RPCError is a JSON-RPC error that the server answered with:
	//
	//	Code    int64            the JSON-RPC error code
	//	Message string           the server's text, with the secrets of the request masked
	//	Data    json.RawMessage  the data member as sent, not masked, nil if absent
	//	Status  int              the HTTP status of the response
	//	NoID    bool             it had no ID, and says that the request could not be read
	RPCError = streamablehttp.RPCError
	// HTTPError is an HTTP status that refused the request:
	//
	//	Status      int            the HTTP status
	//	ContentType string         the media type of the response
	//	Preview     string         the beginning of the body, with the secrets of the request masked
	//	RPC         *RPCError      the JSON-RPC error in the body, or nil
	//	RetryAfter  time.Duration  the wait that the server asked for, negative if none
	//	Challenges  []string       the values of WWW-Authenticate
	//	Unclear     bool           the body was not read whole, or may be a damaged response
	//	Began       bool           the body shows that the server looked at the request
	//	Answered    bool           the body is the result of the request
	//
	// The method InsufficientScope reports whether more authorization may help.
	HTTPError = streamablehttp.HTTPError
	// ProtocolError is a reply that is not valid MCP:
	//
	//	Reason  string  what is wrong
	//	Status  int     the HTTP status of the reply
	//	Preview string  the beginning of the reply, with the secrets of the request masked
	//	Err     error   the cause, or nil
	//	Answers bool    it is the response to the request, but cannot be decoded
	ProtocolError = streamablehttp.ProtocolError
	// LimitError is a reply over a limit:
	//
	//	What  string  the limit and its unit, such as "body bytes"
	//	Limit int64   the value of the limit
	LimitError = streamablehttp.LimitError
	// RedirectError is a redirect that was not followed:
	//
	//	Status int     the HTTP status of the redirect
	//	Origin string  the scheme, host and port of the target
	//	Reason string  why it was not followed
	RedirectError = streamablehttp.RedirectError
)

// Error is how a call of a [Session] fails; every method that talks to the
// server returns one. It wraps its cause.
type Error struct {
	// Kind says how.
	Kind Kind
	// Method is the JSON-RPC method, or "connect".
	Method string
	// Stage says how far the request got in its last try.
	Stage transport.Stage
	// Outcome says what is known of whether the server acted on the call, over all its tries.
	Outcome Outcome
	// Tries is how many times the request was sent or tried to be sent.
	Tries int
	// Err is the cause.
	Err error

	where    string // the endpoint and the step of a connect, for the text
	harmless bool   // sending it again does no harm, whatever became of it
	reached  bool   // a try reached the server
}

// Error names the method, what happened and the cause, on one line.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("mcp ")
	b.WriteString(e.Method)
	b.WriteString(e.where)
	cause := causeText(e.Err)
	if kind := e.Kind.String(); !strings.HasPrefix(cause, kind) {
		b.WriteString(": ")
		b.WriteString(kind)
	}
	if e.Outcome == Unknown && !e.harmless && e.Kind != KindOutcomeUnknown {
		b.WriteString(" (the request may have run)")
	}
	if e.Tries > 1 {
		fmt.Fprintf(&b, " after %d tries", e.Tries)
	}
	if cause != "" {
		b.WriteString(": ")
		b.WriteString(cause)
	}
	return b.String()
}

// causeText is an error's text without the stages of the seam, which the kind
// of an Error says better.
func causeText(err error) string {
	var link *transport.Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &link) && error(link) == err:
		text := causeText(link.Err)
		if link.Op == "" {
			return text
		}
		return link.Op + ": " + text
	}
	return err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// FromPeer reports whether the server said it (true) or this side did: a
// status, a JSON-RPC error or a bad reply are the server's words; timeouts, lost links,
// limits and bad input are ours.
func (e *Error) FromPeer() bool {
	switch e.Kind {
	case KindServer, KindHTTP, KindAuthRequired, KindForbidden, KindProtocol:
		return true
	default:
		return false
	}
}

// ErrClosed is wrapped by the errors of a closed session.
var ErrClosed = errors.New("session closed")

// ErrSessionLost is wrapped when the server no longer knows the session.
var ErrSessionLost = errors.New("the server no longer knows the session")

// invalid is the error of input that cannot be sent.
func invalid(method string, err error) *Error {
	return &Error{Kind: KindInvalid, Method: method, Stage: transport.NotSent, Outcome: NotRun, Err: err}
}

// invalidError is input that cannot be sent.
type invalidError struct{ err error }

func (e *invalidError) Error() string { return e.err.Error() }
func (e *invalidError) Unwrap() error { return e.err }

// endedError is an error of an exchange that was ended from this side: it reads
// as what ended it and wraps both.
type endedError struct{ cause, err error }

func (e *endedError) Error() string   { return e.cause.Error() }
func (e *endedError) Unwrap() []error { return []error{e.cause, e.err} }

// Timeout names one of the timeouts of [Timeouts].
type Timeout string

const (
	// TimeoutTry: no answer to one try.
	TimeoutTry Timeout = "try"
	// TimeoutIdle: no event of a tool call.
	TimeoutIdle Timeout = "idle"
	// TimeoutTotal: the call as a whole took too long.
	TimeoutTotal Timeout = "total"
)

// TimeoutError is the cause of [KindTimeout]. It is a
// [context.DeadlineExceeded] for errors.Is and has the Timeout method of net.Error.
type TimeoutError struct {
	// What ran out.
	What Timeout
	// After is the timeout's length.
	After time.Duration
}

// Error names the timeout.
func (e *TimeoutError) Error() string {
	switch e.What {
	case TimeoutIdle:
		return fmt.Sprintf("timeout: nothing came for %v", e.After)
	case TimeoutTotal:
		return fmt.Sprintf("timeout: not finished within %v", e.After)
	default:
		return fmt.Sprintf("timeout: no answer within %v", e.After)
	}
}

// Timeout returns true.
func (e *TimeoutError) Timeout() bool { return true }

// Is makes the error a context.DeadlineExceeded.
func (e *TimeoutError) Is(target error) bool { return target == context.DeadlineExceeded }

// KindOf returns the kind of err, 0 if it is not of this package.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return 0
}

// IsNotFound reports whether the server does not know the resource that the call named: a JSON-RPC error
// −32002, or −32602 to resources/read, which is what 2026-07-28 has for it.
func IsNotFound(err error) bool {
	var (
		e   *Error
		rpc *RPCError
	)
	if !errors.As(err, &e) || !errors.As(err, &rpc) {
		return false
	}
	return rpc.Code == CodeResourceNotFound || rpc.Code == CodeInvalidParams && e.Method == methodReadResource
}

// Codes of JSON-RPC errors that MCP gives a meaning of its own.
const (
	// CodeMethodNotFound: the server does not know the method.
	CodeMethodNotFound = -32601
	// CodeInvalidParams: the server does not accept the parameters.
	CodeInvalidParams = -32602
	// CodeInternal: something went wrong in the peer.
	CodeInternal = -32603
	// CodeResourceNotFound is what servers before 2026-07-28 say for an unknown resource; later ones say -32602.
	CodeResourceNotFound = -32002
	// CodeHeaderMismatch: a mirrored header differs from the body (2026-07-28).
	CodeHeaderMismatch = -32020
	// CodeMissingCapability: the server needs a capability the client did not declare (2026-07-28).
	CodeMissingCapability = -32021
	// CodeURLElicitationRequired: a person must visit a page before the request
	// can be processed (2025-11-25); see [RequiredElicitations].
	CodeURLElicitationRequired = -32042
	// CodeUnsupportedVersion: the server does not speak the revision of the request (2026-07-28).
	CodeUnsupportedVersion = -32022
)
