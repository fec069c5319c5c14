package peer

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

const (
	// CodexVersion is the version that codex exec-server reports.
	CodexVersion = "0.169.0"
	// NextCodexVersion is the version of the executor that StartNextCodex starts.
	NextCodexVersion = "0.171.0"
	// CodexVariable is a variable in the executor's environment. Tests make the executor fill
	// headers with it.
	CodexVariable = "HAWSER_TEST_SECRET"
	// CodexValue is the value of CodexVariable.
	CodexValue = "known to the executor alone"

	codexName = "codex exec-server"
)

// StartCodex starts codex exec-server on a free port and returns when it is ready. args are
// additional arguments, such as "--concurrent-requests", "8". The executor is stopped at the end of
// the test. Of the environment of this process, it gets only PATH.
func StartCodex(tb testing.TB, args ...string) *Executor {
	tb.Helper()
	return StartCodexIn(tb, nil, args...)
}

// StartCodexIn is StartCodex with additional environment variables, such as "SSL_CERT_FILE=…".
func StartCodexIn(tb testing.TB, env []string, args ...string) *Executor {
	tb.Helper()
	return startCodex(tb, codexBin(tb), env, args)
}

// StartNextCodex is StartCodex with version NextCodexVersion.
func StartNextCodex(tb testing.TB, args ...string) *Executor {
	tb.Helper()
	return startCodex(tb, codexBin(tb, "codex-0171", "node_modules"), nil, args)
}

func startCodex(tb testing.TB, program string, env, args []string) *Executor {
	tb.Helper()
	return startExecutor(tb, &Executor{
		tb: tb, name: codexName, env: append(codexEnvironment(tb), env...), program: program,
		arguments: func(url string) []string { return append([]string{"exec-server", "--listen", url}, args...) },
	})
}

// CodexCommand returns a function that creates commands. Each command runs codex exec-server with
// additional arguments over its standard input and output. The caller starts and ends it.
func CodexCommand(tb testing.TB, args ...string) func(context.Context) (*exec.Cmd, error) {
	tb.Helper()
	program, env := codexBin(tb), codexEnvironment(tb)
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

// codexBin returns the path of the codex program in the npm package for this platform. The launcher
// script of codex would not forward signals to the program. under is the directory that holds the
// package, below node_modules.
func codexBin(tb testing.TB, under ...string) string {
	tb.Helper()
	directory := filepath.Join(append([]string{modules(tb)}, under...)...)
	found, err := filepath.Glob(filepath.Join(directory, "@openai", "codex-*", "vendor", "*", "bin", "codex*"))
	if err != nil {
		tb.Fatal(err)
	}
	for _, path := range found {
		if name := filepath.Base(path); codexPackage.MatchString(path) && (name == "codex" || name == "codex.exe") {
			return path
		}
	}
	tb.Fatalf("peer: %s is not installed: run `npm ci` in tests/peers", codexName)
	return ""
}
