package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const root = "../.."

// Each defect applies to the current code and names tests that exist. Running the program shows
// whether the tests detect it.
func TestMutantsApply(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range mutants() {
		if seen[m.name] {
			t.Errorf("%s: duplicate name", m.name)
		}
		seen[m.name] = true
		source, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(m.file)))
		if err != nil {
			t.Errorf("%s: %v", m.name, err)
			continue
		}
		if n := strings.Count(string(source), m.old); n != 1 {
			t.Errorf("%s: its code occurs %d times in %s, expected once", m.name, n, m.file)
		}
		if m.old == m.new {
			t.Errorf("%s: it changes nothing", m.name)
		}
		if !namesTest(t, m.place(), m.test) {
			t.Errorf("%s: no test %s in %s", m.name, m.test, m.place())
		}
	}
}

var testFunc = regexp.MustCompile(`(?m)^func (Test\w+)\(`)

// namesTest reports whether a package has a test that the expression matches, as for go test -run.
func namesTest(t *testing.T, place, expression string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(place), "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	run := regexp.MustCompile(expression)
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range testFunc.FindAllStringSubmatch(string(source), -1) {
			if run.MatchString(name[1]) {
				return true
			}
		}
	}
	return false
}

// Each defect is in exactly one of ten parts.
func TestParts(t *testing.T) {
	for _, bad := range []string{"0", "x/y", "1/0", "-1/10"} {
		if _, err := parse([]string{"-part", bad}); err == nil {
			t.Errorf("expected an error for -part %s", bad)
		}
	}
	covered := make([]int, len(mutants()))
	for _, part := range []string{"0/10", "1/10", "2/10", "3/10", "4/10", "5/10", "6/10", "7/10", "8/10", "9/10"} {
		o, err := parse([]string{"-part", part})
		if err != nil {
			t.Fatal(err)
		}
		for i := range covered {
			if o.takes(i, "") {
				covered[i]++
			}
		}
	}
	for i, n := range covered {
		if n != 1 {
			t.Errorf("defect %d is in %d parts, expected 1", i, n)
		}
	}
}
