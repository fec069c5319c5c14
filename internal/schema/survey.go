package schema

import (
	"errors"
	"fmt"
)

// survey bounds the cost of compiling a document, before the document is compiled.
func survey(document any) error {
	s := surveyor{}
	s.visit(document, 0, 1)
	switch {
	case s.subschemas > MaxSubschemas:
		return fmt.Errorf("more than %d sub-schemas", MaxSubschemas)
	case s.weight > maxWeight:
		return errWeight
	case s.pointers > maxPointers:
		return fmt.Errorf("the locations of its sub-schemas take more than %d bytes", maxPointers)
	}
	return nil
}

type surveyor struct {
	subschemas int
	pointers   int
	weight     int
}

var errWeight = errors.New("the schema has too many values, or they are nested too deeply")

// visit checks a value. length is the length of its JSON Pointer, steps its depth.
func (s *surveyor) visit(value any, length, steps int) {
	if s.weight += steps; s.subschemas > MaxSubschemas || s.pointers > maxPointers || s.weight > maxWeight {
		return
	}
	switch v := value.(type) {
	case map[string]any:
		s.subschemas++
		s.pointers += length
		for key, member := range v {
			s.visit(member, length+1+len(key), steps+1)
		}
	case []any:
		for _, item := range v {
			s.visit(item, length+4, steps+1)
		}
	case bool:
		s.subschemas++
		s.pointers += length
	}
}
