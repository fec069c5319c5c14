package mcpclient

import (
	"bytes"
	"sync"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
	"github.com/hawser-mcp/hawser/internal/jsonvalue"
	"github.com/hawser-mcp/hawser/internal/wire"
)

// argumentBuffers holds *[]byte buffers in which arguments are encoded, each of at most
// maxArgumentBuffer bytes.
var argumentBuffers = sync.Pool{New: func() any { b := make([]byte, 0, 512); return &b }}

const maxArgumentBuffer = 64 << 10

// toolParams encodes the parameters of tools/call like [wire.ToolParams], and with the same bytes.
// The usual arguments, a map of plain values, need neither reflection nor a check of the result.
func toolParams(name string, args any) (params, encoded []byte, err error) {
	object, ok := args.(map[string]any)
	if !ok || object == nil {
		return wire.ToolParams(name, args)
	}
	buffer := argumentBuffers.Get().(*[]byte)
	b := (*buffer)[:0]
	b = append(b, `{"name":`...)
	b = jsonrpc.AppendString(b, name)
	b = append(b, `,"arguments":`...)
	start := len(b)
	b, ok = jsonvalue.Append(b, object)
	end := len(b)
	if ok {
		params = bytes.Clone(append(b, '}'))
	}
	if cap(b) <= maxArgumentBuffer {
		*buffer = b
	}
	argumentBuffers.Put(buffer)
	if !ok {
		return wire.ToolParams(name, args)
	}
	return params, params[start:end:end], nil
}
