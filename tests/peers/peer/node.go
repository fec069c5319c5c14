// Package peer runs other people's MCP programs for tests: the official
// conformance suite and server-everything, at the versions package-lock.json
// pins, under the Node it pins. A program that is not installed is a failed
// test, never a skipped one.
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
}

// bin returns the path of an installed program, by the name npm gives it.
func bin(tb testing.TB, name string) string {
	tb.Helper()
	_, source, _, ok := runtime.Caller(0)
	if !ok {
		tb.Fatal("peer: the place of this source file is not known")
	}
	path := filepath.Join(filepath.Dir(source), "..", "node_modules", ".bin", name)
	if _, err := os.Stat(path); err != nil {
		tb.Fatalf("peer: %s is not installed: run `npm ci` in tests/peers (%v)", name, err)
	}
	return path
}
