package schema

import (
	"errors"
	"fmt"

	"github.com/hawser-mcp/hawser/internal/redact"
)

// MaxProblems is how many problems an [Error] lists.
const MaxProblems = 20

// The maximum lengths, in bytes, of texts in errors.
const (
	maxPath   = 256
	maxReason = 200
)

// Error says where a value does not match its schema. It contains no value, only member names and
// words of the schema, bounded and without control characters.
type Error struct {
	// Problems has at least one and at most MaxProblems elements.
	Problems []Problem
}

// Problem is one mismatch.
type Problem struct {
	// Path is the place in the value, as a JSON Pointer (RFC 6901); "" is the whole value. A path
	// that is too long is cut off and ends with "…".
	Path string
	// Reason says what is wrong there.
	Reason string
}

// Error returns the first problem and how many more there are.
func (e *Error) Error() string {
	if len(e.Problems) == 0 {
		return "does not match the schema"
	}
	text := e.Problems[0].String()
	if more := len(e.Problems) - 1; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// String returns the path and the reason.
func (p Problem) String() string {
	if p.Path == "" {
		return p.Reason
	}
	return p.Path + ": " + p.Reason
}

// CompileError says that a schema cannot be used: it is not a valid schema, refers to something
// outside the document, exceeds a bound, or has a pattern that package regexp does not support.
type CompileError struct {
	// Err is the cause. Its text is bounded and has no control characters.
	Err error
}

// Error returns the cause.
func (e *CompileError) Error() string { return "schema cannot be used: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *CompileError) Unwrap() error { return e.Err }

func compileError(err error) error {
	return &CompileError{Err: errors.New(redact.Line(err.Error(), maxReason))}
}
