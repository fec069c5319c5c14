package wire

import (
	"encoding/json"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// Empty decodes results that say no more than that the request succeeded, like those of ping and
// logging/setLevel. Some servers write null.
type Empty struct{ Head }

// Decode implements [Decoder].
func (d *Empty) Decode(c *jsonrpc.Cursor) {
	d.Head = Head{}
	if c.TryNull() {
		return
	}
	r := Reader{Cursor: *c}
	for key := range r.Members() {
		d.member(&r, key)
	}
	*c = r.Cursor
}

// RawResult keeps a result of any kind as it is. If it is an object, it reads the common members
// too.
type RawResult struct {
	Head
	Out *json.RawMessage // gets the result
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
