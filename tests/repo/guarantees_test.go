package repo_test

import (
	"go/ast"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

const (
	guaranteesFile = "docs/guarantees.md"
	minPromises    = 50
	maxPromises    = 80
	maxShown       = 3  // maximum number of tests for one promise
	maxCellWords   = 25 // in the text of a promise and in its assumptions
)

var (
	promiseRow    = regexp.MustCompile(`^\| (\d+) \| ([^|]*) \| ([^|]*) \| ([^|]*) \|$`)
	assumptionRow = regexp.MustCompile(`^\| ([a-z ]+) \| [^|]+ \|$`)
	shownTest     = regexp.MustCompile("^`([a-z0-9/]+)\\.(Test[A-Za-z0-9_]+)`$")
	readmePromise = regexp.MustCompile(`(?s)\n## The promise\n(.*?)\n## `)
)

// promise is one row of docs/guarantees.md.
type promise struct{ number, text, assumes, shownBy string }

// guarantees returns the promises in docs/guarantees.md and the assumptions that the file defines.
func guarantees(t *testing.T) ([]promise, map[string]bool) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, guaranteesFile))
	if err != nil {
		t.Fatal(err)
	}
	var promises []promise
	assumptions := map[string]bool{}
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if row := promiseRow.FindStringSubmatch(line); row != nil {
			promises = append(promises, promise{row[1], row[2], row[3], row[4]})
		} else if row := assumptionRow.FindStringSubmatch(line); len(row) > 1 && row[1] != "name" {
			assumptions[row[1]] = true
		} else if strings.HasPrefix(line, "|") && !strings.HasPrefix(line, "| # |") && !strings.HasPrefix(line, "| name |") && strings.Trim(line, "|-") != "" {
			t.Errorf("%s: not a row of its table: %s", guaranteesFile, line)
		}
	}
	return promises, assumptions
}

// testFunctions returns the test functions of the repository, as directory.Name.
func testFunctions(t *testing.T) map[string]bool {
	t.Helper()
	tests := map[string]bool{}
	for _, f := range goFiles(t) {
		if !f.isTest() {
			continue
		}
		for _, decl := range f.ast.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && isTestFunction(fn) {
				tests[f.dir()+"."+fn.Name.Name] = true
			}
		}
	}
	return tests
}

// isTestFunction reports whether go test runs the function: TestX(t *testing.T).
func isTestFunction(fn *ast.FuncDecl) bool {
	params := fn.Type.Params.List
	if len(params) != 1 || len(params[0].Names) > 1 || !strings.HasPrefix(fn.Name.Name, "Test") {
		return false
	}
	pointer, ok := params[0].Type.(*ast.StarExpr)
	if !ok {
		return false
	}
	param, ok := pointer.X.(*ast.SelectorExpr)
	return ok && param.Sel.Name == "T"
}

// Every promise names existing tests that `go test` finds by the name in the table.
func TestPromisesHaveTests(t *testing.T) {
	promises, _ := guarantees(t)
	if n := len(promises); n < minPromises || n > maxPromises {
		t.Errorf("%s has %d promises, expected %d to %d", guaranteesFile, n, minPromises, maxPromises)
	}
	tests := testFunctions(t)
	for _, p := range promises {
		named := strings.Split(p.shownBy, ", ")
		if len(named) > maxShown {
			t.Errorf("promise %s names %d tests, expected at most %d", p.number, len(named), maxShown)
		}
		for _, name := range named {
			parts := shownTest.FindStringSubmatch(name)
			switch {
			case parts == nil:
				t.Errorf("promise %s: expected `package.TestName`, got %q", p.number, name)
			case !tests[parts[1]+"."+parts[2]]:
				t.Errorf("promise %s names %s, which is not a test", p.number, name)
			}
		}
	}
}

// Promises are numbered in order, and each is one short sentence. A promise names only assumptions
// that the file defines, or spells them out.
func TestPromisesAreSentences(t *testing.T) {
	promises, assumptions := guarantees(t)
	for i, p := range promises {
		if p.number != strconv.Itoa(i+1) {
			t.Errorf("promise %s: expected number %d", p.number, i+1)
		}
		if !strings.HasSuffix(p.text, ".") {
			t.Errorf("promise %s is not a sentence: %s", p.number, p.text)
		}
		for _, cell := range []string{p.text, p.assumes} {
			if words := len(strings.Fields(cell)); words > maxCellWords {
				t.Errorf("promise %s: a cell has %d words, expected at most %d", p.number, words, maxCellWords)
			}
		}
		if p.assumes == "—" {
			continue
		}
		for _, name := range regexp.MustCompile(`[,;] `).Split(p.assumes, -1) {
			if !assumptions[name] && !strings.HasSuffix(name, ".") {
				t.Errorf("promise %s assumes %q, which %s does not define", p.number, name, guaranteesFile)
			}
		}
	}
}

func TestReadmeLinksTheGuarantees(t *testing.T) {
	section := readmePromise.FindStringSubmatch(readme(t))
	if section == nil {
		t.Fatal(`README.md has no section "The promise"`)
	}
	if !strings.Contains(section[1], "("+guaranteesFile+")") {
		t.Errorf("README.md, The promise: no link to %s", guaranteesFile)
	}
}
