package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Costs of validation steps. A step takes about a tenth of a microsecond, and 200 bytes at most.
const (
	baseBudget = 1_000_000
	perValue   = 10
)

var (
	errTooCostly = errors.New("cannot validate the value: the schema makes it too expensive")
	errEnum      = errors.New("is not one of the allowed values")
	errConst     = errors.New("is not the allowed value")
	errUnique    = errors.New("has duplicate items")
)

// typeError is the error for a value that the keyword "type" does not allow.
type typeError struct {
	got  string
	want []string
}

func (e *typeError) Error() string {
	return fmt.Sprintf("is of type %s, expected %s", e.got, strings.Join(e.want, " or "))
}

// overBudget is the panic value that stops the library when a validation exceeds its budget.
type overBudget struct{}

// budget counts the cost of a validation. A small schema with harmless composition can still be
// expensive: with recursion into the members of a value, two branches become four at the next
// level, and so on.
type budget struct {
	left  int64
	price int64 // cost of one step
	reach int64 // steps to visit the whole path to the deepest value
	chain int64 // the longest chain at one place
}

// begin sets the budget of a validation. If why is set, the library collects the reasons of
// mismatches: each step may then leave an error behind that holds a path in the value.
func (b *budget) begin(left int64, size extent, why bool) {
	b.left, b.price = left, 1
	if why {
		b.price += int64(size.depth) / 8
	}
	b.reach = int64(size.depth+1) * b.chain / 4
}

func (b *budget) spend(steps int64) {
	if b.left -= steps * b.price; b.left < 0 {
		panic(overBudget{})
	}
}

// watch makes the budget count every application of a sub-schema. It hooks into "format", a keyword
// that the library checks before it looks into the value, in every draft and mode. The keywords
// that the library checks earlier are checked here instead: "type", so that no application is
// missed; enum, const and uniqueItems, also because the library computes with fractions for each
// comparison. The schemas true and false have no keywords, so they are counted where they are
// applied.
func (b *budget) watch(s *jsonschema.Schema) {
	g := &guard{budget: b, visit: 1 + int64(len(s.Required)), member: 1 + 4*int64(len(s.PatternProperties))}
	for _, sub := range inPlace(s) {
		if sub != nil {
			g.visit++
			if sub.Bool != nil {
				g.member++ // the library lists a value's unevaluated members before it visits the value
			}
		}
	}
	g.visit += int64(len(s.Dependencies) + len(s.DependentRequired))
	for _, list := range s.DependentRequired {
		g.visit += int64(len(list))
	}
	for _, dependency := range s.Dependencies {
		if list, ok := dependency.([]string); ok {
			g.visit += int64(len(list))
		}
	}
	g.dynamic = s.DynamicRef != nil || s.RecursiveRef != nil
	for _, bound := range []*big.Rat{s.Minimum, s.Maximum, s.ExclusiveMinimum, s.ExclusiveMaximum, s.MultipleOf} {
		if bound != nil {
			g.bounds++
		}
	}
	if s.Pattern != nil {
		g.letter = int64(programSize(s.Pattern.String()))
	}
	for re := range s.PatternProperties {
		g.name += int64(programSize(re.String()))
	}
	g.takeOver(s)
	s.Format = &jsonschema.Format{Name: "", Validate: g.check}
}

// takeOver moves the keywords that are checked here from the library to the guard.
func (g *guard) takeOver(s *jsonschema.Schema) {
	if s.Types != nil && !s.Types.IsEmpty() {
		g.types = s.Types.ToStrings()
	}
	if s.Enum != nil {
		g.enum = make(map[string]struct{}, len(s.Enum.Values))
		for _, value := range s.Enum.Values {
			g.enum[string(canonical(nil, value))] = struct{}{}
		}
	}
	if s.Const != nil {
		g.constant, g.hasConst = string(canonical(nil, *s.Const)), true
	}
	g.unique = s.UniqueItems
	s.Types, s.Enum, s.Const, s.UniqueItems = nil, nil, nil, false
}

// guard counts the cost of applying one sub-schema, and checks some of its keywords.
type guard struct {
	budget   *budget
	visit    int64 // steps per application
	member   int64 // steps per member of an object and per item of an array
	bounds   int64 // number of keywords that compute with numbers
	letter   int64 // size of the pattern for strings
	name     int64 // size of the patterns for member names
	dynamic  bool  // a dynamic reference visits the whole path that led to it
	types    []string
	enum     map[string]struct{}
	constant string
	hasConst bool
	unique   bool
	buf      []byte
}

func (g *guard) check(value any) error {
	steps := g.visit
	if g.dynamic {
		steps += g.budget.reach
	}
	switch v := value.(type) {
	case map[string]any:
		steps += int64(len(v)) * g.member
		if g.name > 0 {
			for key := range v {
				steps += patternCost(g.name, len(key))
			}
		}
	case []any:
		steps += int64(len(v)) * g.member
	case string:
		steps += int64(len(v)/256) + patternCost(g.letter, len(v))
	case json.Number:
		steps += int64(len(v)/8) + g.bounds*numberCost(string(v))
	}
	g.budget.spend(steps)
	if got := typeOf(value); g.types != nil && !g.allows(got, value) {
		return &typeError{got, g.types}
	}
	if g.enum == nil && !g.hasConst && !g.unique {
		return nil
	}
	return g.compare(value)
}

// allows reports whether the keyword "type" allows a value.
func (g *guard) allows(got string, value any) bool {
	if slices.Contains(g.types, got) {
		return true
	}
	number, ok := value.(json.Number)
	return ok && slices.Contains(g.types, "integer") && whole(string(number))
}

// typeOf returns the type of a value in the words of the keyword. All numbers are "number".
func typeOf(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case json.Number:
		return "number"
	case []any:
		return "array"
	default:
		return "object"
	}
}

// numberCost is the cost of computing with a number, which the library writes out in full.
func numberCost(number string) int64 {
	size := len(number)
	if e := strings.IndexAny(number, "eE"); e >= 0 {
		exponent, _ := strconv.Atoi(number[e+1:]) // cheap has checked it
		size += max(exponent, -exponent)
	}
	return 1 + int64(size)/8
}

// patternCost is an upper bound of the cost of a match: every instruction at every byte.
func patternCost(size int64, text int) int64 {
	return size * int64(text) / 16
}

// compare checks the keywords that compare values.
func (g *guard) compare(value any) error {
	if g.enum != nil || g.hasConst {
		text := g.canonical(value)
		if _, ok := g.enum[string(text)]; !ok && g.enum != nil {
			return errEnum
		}
		if g.hasConst && string(text) != g.constant {
			return errConst
		}
	}
	items, ok := value.([]any)
	if !g.unique || !ok || len(items) < 2 {
		return nil
	}
	seen := make(map[string]struct{}, len(items))
	for _, item := range items {
		text := g.canonical(item)
		if _, again := seen[string(text)]; again {
			return errUnique
		}
		seen[string(text)] = struct{}{}
	}
	return nil
}

func (g *guard) canonical(value any) []byte {
	g.buf = canonical(g.buf[:0], value)
	g.budget.spend(int64(len(g.buf) / 16))
	text := g.buf
	if cap(g.buf) > 64<<10 {
		g.buf = nil // do not keep a large buffer as long as the schema
	}
	return text
}

func sortedKeys[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }
