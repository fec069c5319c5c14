package execproto

import (
	"fmt"
	"slices"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// object describes a JSON object by its known members. The first ones are required.
type object struct {
	members  []string
	required int
}

// read reads the object at c, and calls value for each known member. Unknown members are checked
// and skipped. A duplicate member is an error, because readers could disagree about which one is
// valid.
func (o object) read(c *jsonrpc.Cursor, value func(member string)) {
	c.EnterObject()
	var seen uint
	for {
		key, ok := c.NextKey()
		if !ok {
			break
		}
		i := slices.IndexFunc(o.members, func(member string) bool { return string(key) == member })
		switch {
		case i < 0:
			c.Skip()
		case seen&(1<<i) != 0:
			c.Fail(fmt.Errorf("duplicate field `%s`", o.members[i]))
		default:
			seen |= 1 << i
			value(o.members[i])
		}
	}
	for i, member := range o.members[:o.required] {
		if c.Err() == nil && seen&(1<<i) == 0 {
			c.Fail(fmt.Errorf("missing field `%s`", member))
		}
	}
}
