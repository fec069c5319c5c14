package execproto

import (
	"strconv"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// Environment describes an executor. Old executors do not send it.
type Environment struct {
	Version       string // of the executor
	HeaderEnvVars bool   // the executor can fill headers from its environment
	HTTPReady     bool   // the first request of a link is as fast as the next ones; an extension of package agent
}

// AppendInitialize appends the request that starts the handshake. The request does not resume a
// session, because HTTP exchanges never outlive their link.
func AppendInitialize(dst []byte, id int64, clientName string) []byte {
	dst = strconv.AppendInt(append(dst, `{"id":`...), id, 10)
	dst = jsonrpc.AppendString(append(dst, `,"method":"`+MethodInitialize+`","params":{"clientName":`...), clientName)
	return append(dst, `}}`...)
}

// Initialized is the notification that ends the handshake.
const Initialized = `{"method":"` + MethodInitialized + `","params":{}}`

var (
	initializeResult  = object{members: []string{"environmentInfo"}}
	environmentObject = object{members: []string{"executorVersion", "capabilities"}}
	capabilityObject  = object{members: []string{"httpHeaderEnvVars", "httpReady"}}
)

// ReadEnvironment reads the result of initialize.
func ReadEnvironment(result []byte) (Environment, error) {
	var e Environment
	c := jsonrpc.NewCursor(result, maxDepth)
	if !c.TryNull() {
		initializeResult.read(&c, func(string) { e.read(&c) })
	}
	c.End()
	return e, c.Err()
}

func (e *Environment) read(c *jsonrpc.Cursor) {
	if c.TryNull() {
		return
	}
	environmentObject.read(c, func(member string) {
		switch {
		case c.TryNull():
		case member == "executorVersion":
			e.Version = c.String()
		case member == "capabilities":
			capabilityObject.read(c, func(capability string) {
				switch {
				case c.Kind() != jsonrpc.Bool:
					c.Skip()
				case capability == "httpReady":
					e.HTTPReady = c.Bool()
				default:
					e.HeaderEnvVars = c.Bool()
				}
			})
		}
	})
}
