package mcpclient

import (
	"errors"
	"fmt"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// errNotHere is for a modern server that requires input where it must not
// (2026-07-28, "Multi Round-Trip Requests", "Supported Requests").
var errNotHere = errors.New("input_required is no result of this method")

// takeResultType looks at what kind of result a modern server sent. A missing
// type means complete; an unknown one is not a result this client can read
// (2026-07-28, "ResultType").
func (c *call) takeResultType() error {
	c.required = nil
	switch t := c.result.Common().Kind; t {
	case "", mcp.ResultTypeComplete:
		return nil
	case mcp.ResultTypeInputRequired:
		return c.takeRequired()
	default:
		return fmt.Errorf("unknown resultType %q", string(t[:min(len(t), 64)]))
	}
}

// skipValue reads over one JSON value and says how long it is.
func skipValue(data []byte) (int, error) {
	cur := jsonrpc.NewCursor(data, 0)
	cur.Skip()
	return cur.Pos(), cur.Err()
}
