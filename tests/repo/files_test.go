package repo_test

import (
	"go/ast"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// mappedFile is a library file in section 15 of DESIGN.md, with the tests that its row names.
type mappedFile struct{ tests []string }

var fileRow = regexp.MustCompile(`(?m)^\| ([a-z0-9/]+) \| [^|]+ \| ([^|]+) \| ?([^|]*)\|$`)

// Each file of the library is in one row of DESIGN.md, and each row names files that exist.
func TestDesignNamesEachFile(t *testing.T) {
	mapped := fileMap(t)
	for _, f := range goFiles(t) {
		if !f.isLibrary() {
			continue
		}
		if _, ok := mapped[f.path]; !ok && hasCode(f) {
			t.Errorf("%s: section 15 of DESIGN.md does not name it", f.path)
		}
		delete(mapped, f.path)
	}
	for name := range mapped {
		t.Errorf("section 15 of DESIGN.md names %s, which is not a library file", name)
	}
}

// The tests of a file are in the test file of the same name. Otherwise DESIGN.md says where they
// are.
func TestDesignNamesTheTestsOfEachFile(t *testing.T) {
	tested := map[string]bool{} // files and directories
	for _, f := range goFiles(t) {
		if f.isTest() {
			tested[f.path], tested[f.dir()] = true, true
		}
	}
	for name, file := range fileMap(t) {
		base := strings.TrimSuffix(name, ".go")
		if !tested[base+"_test.go"] && !tested[base+"_internal_test.go"] && len(file.tests) == 0 {
			t.Errorf("%s has no %s_test.go: section 15 of DESIGN.md must name its tests", name, path.Base(base))
		}
		for _, test := range file.tests {
			if !tested[test] {
				t.Errorf("section 15 of DESIGN.md: %s, the tests of %s, does not exist", test, name)
			}
		}
	}
}

// fileMap returns the files in section 15 of DESIGN.md, keyed by path. It adds the file print.go of
// each package, which tests/redaction tests.
func fileMap(t *testing.T) map[string]mappedFile {
	t.Helper()
	design, err := os.ReadFile(filepath.Join(root, "DESIGN.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(design), "\n## 15. Files and their tests\n")
	if !found {
		t.Fatal("DESIGN.md has no section 15")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	mapped := map[string]mappedFile{}
	for _, row := range fileRow.FindAllStringSubmatch(section, -1)[1:] { // without the header
		var tests []string
		for test := range strings.SplitSeq(strings.TrimSpace(row[3]), ", ") {
			if strings.HasSuffix(test, "_test.go") {
				test = path.Join(row[1], test)
			}
			if test != "" {
				tests = append(tests, test)
			}
		}
		for name := range strings.SplitSeq(row[2], ", ") {
			file := path.Join(row[1], name)
			if _, twice := mapped[file]; twice {
				t.Errorf("section 15 of DESIGN.md names %s twice", file)
			}
			mapped[file] = mappedFile{tests}
		}
	}
	for _, f := range goFiles(t) {
		if path.Base(f.path) == "print.go" && f.isLibrary() {
			mapped[f.path] = mappedFile{[]string{"tests/redaction"}}
		}
	}
	return mapped
}

// hasCode reports whether a file declares anything.
func hasCode(f *goFile) bool {
	return slices.ContainsFunc(f.ast.Decls, func(decl ast.Decl) bool {
		group, ok := decl.(*ast.GenDecl)
		return !ok || group.Tok != token.IMPORT
	})
}

// Each public package has an example that go test runs.
func TestEachPackageHasAnExample(t *testing.T) {
	public, examples := map[string]bool{}, map[string]bool{}
	for _, f := range goFiles(t) {
		if f.isLibrary() && !strings.HasPrefix(f.path, "internal/") {
			public[f.dir()] = true
		}
		if !strings.HasPrefix(path.Base(f.path), "example") || !f.isTest() {
			continue
		}
		for _, decl := range f.ast.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && strings.HasPrefix(fn.Name.Name, "Example") && hasOutput(f, fn) {
				examples[f.dir()] = true
			}
		}
	}
	for dir := range public {
		if !examples[dir] {
			t.Errorf("%s has no example with an output in an example_test.go", dir)
		}
	}
}

// hasOutput reports whether an example has an output comment. Without the comment, go test does not
// run the example.
func hasOutput(f *goFile, fn *ast.FuncDecl) bool {
	return slices.ContainsFunc(f.ast.Comments, func(c *ast.CommentGroup) bool {
		return fn.Body.Pos() < c.Pos() && c.End() < fn.Body.End() && strings.HasPrefix(c.Text(), "Output:")
	})
}
