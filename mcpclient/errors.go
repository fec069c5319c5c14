package mcpclient

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/errtext"
	"github.com/hawser-mcp/hawser/internal/verdict"
	"github.com/hawser-mcp/hawser/streamablehttp"
	"github.com/hawser-mcp/hawser/transport"
)

// Kind says how a call failed. [KindOf] returns the kind of an error.
type Kind uint8

const (
	// KindInvalid: the caller's input cannot be sent. Nothing was sent.
	KindInvalid Kind = iota + 1
	// KindNotSent: the request could not be sent, even after retries. Tries before the last may
	// have reached a server that refused them; see [Unreachable].
	KindNotSent
	// KindOutcomeUnknown: the server may have acted on the request, and its answer was lost. It was
	// not sent again, because that may not be safe.
	KindOutcomeUnknown
	// KindUnanswered: a request that is safe to repeat got no answer, even after retries. If its
	// last try got a status such as 503, the kind is KindHTTP.
	KindUnanswered
	// KindServer: the server answered with a JSON-RPC error. See [RPCError].
	KindServer
	// KindHTTP: the server refused the request with an HTTP status. See [HTTPError].
	KindHTTP
	// KindAuthRequired: the server refused the request with status 401.
	KindAuthRequired
	// KindForbidden: the server refused the request with status 403.
	KindForbidden
	// KindProtocol: the reply is not valid MCP. See [ProtocolError].
	KindProtocol
	// KindLimit: the reply exceeds a limit. See [LimitError].
	KindLimit
	// KindVersion: client and server have no protocol revision in common. See [VersionError].
	KindVersion
	// KindSessionLost: the server lost the session. It could not be replaced for this call, or the
	// options forbid sending the call again.
	KindSessionLost
	// KindTimeout: a timeout of the session or of the call ended the call. See [TimeoutError].
	KindTimeout
	// KindCanceled: the caller's context ended the call.
	KindCanceled
	// KindClosed: the session is closed.
	KindClosed
	// KindInput: the server requires input for the call, and a handler failed to provide it.
	KindInput
	// KindTool: the tool ran and reported that it failed. Only [Call] returns it. See [ToolError].
	KindTool
	// KindRefused: an [Interceptor] refused the call or its result. The error wraps the
	// interceptor's.
	KindRefused
)

var kindNames = map[Kind]string{
	KindInvalid: "invalid input", KindNotSent: "not sent", KindOutcomeUnknown: "outcome unknown", KindUnanswered: "no answer",
	KindServer: "server error", KindHTTP: "refused", KindAuthRequired: "authorization required", KindForbidden: "forbidden",
	KindProtocol: "protocol error", KindLimit: "limit exceeded", KindVersion: "no common protocol version",
	KindSessionLost: "session lost", KindTimeout: "timeout", KindCanceled: "ended by the caller's context", KindClosed: "session closed",
	KindInput: "input required", KindTool: "tool failed", KindRefused: "refused by an interceptor",
}

// String returns the kind in words.
func (k Kind) String() string { return cmp.Or(kindNames[k], "error") }

// The errors that an [*Error] wraps. [errors.As] finds them without another import.
type (
	// RPCError is a JSON-RPC error that the server answered with:
	//
	//	Code    int64            the JSON-RPC error code
	//	Message string           the server's text, with the secrets of the request masked
	//	Data    json.RawMessage  the data member as sent, not masked, nil if absent
	//	Status  int              the HTTP status of the response
	//	NoID    bool             the error has no ID, because the server could not read the request
	RPCError = streamablehttp.RPCError
	// HTTPError is an HTTP status with which the server refused the request:
	//
	//	Status      int            the HTTP status
	//	ContentType string         the media type of the response
	//	Preview     string         the beginning of the body, with the secrets of the request masked
	//	RPC         *RPCError      the JSON-RPC error in the body, or nil
	//	RetryAfter  time.Duration  how long the server told the client to wait, negative if it did not say
	//	Challenges  []string       the values of WWW-Authenticate
	//	Unclear     bool           the body was not read to its end, or may be an invalid response
	//	Began       bool           the body shows that the server started to process the request
	//	Answered    bool           the body holds the result of the request
	//
	// The method InsufficientScope reports whether a wider authorization may help, and InvalidToken
	// whether a 403 says that the token is invalid.
	HTTPError = streamablehttp.HTTPError
	// ProtocolError is a reply that is not valid MCP:
	//
	//	Reason  string  what is wrong
	//	Status  int     the HTTP status of the reply
	//	Preview string  the beginning of the reply, with the secrets of the request masked
	//	Err     error   the cause, or nil
	//	Answers bool    the reply is the response to the request but cannot be decoded
	ProtocolError = streamablehttp.ProtocolError
	// LimitError is a reply that exceeds a limit:
	//
	//	What  string  the limit and its unit, such as "body bytes"
	//	Limit int64   the value of the limit
	LimitError = streamablehttp.LimitError
	// RedirectError is a redirect that was not followed:
	//
	//	Status int     the HTTP status of the redirect
	//	Origin string  the scheme, host and port of the target
	//	Target string  the URL of the target without its query
	//	Reason string  why it was not followed
	RedirectError = streamablehttp.RedirectError
)

