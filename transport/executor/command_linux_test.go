package executor_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/transport/executor"
)

func openFiles(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return len(all)
}

func TestCommandLeavesNoPipeOpen(t *testing.T) {
	run := func() {
		c := &children{role: "agent"}
		rt, err := executor.Command(t.Context(), c.make, nil)
		require.NoError(t, err)
		require.NoError(t, rt.Close())
		require.Error(t, c.life.Err(), "its context ended with the process")
	}
	run() // the first run lets the runtime open its own files
	before := openFiles(t)
	for range 3 {
		run()
	}
	require.Equal(t, before, openFiles(t))
}
