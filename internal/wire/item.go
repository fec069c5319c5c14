package wire

import (
	"encoding/json"
	"errors"
	"math"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// item is an item of a list while a Reader reads it in one pass. Its bytes are copied once, when
// its end is known. Its raw parts are slices of that copy.
type item struct {
	start                    int // offset of the item in the Reader's text
	meta                     part
	name, title, description string
	icons                    []mcp.Icon
}

// part is the position of a member's value in its item. The zero value means that the member is
// absent.
type part struct{ from, to int }

// item starts reading an item.
func (r *Reader) item() item {
	r.Kind() // skips white space
	return item{start: r.Pos()}
}

// member reads the value of the member key if all kinds of items have it. It skips other members.
func (i *item) member(r *Reader, key []byte) {
	switch string(key) {
	case "name":
		i.name = r.OptString()
	case "title":
		i.title = r.laxString()
	case "description":
		i.description = r.laxString()
	case "icons":
		if !r.Other(jsonrpc.Array) {
			i.icons = r.icons()
		}
	case "_meta":
		i.meta = r.part(i)
	default:
		r.Skip()
	}
}

// part skips the next value and returns its position in i; null counts as absent.
func (r *Reader) part(i *item) part {
	if r.TryNull() {
		return part{}
	}
	n := len(r.Skip())
	return part{r.Pos() - n - i.start, r.Pos() - i.start}
}

// bytes finishes reading the item. It returns a copy of the item's bytes, and the item's _meta.
// Both are nil after an error.
func (r *Reader) bytes(i *item) (json.RawMessage, *mcp.Meta) {
	text := json.RawMessage(r.Since(i.start))
	if text != nil && !r.mine {
		text = append(make(json.RawMessage, 0, len(text)), text...)
	}
	return text, r.metaOf(i, text)
}

// metaOf decodes the _meta of the item. The decoded values are slices of text. No other part of the
// item is read twice.
func (r *Reader) metaOf(i *item, text json.RawMessage) *mcp.Meta {
	raw := i.meta.of(text)
	if raw == nil {
		return nil
	}
	// The first read has already checked the depth.
	inner := Reader{Cursor: jsonrpc.NewCursor(raw, math.MaxInt), mine: true, kept: r.kept}
	meta := inner.Meta()
	r.kept = inner.kept
	if inner.Err() != nil {
		inner.inside("_meta")
		rebase(inner.Err(), i.start+i.meta.from)
		r.Fail(inner.Err())
	}
	return meta
}

// of returns the bytes of the part in text, or nil if text is nil or the part is absent.
func (p part) of(text json.RawMessage) json.RawMessage {
	if p.to == 0 || text == nil {
		return nil
	}
	return text[p.from:p.to:p.to]
}

// rebase moves the offset in an error by n.
func rebase(err error, n int) {
	var shape *jsonrpc.ShapeError
	if errors.As(err, &shape) {
		shape.Offset += n
	}
}
