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
	// CodexVersion is what codex exec-server says of itself.
	CodexVersion = "0.169.0"
	// CodexVariable is a variable of the executor's environment, for headers that
	// the executor fills; CodexValue is its value.
	CodexVariable = "HAWSER_TEST_SECRET"
	// CodexValue is the value of CodexVariable.
	CodexValue = "known to the executor alone"

	codexName = "codex exec-server"
)

// StartCodex starts codex exec-server on a free port with more arguments, such as
// "--concurrent-requests", "8", and returns when it is ready. It ends with the
// test. Its environment holds nothing of this process's but the path.
func StartCodex(tb testing.TB, args ...string) *Executor {
	tb.Helper()
	return StartCodexIn(tb, nil, args...)
}

// StartCodexIn is StartCodex with more variables in the executor's environment,
// such as "SSL_CERT_FILE=…".
func StartCodexIn(tb testing.TB, env []string, args ...string) *Executor {
	tb.Helper()
	return startExecutor(tb, &Executor{
		tb: tb, name: codexName, env: append(codexEnvironment(tb), env...), program: codexBin(tb),
		arguments: func(url string) []string { return append([]string{"exec-server", "--listen", url}, args...) },
	})
}

// CodexCommand returns what makes commands that run codex exec-server with more
// arguments on its standard input and output. Who starts one ends it.
func CodexCommand(tb testing.TB, args ...string) func(context.Context) (*exec.Cmd, error) {
	tb.Helper()
	program, env := codexBin(tb), codexEnvironment(tb)
	args = append([]string{"exec-server", "--listen", "stdio"}, args...)
	return func(ctx context.Context) (*exec.Cmd, error) {
		cmd := exec.CommandContext(ctx, program, args...) //nolint:gosec // the pinned program
		cmd.Env = env
		return cmd, nil
	}
}

// codexEnvironment is scrubbed: a request can read the executor's variables. With
// a proxy set, even requests to loopback would go there.
func codexEnvironment(tb testing.TB) []string {
	tb.Helper()
	home := tb.TempDir()
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "CODEX_HOME=" + home, "TMPDIR=" + home,
		"NO_PROXY=127.0.0.1,localhost,::1", CodexVariable + "=" + CodexValue,
	}
}

var codexPackage = regexp.MustCompile(`codex-(linux|darwin|win32)-(x64|arm64)`)

// codexBin returns the path of the program itself, which npm gets as a package
// for this platform: its usual launcher would stand between us and its signals.
func codexBin(tb testing.TB) string {
	tb.Helper()
	found, err := filepath.Glob(filepath.Join(modules(tb), "@openai", "codex-*", "vendor", "*", "bin", "codex*"))
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
