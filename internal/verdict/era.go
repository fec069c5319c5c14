package verdict

import (
	"errors"
	"net/http"

	"github.com/hawser-mcp/hawser/internal/httpstatus"
	"github.com/hawser-mcp/hawser/streamablehttp"
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

// SuggestsLegacy reports whether the error of a server/discover allows the client to try
// initialize. outage says that the error may also come from an outage: the client should then send
// initialize only once, and must not remember its success.
func SuggestsLegacy(err error) (legacy, outage bool) {
	var (
		status   *streamablehttp.HTTPError
		protocol *streamablehttp.ProtocolError
	)
	rpc := RPCError(err)
	switch {
	case errors.As(err, &status):
		return statusSuggestsLegacy(status.Status, rpc)
	case rpc != nil:
		return statusSuggestsLegacy(rpc.Status, rpc)
	}
	return errors.As(err, &protocol), false
}

func statusSuggestsLegacy(status int, rpc *streamablehttp.RPCError) (legacy, outage bool) {
	class := httpstatus.Of(status)
	switch {
	case rpc != nil && modernCode(rpc.Code):
		return false, false
	case class == httpstatus.NotFound && IsUnknownMethod(rpc): // how a modern server refuses a method
		return false, false
	case class == httpstatus.Broken || status == http.StatusNotImplemented || status == http.StatusHTTPVersionNotSupported:
		return true, true
	case class == httpstatus.Denied, class == httpstatus.Limited, class == httpstatus.Unsettled, class == httpstatus.Redirect:
		return false, false
	}
	return true, false // another 4xx, or an error in a 2xx, from a server that does not know the method
}

// modernCode reports whether 2026-07-28 introduced a code.
func modernCode(code int64) bool {
	return code == codeHeaderMismatch || code == codeMissingCapability || code == codeUnsupportedVersion
}
