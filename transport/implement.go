package transport

import (
	"context"
	"errors"
	"net/http"

	"github.com/hawser-mcp/hawser/internal/redact"
)

// For those who implement a transport of their own: the errors of [NewDirect],
// made the same way.

// Failed returns the Error of an exchange that failed with err, at the stage
// that the implementer knows. It is permanent if err is known to come again: no
// such host, TLS verification and the like. The text is safe to show: it holds no
// query and no userinfo of a URL; io.EOF becomes io.ErrUnexpectedEOF, because a
// cut must not look like an end.
func Failed(stage Stage, op string, err error) *Error {
	return &Error{Stage: stage, Permanent: permanent(err), Op: op, Err: clean(err)}
}

// Canceled returns the Error of an exchange whose context ended: it wraps
// [context.Cause] and ctx.Err.
func Canceled(ctx context.Context, stage Stage, op string) *Error {
	return &Error{Stage: stage, Op: op, Err: contextCause(ctx)}
}

// Scrub makes a peer's text fit for an error: without the query, fragment and userinfo of each URL in
// it and without control characters, on one line of about 1 KiB at most.
func Scrub(text string) string { return redact.Clean(scrub(text), maxErrorText+len("…")) }

var errInvalidRequest = errors.New("no absolute http or https URL, or an invalid method or header field")

// CheckRequest returns an error if req is one that net/http would refuse to
// send: its URL is not an absolute one of http or https, its method is no token
// or a header field is invalid (RFC 9110 section 5). It does not quote req.
func CheckRequest(req *http.Request) error {
	if invalidRequest(req) {
		return errInvalidRequest
	}
	return nil
}
