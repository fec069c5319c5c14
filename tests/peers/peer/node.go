// Package peer runs other people's programs for tests: the official conformance
// suite, server-everything and the executor codex exec-server, at the versions
// package-lock.json pins, under the Node it pins. A program that is not installed
// is a failed test, never a skipped one. A [Relay] looks at what an executor is asked.
package peer

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// RequireInstalled fails the test at once unless the pinned programs are there.
func RequireInstalled(tb testing.TB) {
	tb.Helper()
	for _, name := range []string{"node", "conformance", "mcp-server-everything"} {
		bin(tb, name)
	}
	codexBin(tb)
}

// bin returns the path of an installed program, by the name npm gives it.
func bin(tb testing.TB, name string) string {
	tb.Helper()
	path := filepath.Join(modules(tb), ".bin", name)
	if _, err := os.Stat(path); err != nil {
		tb.Fatalf("peer: %s is not installed: run `npm ci` in tests/peers (%v)", name, err)
	}
	return path
}

// modules returns the directory of npm's packages.
func modules(tb testing.TB) string {
	tb.Helper()
	_, source, _, ok := runtime.Caller(0)
	if !ok {
		tb.Fatal("peer: the place of this source file is not known")
	}
	return filepath.Join(filepath.Dir(source), "..", "node_modules")
}
