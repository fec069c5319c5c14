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
	"github.com/hawser-mcp/hawser/internal/memnet"
	farend "github.com/hawser-mcp/hawser/transport/executor/agent"
)

// One variable sends the requests of all servers through an executor, including servers that name
// another one. The servers are on a network that only the executor reaches.
func TestExecutorSendsAllRequests(t *testing.T) {
	memory := memnet.New()
	house, err := teahouse.Open(t.Context(), listensOn(memory))
	require.NoError(t, err)
	defer house.Close()
	file := nameExecutor(t, house.Config)
	for _, through := range []bool{true, false} {
		far, err := farend.Listen(t.Context(), "ws://127.0.0.1:0", &farend.Options{DialContext: memory.DialContext})
		require.NoError(t, err)
		t.Setenv("HAWSER_EXECUTOR", "")
		if through {
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
		require.NoError(t, far.Close())
		if through {
			require.NoError(t, err, out.String())
		} else {
			require.ErrorContains(t, err, "elsewhere", "a server names an executor that is not there")
		}
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
