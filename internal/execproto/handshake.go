package execproto

import (
	"strconv"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// Environment is what an executor says of itself. Old executors say nothing.
type Environment struct {
	Version       string // of the executor
	HeaderEnvVars bool   // it can fill headers from its environment
}

// AppendInitialize appends the request that begins a link. No session is resumed:
// HTTP exchanges never outlive their link.
func AppendInitialize(dst []byte, id int64, clientName string) []byte {
	dst = strconv.AppendInt(append(dst, `{"id":`...), id, 10)
	dst = jsonrpc.AppendString(append(dst, `,"method":"`+MethodInitialize+`","params":{"clientName":`...), clientName)
	return append(dst, `}}`...)
}

// Initialized is the notification that ends the handshake.
const Initialized = `{"method":"` + MethodInitialized + `","params":{}}`

// ReadEnvironment reads the result of initialize.
func ReadEnvironment(result []byte) (Environment, error) {
	var e Environment
	c := jsonrpc.NewCursor(result, maxDepth)
	if c.TryNull() {
		return e, nil
	}
	eachMember(&c, func(key []byte) {
		if string(key) != "environmentInfo" || c.TryNull() {
			c.Skip()
			return
		}
		eachMember(&c, func(key []byte) {
			switch string(key) {
			case "executorVersion":
				if !c.TryNull() {
					e.Version = c.String()
				}
			case "capabilities":
				e.readCapabilities(&c)
			default:
				c.Skip()
			}
		})
	})
	return e, c.Err()
}

func (e *Environment) readCapabilities(c *jsonrpc.Cursor) {
	if c.TryNull() {
		return
	}
	eachMember(c, func(key []byte) {
		if string(key) == "httpHeaderEnvVars" && c.Kind() == jsonrpc.Bool {
			e.HeaderEnvVars = c.Bool()
			return
		}
		c.Skip()
	})
}

// eachMember reads an object; f reads the value of each member.
func eachMember(c *jsonrpc.Cursor, f func(key []byte)) {
	c.EnterObject()
	for {
		key, ok := c.NextKey()
		if !ok {
			return
		}
		f(key)
	}
}
