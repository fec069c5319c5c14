package mcpclient

import (
	"encoding/json"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// emptyDecoder is for results that say nothing more than that there is one: of
// ping, logging/setLevel and the like. Some servers write null.
type emptyDecoder struct{ resultHead }

func (d *emptyDecoder) decode(c *jsonrpc.Cursor) {
	d.resultHead = resultHead{}
	if c.TryNull() {
		return
	}
	r := jsonReader{Cursor: *c}
	for key := range r.members() {
		d.member(&r, key)
	}
	*c = r.Cursor
}

// rawDecoder keeps a result, of any kind, as it is. If it is an object, what it
// may have in common with others is seen too.
type rawDecoder struct {
	resultHead
	out *json.RawMessage
}

func (d *rawDecoder) decode(c *jsonrpc.Cursor) {
	*d.out = nil
	r := d.open(c, true, d.out)
	if r.Kind() == jsonrpc.Object {
		for key := range r.members() {
			d.member(&r, key)
		}
	}
	d.done(c, &r, d.out)
}
