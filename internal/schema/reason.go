package schema

import (
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/hawser-mcp/hawser/internal/redact"
)

// problemsOf converts the library's tree of failures to an *Error. It returns other errors
// unchanged.
func problemsOf(failure error) error {
	var tree *jsonschema.ValidationError
	if !errors.As(failure, &tree) {
		return failure
	}
	e := new(Error)
	e.collect(tree)
	if len(e.Problems) == 0 {
		e.Problems = []Problem{{Reason: "does not match the schema"}}
	}
	return e
}

// collect adds the problems of a tree of failures, in the order of the tree.
func (e *Error) collect(f *jsonschema.ValidationError) {
	if len(e.Problems) >= MaxProblems {
		return
	}
	causes := f.Causes
	switch k := f.ErrorKind.(type) {
	case *kind.Schema, *kind.Group, *kind.Reference, *kind.AllOf:
	case *kind.AnyOf:
		causes = meant(f)
	case *kind.OneOf:
		causes = nil
		if len(k.Subschemas) == 0 {
			causes = meant(f)
		}
	default:
		causes = nil
	}
	if len(causes) == 0 {
		e.Problems = append(e.Problems, Problem{Path: pointer(f.InstanceLocation), Reason: redact.Line(reason(f), maxReason)})
		return
	}
	for _, cause := range causes {
		e.collect(cause)
	}
}

// meant returns the failures of the one alternative whose type fits the value. For an object, "a
// string or null" has no such alternative, but "an object or null" has.
func meant(f *jsonschema.ValidationError) []*jsonschema.ValidationError {
	var fitting []*jsonschema.ValidationError
	for _, cause := range f.Causes {
		leaf := cause
		for len(leaf.Causes) == 1 {
			leaf = leaf.Causes[0]
		}
		if !wrongType(leaf) || len(leaf.InstanceLocation) != len(f.InstanceLocation) {
			fitting = append(fitting, cause)
		}
	}
	if len(fitting) != 1 {
		return nil
	}
	return fitting
}

// wrongType reports whether the keyword "type" caused the failure.
func wrongType(f *jsonschema.ValidationError) bool {
	format, ok := f.ErrorKind.(*kind.Format)
	if !ok {
		return false
	}
	_, ok = format.Err.(*typeError)
	return ok
}

var pointerEscaper = strings.NewReplacer("~", "~0", "/", "~1")

func pointer(tokens []string) string {
	var b strings.Builder
	for _, token := range tokens {
		if b.Len() > maxPath {
			break
		}
		b.WriteByte('/')
		b.WriteString(pointerEscaper.Replace(token[:min(len(token), maxPath)]))
	}
	return redact.Line(b.String(), maxPath)
}

// reason says what is wrong, without the value itself.
func reason(f *jsonschema.ValidationError) string {
	switch k := f.ErrorKind.(type) {
	case *kind.Type: // only from the dialect's own schema, as are enum and const
		return fmt.Sprintf("is of type %s, expected %s", k.Got, strings.Join(k.Want, " or "))
	case *kind.Format:
		return k.Err.Error()
	case *kind.Enum:
		return errEnum.Error()
	case *kind.Const:
		return errConst.Error()
	case *kind.Required:
		return "lacks " + names(k.Missing)
	case *kind.DependentRequired:
		return "lacks " + names(k.Missing) + ", required by " + name(k.Prop)
	case *kind.Dependency:
		return "lacks " + names(k.Missing) + ", required by " + name(k.Prop)
	case *kind.AdditionalProperties:
		return "must not have " + names(k.Properties)
	case *kind.PropertyNames:
		return "must not have a member named " + name(k.Property)
	case *kind.MinProperties:
		return fmt.Sprintf("has %d members, expected at least %d", k.Got, k.Want)
	case *kind.MaxProperties:
		return fmt.Sprintf("has %d members, expected at most %d", k.Got, k.Want)
	case *kind.MinItems:
		return fmt.Sprintf("has %d items, expected at least %d", k.Got, k.Want)
	case *kind.MaxItems:
		return fmt.Sprintf("has %d items, expected at most %d", k.Got, k.Want)
	case *kind.AdditionalItems:
		return fmt.Sprintf("has %d items too many", k.Count)
	case *kind.Contains, *kind.MinContains:
		return `has too few items that match "contains"`
	case *kind.MaxContains:
		return `has too many items that match "contains"`
	case *kind.UniqueItems:
		return errUnique.Error()
	case *kind.Not:
		return "matches a schema that it must not match"
	case *kind.FalseSchema:
		return "is not allowed"
	case *kind.AnyOf:
		return fmt.Sprintf("matches none of %d alternatives", len(f.Causes))
	case *kind.OneOf:
		if len(k.Subschemas) > 1 {
			return "matches more than one of the alternatives"
		}
		return fmt.Sprintf("matches none of %d alternatives", len(f.Causes))
	default:
		return scalarReason(f)
	}
}

// scalarReason is reason for the keywords of strings and numbers.
func scalarReason(f *jsonschema.ValidationError) string {
	switch k := f.ErrorKind.(type) {
	case *kind.MinLength:
		return fmt.Sprintf("has %d characters, expected at least %d", k.Got, k.Want)
	case *kind.MaxLength:
		return fmt.Sprintf("has %d characters, expected at most %d", k.Got, k.Want)
	case *kind.Pattern:
		return "does not match the pattern " + name(k.Want)
	case *kind.Minimum:
		return "is less than " + number(k.Want)
	case *kind.ExclusiveMinimum:
		return "is not greater than " + number(k.Want)
	case *kind.Maximum:
		return "is greater than " + number(k.Want)
	case *kind.ExclusiveMaximum:
		return "is not less than " + number(k.Want)
	case *kind.MultipleOf:
		return "is not a multiple of " + number(k.Want)
	default:
		return "does not match the schema"
	}
}

// name quotes the name of a member for an error text.
func name(s string) string { return strconv.Quote(redact.Line(s, 64)) }

// names lists the first few names for an error text.
func names(list []string) string {
	var b strings.Builder
	for i, s := range list[:min(len(list), 5)] {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(name(s))
	}
	if len(list) > 5 {
		fmt.Fprintf(&b, " and %d more", len(list)-5)
	}
	return b.String()
}

// number formats a numeric bound of the schema in JSON syntax.
func number(r *big.Rat) string {
	if r.IsInt() {
		return r.Num().String()
	}
	digits, _ := r.FloatPrec()
	return r.FloatString(min(digits, 20))
}

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
	// Path is the location in the value, as a JSON Pointer (RFC 6901). "" is the whole value. A
	// path that is too long is truncated and ends with "…".
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
