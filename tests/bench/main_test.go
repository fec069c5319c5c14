package main_test

import (
	"fmt"
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hawser-mcp/hawser/tests/bench/internal/process"
	"github.com/hawser-mcp/hawser/tests/bench/internal/report"
	"github.com/hawser-mcp/hawser/tests/bench/internal/runner"
	"github.com/hawser-mcp/hawser/tests/bench/internal/worker"
)

// The test binary takes the roles of the program.
func TestMain(m *testing.M) {
	if role := process.Role(); role != "" {
		if err := worker.Main(role); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// Every scenario works with every client: results and progress are complete, and the versions are
// those of the scenarios. No time is asserted.
func TestEveryScenarioWorks(t *testing.T) {
	results, err := runner.Run(t.Context(), &runner.Options{Rounds: 1, Smoke: true, Clients: smokeClients, Log: io.Discard})
	require.NoError(t, err)
	for _, row := range results.Rows {
		for _, client := range results.Clients {
			for _, sample := range row.Samples[client] {
				require.Positive(t, sample.Calls, row.Scenario.ID())
				require.Equal(t, row.Scenario.Idle, sample.Idle != nil, row.Scenario.ID())
			}
		}
		require.Len(t, row.Samples["hawser"], 1)
	}
	text := results.Markdown(report.Machine(t.Context()))
	for _, client := range results.Clients {
		require.Contains(t, text, "| "+client+" |")
	}
}
