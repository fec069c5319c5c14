package interop_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/mcpclient"
)

const (
	appsID  = "io.modelcontextprotocol/ui"
	tasksID = "io.modelcontextprotocol/tasks"
)

// startExtensionServer starts mcp-go's server with a tool that only clients with the extension MCP
// Apps see, and one that becomes a task.
func startExtensionServer(t *testing.T, opts ...server.StreamableHTTPOption) (endpoint string) {
	t.Helper()
	declares := func(ctx context.Context, id string) bool {
		session, ok := server.ClientSessionFromContext(ctx).(server.SessionWithClientInfo)
		if !ok {
			return false
		}
		_, declared := session.GetClientCapabilities().Extensions[id]
		return declared
	}
	s := server.NewMCPServer("mcp-go", "1.2.1", server.WithToolCapabilities(true),
		server.WithExtensions(map[string]any{appsID: map[string]any{}, tasksID: map[string]any{}}),
		server.WithToolFilter(func(ctx context.Context, tools []mcp.Tool) []mcp.Tool {
			var shown []mcp.Tool
			for _, tool := range tools {
				if tool.Name != "chart" || declares(ctx, appsID) {
					shown = append(shown, tool)
				}
			}
			return shown
		}))
	chart := mcp.NewToolWithRawSchema("chart", "", json.RawMessage(anySchema))
	chart.Meta = &mcp.Meta{AdditionalFields: map[string]any{"ui": map[string]any{"resourceUri": "ui://chart", "visibility": []string{"app"}}}}
	s.AddTool(chart, mcpGoText("a chart"))
	s.AddTool(mcp.NewToolWithRawSchema("start", "", json.RawMessage(anySchema)), func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		result := mcp.NewToolResultText("")
		result.ResultType = "task"
		result.Meta = &mcp.Meta{AdditionalFields: map[string]any{"taskId": "7"}}
		return result, nil
	})
	h := server.NewStreamableHTTPServer(s, append(opts, server.WithStreamableHTTPLogger(slog.New(slog.DiscardHandler)))...)
	web := httptest.NewServer(h)
	t.Cleanup(func() {
		web.Close()
		_ = h.Shutdown(context.Background())
	})
	return web.URL + "/mcp"
}

// mcp-go's server hides a tool from clients that do not declare an extension. A session that
// declares it sees and runs the tool, in both eras.
func TestExtensions(t *testing.T) {
	legacyOnly := server.WithStreamableHTTPProtocolVersions("2025-11-25")
	for _, era := range []mcpclient.Era{mcpclient.EraLegacy, mcpclient.EraModern} {
		t.Run(era.String(), func(t *testing.T) {
			var opts []server.StreamableHTTPOption
			if era == mcpclient.EraLegacy {
				opts = []server.StreamableHTTPOption{server.WithStateful(true), legacyOnly}
			}
			endpoint := startExtensionServer(t, opts...)
			connect := func(extensions ...mcpclient.Extension) *mcpclient.Session {
				s, err := mcpclient.Connect(t.Context(), endpoint, &mcpclient.Options{Extensions: extensions, Strict: true})
				require.NoError(t, err)
				t.Cleanup(func() { require.NoError(t, s.Close()) })
				require.Equal(t, era, s.Era())
				require.Contains(t, s.Capabilities().Extensions, appsID)
				require.Contains(t, s.Capabilities().Extensions, tasksID)
				return s
			}
			listed := func(s *mcpclient.Session) (names []string) {
				tools, _, err := s.AllTools(t.Context())
				require.NoError(t, err)
				for _, tool := range tools {
					names = append(names, tool.Name)
					require.Equal(t, tool.Name != "chart", tool.VisibleToModel())
				}
				return names
			}

			plain := connect()
			require.Equal(t, []string{"start"}, listed(plain))
			_, err := plain.CallTool(t.Context(), "chart", nil)
			require.Equal(t, mcpclient.KindServer, mcpclient.KindOf(err), "%v", err)

			apps := connect(mcpclient.Extension{ID: appsID, Settings: map[string]any{"mimeTypes": []string{"text/html;profile=mcp-app"}}})
			require.ElementsMatch(t, []string{"chart", "start"}, listed(apps))
			res, err := apps.CallTool(t.Context(), "chart", nil)
			require.NoError(t, err)
			require.Equal(t, "a chart", res.Text())
			if era == mcpclient.EraModern {
				resultTypes(t, apps, connect)
			}
		})
	}
}

// resultTypes checks that a result whose type no extension claims is refused: the tool may still
// run. A claim makes a result of it.
func resultTypes(t *testing.T, unclaimed *mcpclient.Session, connect func(...mcpclient.Extension) *mcpclient.Session) {
	t.Helper()
	_, err := unclaimed.CallTool(t.Context(), "start", nil)
	require.Equal(t, mcpclient.KindProtocol, mcpclient.KindOf(err), "%v", err)
	require.Equal(t, mcpclient.Unknown, mcpclient.OutcomeOf(err))
	require.ErrorContains(t, err, `unknown resultType "task"`)

	claimed := connect(mcpclient.Extension{ID: tasksID, Claims: []mcpclient.Claim{{
		Method: "tools/call", ResultType: "task",
		Resolve: func(_ context.Context, _ *mcpclient.Session, r mcpclient.ClaimedResult) (json.RawMessage, error) {
			var seed struct {
				Meta struct{ TaskID string } `json:"_meta"`
			}
			err := json.Unmarshal(r.Raw, &seed)
			return json.RawMessage(`{"content":[{"type":"text","text":"task ` + seed.Meta.TaskID + `"}]}`), err
		},
	}}})
	res, err := claimed.CallTool(t.Context(), "start", nil)
	require.NoError(t, err)
	require.Equal(t, "task 7", res.Text())
}
