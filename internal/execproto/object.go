package execproto

import (
	"fmt"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// object is a JSON object as this package reads it: the members it knows, of
// which the first ones must be there.
type object struct {
	members  []string
	required int
}

// read reads the object that is c's next value; value reads the value of one
// member. Members of other names are checked and passed over. One that is there
// twice fails c: two readers might believe different ones.
func (o object) read(c *jsonrpc.Cursor, value func(member string)) {
	c.EnterObject()
	var seen uint
	for {
		key, ok := c.NextKey()
		if !ok {
			break
		}
		i := o.index(key)
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

func (o object) index(key []byte) int {
	for i, member := range o.members {
		if string(key) == member {
			return i
		}
	}
	return -1
}