// Error is the error of every [Session] method that sends something to the server. It wraps its
// cause.
type Error struct {
	// Kind says how the call failed.
	Kind Kind
	// Method is the JSON-RPC method, or "connect".
	Method string
	// Stage says how far the last try of the request got.
	Stage transport.Stage
	// Outcome says whether the server acted on the call in any try, as far as is known.
	Outcome Outcome
	// Tries is how many times the session tried to send the request.
	Tries int
	// Err is the cause.
	Err error

	where    string // for the error text: the endpoint and the step of Connect that failed
	harmless bool   // sending the request again does no harm, even if it ran
	reached  bool   // a try reached the server
}

// Error returns the method, what happened and the cause, on one line.
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

// causeText returns an error's text without the stages of transport errors, because the kind of an
// Error is clearer.
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

// FromPeer reports whether the error comes from the server: a status, a JSON-RPC error or a bad
// reply. Timeouts, lost connections, exceeded limits and invalid input do not count as errors from
// the server.
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

// ErrSessionLost is wrapped by errors that say that the server no longer knows the session.
var ErrSessionLost = errors.New("the server no longer knows the session")

// invalid returns the error for input that cannot be sent.
func invalid(method string, err error) *Error {
	return &Error{Kind: KindInvalid, Method: method, Stage: transport.NotSent, Outcome: NotRun, Err: err}
}

// endedError is the error of an exchange that the client ended. Its text is that of cause. It wraps
// cause and err.
type endedError struct{ cause, err error }

func (e *endedError) Error() string   { return e.cause.Error() }
func (e *endedError) Unwrap() []error { return []error{e.cause, e.err} }

// Timeout names one of the timeouts of [Timeouts].
type Timeout string

const (
	// TimeoutTry: one try got no answer.
	TimeoutTry Timeout = "try"
	// TimeoutIdle: a tool call received no event.
	TimeoutIdle Timeout = "idle"
	// TimeoutTotal: the call as a whole took too long.
	TimeoutTotal Timeout = "total"
)

// TimeoutError is the cause of a [KindTimeout] error. It matches [context.DeadlineExceeded] in
// errors.Is and has the Timeout method of net.Error.
type TimeoutError struct {
	// What is the timeout that expired.
	What Timeout
	// After is the length of the timeout.
	After time.Duration
}

// Error returns a text that names the timeout.
func (e *TimeoutError) Error() string {
	switch e.What {
	case TimeoutIdle:
		return fmt.Sprintf("timeout: no event for %v", e.After)
	case TimeoutTotal:
		return fmt.Sprintf("timeout: not finished within %v", e.After)
	default:
		return fmt.Sprintf("timeout: no answer within %v", e.After)
	}
}

// Timeout returns true.
func (e *TimeoutError) Timeout() bool { return true }

// Is reports whether target is context.DeadlineExceeded.
func (e *TimeoutError) Is(target error) bool { return target == context.DeadlineExceeded }

// Outcome says what is known about whether the server acted on a call. Whether the call can be
// repeated without harm is a separate matter; see [SafeToRepeat].
type Outcome uint8

const (
	// Unknown: no final answer arrived. The call may have run, or may still be running.
	Unknown Outcome = iota
	// Answered: the server, or a gateway before it, gave a final answer to the call: a JSON-RPC
	// response, a redirect, or a 4xx status. The server may have acted on the call.
	Answered
	// NotRun: the call provably did not run. Either it was never sent, or the server refused it
	// with a reply that HTTP or MCP reserves for requests that were not processed, and sent nothing
	// else for the call.
	NotRun
)

var outcomeNames = map[Outcome]string{Answered: "answered", NotRun: "not run"}

