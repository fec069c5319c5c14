package mcpclient

import (
	"bytes"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
	"github.com/hawser-mcp/hawser/internal/jsonvalue"
	"github.com/hawser-mcp/hawser/internal/wire"
)

// toolParams encodes the parameters of tools/call like [wire.ToolParams], and with the same bytes.
// The usual arguments, a map of plain values, need neither reflection nor a check of the result.
func toolParams(name string, args any) (params, encoded []byte, err error) {
	object, ok := args.(map[string]any)
	if !ok || object == nil {
		return wire.ToolParams(name, args)
	}
	var small [512]byte
	b := append(small[:0], `{"name":`...)
	b = jsonrpc.AppendString(b, name)
	b = append(b, `,"arguments":`...)
	start := len(b)
	if b, ok = jsonvalue.Append(b, object); !ok {
		return wire.ToolParams(name, args)
	}
	end := len(b)
	params = bytes.Clone(append(b, '}'))
	return params, params[start:end:end], nil
}
