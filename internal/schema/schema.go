// Package schema validates JSON values against the schemas that servers send:
// JSON Schema 2020-12, and the drafts 2019-09, 7, 6 and 4 where "$schema"
// declares them (MCP 2026-07-28, "JSON Schema Usage").
//
// Schemas and values are hostile. Nothing is loaded: a reference that leads out
// of the document is an error. What a schema may cost to compile, and what a value
// may cost to validate, is bounded; numbers are compared exactly, whatever their size.
// "format" is an annotation in every draft, and so are the content keywords.
//
// Patterns are those of package regexp, whose time is linear: a schema with a
// lookahead or a back-reference cannot be used.
package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// The bounds of a schema and of a validation.
const (
	// MaxBytes is how long a schema may be.
	MaxBytes = 1 << 20
	// MaxDepth is how deep a schema or a value may be nested.
	MaxDepth = 512
	// MaxSubschemas is how many objects a schema may have: each may be a sub-schema.
	MaxSubschemas = 4_000
	// MaxExpansion is how many sub-schemas may apply to one place of a value,
	// counted as often as references and composition lead to them.
	MaxExpansion = 10_000
	// MaxChain is how long a chain of references and composition may be that
	// leads from one place of a value to itself.
	MaxChain = 100
	// MaxValues is how many values a validated value may have in it.
	MaxValues = 1_000_000
	// MaxExponent is how large the exponent of a number may be, up or down.
	MaxExponent = 1_000
	// MaxNumber is how many characters a number may have.
	MaxNumber = 1_000
)

const (
	// maxPointers bounds the memory for the places of all sub-schemas, as the library writes them down.
	maxPointers = 8 << 20
	// maxWeight bounds the values of a schema, each with the number of steps that
	// lead to it: the library tells of each that its dialect does not allow, in up to
	// fifty errors with a place in each.
	maxWeight = 250_000
)

// Schema is a compiled schema. It is safe for concurrent use.
type Schema struct {
	document any
	mu       sync.Mutex
	free     []*program // guarded by mu: compiled and not in use
}

// program is one compiled form of a schema. The library keeps no state of a
// validation that could be counted in, so the counter is part of the program, and
// a program serves one validation at a time. Others are compiled when validations
// run side by side.
type program struct {
	linked
	budget *budget
}

// Compile compiles a schema. Its error is a [*CompileError]. Raw is not kept.
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

// program compiles the document once more.
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

// Validate reports where a value does not match: a [*Error]. A value that cannot
// be validated, since it is not JSON or is over a bound, is another error.
// Time and memory are in proportion to the value, at most [MaxValues], plus a
// constant of about a million steps, and the same again if it does not match; the value
// decoded takes up to 50 bytes for each of its own.
func (s *Schema) Validate(instance json.RawMessage) error {
	value, size, err := decode(instance, MaxValues)
	if err != nil {
		return fmt.Errorf("value cannot be validated: %w", err)
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

// errLibrary is a panic of the library: a schema must not end the program.
var errLibrary = errors.New("value cannot be validated: the schema makes the library fail")

// validate validates a decoded value: whether it matches first, which takes
// little memory, and only then why not. Of a value whose mismatches are too many to be
// told, that is all that is told.
func (p *program) validate(value any, size extent) error {
	p.budget.begin(baseBudget+perValue*int64(size.values), size, false)
	mismatch, err := run(p.mismatch, value)
	if err != nil || mismatch != nil { // it does not mismatch
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

// run has the library validate a value. Err is why it could not.
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
