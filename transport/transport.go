// Package transport is the seam between an MCP session and the network: an [http.RoundTripper] that
// can be closed. Everything above it (sessions, streams, authorization) is written once; everything
// below it decides only how an HTTP request travels.
//
// # The contract
//
// A RoundTripper under a session keeps these sixteen clauses. Package transporttest checks them
// with a test suite for any RoundTripper.
//
//  1. RoundTrip returns as soon as the response headers have arrived, before the body ends.
//  2. Read of a body returns as soon as bytes are available; it does not wait for a full buffer.
//  3. When the request's context ends before the headers have arrived, RoundTrip returns promptly
//     with an error that wraps [context.Cause], even if the link is stuck.
//  4. When the context ends during the body, Read returns an error that wraps the cause.
//  5. Close of a body never blocks on the peer, may be called twice, and releases the far end.
//  6. A reader that stops reading does not stall other exchanges.
//  7. The request is not changed, and its body is always closed.
//  8. A status is never an error.
//  9. Redirects are returned, never followed.
//  10. Body and Header of a response are never nil, Response.Request is the request that was passed
//     in, and an unknown length is −1.
//  11. A lost link fails every open exchange on it at once, with an error of stage [MaybeSent] or
//     an error of the body, never io.EOF: a truncated body must not look complete.
//  12. A violation of the wire protocol is an error of that exchange or that link, never a panic
//     and never a hang.
//  13. Close ends every goroutine of the transport; a later RoundTrip fails,
//     permanently, with stage [NotSent].
//  14. It is safe for concurrent use, even by a hundred exchanges at once.
//  15. A body has no coding but what was asked for: nothing is decoded below the seam, and the
//     server receives the Accept-Encoding of the request. If the request has none, the server
//     receives none or "identity".
//  16. A peer that stops reading while a request is sent does not block the caller: RoundTrip of
//     that request, and Read and Close of another body from that peer, end with their contexts.
//
// Errors of RoundTrip are [*Error] values. [StageOf] treats the errors of any other RoundTripper as
// [MaybeSent], which is always safe.
package transport

import (
	"io"
	"net/http"
)

// Transport carries HTTP requests for a session. The caller that makes a Transport closes it. A
// plain [http.RoundTripper] is accepted wherever a Transport is used, so a decorator may hide
// Close. See the package comment for the contract.
type Transport interface {
	http.RoundTripper
	io.Closer
}
