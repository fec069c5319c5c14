// Package errtext describes errors for logs.
package errtext

import (
	"errors"
	"fmt"

	"github.com/hawser-mcp/hawser/streamablehttp"
)

// OfReply describes an error that a server's reply caused, by its kind and numbers and without any
// text from the server. It returns "" for other errors.
func OfReply(err error) string {
	var (
		status   *streamablehttp.HTTPError
		rpc      *streamablehttp.RPCError
		protocol *streamablehttp.ProtocolError
	)
	switch {
	case errors.As(err, &status):
		return fmt.Sprintf("HTTP status %d", status.Status)
	case errors.As(err, &rpc):
		return fmt.Sprintf("server error %d", rpc.Code)
	case errors.As(err, &protocol):
		return "protocol error: " + protocol.Reason
	}
	return ""
}
