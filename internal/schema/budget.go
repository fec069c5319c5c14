package schema

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// The steps of a validation: about a tenth of a microsecond each.
const (
	baseBudget = 1_000_000
	perValue   = 16
)

var (
	errTooCostly = errors.New("value cannot be validated: the schema makes that too costly")
	errEnum      = errors.New("is none of the allowed values")
	errConst     = errors.New("is not the only allowed value")
	errUnique    = errors.New("has an item twice")
)

// overBudget is what a validation panics with to leave the library.
type overBudget struct{}

// budget counts what a validation costs. That a schema is small and its
// composition harmless does not bound it: by recursion into the members of a
// value two branches become four, and so on at each level.
type budget struct{ left int64 }

func (b *budget) spend(steps int64) {
	if b.left -= steps; b.left < 0 {
		panic(overBudget{})
	}
}

// watch has a sub-schema counted wherever it is applied. "format" is the one
// keyword whose check the library calls first, in every draft and mode, before it
// looks into the value. Enum, const and uniqueItems are checked here as well: the
// library computes with fractions for each comparison.
func (b *budget) watch(s *jsonschema.Schema) {
	g := &guard{budget: b, visit: 1 + int64(len(s.Required)), member: 1 + 4*int64(len(s.PatternProperties))}
	for _, list := range s.DependentRequired {
		g.visit += int64(len(list))
	}
	if s.Pattern != nil {
		g.letter = int64(programSize(s.Pattern.String()))
	}
	for re := range s.PatternProperties {
		g.name += int64(programSize(re.String()))
	}
	if s.Enum != nil {
		g.enum = make(map[string]struct{}, len(s.Enum.Values))
		for _, value := range s.Enum.Values {
			g.enum[string(canonical(nil, value))] = struct{}{}
		}
		s.Enum = nil
	}
	if s.Const != nil {
		g.constant, g.hasConst = string(canonical(nil, *s.Const)), true
		s.Const = nil
	}
	g.unique, s.UniqueItems = s.UniqueItems, false
	s.Format = &jsonschema.Format{Name: "", Validate: g.check}
}

// guard is the check of one sub-schema.
type guard struct {
	budget   *budget
	visit    int64 // steps of each application
	member   int64 // steps of each member of an object
	letter   int64 // size of the pattern for strings
	name     int64 // size of the patterns for names
	enum     map[string]struct{}
	constant string
	hasConst bool
	unique   bool
	buf      []byte
}

func (g *guard) check(value any) error {
	steps := g.visit
	switch v := value.(type) {
	case map[string]any:
		steps += int64(len(v)) * g.member
		if g.name > 0 {
			for key := range v {
				steps += patternCost(g.name, len(key))
			}
		}
	case []any:
		steps += int64(len(v))
	case string:
		steps += int64(len(v)/256) + patternCost(g.letter, len(v))
	case json.Number:
		steps += int64(len(v) / 8)
		if len(v) > 4 {
			steps += 4 // it may have an exponent
		}
	}
	g.budget.spend(steps)
	if g.enum == nil && !g.hasConst && !g.unique {
		return nil
	}
	return g.compare(value)
}

// patternCost is an upper bound of what a match takes: each instruction at each byte.
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
		g.buf = nil // do not keep it for the life of the schema
	}
	return text
}

func sortedKeys[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }
