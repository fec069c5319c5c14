package wire

import (
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

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
