package jsonrpc

import (
	"errors"
	"fmt"
)

// ErrDepth is wrapped by the error that tells of more open containers than
// the [Cursor] allows.
var ErrDepth = errors.New("jsonrpc: nested too deeply")

// SyntaxError tells that the text is not JSON as RFC 8259 defines it.
type SyntaxError struct {
	Offset int    // of the byte that cannot be there, from the start of the text
	Msg    string // what was wrong or missing
}

// Error implements error.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("jsonrpc: bad JSON at offset %d: %s", e.Offset, e.Msg)
}

// ShapeError tells of well-formed JSON of another kind than the one asked
// for, or of a number outside the range or set asked for.
type ShapeError struct {
	Offset int    // of the value's first byte, from the start of the text
	Want   string // what was asked for
	Got    string // what stands there
}

// Error implements error.
func (e *ShapeError) Error() string {
	return fmt.Sprintf("jsonrpc: %s wanted at offset %d, %s found", e.Want, e.Offset, e.Got)
}

// EnvelopeError tells of well-formed JSON that is not one JSON-RPC 2.0
// message: a batch, a missing version, a result next to an error.
type EnvelopeError struct {
	Msg string // what is wrong, without any text of the peer's
}

// Error implements error.
func (e *EnvelopeError) Error() string { return "jsonrpc: not a JSON-RPC 2.0 message: " + e.Msg }
