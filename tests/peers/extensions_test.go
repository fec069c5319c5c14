package peers_test

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/tests/peers/peer"
)

// tasksExtension resolves a task by one request. named says whether the request mirrors the ID of
// the task into Mcp-Name.
func tasksExtension(named bool) mcpclient.Extension {
	e := mcpclient.Extension{
		ID: "io.modelcontextprotocol/tasks", Since: "2026-07-28",
		Claims: []mcpclient.Claim{{
			Method: "tools/call", ResultType: "task",
			Resolve: func(ctx context.Context, s *mcpclient.Session, r mcpclient.ClaimedResult) (json.RawMessage, error) {
				var task struct {
					TaskID string `json:"taskId"`
				}
				if err := json.Unmarshal(r.Raw, &task); err != nil {
					return nil, err
				}
				raw, err := s.Request(ctx, "tasks/get", task, mcpclient.WithIdempotent())
				if err != nil {
					return nil, err
				}
				var state struct{ Result json.RawMessage }
				return state.Result, json.Unmarshal(raw, &state)
			},
		}},
	}
	if named {
		e.Names = map[string]string{"tasks/get": "taskId"}
	}
	return e
}

// A server of the TypeScript SDK hides a tool from clients that do not declare MCP Apps, and makes
// tasks of calls. The SDK refuses a request about a task whose ID is not in Mcp-Name.
func TestExtensionsOfTheTypeScriptSDK(t *testing.T) {
	peer.RequireInstalled(t)
	script, err := filepath.Abs(filepath.Join("servers", "extensions.mjs"))
	if err != nil {
		t.Fatal(err)
	}
	server := peer.StartServer(t, "extensions", "/mcp", func(int) peer.Command { return peer.NodeCommand(t, script) })
	connect := func(extensions ...mcpclient.Extension) *mcpclient.Session {
		s, err := mcpclient.Connect(t.Context(), server.URL, &mcpclient.Options{Extensions: extensions, Strict: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	listed := func(s *mcpclient.Session) (names []string) {
		tools, _, err := s.AllTools(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, tool := range tools {
			names = append(names, tool.Name)
			if tool.VisibleToModel() != (tool.Name == "start") {
				t.Errorf("%s: VisibleToModel returned %v", tool.Name, tool.VisibleToModel())
			}
		}
		return names
	}

	plain := connect()
	if got := strings.Join(listed(plain), " "); got != "start" {
		t.Errorf("without extensions, the server listed %s", got)
	}
	_, err = plain.CallTool(t.Context(), "start", nil)
	if mcpclient.KindOf(err) != mcpclient.KindProtocol || mcpclient.OutcomeOf(err) != mcpclient.Unknown {
		t.Errorf("a task that was not declared: %v", err)
	}

	apps := mcpclient.Extension{ID: "io.modelcontextprotocol/ui", Settings: map[string]any{"mimeTypes": []string{"text/html;profile=mcp-app"}}}
	both := connect(apps, tasksExtension(true))
	if got := strings.Join(listed(both), " "); got != "start chart" {
		t.Errorf("with MCP Apps, the server listed %s", got)
	}
	res, err := both.CallTool(t.Context(), "start", nil)
	if err != nil || res.Text() != "task täsk 7" {
		t.Errorf("a task: %v, %v", res, err)
	}
	_, err = connect(tasksExtension(false)).CallTool(t.Context(), "start", nil)
	if err == nil || !strings.Contains(err.Error(), "-32020") {
		t.Errorf("without Mcp-Name: %v", err)
	}
}
