// Package repo_test checks rules about the repository itself, from import rules to the length of
// functions. DESIGN.md lists the rules and explains them.
package repo_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const (
	root   = "../.."
	module = "github.com/hawser-mcp/hawser"
)

// goFile is one Go source file.
type goFile struct {
	path string // relative to the repository root, with slashes
	src  []byte
	ast  *ast.File
	pos  *token.FileSet
}

func (f *goFile) dir() string  { return path.Dir(f.path) }
func (f *goFile) isTest() bool { return strings.HasSuffix(f.path, "_test.go") }
func (f *goFile) line(p token.Pos) int {
	return f.pos.Position(p).Line
}

// isLibrary reports whether users import the file: it is not a test, not a program, and not below
// tests or examples.
func (f *goFile) isLibrary() bool {
	top, _, _ := strings.Cut(f.path, "/")
	return !f.isTest() && f.ast.Name.Name != "main" && top != "tests" && top != "examples"
}

// imports returns the import paths of the file.
func (f *goFile) imports() []string {
	paths := make([]string, 0, len(f.ast.Imports))
	for _, spec := range f.ast.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			imported = spec.Path.Value
		}
		paths = append(paths, imported)
	}
	return paths
}

// treeFiles returns the paths of all files of the repository, relative to its root, except those
// that npm, git and CI create.
var treeFiles = sync.OnceValues(func() ([]string, error) {
	skipped := []string{".git", ".tools", "bin", "node_modules"}
	var files []string
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains(skipped, entry.Name()):
			return filepath.SkipDir
		case entry.Name() == ".git": // a file in a worktree
		case entry.Type().IsRegular():
			rel, err := filepath.Rel(root, name)
			if err != nil {
				return err
			}
			files = append(files, filepath.ToSlash(rel))
		}
		return nil
	})
	return files, err
})

// parsedFiles returns the parsed Go files of all modules.
var parsedFiles = sync.OnceValues(func() ([]*goFile, error) {
	names, err := treeFiles()
	if err != nil {
		return nil, err
	}
	var files []*goFile
	for _, name := range names {
		if path.Ext(name) != ".go" {
			continue
		}
		f := &goFile{path: name, pos: token.NewFileSet()}
		if f.src, err = os.ReadFile(filepath.Join(root, name)); err != nil {
			return nil, err
		}
		if f.ast, err = parser.ParseFile(f.pos, name, f.src, parser.ParseComments); err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
})

func allFiles(t *testing.T) []string {
	t.Helper()
	files, err := treeFiles()
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func goFiles(t *testing.T) []*goFile {
	t.Helper()
	files, err := parsedFiles()
	if err != nil {
		t.Fatal(err)
	}
	return files
}
