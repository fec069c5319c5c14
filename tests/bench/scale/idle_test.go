//go:build !race

package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/transport"
)

// An idle session with a stream costs at most 32 kB, three goroutines and a socket. The race
// detector needs memory itself, so this test is not built with it.
func TestIdleSessionsAreSmall(t *testing.T) {
	const sessions = 1000
	for _, version := range []string{modernVersion, legacyVersion} {
		t.Run(version, func(t *testing.T) {
			var addrs []string
			servers, err := start(asServer, "1", &addrs)
			require.NoError(t, err)
			direct := transport.NewDirect(&transport.DirectOptions{MaxIdlePerHost: 1})
			c, _, err := idle(servers, direct, addrs, version, sessions, nil)
			require.NoError(t, err)
			require.LessOrEqual(t, c.heap+c.stack, 32.0, "kB of heap (%.1f) and stack (%.1f)", c.heap, c.stack)
			require.InDelta(t, 3, c.goroutines, 0.02)
			require.InDelta(t, 1, c.sockets, 0.02)
			require.NoError(t, servers.stop())
		})
	}
}
