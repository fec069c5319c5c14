package schema

import "fmt"

// survey bounds what compiling a document takes, before it is compiled.
func survey(document any) error {
	s := surveyor{}
	s.visit(document, 0)
	switch {
	case s.subschemas > MaxSubschemas:
		return fmt.Errorf("more than %d sub-schemas", MaxSubschemas)
	case s.pointers > maxPointers:
		return fmt.Errorf("the places of its sub-schemas take more than %d bytes", maxPointers)
	}
	return nil
}

type surveyor struct {
	subschemas int
	pointers   int
}

// visit looks at a value to which a pointer of a length leads.
func (s *surveyor) visit(value any, length int) {
	if s.subschemas > MaxSubschemas || s.pointers > maxPointers {
		return
	}
	switch v := value.(type) {
	case map[string]any:
		s.subschemas++
		s.pointers += length
		for key, member := range v {
			s.visit(member, length+1+len(key))
		}
	case []any:
		for _, item := range v {
			s.visit(item, length+4)
		}
	case bool:
		s.subschemas++
		s.pointers += length
	}
}
