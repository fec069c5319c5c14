package main

import (
	"debug/buildinfo"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

var (
	compiledBlock = regexp.MustCompile("(?s)<!-- compiled -->\n+```go\n(.*?)\n```\n")
	goGet         = regexp.MustCompile("`?go get (" + regexp.QuoteMeta(rootModule) + `[\w/]*)`)
)

// trials describe how to run each program and the output that it must print.
var trials = map[string]struct {
	args []string
	exit int
	says string // %s is the version without its "v"
}{
	"agent":      {[]string{"task"}, 2, "-config FILE"},
	"executor":   {[]string{"-version"}, 0, "executor version %s"},
	"hawser":     {[]string{"--version"}, 0, "hawser version %s"},
	"oauthlogin": {nil, 2, "usage: oauthlogin URL"},
	"quickstart": {nil, 0, "."},
}

// userEnv returns an environment with a new module cache that can only be filled from the folder
// proxy. It disables the checksum database, because the modules were verified when the folder was
// made.
func (w *world) userEnv() []string {
	return []string{
		"GOMODCACHE=" + filepath.Join(w.user, "modules"), "GOBIN=" + filepath.Join(w.user, "bin"),
		"GOPROXY=" + fileURL(filepath.Join(w.proxy, "cache", "download")), "GOSUMDB=off",
	}
}

// buildReadme follows README.md in an empty directory, like a new user of the library.
func (w *world) buildReadme() error {
	readme, err := os.ReadFile(filepath.Join(w.clone, "README.md"))
	if err != nil {
		return err
	}
	blocks := compiledBlock.FindAllStringSubmatch(string(readme), -1)
	get := goGet.FindStringSubmatch(string(readme))
	if len(blocks) == 0 || get == nil {
		return errors.New("README.md has no compiled program, or no `go get " + rootModule + "`")
	}
	for i, block := range blocks {
		dir := filepath.Join(w.user, fmt.Sprintf("program%d", i))
		if err := os.Mkdir(dir, 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(block[1]+"\n"), 0o600); err != nil {
			return err
		}
		commands := [][]string{{"mod", "init", "example.com/program"}, {"get", get[1]}, {"build", "."}}
		if i > 0 { // only the first program needs no package beyond those that README.md installs
			commands = slices.Insert(commands, 2, []string{"get", "."})
		}
		for _, args := range commands {
			if _, err := w.command(dir, w.userEnv(), "go", args...); err != nil {
				return err
			}
		}
		mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err != nil {
			return err
		}
		if !strings.Contains(string(mod), rootModule+" "+w.version) {
			return fmt.Errorf("go get %s did not require %s:\n%s", get[1], w.version, mod)
		}
	}
	return nil
}

// buildLibraries builds a program that imports each released library that is a module of its own.
func (w *world) buildLibraries() error {
	modules, err := w.released()
	if err != nil {
		return err
	}
	for _, dir := range modules {
		if dir == "." || strings.HasPrefix(dir, "examples/") {
			continue
		}
		library := path.Join(rootModule, dir)
		program := filepath.Join(w.user, "library-"+path.Base(dir))
		if err := os.Mkdir(program, 0o700); err != nil {
			return err
		}
		source := fmt.Sprintf("package main\n\nimport _ %q\n\nfunc main() {}\n", library)
		if err := os.WriteFile(filepath.Join(program, "main.go"), []byte(source), 0o600); err != nil {
			return err
		}
		for _, args := range [][]string{{"mod", "init", "example.com/program"}, {"get", library + "@" + w.version}, {"build", "."}} {
			if _, err := w.command(program, w.userEnv(), "go", args...); err != nil {
				return err
			}
		}
		mod, err := os.ReadFile(filepath.Join(program, "go.mod"))
		if err != nil {
			return err
		}
		if !strings.Contains(string(mod), rootModule+" "+w.version) {
			return fmt.Errorf("%s does not require the root module of its release:\n%s", library, mod)
		}
	}
	return nil
}

// install installs and runs each program below examples.
func (w *world) install() error {
	programs, err := w.programs()
	if err != nil {
		return err
	}
	for _, program := range programs {
		trial, ok := trials[path.Base(program)]
		if !ok {
			return fmt.Errorf("nothing says how to run %s: add it to the trials", program)
		}
		if _, err := w.command(w.user, w.userEnv(), "go", "install", program+"@"+w.version); err != nil {
			return err
		}
		binary := filepath.Join(w.user, "bin", path.Base(program))
		info, err := buildinfo.ReadFile(binary)
		if err != nil {
			return err
		}
		if info.Main.Version != w.version {
			return fmt.Errorf("%s is of version %s", program, info.Main.Version)
		}
		said, err := w.command(w.user, nil, binary, trial.args...)
		if exitCode(err) != trial.exit {
			return fmt.Errorf("expected exit code %d: %w", trial.exit, err)
		}
		if want := strings.ReplaceAll(trial.says, "%s", strings.TrimPrefix(w.version, "v")); !strings.Contains(said, want) {
			return fmt.Errorf("%s: expected %q in its output, got:\n%s", path.Base(program), want, said)
		}
	}
	return nil
}

// programs returns the import paths of the programs that users install.
func (w *world) programs() ([]string, error) {
	modules, err := w.released()
	if err != nil {
		return nil, err
	}
	var programs []string
	for _, dir := range modules {
		env := []string{"GOMODCACHE=" + w.proxy, "GOPROXY=off"}
		listed, err := w.command(filepath.Join(w.clone, filepath.FromSlash(dir)), env,
			"go", "list", "-f", `{{if eq .Name "main"}}{{.ImportPath}}{{end}}`, "./...")
		if err != nil {
			return nil, err
		}
		for program := range strings.FieldsSeq(listed) {
			if strings.HasPrefix(program, rootModule+"/examples/") {
				programs = append(programs, program)
			}
		}
	}
	if len(programs) != len(trials) {
		return nil, fmt.Errorf("expected %d programs, got %q", len(trials), programs)
	}
	return programs, nil
}
