package errtext_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/errtext"
	"github.com/hawser-mcp/hawser/streamablehttp"
)

// Texts of the server are left out.
func TestOfReply(t *testing.T) {
	for want, err := range map[string]error{
		"HTTP status 503":          &streamablehttp.HTTPError{Status: 503, Preview: "text of the server"},
		"server error -32603":      &streamablehttp.RPCError{Code: -32603, Message: "text of the server"},
		"protocol error: no reply": &streamablehttp.ProtocolError{Reason: "no reply", Preview: "text of the server"},
		"":                         errors.New("not sent"),
	} {
		require.Equal(t, want, errtext.OfReply(fmt.Errorf("wrapped: %w", err)))
	}
	require.Empty(t, errtext.OfReply(nil))
}
