package simulation_test

import (
	"reflect"
	"slices"
	"testing"
)

// shrinkRuns is the largest number of simplified histories that shrink tries.
const shrinkRuns = 600

// shrink removes list elements and clears fields of a history. It keeps each change only if breaks
// returns true for the changed history. It returns the reduced history.
func shrink(h *History, breaks func(*History) bool) *History {
	for runs, changed := 0, true; changed && runs < shrinkRuns; {
		changed = false
		for k := 0; runs < shrinkRuns; k++ {
			smaller := h.clone()
			if !simplify(smaller, k) {
				break
			}
			if runs++; breaks(smaller) {
				h, changed = smaller, true
				k-- // the following elements have moved up
			}
		}
	}
	return h
}

// breaks returns a function that plays a history and reports whether it breaks a promise of this
// class.
func breaks(t *testing.T, class string) func(*History) bool {
	t.Helper()
	return func(h *History) bool {
		return slices.ContainsFunc(run(t, h.clone()).breaches, func(b Breach) bool { return b.Class == class })
	}
}

// simplify applies the k-th possible simplification to a history. It returns false if the history
// has fewer.
func simplify(h *History, k int) bool {
	return (&simplifier{k}).value(reflect.ValueOf(h).Elem())
}

// simplifier walks a history and applies one simplification. left is the number of simplifications
// to skip first.
type simplifier struct{ left int }

func (s *simplifier) now() bool {
	s.left--
	return s.left < 0
}

func (s *simplifier) value(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).Tag.Get("shrink") != "-" && s.value(v.Field(i)) {
				return true
			}
		}
	case reflect.Slice:
		return s.slice(v)
	case reflect.Map:
		for _, key := range sortedKeys(v) {
			if s.now() {
				v.SetMapIndex(key, reflect.Value{})
				return true
			}
			list := reflect.New(v.Type().Elem()).Elem()
			list.Set(v.MapIndex(key))
			if s.value(list) {
				v.SetMapIndex(key, list)
				return true
			}
		}
	case reflect.String:
		return s.text(v)
	default:
		if !v.IsZero() && s.now() {
			v.SetZero()
			return true
		}
	}
	return false
}

// slice removes an element of a slice or simplifies one.
func (s *simplifier) slice(v reflect.Value) bool {
	for i := range v.Len() {
		if s.now() {
			v.Set(reflect.AppendSlice(v.Slice(0, i), v.Slice(i+1, v.Len())))
			return true
		}
		if s.value(v.Index(i)) {
			return true
		}
	}
	return false
}

// text empties a string.
func (s *simplifier) text(v reflect.Value) bool {
	switch {
	case v.Len() == 0:
		return false
	case s.now():
		v.SetString("")
		return true
	}
	return false
}
