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

// problemsOf is the library's tree of failures as an *Error; other errors stay what they are.
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

// collect adds the problems of a tree of failures, in its order.
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

// meant are the failures of the one alternative whose type fits the value: of "a
// string, or null" an object means neither, but of "an object, or null" the first.
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

// wrongType reports whether a failure is that of the keyword "type".
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

// reason says what is wrong without the value that is.
func reason(f *jsonschema.ValidationError) string {
	switch k := f.ErrorKind.(type) {
	case *kind.Type: // of the dialect's own schema only, as enum and const
		return fmt.Sprintf("is of type %s, not %s", k.Got, strings.Join(k.Want, " or "))
	case *kind.Format:
		return k.Err.Error()
	case *kind.Enum:
		return errEnum.Error()
	case *kind.Const:
		return errConst.Error()
	case *kind.Required:
		return "has no " + names(k.Missing)
	case *kind.DependentRequired:
		return "has no " + names(k.Missing) + ", which " + name(k.Prop) + " needs"
	case *kind.Dependency:
		return "has no " + names(k.Missing) + ", which " + name(k.Prop) + " needs"
	case *kind.AdditionalProperties:
		return "must not have " + names(k.Properties)
	case *kind.PropertyNames:
		return "must not have a member called " + name(k.Property)
	case *kind.MinProperties:
		return fmt.Sprintf("has %d members, fewer than %d", k.Got, k.Want)
	case *kind.MaxProperties:
		return fmt.Sprintf("has %d members, more than %d", k.Got, k.Want)
	case *kind.MinItems:
		return fmt.Sprintf("has %d items, fewer than %d", k.Got, k.Want)
	case *kind.MaxItems:
		return fmt.Sprintf("has %d items, more than %d", k.Got, k.Want)
	case *kind.AdditionalItems:
		return fmt.Sprintf("has %d items too many", k.Count)
	case *kind.Contains, *kind.MinContains:
		return "has too few items of the kind that must be there"
	case *kind.MaxContains:
		return "has too many items of the kind that is bounded"
	case *kind.UniqueItems:
		return errUnique.Error()
	case *kind.Not:
		return "matches what it must not"
	case *kind.FalseSchema:
		return "must not be there"
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
		return fmt.Sprintf("has %d characters, fewer than %d", k.Got, k.Want)
	case *kind.MaxLength:
		return fmt.Sprintf("has %d characters, more than %d", k.Got, k.Want)
	case *kind.Pattern:
		return "does not match the pattern " + name(k.Want)
	case *kind.Minimum:
		return "is less than " + number(k.Want)
	case *kind.ExclusiveMinimum:
		return "is not more than " + number(k.Want)
	case *kind.Maximum:
		return "is more than " + number(k.Want)
	case *kind.ExclusiveMaximum:
		return "is not less than " + number(k.Want)
	case *kind.MultipleOf:
		return "is not a multiple of " + number(k.Want)
	default:
		return "does not match the schema"
	}
}

// name shows the name of a member.
func name(s string) string { return strconv.Quote(redact.Line(s, 64)) }

// names shows the first few names.
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

// number shows a bound of the schema as JSON has it.
func number(r *big.Rat) string {
	if r.IsInt() {
		return r.Num().String()
	}
	digits, _ := r.FloatPrec()
	return r.FloatString(min(digits, 20))
}
