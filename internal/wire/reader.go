package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"unicode/utf8"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// Decoder decodes one JSON-RPC result in the connection's buffer. The buffer is reused afterwards,
// so Decode copies the parts that it keeps.
type Decoder interface {
	// Decode reads exactly one value. It leaves an error in the Cursor. It may be called again for
	// another response.
	Decode(c *jsonrpc.Cursor)
	// Common returns the members of the latest decoded value that all results share.
	Common() *Head
}

// Unmarshal decodes a result from a complete text.
func Unmarshal(data []byte, d Decoder) error {
	c := jsonrpc.NewCursor(data, 0)
	d.Decode(&c)
	c.End()
	return c.Err()
}

// UnmarshalItem decodes an item of a list from a complete text. As in encoding/json, null leaves
// item unchanged.
func UnmarshalItem[T any](data []byte, item *T, read func(r *Reader, item *T)) error {
	if string(data) == "null" {
		return nil
	}
	r := Reader{Cursor: jsonrpc.NewCursor(data, 0)}
	var fresh T
	read(&r, &fresh)
	r.End()
	if r.Err() == nil {
		*item = fresh
	}
	return r.Err()
}

// Unknown creates the values that represent content without a type in package mcp, and invalid
// content. For invalid content, err says what is wrong.
type Unknown struct {
	// Content creates an item of content. kind is its type, "" if it has none.
	Content func(kind string, raw json.RawMessage, err error) mcp.Content
	// Resource creates contents of a resource.
	Resource func(raw json.RawMessage, err error) mcp.ResourceContents
}

// Reader is the Cursor of the decoders. It records the path of a failure and whether it may keep
// slices of its text. It keeps its first error, and later reads do nothing.
type Reader struct {
	jsonrpc.Cursor
	mine    bool     // the text is not reused, so raw parts are kept without a copy
	kept    int      // number of elements and _meta members so far
	unknown *Unknown // nil where no content can occur
}

// NewReader returns a Reader of a text that is no longer changed: raw parts are slices of it.
// unknown may be nil if there is no content to read.
func NewReader(text []byte, unknown *Unknown) Reader {
	return Reader{Cursor: jsonrpc.NewCursor(text, 0), mine: true, unknown: unknown}
}

// Three bytes of text can decode into hundreds of bytes. These limits bound the result; no honest
// server comes near them.
const (
	MaxElements = 100_000   // of one array
	MaxKept     = 1_000_000 // elements and _meta members in total
)

// Keep counts one more value that needs memory.
func (r *Reader) Keep() {
	if r.kept++; r.kept > MaxKept {
		r.Fail(&LimitError{What: "values in a result", Limit: MaxKept})
	}
}

// Raw reads the next value and returns its bytes, which stay valid.
func (r *Reader) Raw() json.RawMessage {
	if r.mine {
		return json.RawMessage(r.Skip())
	}
	return r.Cursor.Raw()
}

// OptRaw is Raw, except that null is nil.
func (r *Reader) OptRaw() json.RawMessage {
	if r.TryNull() {
		return nil
	}
	return r.Raw()
}

// Members reads an object. It yields the name of each member; the body of the loop must read or
// skip its value. The path of an error in the body starts with the name.
func (r *Reader) Members() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		r.EnterObject()
		for {
			key, ok := r.NextKey()
			if !ok || !yield(key) {
				return
			}
			if r.Err() != nil {
				r.inside(PathKey(key))
				return
			}
		}
	}
}

// Elements reads an array and yields the index of each element; the body of the loop must read or
// skip the element. The path of an error in the body starts with the index. Null counts as an empty
// array.
func (r *Reader) Elements() iter.Seq[int] {
	return func(yield func(int) bool) {
		if r.TryNull() {
			return
		}
		r.EnterArray()
		for i := 0; r.NextElement(); i++ {
			if i == MaxElements {
				r.Fail(&LimitError{What: "elements in a list", Limit: MaxElements})
				return
			}
			if r.Keep(); !yield(i) {
				return
			}
			if r.Err() != nil {
				r.inside("[" + strconv.Itoa(i) + "]")
				return
			}
		}
	}
}

