package transport

import (
	"context"
	"errors"
	"net/http"

	"github.com/hawser-mcp/hawser/internal/redact"
)

// The functions below are for other implementations of a transport. Errors made with them look like
// the errors of [NewDirect].

// Failed returns the Error of an exchange that failed with err at the given stage. It is permanent
// if a retry would fail in the same way, for example because the host does not exist or TLS
// verification failed. Its text is safe to show: it contains no URL query, no userinfo and no
// control characters. io.EOF becomes io.ErrUnexpectedEOF, because a truncated response must not
// look complete.
func Failed(stage Stage, op string, err error) *Error {
	return &Error{Stage: stage, Permanent: permanent(err), Op: op, Err: clean(err)}
}

// Canceled returns the Error of an exchange whose context ended. It wraps [context.Cause] and
// ctx.Err.
func Canceled(ctx context.Context, stage Stage, op string) *Error {
	return &Error{Stage: stage, Op: op, Err: contextCause(ctx)}
}

// Scrub makes a peer's text safe for an error text. It removes control characters and the query,
// fragment and userinfo of each URL. The result is one line of about 1 KiB at most.
func Scrub(text string) string { return redact.Clean(scrub(text), maxErrorText+len("…")) }

var errInvalidRequest = errors.New("the URL is not an absolute http or https URL, or the method or a header field is invalid")

// CheckRequest returns an error if net/http would refuse to send req: its URL is not an absolute
// http or https URL, its method is not a token, or a header field is invalid (RFC 9110 section 5).
// The error does not quote req.
func CheckRequest(req *http.Request) error {
	if invalidRequest(req) {
		return errInvalidRequest
	}
	return nil
}

// RunsOnce reports whether rt is known to run a request at most once per RoundTrip, even if the
// request has a GetBody. A RoundTripper declares this with a method RunsOnce() bool. A plain
// [net/http.Transport] gives no such guarantee: it sends a POST again after some failures.
func RunsOnce(rt http.RoundTripper) bool {
	once, ok := rt.(interface{ RunsOnce() bool })
	return ok && once.RunsOnce()
}

// RunsOnce returns true, see [RunsOnce].
func (d *direct) RunsOnce() bool { return true }
