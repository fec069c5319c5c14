package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// event is one line of go test -json; see go doc test2json.
type event struct {
	Action  string `json:"Action"`
	Package string `json:"Package"`
	Test    string `json:"Test"`
	Output  string `json:"Output"`
}

// subject is the test of an event, or the package if test is empty.
type subject struct{ pkg, test string }

func (s subject) String() string { return s.pkg + "." + s.test }

// reporter processes the events of one run of go test.
type reporter struct {
	out     io.Writer
	held    map[subject]*strings.Builder // output of running tests and packages
	failed  []subject                    // go test's exit status also reports these
	skipped []subject                    // go test does not count these as failures
}

// report reads the events of go test -json and prints them in go test's format: the final line of
// each package that passed, and the whole output of everything else. The error names each test and
// package that failed or was skipped.
func report(out io.Writer, events io.Reader) error {
	r := reporter{out: out, held: map[subject]*strings.Builder{}}
	for decoder := json.NewDecoder(events); ; {
		var e event
		if err := decoder.Decode(&e); errors.Is(err, io.EOF) {
			return r.err()
		} else if err != nil {
			return fmt.Errorf("reading go test -json: %w", err)
		}
		r.handle(e)
	}
}

func (r *reporter) handle(e event) {
	s := subject{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		fmt.Fprint(r.out, e.Output)
	case "output":
		if r.held[s] == nil {
			r.held[s] = new(strings.Builder)
		}
		r.held[s].WriteString(e.Output)
	case "pass", "fail", "skip":
		if s.test == "" {
			r.endPackage(s, e.Action)
		} else {
			r.endTest(s, e.Action)
		}
	}
}

func (r *reporter) endTest(s subject, action string) {
	switch action {
	case "fail":
		r.failed = append(r.failed, s)
	case "skip":
		r.skipped = append(r.skipped, s)
	}
	if output := r.take(s); action != "pass" {
		fmt.Fprint(r.out, output)
	}
}

func (r *reporter) endPackage(pkg subject, action string) {
	// A test in held started but never ended: its process crashed or called os.Exit.
	for s := range r.held {
		if s.pkg == pkg.pkg && s.test != "" {
			r.endTest(s, "fail")
		}
	}
	output := r.take(pkg)
	if action == "pass" {
		lines := strings.SplitAfter(output, "\n")
		output = lines[max(0, len(lines)-2)] // the part after the last newline is empty
	}
	fmt.Fprint(r.out, output) // a skipped package has no tests and says so
}

// take returns the stored output of s and removes it.
func (r *reporter) take(s subject) string {
	defer delete(r.held, s)
	if r.held[s] == nil {
		return ""
	}
	return r.held[s].String()
}

func (r *reporter) err() error {
	switch {
	case len(r.failed) > 0:
		return fmt.Errorf("failed: %v", r.failed)
	case len(r.skipped) > 0:
		return fmt.Errorf("skipped, which counts as failed: %v", r.skipped)
	}
	return nil
}
