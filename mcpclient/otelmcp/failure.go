package otelmcp

import (
	"context"
	"errors"
	"strconv"

	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/transport"
)

// ending is how a message ended.
type ending struct {
	errorType string // "" if nothing failed
	code      string // of the server's JSON-RPC error; "" for other errors
}

// endOf returns how a message ended, with the error of next.
func endOf(out *mcpclient.Outgoing, err error) ending {
	if err == nil {
		if result, ok := out.Result().(*mcpclient.CallToolResult); ok && result.IsError {
			return ending{errorType: toolError}
		}
		return ending{}
	}
	found := ending{code: rpcCode(err)}
	if kind := mcpclient.KindOf(err); out.Expected(err) || out.Stream() && (kind == mcpclient.KindClosed || kind == mcpclient.KindCanceled) {
		return found // a stream that this side gave up before it was open
	}
	if found.errorType = found.code; found.code == "" {
		found.errorType = errorType(err)
	}
	return found
}

// rpcCode returns the code of the server's JSON-RPC error, or "" for other errors.
func rpcCode(err error) string {
	var (
		rpc    *mcpclient.RPCError
		status *mcpclient.HTTPError
	)
	if !errors.As(err, &rpc) && errors.As(err, &status) {
		rpc = status.RPC
	}
	if rpc == nil {
		return ""
	}
	return strconv.FormatInt(rpc.Code, 10)
}

// kinds are the values of error.type for failures that have neither a code nor a status.
var kinds = map[mcpclient.Kind]string{
	mcpclient.KindInvalid: "invalid", mcpclient.KindNotSent: "not_sent", mcpclient.KindOutcomeUnknown: "outcome_unknown",
	mcpclient.KindUnanswered: "unanswered", mcpclient.KindProtocol: "protocol", mcpclient.KindLimit: "limit",
	mcpclient.KindVersion: "version", mcpclient.KindSessionLost: "session_lost", mcpclient.KindTimeout: "timeout",
	mcpclient.KindCanceled: canceledError, mcpclient.KindClosed: "closed", mcpclient.KindInput: "input", mcpclient.KindTool: toolError,
	mcpclient.KindRefused: "refused",
}

// errorType returns the class of an error of a session, with few possible values: the HTTP status
// that refused the message, else the kind, else how far the try of the message got.
func errorType(err error) string {
	var status *mcpclient.HTTPError
	kind := mcpclient.KindOf(err)
	switch {
	case kind != mcpclient.KindSessionLost && errors.As(err, &status):
		return strconv.Itoa(status.Status)
	case kinds[kind] != "":
		return kinds[kind]
	case errors.As(err, new(*transport.Error)):
		return stage(err)
	}
	return otherError
}

// stage returns the class of an error of a transport.
func stage(err error) string {
	if transport.StageOf(err) == transport.NotSent {
		return "not_sent"
	}
	return "maybe_sent"
}

// handlerError returns the class of an error of a handler, "" if it is none: a handler declines with
// an error.
func handlerError(err error) string {
	switch {
	case err == nil, errors.Is(err, mcpclient.ErrRejected):
		return ""
	case errors.Is(err, context.Canceled):
		return canceledError
	}
	return otherError
}
