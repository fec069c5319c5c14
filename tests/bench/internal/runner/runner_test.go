package runner

import (
	"context"
	"fmt"
	"io"
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/tests/bench/internal/process"
	"github.com/hawser-mcp/hawser/tests/bench/internal/scenario"
	"github.com/hawser-mcp/hawser/tests/bench/internal/worker"
)

func TestMain(m *testing.M) {
	if role := process.Role(); role != "" {
		if err := worker.Main(role); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func options(pattern string, rounds int) *Options {
	return &Options{Rounds: rounds, Smoke: true, Run: regexp.MustCompile(pattern), Clients: []string{"hawser"}, Log: io.Discard}
}

// Each round has one sample of each client, and what the server knows is added to it.
func TestEachRoundHasASampleOfEachClient(t *testing.T) {
	results, err := Run(t.Context(), options("^(one call at a time: 200 B JSON|idle)", 3))
	require.NoError(t, err)
	require.Equal(t, []string{"floor", "hawser"}, results.Clients)
	require.Equal(t, 3, results.Rounds)
	require.Len(t, results.Rows, 3, "two revisions, and idle sessions")
	for _, row := range results.Rows {
		for _, client := range results.Clients {
			require.Len(t, row.Samples[client], 3)
			for _, sample := range row.Samples[client] {
				require.Equal(t, row.Scenario.Few, sample.Calls)
				if row.Scenario.Idle {
					require.GreaterOrEqual(t, sample.Idle.Sockets, 1.0)
					continue
				}
				require.Len(t, sample.Latencies, sample.Calls)
				require.NotContains(t, sample.Latencies, 0)
				require.Positive(t, sample.Allocs)
			}
		}
	}
}

func TestBadOptionsAreRefused(t *testing.T) {
	_, err := Run(t.Context(), options("no such scenario", 1))
	require.ErrorContains(t, err, "no scenario matches")
	opts := options("", 1)
	opts.Clients = []string{"other"}
	_, err = Run(t.Context(), opts)
	require.ErrorContains(t, err, `unknown client "other"`)
}

func TestACancelledRunEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	opts := options("", 1000)
	opts.Log = cancelWriter(cancel)
	_, err := Run(ctx, opts)
	require.Error(t, err)
}

// cancelWriter cancels when the first round is logged.
type cancelWriter context.CancelFunc

func (w cancelWriter) Write(p []byte) (int, error) {
	w()
	return len(p), nil
}

func TestScenariosHaveUniqueIDs(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range scenario.All() {
		require.False(t, seen[s.ID()], s.ID())
		seen[s.ID()] = true
		require.Positive(t, s.Calls)
		require.Positive(t, s.Few)
		require.LessOrEqual(t, s.Callers, max(s.Calls, 1))
	}
}
