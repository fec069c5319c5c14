package mcpclient

import (
	"errors"
	"fmt"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// errInputRequired is for a modern server that wants input which this client
// did not offer: it declared no capability to answer with.
var errInputRequired = errors.New("the server asks for input, for which the client declared no capability")

// checkResultType reports whether a modern server's result is a final one. A
// missing type means complete; an unknown one is not a result this client can
// read (2026-07-28, "ResultType").
func checkResultType(t mcp.ResultType) error {
	switch t {
	case "", mcp.ResultTypeComplete:
		return nil
	case mcp.ResultTypeInputRequired:
		return errInputRequired
	}
	return fmt.Errorf("unknown resultType %q", string(t[:min(len(t), 64)]))
}

// skipValue reads over one JSON value and says how long it is.
func skipValue(data []byte) (int, error) {
	cur := jsonrpc.NewCursor(data, 0)
	cur.Skip()
	return cur.Pos(), cur.Err()
}
