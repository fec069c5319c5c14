package simulation_test

import (
	"reflect"
	"slices"
	"testing"
)

// shrinkRuns bounds how often a history is played to make it smaller.
const shrinkRuns = 600

// shrink takes away from a history what it does not need to break a promise, or whatever else breaks tells of: each
// element of a list, each field.
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
				k-- // what came behind has moved up
			}
		}
	}
	return h
}

// breaks makes a test of histories: whether they break a promise of a class.
func breaks(t *testing.T, class string) func(*History) bool {
	t.Helper()
	return func(h *History) bool {
		return slices.ContainsFunc(run(t, h.clone()).breaches, func(b Breach) bool { return b.Class == class })
	}
}

// simplify makes the k-th simplification of a history, and reports whether there is one.
func simplify(h *History, k int) bool {
	return (&simplifier{k}).value(reflect.ValueOf(h).Elem())
}

// simplifier counts down to the simplification that it makes.
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

// slice drops an element, or makes one simpler.
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

// text empties a text, or takes the first letter away.
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
