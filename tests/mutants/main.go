// Command mutants breaks the library on purpose, one defect at a time, and checks that a test
// fails.
//
//	go run ./tests/mutants                 # all defects
//	go run ./tests/mutants -part 3/10      # every tenth defect, starting with the third
//	go run ./tests/mutants -only 'replay'  # the defects whose names match
//	go run ./tests/mutants -simulation 500 # the defects that 500 seeds of the simulation find
//
// A defect consists of a piece of code and its replacement. The piece must occur exactly once in
// its file. The command fails if a defect does not apply or if no test detects it. It does not
// change the working tree: go test gets the broken file as an overlay.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// mutant is one defect.
type mutant struct {
	name string // describes the broken behavior
	file string // relative to the root of the repository
	old  string // occurs once in the file
	new  string
	test string // the tests that detect the defect, as for go test -run
	pkg  string // package of the tests, "" for the directory of the file
}

// place returns the directory of the tests that detect the defect.
func (m *mutant) place() string {
	if m.pkg != "" {
		return "./" + m.pkg
	}
	return "./" + filepath.ToSlash(filepath.Dir(m.file))
}

type options struct {
	only        *regexp.Regexp
	part, parts int
	seeds       int
}

func main() {
	if err := program(os.Stdout, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func program(out io.Writer, args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	o, err := parse(args)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return err
	}
	return errors.Join(run(ctx, out, dir, mutants(), o), os.RemoveAll(dir))
}

func parse(args []string) (o options, err error) {
	flags := flag.NewFlagSet("mutants", flag.ContinueOnError)
	only := flags.String("only", "", "regular expression: try only defects whose names match")
	part := flags.String("part", "1/1", "k/n: try every n-th defect, starting with the k-th")
	flags.IntVar(&o.seeds, "simulation", 0, "run this many seeds of the simulation instead of the named tests")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.only, err = regexp.Compile(*only); err != nil {
		return o, fmt.Errorf("-only: %w", err)
	}
	if n, err := fmt.Sscanf(*part, "%d/%d", &o.part, &o.parts); n != 2 || err != nil || o.parts < 1 || o.part < 0 {
		return o, fmt.Errorf("-part: expected k/n, got %q", *part)
	}
	return o, nil
}

// takes reports whether the options select the i-th defect, which has this name.
func (o *options) takes(i int, name string) bool {
	return i%o.parts == o.part%o.parts && o.only.MatchString(name)
}

// run tries the selected defects and prints the result of each. The error says how many defects
// were not detected or did not apply.
func run(ctx context.Context, out io.Writer, dir string, all []mutant, o options) error {
	tried, caught := 0, 0
	var bad []error
	for i := range all {
		m := &all[i]
		if !o.takes(i, m.name) {
			continue
		}
		tried++
		start := time.Now()
		verdict, err := m.try(ctx, dir, o.seeds)
		if err != nil {
			bad = append(bad, fmt.Errorf("%s: %w", m.name, err))
			verdict = err.Error()
		} else {
			caught++
		}
		fmt.Fprintf(out, "%-60s %s (%s)\n", m.name, verdict, time.Since(start).Round(100*time.Millisecond))
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	fmt.Fprintf(out, "%d of %d caught\n", caught, tried)
	if o.seeds > 0 {
		return nil // the simulation need not find every defect
	}
	return errors.Join(bad...)
}

var (
	errSurvived = errors.New("NOT CAUGHT: the tests pass with the defect")
	errBroken   = errors.New("does not compile")
)

// try applies one defect and runs the tests that should detect it, or the simulation.
func (m *mutant) try(ctx context.Context, dir string, seeds int) (verdict string, err error) {
	overlay, err := m.overlay(dir)
	if err != nil {
		return "", err
	}
	args := []string{"test", "-overlay", overlay, "-count=1", "-failfast", "-timeout=150s"}
	if seeds > 0 {
		args = append(args, "-cpu=1", "-run=^TestSeeds$", "./tests/simulation", "-seeds", strconv.Itoa(seeds), "-report=0")
	} else {
		args = append(args, "-run", m.test, m.place())
	}
	cmd := exec.CommandContext(ctx, "go", args...) //nolint:gosec // the arguments come from this program
	text, err := cmd.CombinedOutput()
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case err == nil && strings.Contains(string(text), "no tests to run"):
		return "", fmt.Errorf("no test %s in %s", m.test, m.place())
	case err == nil:
		return "", errSurvived
	case strings.Contains(string(text), "[build failed]") || strings.Contains(string(text), "[setup failed]"):
		return "", fmt.Errorf("%w: %s", errBroken, firstLines(text, 3))
	}
	return "caught: " + failure(string(text)), nil
}

// overlay writes the broken file and an overlay file for go test into dir. It returns the path of
// the overlay file.
func (m *mutant) overlay(dir string) (string, error) {
	whole, err := filepath.Abs(filepath.FromSlash(m.file))
	if err != nil {
		return "", err
	}
	source, err := os.ReadFile(whole) //nolint:gosec // the path comes from the table
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(source), m.old); n != 1 {
		return "", fmt.Errorf("does not apply: its code occurs %d times in %s, expected once", n, m.file)
	}
	broken := filepath.Join(dir, "broken.go")
	//nolint:gosec // the directory belongs to the program
	if err := os.WriteFile(broken, []byte(strings.Replace(string(source), m.old, m.new, 1)), 0o600); err != nil {
		return "", err
	}
	text, err := json.Marshal(map[string]any{"Replace": map[string]string{whole: broken}})
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "overlay.json")
	return file, os.WriteFile(file, text, 0o600)
}

var (
	failedTest = regexp.MustCompile(`--- FAIL: (Test[A-Za-z0-9_]+)`)
	firstSeed  = regexp.MustCompile(`seed (\d+)`)
)

// failure returns the name of the first failed test, or the first failed seed of the simulation.
func failure(text string) string {
	name := "timeout, panic or leak"
	if m := failedTest.FindStringSubmatch(text); m != nil {
		name = m[1]
	}
	if m := firstSeed.FindStringSubmatch(text); m != nil && name == "TestSeeds" {
		name += ", seed " + m[1]
	}
	return name
}

func firstLines(text []byte, n int) string {
	lines := strings.SplitN(string(text), "\n", n+1)
	return strings.Join(lines[:min(n, len(lines))], " | ")
}
