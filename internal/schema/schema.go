// Package schema validates JSON values against the schemas that servers send: JSON Schema 2020-12,
// and the drafts 2019-09, 7, 6 and 4 where "$schema" declares them (MCP 2026-07-28, "JSON Schema
// Usage").
//
// Schemas and values may be hostile. No schema is loaded from outside the document: such a
// reference is an error. The cost of compiling a schema and of validating a value is bounded, and
// numbers are compared exactly, whatever their size. "format" and the content keywords are
// annotations in every draft.
//
// Patterns have the syntax of package regexp, which matches in linear time: a schema with a
// lookahead or a backreference cannot be used.
package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"runtime"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// The bounds on a schema and on a validation.
const (
	// MaxBytes bounds the length of a schema, in bytes.
	MaxBytes = 1 << 20
	// MaxDepth bounds the nesting of a schema or a value.
	MaxDepth = 512
	// MaxSubschemas bounds the objects in a schema, because each may be a sub-schema.
	MaxSubschemas = 4_000
	// MaxExpansion bounds the sub-schemas that apply to one location in a value. A sub-schema
	// counts each time that a reference or composition leads to it.
	MaxExpansion = 10_000
	// MaxChain bounds the length of a chain of references and composition at one location in a
	// value.
	MaxChain = 100
	// MaxValues bounds the number of values inside a validated value.
	MaxValues = 1_000_000
	// MaxExponent bounds the absolute value of a number's exponent.
	MaxExponent = 1_000
	// MaxNumber bounds the characters of a number.
	MaxNumber = 1_000
)

const (
	// maxPointers bounds the memory for the locations of all sub-schemas, which the library stores
	// as text.
	maxPointers = 8 << 20
	// maxWeight bounds the values of a schema, each multiplied by its depth. For each value that
	// the dialect does not allow, the library creates up to fifty errors, each with a location.
	maxWeight = 250_000
)

// Schema is a compiled schema. It is safe for concurrent use.
type Schema struct {
	document any
	mu       sync.Mutex
	free     []*program // guarded by mu: compiled programs that are not in use
}

// program is one compiled form of a schema. The library has no per-validation state that could hold
// the budget, so the budget is part of the program, and a program runs one validation at a time.
// Concurrent validations compile further programs.
type program struct {
	linked
	budget *budget
}

// Compile compiles a schema and does not keep a reference to raw. Every error is a [*CompileError].
func Compile(raw json.RawMessage) (*Schema, error) {
	if len(raw) > MaxBytes {
		return nil, compileError(fmt.Errorf("more than %d bytes", MaxBytes))
	}
	document, _, err := decode(raw, MaxBytes)
	if err != nil {
		return nil, compileError(err)
	}
	if err := survey(document); err != nil {
		return nil, compileError(err)
	}
	s := &Schema{document: document}
	p, err := s.program()
	if err != nil {
		return nil, compileError(err)
	}
	s.free = append(s.free, p)
	return s, nil
}

// program compiles the document again.
func (s *Schema) program() (*program, error) {
	l, err := link(s.document)
	if err != nil {
		return nil, err
	}
	g, err := explore(l)
	if err != nil {
		return nil, err
	}
	p := &program{linked: *l, budget: &budget{chain: int64(g.chain)}}
	for _, sub := range g.order {
		p.budget.watch(sub)
	}
	return p, nil
}

// Validate returns nil if the value matches the schema, and a [*Error] with the mismatches if it
// does not. If the value cannot be validated, because it is not JSON or exceeds a bound, the error
// has another type. Time and memory are proportional to the value, which has at most [MaxValues]
// values, plus a constant of about a million steps; both double if the value does not match. The
// decoded value takes up to 50 bytes for each byte of instance.
func (s *Schema) Validate(instance json.RawMessage) error {
	value, size, err := decode(instance, MaxValues)
	if err != nil {
		return fmt.Errorf("cannot validate the value: %w", err)
	}
	p, err := s.take()
	if err != nil {
		return err
	}
	defer s.put(p)
	return p.validate(value, size)
}

func (s *Schema) take() (*program, error) {
	s.mu.Lock()
	if last := len(s.free) - 1; last >= 0 {
		p := s.free[last]
		s.free = s.free[:last]
		s.mu.Unlock()
		return p, nil
	}
	s.mu.Unlock()
	p, err := s.program()
	if err != nil {
		return nil, compileError(err)
	}
	return p, nil
}

func (s *Schema) put(p *program) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.free) < runtime.GOMAXPROCS(0) {
		s.free = append(s.free, p)
	}
}

// errLibrary is returned when the library panics, because a server's schema must not crash the
// program.
var errLibrary = errors.New("cannot validate the value: the schema makes the validation library fail")

// validate validates a decoded value. It first finds out whether the value matches, which takes
// little memory, and only then why not. If there are too many mismatches to list, the error only
// says that the value does not match.
func (p *program) validate(value any, size extent) error {
	p.budget.begin(baseBudget+perValue*int64(size.values), size, false)
	mismatch, err := run(p.mismatch, value)
	if err != nil || mismatch != nil { // the value matches, or the validation failed
		return err
	}
	p.budget.begin(baseBudget+int64(size.values), size, true)
	failure, err := run(p.schema, value)
	switch {
	case err != nil || failure == nil:
		return &Error{Problems: []Problem{{Reason: "does not match the schema"}}}
	default:
		return problemsOf(failure)
	}
}

// run lets the library validate a value. err says why the validation failed.
func run(schema *jsonschema.Schema, value any) (failure, err error) {
	defer func() {
		switch recover().(type) {
		case nil:
		case overBudget:
			err = errTooCostly
		default:
			err = errLibrary
		}
	}()
	return schema.Validate(value), nil
}

// Limits for patterns, in instructions: repetitions can make a short pattern large.
const (
	maxPattern  = 10_000
	maxPatterns = 100_000 // of all patterns of a schema
)

// patterns compiles the patterns of one schema.
type patterns struct{ size int }

func (p *patterns) compile(text string) (jsonschema.Regexp, error) {
	size := programSize(text)
	if p.size += size; size > maxPattern || p.size > maxPatterns {
		return nil, fmt.Errorf("patterns are too large: more than %d instructions in one, or %d in all", maxPattern, maxPatterns)
	}
	return regexp.Compile(text)
}

// programSize estimates the number of instructions of a pattern without building them.
func programSize(text string) int {
	re, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return 1 // regexp.Compile will return the error
	}
	return instructions(re)
}

func instructions(re *syntax.Regexp) int {
	size := 1 + len(re.Rune)
	for _, sub := range re.Sub {
		size += instructions(sub)
	}
	if re.Op == syntax.OpRepeat {
		size *= max(re.Min, re.Max, 1)
	}
	return min(size, maxPatterns+1)
}
