package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

// module is a Go module of this repository. The exported fields are named as in the output of `go
// mod edit -json`; see `go help mod edit`.
type module struct {
	dir     string     // relative to the repository root, with slashes
	Module  modulePath `json:"Module"`
	Replace []struct {
		Old modulePath `json:"Old"`
		New modulePath `json:"New"`
	} `json:"Replace"`
}

type modulePath struct {
	Path string `json:"Path"`
}

// nestedModules returns the nested modules that users fetch: those in .ci/modules that are not
// below tests.
func nestedModules(root string) ([]module, error) {
	list, err := os.ReadFile(filepath.Join(root, ".ci", "modules"))
	if err != nil {
		return nil, err
	}
	var nested []module
	for dir := range strings.Lines(string(list)) {
		dir = strings.TrimSpace(dir)
		if dir == "" || dir == "." || strings.HasPrefix(dir, "#") || strings.HasPrefix(dir, "tests/") {
			continue
		}
		m, err := readModule(root, dir)
		if err != nil {
			return nil, err
		}
		nested = append(nested, m)
	}
	return nested, nil
}

func readModule(root, dir string) (module, error) {
	m := module{dir: dir}
	output, err := modEdit(m.file(root, "go.mod"), "-json")
	if err != nil {
		return m, err
	}
	err = json.Unmarshal(output, &m)
	return m, err
}

// publishable changes the go.mod and go.sum of a nested module. The module then requires the
// released version of the root module instead of replacing it with the working tree.
func (m module) publishable(root, rootModule string, v version, sums string) error {
	edit := []string{fmt.Sprintf("-require=%s@%s", rootModule, v)}
	for _, replace := range m.Replace {
		if replace.Old.Path != rootModule || path.Join(m.dir, replace.New.Path) != "." {
			return fmt.Errorf("%s/go.mod replaces %s by %s: users cannot fetch it", m.dir, replace.Old.Path, replace.New.Path)
		}
		edit = append(edit, "-dropreplace="+rootModule)
	}
	if _, err := modEdit(m.file(root, "go.mod"), edit...); err != nil {
		return err
	}
	return rewrite(m.file(root, "go.sum"), func(sum string) (string, error) {
		return insertSums(sum, rootModule, sums), nil
	})
}

// tag returns the git tag for a version of a module. The go command expects the module's directory
// as a prefix.
func (m module) tag(v version) string { return path.Join(m.dir, v.String()) }

// command returns the go command with which users fetch the module: examples are programs, others
// are libraries.
func (m module) command() string {
	if strings.HasPrefix(m.dir, "examples/") {
		return "install"
	}
	return "get"
}

func (m module) file(root, name string) string {
	return filepath.Join(root, filepath.FromSlash(m.dir), name)
}

// modEdit runs go mod edit.
func modEdit(file string, args ...string) ([]byte, error) {
	output, err := exec.Command("go", append(append([]string{"mod", "edit"}, args...), file)...).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("go mod edit %s: %w\n%s", file, err, output)
	}
	return output, nil
}

// rewrite changes the text of a file.
func rewrite(file string, change func(string) (string, error)) error {
	old, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	text, err := change(string(old))
	if err != nil {
		return err
	}
	return os.WriteFile(file, []byte(text), 0o644)
}
