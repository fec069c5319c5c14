package peer

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

// Codex is a version of codex exec-server.
type Codex struct {
	// Version is the version that the executor reports.
	Version string
	// Decodes means that the executor decodes bodies of responses in gzip, even if the request asks
	// for gzip.
	Decodes bool
	// Alias is the npm package in package.json. "" means @openai/codex.
	Alias string
}

// Codexes lists the versions that tests can run, the newest first. package.json pins them.
var Codexes = []Codex{
	{Version: "0.171.0", Decodes: true},
	{Version: "0.169.0", Alias: "codex-0169"},
}

const (
	// CodexSelection is the environment variable that names the version for [SelectedCodex].
	CodexSelection = "HAWSER_TEST_CODEX"
	// CodexVariable is a variable in the executor's environment. Tests make the executor fill
	// headers with it.
	CodexVariable = "HAWSER_TEST_SECRET"
	// CodexValue is the value of CodexVariable.
	CodexValue = "known to the executor alone"

	codexName        = "codex exec-server"
	codexPackageName = "@openai/codex"
)

// SelectedCodex returns the version that tests run: the newest, or the one that CodexSelection
// names.
func SelectedCodex(tb testing.TB) Codex {
	tb.Helper()
	version := os.Getenv(CodexSelection)
	if version == "" {
		return Codexes[0]
	}
	i := slices.IndexFunc(Codexes, func(c Codex) bool { return c.Version == version })
	if i < 0 {
		tb.Fatalf("peer: %s=%s: expected one of %+v", CodexSelection, version, Codexes)
	}
	return Codexes[i]
}

// StartCodex starts SelectedCodex with additional arguments.
func StartCodex(tb testing.TB, args ...string) *Executor {
	tb.Helper()
	return SelectedCodex(tb).Start(tb, args...)
}

// Start starts codex exec-server on a free port and returns when it is ready. args are additional
// arguments, such as "--concurrent-requests", "8". The executor is stopped at the end of the test.
// Of the environment of this process, it gets only PATH.
func (c Codex) Start(tb testing.TB, args ...string) *Executor {
	tb.Helper()
	return startExecutor(tb, &Executor{
		tb: tb, name: codexName, env: codexEnvironment(tb), program: c.bin(tb),
		arguments: func(url string) []string { return append([]string{"exec-server", "--listen", url}, args...) },
	})
}

// CodexCommand returns a function that creates commands. Each command runs SelectedCodex with
// additional arguments over its standard input and output. The caller starts and ends it.
func CodexCommand(tb testing.TB, args ...string) func(context.Context) (*exec.Cmd, error) {
	tb.Helper()
	program, env := SelectedCodex(tb).bin(tb), codexEnvironment(tb)
	args = append([]string{"exec-server", "--listen", "stdio"}, args...)
	return func(ctx context.Context) (*exec.Cmd, error) {
		cmd := exec.CommandContext(ctx, program, args...) //nolint:gosec // the program is pinned
		cmd.Env = env
		return cmd, nil
	}
}

// codexEnvironment returns a minimal environment. A request can read the variables of the executor,
// so the environment must contain no real secrets. It must also contain no proxy setting, because
// codex would use the proxy even for loopback addresses.
func codexEnvironment(tb testing.TB) []string {
	tb.Helper()
	home := tb.TempDir()
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "CODEX_HOME=" + home, "TMPDIR=" + home,
		"NO_PROXY=127.0.0.1,localhost,::1", CodexVariable + "=" + CodexValue,
	}
}

var codexPackage = regexp.MustCompile(`codex-(linux|darwin|win32)-(x64|arm64)`)

// bin returns the path of the codex program in the npm package for this platform. The launcher
// script of codex would not forward signals to the program.
func (c Codex) bin(tb testing.TB) string {
	tb.Helper()
	directory := modules(tb)
	if c.Alias != "" {
		directory = filepath.Join(directory, c.Alias, "node_modules")
	}
	found, err := filepath.Glob(filepath.Join(directory, "@openai", "codex-*", "vendor", "*", "bin", "codex*"))
	if err != nil {
		tb.Fatal(err)
	}
	for _, path := range found {
		if name := filepath.Base(path); codexPackage.MatchString(path) && (name == "codex" || name == "codex.exe") {
			return path
		}
	}
	tb.Fatalf("peer: %s %s is not installed: run `npm ci` in tests/peers", codexName, c.Version)
	return ""
}
