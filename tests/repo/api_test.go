package repo_test

import (
	"bytes"
	"errors"
	"flag"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	apiDir    = "testdata/api" // has a golden file for each public package, named after its import path
	apiUpdate = "go test ./tests/repo -run TestAPI -update"
)

var update = flag.Bool("update", false, "write the exported API of each public package to "+apiDir)

// TestAPI compares the exported API of each public package with its golden file, so every API
// change is visible in review.
func TestAPI(t *testing.T) {
	current := publicAPI(t)
	golden := goldenAPI(t)
	if *update {
		writeAPI(t, current, golden)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(current)) {
		removed, added := lineDiff(golden[name], current[name])
		if len(removed)+len(added) > 0 {
			t.Errorf("the API of %s differs from %s/%s.txt; review it, then run: %s\n%s",
				name, apiDir, name, apiUpdate, strings.Join(append(prefixed("- ", removed), prefixed("+ ", added)...), "\n"))
		}
	}
	for name := range golden {
		if current[name] == "" {
			t.Errorf("%s/%s.txt is of a package that does not exist; run: %s", apiDir, name, apiUpdate)
		}
	}
}

// publicAPI returns the API of each package that users can import, keyed by directory.
func publicAPI(t *testing.T) map[string]string {
	t.Helper()
	result, imports := map[string]string{}, map[string]types.Importer{}
	for _, dir := range publicPackages(t) {
		own := moduleOf(t, dir)
		if imports[own] == nil {
			imports[own] = compiled(t, own)
		}
		pkg, err := imports[own].Import(path.Join(module, dir))
		if err != nil {
			t.Fatal(err)
		}
		result[dir] = apiText(pkg)
	}
	return result
}

// moduleOf returns the directory of the module that a package belongs to.
func moduleOf(t *testing.T, dir string) string {
	t.Helper()
	for !slices.Contains(allFiles(t), path.Join(dir, "go.mod")) {
		dir = path.Dir(dir)
	}
	return dir
}

// compiled returns an importer of the packages of a module and of what they import.
func compiled(t *testing.T, dir string) types.Importer {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-export", "-deps", "-f", "{{.ImportPath}}\t{{.Export}}", "./...")
	list.Dir, list.Env = filepath.Join(root, filepath.FromSlash(dir)), append(os.Environ(), "GOWORK=off")
	output, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v%s", err, stderrOf(err))
	}
	exports := map[string]string{}
	for line := range strings.Lines(string(output)) {
		name, file, _ := strings.Cut(strings.TrimSpace(line), "\t")
		exports[name] = file
	}
	return importer.ForCompiler(token.NewFileSet(), "gc", func(name string) (io.ReadCloser, error) {
		return os.Open(exports[name])
	})
}

// publicPackages returns the directories of the packages that users can import.
func publicPackages(t *testing.T) []string {
	t.Helper()
	dirs := map[string]bool{}
	for _, f := range goFiles(t) {
		if f.isLibrary() && !slices.Contains(strings.Split(f.dir(), "/"), "internal") {
			dirs[f.dir()] = true
		}
	}
	return slices.Sorted(maps.Keys(dirs))
}

func goldenAPI(t *testing.T) map[string]string {
	t.Helper()
	result := map[string]string{}
	err := filepath.WalkDir(apiDir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		rel := strings.TrimPrefix(filepath.ToSlash(name), apiDir+"/")
		result[strings.TrimSuffix(rel, ".txt")] = string(data)
		return err
	})
	if err != nil && !(*update && errors.Is(err, fs.ErrNotExist)) {
		t.Fatal(err)
	}
	return result
}

func writeAPI(t *testing.T, current, golden map[string]string) {
	t.Helper()
	file := func(name string) string {
		return filepath.Join(filepath.FromSlash(apiDir), filepath.FromSlash(name)+".txt")
	}
	for name := range golden {
		if current[name] == "" {
			if err := os.Remove(file(name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, text := range current {
		if err := os.MkdirAll(filepath.Dir(file(name)), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// lineDiff compares two texts, each a sorted set of lines. It returns the lines that only before
// has, and the lines that only after has.
func lineDiff(before, after string) (removed, added []string) {
	old, now := strings.Split(before, "\n"), strings.Split(after, "\n")
	for _, line := range old {
		if !slices.Contains(now, line) {
			removed = append(removed, line)
		}
	}
	for _, line := range now {
		if !slices.Contains(old, line) {
			added = append(added, line)
		}
	}
	return removed, added
}

func prefixed(prefix string, lines []string) []string {
	result := make([]string, len(lines))
	for i, line := range lines {
		result[i] = prefix + line
	}
	return result
}

// stderrOf returns the standard error of a failed command.
func stderrOf(err error) string {
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return "\n" + string(bytes.TrimSpace(exit.Stderr))
	}
	return ""
}
