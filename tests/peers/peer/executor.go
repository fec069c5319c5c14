package peer

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Executor is a running executor that listens on loopback. Call its methods only on the test's
// goroutine.
type Executor struct {
	// URL is the WebSocket URL of the executor. It stays the same after a restart.
	URL string

	tb        testing.TB
	name      string
	env       []string
	program   string
	arguments func(url string) []string
	process   *process
}

// StartAgent builds this project's executor, examples/executor, and starts it with additional
// arguments. It returns when the executor is ready. The executor is stopped at the end of the test.
// Its environment contains CodexVariable.
func StartAgent(tb testing.TB, args ...string) *Executor {
	tb.Helper()
	program := filepath.Join(tb.TempDir(), "executor")
	build := exec.CommandContext(tb.Context(), "go", "build", "-C", filepath.Join(modules(tb), "..", "..", ".."), //nolint:gosec // a local directory
		"-o", program, "./examples/executor")
	if output, err := build.CombinedOutput(); err != nil {
		tb.Fatalf("peer: building the executor: %v\n%s", err, output)
	}
	return startExecutor(tb, &Executor{
		tb: tb, name: "examples/executor", env: append(os.Environ(), CodexVariable+"="+CodexValue), program: program,
		arguments: func(url string) []string { return append([]string{"-listen", url}, args...) },
	})
}

// startExecutor starts e on a free port.
func startExecutor(tb testing.TB, e *Executor) *Executor {
	tb.Helper()
	const tries = 5 // another process may take the port before the executor binds it
	for range tries {
		e.URL = fmt.Sprintf("ws://127.0.0.1:%d", freePort(tb))
		if err := e.start(); err == nil {
			return e
		} else if !strings.Contains(e.Log(), "in use") {
			tb.Fatalf("%s: %v; its log:\n%s", e.name, err, e.Log())
		}
	}
	tb.Fatalf("%s: %d ports in a row were in use", e.name, tries)
	return nil
}

// Kill ends the executor with SIGKILL, as a crash would. It returns when the process has ended.
func (e *Executor) Kill() { e.process.kill() }

// Restart starts the executor again on the same port, after a Kill if it is still running. It
// returns when the executor is ready.
func (e *Executor) Restart() {
	e.tb.Helper()
	e.Kill()
	if err := e.start(); err != nil {
		e.tb.Fatalf("%s, restarted: %v; its log:\n%s", e.name, err, e.Log())
	}
}

// Log returns what the executor has printed since its latest start.
func (e *Executor) Log() string {
	text, _ := e.process.log.read()
	return text
}

func (e *Executor) start() error {
	e.tb.Helper()
	e.process = startIn(e.tb, "", e.env, e.program, e.arguments(e.URL)...)
	if err := e.process.waitFor(e.URL+"\n", 1); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(e.tb.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http"+strings.TrimPrefix(e.URL, "ws")+"/readyz", nil)
	if err != nil {
		return err
	}
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("/readyz returned status %d", resp.StatusCode)
	}
	return nil
}
