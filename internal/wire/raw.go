package wire

import (
	"encoding/json"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// Empty decodes results that only report success, like those of ping and logging/setLevel. Some
// servers send null or an array.
type Empty struct{ Head }

// Decode implements [Decoder].
func (d *Empty) Decode(c *jsonrpc.Cursor) {
	d.Head = Head{}
	if c.Kind() != jsonrpc.Object {
		c.Skip()
		return
	}
	r := Reader{Cursor: *c}
	for key := range r.Members() {
		d.member(&r, key)
	}
	*c = r.Cursor
}

// RawResult keeps a result of any type unchanged. If it is an object, RawResult reads the common
// members as well.
type RawResult struct {
	Head
	Out *json.RawMessage // receives the result
}

// Decode implements [Decoder].
func (d *RawResult) Decode(c *jsonrpc.Cursor) {
	*d.Out = nil
	r := d.open(c, nil, true, d.Out)
	if r.Kind() == jsonrpc.Object {
		for key := range r.Members() {
			d.member(&r, key)
		}
	}
	d.done(c, &r, d.Out)
}
