package jsonrpc

import (
	"errors"
	"fmt"
)

// ErrDepth is wrapped by the error for a text that is nested more deeply than the [Cursor] allows.
var ErrDepth = errors.New("jsonrpc: nested too deeply")

// SyntaxError says that the text is not JSON as RFC 8259 defines it.
type SyntaxError struct {
	Offset int    // of the invalid byte, from the start of the text
	Msg    string // what is wrong or missing
}

// Error implements error.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("jsonrpc: invalid JSON at offset %d: %s", e.Offset, e.Msg)
}

// ShapeError says that a well-formed JSON value is not of the expected kind, or that a number is
// not in the expected range or set.
type ShapeError struct {
	Offset int    // of the value's first byte, from the start of the text
	Want   string // the expected value
	Got    string // the value found
}

// Error implements error.
func (e *ShapeError) Error() string {
	return fmt.Sprintf("jsonrpc: expected %s at offset %d, got %s", e.Want, e.Offset, e.Got)
}

// EnvelopeError says that well-formed JSON is not one JSON-RPC 2.0 message. It may be a batch, lack
// a version, or have both a result and an error.
type EnvelopeError struct {
	Msg string // what is wrong, without any text from the peer
}

// Error implements error.
func (e *EnvelopeError) Error() string { return "jsonrpc: not a JSON-RPC 2.0 message: " + e.Msg }