// String returns the outcome in words.
func (o Outcome) String() string { return cmp.Or(outcomeNames[o], "unknown") }

// OutcomeOf returns the outcome of the call that ended with err: [Answered] for nil, [Unknown] for
// an error that is not an [*Error]. A call with several tries or rounds is Unknown if any of them
// is Unknown, and NotRun only if all of them are NotRun.
func OutcomeOf(err error) Outcome {
	if err == nil {
		return Answered
	}
	var e *Error // after the return, because it is allocated
	if errors.As(err, &e) {
		return e.Outcome
	}
	return Unknown
}

// MayHaveRun reports whether the server may have acted on the call that ended with err. It returns
// true if err is not nil and its outcome is not [NotRun].
func MayHaveRun(err error) bool { return err != nil && OutcomeOf(err) != NotRun }

// SafeToRepeat reports whether the call that ended with err can be repeated without harm: it
// provably did not run, or it is harmless. Requests that only read are harmless. A tool call or raw
// request is harmless with [WithIdempotent]. A tool call is also harmless if
// [Options].TrustToolHints is set and the tool's hints say so. SafeToRepeat returns false for nil.
func SafeToRepeat(err error) bool {
	var e *Error
	return errors.As(err, &e) && (e.Outcome == NotRun || e.harmless)
}

// Unreachable reports whether the server could not be reached, so that no try of the call was sent.
func Unreachable(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Kind == KindNotSent && e.Outcome == NotRun && !e.reached
}

// KindOf returns the kind of err, 0 if err is not an [*Error].
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return 0
}

// IsNotFound reports whether the server does not know the resource that the call named: it answered
// with the JSON-RPC error −32002 or, as 2026-07-28 requires, answered resources/read with −32602.
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

// maxCapabilities bounds the data that RequiredCapabilities decodes, in bytes.
const maxCapabilities = 64 << 10

// RequiredCapabilities returns the client capabilities that the server requires before it processes
// the call that ended with err. Modern servers name them in an error with [CodeMissingCapability]
// (2026-07-28, "MissingRequiredClientCapabilityError"). It returns nil and nil for any other err.
// It returns an error if the server named no capabilities, or more than 64 KiB of them. To declare
// a capability, set its handler in [Handlers]; to declare an extension, add it to
// [Options].Extensions.
func RequiredCapabilities(err error) (*mcp.ClientCapabilities, error) {
	rpc := verdict.RPCError(err)
	switch {
	case rpc == nil || rpc.Code != CodeMissingCapability:
		return nil, nil
	case len(rpc.Data) > maxCapabilities:
		return nil, &LimitError{What: "bytes of required capabilities", Limit: maxCapabilities}
	}
	var data struct {
		Required *mcp.ClientCapabilities `json:"requiredCapabilities"`
	}
	if len(rpc.Data) > 0 {
		if err := json.Unmarshal(rpc.Data, &data); err != nil {
			return nil, fmt.Errorf("data of error %d: %w", rpc.Code, err)
		}
	}
	if data.Required == nil {
		return nil, fmt.Errorf("data of error %d: no requiredCapabilities", rpc.Code)
	}
	return data.Required, nil
}

// Codes of JSON-RPC errors with a meaning in MCP.
const (
	// CodeMethodNotFound: the server does not know the method.
	CodeMethodNotFound = -32601
	// CodeInvalidParams: the server does not accept the parameters.
	CodeInvalidParams = -32602
	// CodeInternal: an internal error of the peer.
	CodeInternal = -32603
	// CodeResourceNotFound: the resource is unknown. Since 2026-07-28, servers answer −32602
	// instead.
	CodeResourceNotFound = -32002
	// CodeHeaderMismatch: a mirrored header differs from the body (2026-07-28).
	CodeHeaderMismatch = -32020
	// CodeMissingCapability: the server requires a capability that the client did not declare
	// (2026-07-28); see [RequiredCapabilities].
	CodeMissingCapability = -32021
	// CodeURLElicitationRequired: the user must complete URL elicitations before the request can be
	// processed (2025-11-25); see [RequiredElicitations].
	CodeURLElicitationRequired = -32042
	// CodeUnsupportedVersion: the server does not support the revision of the request (2026-07-28).
	CodeUnsupportedVersion = -32022
)

// brief describes an error for the log, without any text from the server.
func brief(err error) string {
	if text := errtext.OfReply(err); text != "" || err == nil {
		return text
	}
	return causeText(err)
}
