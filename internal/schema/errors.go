package schema

import (
	"errors"
	"fmt"

	"github.com/hawser-mcp/hawser/internal/redact"
)

// MaxProblems is how many problems an [Error] tells of.
const MaxProblems = 20

// The lengths, in bytes, of what errors show.
const (
	maxPath   = 256
	maxReason = 200
)

// Error says where a value does not match its schema. It shows no value, only
// names of members and words of the schema, bounded and without control characters.
type Error struct {
	// Problems are at most MaxProblems; there is at least one.
	Problems []Problem
}

// Problem is one mismatch.
type Problem struct {
	// Path is where in the value, a JSON Pointer (RFC 6901); "" is the whole. A
	// path that is too long is cut and ends with "…".
	Path string
	// Reason says what is wrong there.
	Reason string
}

// Error shows the first problem and how many more there are.
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

// String shows where and what.
func (p Problem) String() string {
	if p.Path == "" {
		return p.Reason
	}
	return p.Path + ": " + p.Reason
}

// CompileError is a schema that cannot be used: it is not one, refers to what is
// outside of it, is over a bound, or has a pattern that package regexp does not know.
type CompileError struct {
	// Err says why; its text is bounded and has no control characters.
	Err error
}

// Error says why.
func (e *CompileError) Error() string { return "schema cannot be used: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *CompileError) Unwrap() error { return e.Err }

func compileError(err error) error {
	return &CompileError{Err: errors.New(redact.Line(err.Error(), maxReason))}
}
