package mcpclient

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// resultDecoder decodes one JSON-RPC result where it stands in the buffer. The
// buffer is used again afterwards, so what is kept is copied, once.
type resultDecoder interface {
	// decode reads exactly one value. What is wrong with it becomes the
	// Cursor's error. It may be called again, for another answer.
	decode(c *jsonrpc.Cursor)
	// resultType is the resultType member of the value last decoded, "" when absent.
	resultType() mcp.ResultType
}

// unmarshal decodes a result that is a text of its own.
func unmarshal(data []byte, d resultDecoder) error {
	c := jsonrpc.NewCursor(data, 0)
	d.decode(&c)
	c.End()
	return c.Err()
}

// unmarshalItem decodes an item of a list that is a text of its own. A null
// changes nothing, as encoding/json has it.
func unmarshalItem[T any](data []byte, item *T, decode func(r *jsonReader) T) error {
	if string(data) == "null" {
		return nil
	}
	r := jsonReader{Cursor: jsonrpc.NewCursor(data, 0)}
	fresh := decode(&r)
	r.End()
	if r.Err() == nil {
		*item = fresh
	}
	return r.Err()
}

// jsonReader is the Cursor of the decoders. It knows the path of what fails, and
// whether its text may be kept.
type jsonReader struct {
	jsonrpc.Cursor
	mine bool // the text is not used again: raw parts of it are kept as they are
	kept int  // elements and _meta members so far
}

// A value of three bytes may become one of hundreds. These bound what a result
// can be blown up to; no honest one comes near them.
const (
	maxElements = 100_000   // of one array
	maxKept     = 1_000_000 // elements and _meta members in all
)

// keep counts one more value that memory is needed for.
func (r *jsonReader) keep() {
	if r.kept++; r.kept > maxKept {
		r.Fail(&LimitError{What: "values in a result", Limit: maxKept})
	}
}

// raw reads the next value and returns its bytes, to be kept.
func (r *jsonReader) raw() json.RawMessage {
	if r.mine {
		return json.RawMessage(r.Skip())
	}
	return r.Raw()
}

// split reads the next value and returns its bytes, to be kept, with a reader
// over them, from which raw costs nothing.
func (r *jsonReader) split() (json.RawMessage, jsonReader) {
	raw := r.raw()
	// Its depth was checked already, in its place.
	return raw, jsonReader{Cursor: jsonrpc.NewCursor(raw, math.MaxInt), mine: true, kept: r.kept}
}

// join ends the reading of an item that split gave.
func (r *jsonReader) join(item *jsonReader) {
	r.kept = item.kept
	r.Fail(item.Err())
}

// members reads an object: it yields the name of each member, whose value must
// be read (or skipped) by the body of the loop. An error in there gets the
// member's name.
func (r *jsonReader) members() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		r.EnterObject()
		for {
			key, ok := r.NextKey()
			if !ok || !yield(key) {
				return
			}
			if r.Err() != nil {
				r.inside(pathKey(key))
				return
			}
		}
	}
}

// elements reads an array as members does an object; null is an empty one.
func (r *jsonReader) elements() iter.Seq[int] {
	return func(yield func(int) bool) {
		if r.TryNull() {
			return
		}
		r.EnterArray()
		for i := 0; r.NextElement(); i++ {
			if i == maxElements {
				r.Fail(&LimitError{What: "elements in a list", Limit: maxElements})
				return
			}
			if r.keep(); !yield(i) {
				return
			}
			if r.Err() != nil {
				r.inside("[" + strconv.Itoa(i) + "]")
				return
			}
		}
	}
}

// inside tells that the error was found in the part of the value that step names.
func (r *jsonReader) inside(step string) {
	err := r.Err()
	d, ok := err.(*decodeError)
	if !ok {
		d = &decodeError{err: err}
		r.Cursor = jsonrpc.Cursor{} // errors are sticky
		r.Fail(d)
	}
	if d.path != "" && d.path[0] != '[' {
		step += "."
	}
	d.path = step + d.path
}

// optString reads a string; null, which many servers write for a member that
// is not there, is "".
func (r *jsonReader) optString() string {
	if r.TryNull() {
		return ""
	}
	return r.String()
}

// optBool reads a boolean; null is false.
func (r *jsonReader) optBool() bool { return !r.TryNull() && r.Bool() }

// optInt reads an integer; null is nil.
func (r *jsonReader) optInt() *int64 {
	if r.TryNull() {
		return nil
	}
	v := r.Int64()
	return &v
}

// optHint reads a boolean of which absence means something else than false.
func (r *jsonReader) optHint() *bool {
	if r.TryNull() {
		return nil
	}
	v := r.Bool()
	return &v
}

// decodeError tells where in a value the decoding failed.
type decodeError struct {
	path string // as a[2].b, from the value's root
	err  error
}

// Error gives the path and the reason.
func (e *decodeError) Error() string {
	var shape *jsonrpc.ShapeError
	if errors.As(e.err, &shape) { // the path says better where it is than the offset does
		return fmt.Sprintf("%s: %s wanted, %s found", e.path, shape.Want, shape.Got)
	}
	return e.path + ": " + e.err.Error()
}

// Unwrap returns the reason.
func (e *decodeError) Unwrap() error { return e.err }

// pathKey is the name of a member as error texts have it: a name is the peer's
// text, so an unusual one is quoted and cut.
func pathKey(key []byte) string {
	const most = 40
	plain := len(key) > 0 && len(key) <= most
	for _, b := range key {
		plain = plain && b > ' ' && b < utf8.RuneSelf && b != '"' && b != '\\'
	}
	if plain {
		return string(key)
	}
	cut := ""
	if len(key) > most {
		key, cut = key[:most], "…"
	}
	return strconv.QuoteToASCII(string(key)) + cut
}
