package schema

import (
	"errors"
	"fmt"
)

// survey bounds what compiling a document takes, before it is compiled.
func survey(document any) error {
	s := surveyor{}
	s.visit(document, 0, 1)
	switch {
	case s.subschemas > MaxSubschemas:
		return fmt.Errorf("more than %d sub-schemas", MaxSubschemas)
	case s.weight > maxWeight:
		return errWeight
	case s.pointers > maxPointers:
		return fmt.Errorf("the places of its sub-schemas take more than %d bytes", maxPointers)
	}
	return nil
}

type surveyor struct {
	subschemas int
	pointers   int
	weight     int
}

var errWeight = errors.New("more values than a schema may have, or too deep in it")

// visit looks at a value to which a pointer of a length, of so many steps, leads.
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
