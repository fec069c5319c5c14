package schema

import (
	"fmt"
	"regexp"
	"regexp/syntax"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// The size of patterns, in instructions: repetitions make a short one large.
const (
	maxPattern  = 10_000
	maxPatterns = 100_000 // of one schema
)

// patterns compiles the patterns of one schema.
type patterns struct{ size int }

func (p *patterns) compile(text string) (jsonschema.Regexp, error) {
	size := programSize(text)
	if p.size += size; size > maxPattern || p.size > maxPatterns {
		return nil, fmt.Errorf("patterns of more than %d instructions, or %d in all", maxPattern, maxPatterns)
	}
	return regexp.Compile(text)
}

// programSize estimates the instructions of a pattern without building them.
func programSize(text string) int {
	re, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return 1 // regexp.Compile says why
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
