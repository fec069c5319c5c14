// Package peer runs third-party programs for tests: the official conformance suite,
// server-everything, the executor codex exec-server, and authorization servers. package-lock.json
// and the go.mod below as pin the versions of these programs and of Node. If a program is not
// installed, the test fails instead of being skipped. A [Relay] records what an executor receives.
package peer

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// RequireInstalled fails the test if the pinned programs are not installed.
func RequireInstalled(tb testing.TB) {
	tb.Helper()
	for _, name := range []string{"node", "conformance", "mcp-server-everything"} {
		bin(tb, name)
	}
	for _, codex := range Codexes {
		codex.bin(tb)
	}
}

// bin returns the path of an installed program by its npm name.
func bin(tb testing.TB, name string) string {
	tb.Helper()
	path := filepath.Join(modules(tb), ".bin", name)
	if _, err := os.Stat(path); err != nil {
		tb.Fatalf("peer: %s is not installed: run `npm ci` in tests/peers (%v)", name, err)
	}
	return path
}

// modules returns the directory of the npm packages.
func modules(tb testing.TB) string {
	tb.Helper()
	_, source, _, ok := runtime.Caller(0)
	if !ok {
		tb.Fatal("peer: cannot locate this source file")
	}
	return filepath.Join(filepath.Dir(source), "..", "node_modules")
}

// Node returns the path of the pinned Node.
func Node(tb testing.TB) string {
	tb.Helper()
	return bin(tb, "node")
}

// ServersBin returns the directory of the programs of the npm packages in tests/peers/servers.
func ServersBin(tb testing.TB) string {
	tb.Helper()
	return filepath.Join(modules(tb), "..", "servers", "node_modules", ".bin")
}