// inside prepends step to the path of the error.
func (r *Reader) inside(step string) {
	err := r.Err()
	d, ok := err.(*PathError)
	if !ok {
		d = &PathError{Err: err}
		r.Cursor = jsonrpc.Cursor{} // the first error stays
		r.Fail(d)
	}
	if d.Path != "" && d.Path[0] != '[' {
		step += "."
	}
	d.Path = step + d.Path
}

// Other reports whether the next value has another kind than kind. If so, Other skips the value, so
// a wrong type loses only that optional member.
func (r *Reader) Other(kind jsonrpc.Kind) bool {
	if found := r.Kind(); found == kind || found == jsonrpc.Invalid {
		return false
	}
	r.Skip()
	return true
}

// laxString reads an optional string; anything else is "".
func (r *Reader) laxString() string {
	if r.Other(jsonrpc.String) {
		return ""
	}
	return r.String()
}

// laxBool reads an optional boolean; anything else is false.
func (r *Reader) laxBool() bool { return !r.Other(jsonrpc.Bool) && r.Bool() }

// OptString reads a string. Null, which many servers send for an absent member, is "".
func (r *Reader) OptString() string {
	if r.TryNull() {
		return ""
	}
	return r.String()
}

// OptBool reads a boolean; null is false.
func (r *Reader) OptBool() bool { return !r.TryNull() && r.Bool() }

// OptInt reads an integer; null is nil.
func (r *Reader) OptInt() *int64 {
	if r.TryNull() {
		return nil
	}
	v := r.Int64()
	return &v
}

// hints holds booleans whose absence does not mean false. They share one allocation.
type hints [4]bool

// optHint reads a boolean into the i-th hint and returns its address; anything else is nil.
func (r *Reader) optHint(h **hints, i int) *bool {
	if r.Other(jsonrpc.Bool) {
		return nil
	}
	if *h == nil {
		*h = new(hints)
	}
	(*h)[i] = r.Bool()
	return &(*h)[i]
}

// OptStrings reads a list of strings; null is nil.
func (r *Reader) OptStrings() (texts []string) {
	for range r.Elements() {
		texts = append(texts, r.String())
	}
	return texts
}

// optFloat reads a number; null is 0.
func (r *Reader) optFloat() float64 {
	if r.TryNull() {
		return 0
	}
	return r.Float64()
}

// Reasons why a message is invalid.
var (
	ErrNoName     = errors.New(`no "name"`)
	ErrNoURI      = errors.New(`no "uri"`)
	ErrNoType     = errors.New(`no "type"`)
	ErrNoContent  = errors.New(`no "content"`)
	ErrNoResource = errors.New(`no "resource"`)
	ErrNoPayload  = errors.New(`neither "text" nor "blob"`)
	ErrNested     = errors.New("not allowed in the content of a tool_result")
	ErrBase64     = errors.New("not base64 (RFC 4648 section 4, with padding)")
	ErrRole       = errors.New(`the role must be "user" or "assistant"`)
	ErrMaxTokens  = errors.New("maxTokens must be at least 1")
)

// LimitError reports a message over a limit of this package.
type LimitError struct {
	// What is the name of the limit, with its unit.
	What string
	// Limit is the value of the limit.
	Limit int64
}

// Error names the limit.
func (e *LimitError) Error() string {
	return fmt.Sprintf("the server sent more than the limit of %d %s", e.Limit, e.What)
}

// PathError says where in a message decoding failed.
type PathError struct {
	// Path leads from the root of the message to the value, as in a[2].b.
	Path string
	// Err is the reason.
	Err error
}

// Error returns the path and the reason.
func (e *PathError) Error() string {
	var shape *jsonrpc.ShapeError
	if errors.As(e.Err, &shape) { // leaves out the offset, because the path is clearer
		return fmt.Sprintf("%s: expected %s, got %s", e.Path, shape.Want, shape.Got)
	}
	return e.Path + ": " + e.Err.Error()
}

// Unwrap returns the reason.
func (e *PathError) Unwrap() error { return e.Err }

// PathKey formats the name of a member for a path. The name is the peer's text, so PathKey quotes
// and truncates unusual names.
func PathKey(key []byte) string {
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
