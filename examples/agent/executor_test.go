package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/examples/teahouse"
	farend "github.com/hawser-mcp/hawser/transport/executor/agent"
)

// One variable sends the requests of all servers through an executor: also those of servers that
// name another one.
func TestExecutorSendsAllRequests(t *testing.T) {
	house, err := teahouse.Open(t.Context(), nil)
	require.NoError(t, err)
	defer house.Close()
	file := nameExecutor(t, house.Config)
	for _, through := range []bool{true, false} {
		far, err := farend.Listen(t.Context(), "ws://127.0.0.1:0", nil)
		require.NoError(t, err)
		if t.Setenv("HAWSER_EXECUTOR", ""); through {
			t.Setenv("HAWSER_EXECUTOR", far.URL())
		}
		var out strings.Builder
		a := newAgent(t, &out)
		a.model = plays(t, `{"tool_calls": [
				{"id": "1", "function": {"name": "pantry__stock", "arguments": "{}"}},
				{"id": "2", "function": {"name": "kitchen__brewed", "arguments": "{}"}}]}`,
			func(chat []any) string {
				require.Contains(t, string(chat[2].(json.RawMessage)), "enough for 3 cups")
				require.Contains(t, string(chat[3].(json.RawMessage)), "cups brewed: 0")
				return `{"content": "Done."}`
			})
		err = a.start(t.Context(), file, "Work.")
		exchanges := far.Stats().ExchangesTotal
		require.NoError(t, far.Close())
		if !through {
			require.ErrorContains(t, err, "elsewhere", "the server names an executor that is not there")
			require.Zero(t, exchanges)
			continue
		}
		require.NoError(t, err)
		require.GreaterOrEqual(t, exchanges, int64(2+2), "each server was connected and called")
	}
	t.Setenv("HAWSER_EXECUTOR", "ws://127.0.0.1:1")
	require.ErrorContains(t, newAgent(t, &strings.Builder{}).start(t.Context(), file, "Work."), "connection refused")
}

// nameExecutor returns a configuration file in which the pantry names an executor.
func nameExecutor(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var cfg map[string]map[string]map[string]any
	require.NoError(t, json.Unmarshal(text, &cfg))
	cfg["mcpServers"]["pantry"]["hawser"] = map[string]any{"executor": "elsewhere"}
	cfg["hawser"] = map[string]map[string]any{"executors": {"elsewhere": map[string]any{"url": "ws://127.0.0.1:1"}}}
	text, err = json.Marshal(cfg)
	require.NoError(t, err)
	name := filepath.Join(t.TempDir(), "mcp.json")
	require.NoError(t, os.WriteFile(name, text, 0o600), fmt.Sprint(cfg))
	return name
}
