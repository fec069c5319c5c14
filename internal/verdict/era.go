package verdict

import (
	"errors"
	"net/http"

	"github.com/hawser-mcp/hawser/internal/httpstatus"
	"github.com/hawser-mcp/hawser/streamablehttp"
	"github.com/hawser-mcp/hawser/transport"
)

// RPCError returns the JSON-RPC error in err, nil if there is none. It is the answer itself or the
// body of a refusal.
func RPCError(err error) *streamablehttp.RPCError {
	var (
		rpc    *streamablehttp.RPCError
		status *streamablehttp.HTTPError
	)
	if !errors.As(err, &rpc) && errors.As(err, &status) {
		rpc = status.RPC
	}
	return rpc
}

// ProvesModern reports whether the refusal of an initialize proves a modern server.
func ProvesModern(err error) bool {
	rpc := RPCError(err)
	var status *streamablehttp.HTTPError
	switch {
	case rpc != nil && modernCode(rpc.Code):
		return true
	case !errors.As(err, &status):
		return IsUnknownMethod(rpc)
	}
	return status.Status == http.StatusBadRequest || status.Status == http.StatusNotFound || status.Status == http.StatusMethodNotAllowed
}

// Guess is what the failure of a server/discover says about the era.
type Guess uint8

const (
	NoGuess Guess = iota // nothing, or that the server is modern: the failure stands
	Legacy               // the server does not know the method: it is a legacy server
	Perhaps              // something on the way may hide a legacy server: one initialize decides
	Outage               // as Perhaps, but the success of initialize proves nothing for later
)

// GuessEra reads the error of a server/discover. server/discover is mandatory in 2026-07-28, so a
// server that says that it does not know the method is not a modern one, whatever the status.
func GuessEra(err error) Guess {
	var (
		status   *streamablehttp.HTTPError
		protocol *streamablehttp.ProtocolError
	)
	rpc := RPCError(err)
	switch {
	case errors.As(err, &status):
		return guessByStatus(status.Status, len(status.Challenges) > 0, rpc)
	case rpc != nil:
		return guessByStatus(rpc.Status, false, rpc)
	case errors.As(err, &protocol):
		return Legacy
	}
	var link *transport.Error
	if errors.As(err, &link) && link.Stage == transport.MaybeSent {
		return Perhaps // silence, or a connection that was cut
	}
	return NoGuess
}

func guessByStatus(status int, challenged bool, rpc *streamablehttp.RPCError) Guess {
	class := httpstatus.Of(status)
	switch {
	case rpc != nil && modernCode(rpc.Code):
		return NoGuess
	case class == httpstatus.NotFound && IsUnknownMethod(rpc): // of a modern server for any other method
		return Perhaps
	case status == http.StatusForbidden && !challenged: // a gateway with a list of methods
		return Perhaps
	case class == httpstatus.Broken || status == http.StatusNotImplemented || status == http.StatusHTTPVersionNotSupported:
		return Outage
	case class == httpstatus.Denied, class == httpstatus.Limited, class == httpstatus.Unsettled, class == httpstatus.Redirect:
		return NoGuess
	}
	return Legacy // another 4xx, or an error in a 2xx: a server that does not know the method
}

// modernCode reports whether 2026-07-28 introduced a code.
func modernCode(code int64) bool {
	return code == codeHeaderMismatch || code == codeMissingCapability || code == codeUnsupportedVersion
}
