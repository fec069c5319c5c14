package mcpclient

import (
	"errors"
	"fmt"
)

// brief describes an error for the log: its kind and numbers, without any text from the server.
func brief(err error) string {
	var (
		status   *HTTPError
		rpc      *RPCError
		protocol *ProtocolError
	)
	switch {
	case err == nil:
		return ""
	case errors.As(err, &status):
		return fmt.Sprintf("HTTP status %d", status.Status)
	case errors.As(err, &rpc):
		return fmt.Sprintf("server error %d", rpc.Code)
	case errors.As(err, &protocol):
		return "protocol error: " + protocol.Reason
	}
	return causeText(err)
}
