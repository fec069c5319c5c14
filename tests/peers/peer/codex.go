package peer

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
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

// Codex is a running codex exec-server that listens on loopback. Its methods are
// for the test's own goroutine.
type Codex struct {
	// URL is that of its WebSocket; it stays the same over a restart.
	URL string

	tb      testing.TB
	env     []string
	args    []string
	process *process
}

// StartCodex starts codex exec-server on a free port with more arguments, such as
// "--concurrent-requests", "8", and returns when it is ready. It ends with the
// test. Its environment holds nothing of this process's but the path.
func StartCodex(tb testing.TB, args ...string) *Codex {
	tb.Helper()
	return StartCodexIn(tb, nil, args...)
}

// StartCodexIn is StartCodex with more variables in the executor's environment,
// such as "SSL_CERT_FILE=…".
func StartCodexIn(tb testing.TB, env []string, args ...string) *Codex {
	tb.Helper()
	c := &Codex{tb: tb, env: append(codexEnvironment(tb), env...), args: args}
	const tries = 5 // somebody else may take the port between our look and its bind
	for range tries {
		c.URL = fmt.Sprintf("ws://127.0.0.1:%d", freePort(tb))
		if err := c.start(); err == nil {
			return c
		} else if !strings.Contains(c.Log(), "Address in use") {
			tb.Fatalf("%s: %v; its log:\n%s", codexName, err, c.Log())
		}
	}
	tb.Fatalf("%s: %d ports in a row were taken", codexName, tries)
	return nil
}

// Kill ends the executor with SIGKILL, as a crash would, and returns when it is gone.
func (c *Codex) Kill() { c.process.kill() }

// Restart starts the executor anew on the same port, after a Kill if it still
// runs, and returns when it is ready.
func (c *Codex) Restart() {
	c.tb.Helper()
	c.Kill()
	if err := c.start(); err != nil {
		c.tb.Fatalf("%s, restarted: %v; its log:\n%s", codexName, err, c.Log())
	}
}

// Log returns what the executor has printed since it was last started.
func (c *Codex) Log() string {
	text, _ := c.process.log.read()
	return text
}

func (c *Codex) start() error {
	c.tb.Helper()
	args := append([]string{"exec-server", "--listen", c.URL}, c.args...)
	c.process = startIn(c.tb, c.env, codexBin(c.tb), args...)
	if err := c.process.waitFor(c.URL+"\n", 1); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.tb.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http"+strings.TrimPrefix(c.URL, "ws")+"/readyz", nil)
	if err != nil {
		return err
	}
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("/readyz answered with status %d", resp.StatusCode)
	}
	return nil
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
