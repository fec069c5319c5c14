package schema

import (
	"fmt"
	"regexp"
	"regexp/syntax"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

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
