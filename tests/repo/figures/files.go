package main

import (
	"errors"
	"maps"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/hawser-mcp/hawser/tests/repo/git"
)

// workingTree is the revision name that stands for the working tree.
const workingTree = "."

// filesOf returns the library's Go files in a revision of the repository that contains dir. The
// keys are paths relative to the repository root.
func filesOf(dir, rev string) (map[string][]byte, error) {
	if rev == workingTree {
		return readTree(dir)
	}
	files, err := git.Archive(dir, rev)
	maps.DeleteFunc(files, func(name string, _ []byte) bool { return !isLibrary(name) })
	return files, err
}

// readTree reads the working tree: files that git tracks, and new files that git does not ignore.
func readTree(dir string) (map[string][]byte, error) {
	root, err := git.Run(dir, "rev-parse", "--show-toplevel")
	if err != nil {
		return nil, err
	}
	names, err := git.Run(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for name := range strings.SplitSeq(names, "\x00") {
		if !isLibrary(name) {
			continue
		}
		src, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if errors.Is(err, os.ErrNotExist) { // deleted, but not yet in the index
			continue
		}
		if err != nil {
			return nil, err
		}
		files[name] = src
	}
	return files, nil
}

// isLibrary reports whether a path can belong to a library file. Programs are excluded later, by
// their package clause.
func isLibrary(name string) bool {
	top, _, _ := strings.Cut(name, "/")
	return path.Ext(name) == ".go" && !strings.HasSuffix(name, "_test.go") && top != "tests" && top != "examples"
}
