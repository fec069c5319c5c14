package interop_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"slices"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/hawser-mcp/hawser/mcpclient"
)

// mcpGoPeers returns the configurations of mcp-go's server. The server's handler serves both eras
// unless the test restricts its revisions.
//
// These peers run in lockstep, because the server can lose a notification. Its forwarder takes a
// notification off the session's channel and then writes it. If the tool returns in between, the
// server drops the notification.
//
// In both eras the server accepts subscriptions to resources but sends no updates by itself. The
// test therefore sends them: to every legacy client, subscribed or not, and to each modern client
// whose subscription a hook has recorded.
func mcpGoPeers() []peer {
	legacyOnly := server.WithStreamableHTTPProtocolVersions("2025-11-25", "2025-06-18", "2025-03-26")
	setting := func(name string, era mcpclient.Era, events bool, opts ...server.StreamableHTTPOption) peer {
		p := peer{name: "mcp-go " + name, era: era, version: "2025-11-25", resumes: events, lockstep: true, distinguishesEmpty: true, takesAnySession: true, plainReads: true}
		if era == mcpclient.EraModern {
			p.version = "2026-07-28"
		}
		p.start = func(w *world) *instance {
			opts := slices.Clone(opts)
			if events {
				opts = append(opts, server.WithEventStore(server.NewInMemoryEventStore()))
			}
			opts = append(opts, server.WithStreamableHTTPLogger(slog.New(slog.DiscardHandler)))
			return startMCPGo(w, opts...)
		}
		return p
	}
	return []peer{
		setting("legacy", mcpclient.EraLegacy, false, server.WithStateful(true), legacyOnly),
		setting("legacy with events", mcpclient.EraLegacy, true, server.WithStateful(true), legacyOnly),
		setting("modern", mcpclient.EraModern, false),
		setting("both eras", mcpclient.EraModern, false, server.WithStateful(true)),
	}
}

func startMCPGo(w *world, opts ...server.StreamableHTTPOption) *instance {
	subscribers := new(mcpGoSubscribers)
	s := server.NewMCPServer("mcp-go", "1.2.1", server.WithToolCapabilities(true), server.WithResourceCapabilities(true, true),
		server.WithPromptCapabilities(true), server.WithLogging(), server.WithInstructions("be kind"), server.WithPaginationLimit(5),
		server.WithCompletions(), server.WithPromptCompletionProvider(mcpGoCompletion{}), server.WithResourceCompletionProvider(mcpGoCompletion{}),
		server.WithElicitation(), server.WithRoots(), server.WithHooks(subscribers.hooks()))
	addMCPGoTools(s, w)
	addMCPGoFeatures(s, w)
	s.AddResource(mcp.NewResource("test://text", "text", mcp.WithMIMEType("text/plain")), mcpGoResource)
	s.AddResource(mcp.NewResource("test://blob", "blob", mcp.WithMIMEType("application/octet-stream")), mcpGoResource)
	s.AddResourceTemplate(mcp.NewResourceTemplate("test://items/{id}", "items"), mcpGoResource)
	s.AddPrompt(mcp.NewPrompt("greet", mcp.WithArgument("who", mcp.RequiredArgument())), mcpGoPrompt)
	h := server.NewStreamableHTTPServer(s, opts...)
	return &instance{
		handler:     h,
		addTool:     func(name string) { s.AddTool(mcp.NewTool(name), mcpGoText("late")) },
		addPrompt:   func(name string) { s.AddPrompt(mcp.NewPrompt(name), mcpGoPrompt) },
		addResource: func(uri string) { s.AddResource(mcp.NewResource(uri, uri), mcpGoResource) },
		update: func(uri string) {
			s.SendNotificationToAllClients(mcp.MethodNotificationResourceUpdated, map[string]any{"uri": uri})
			subscribers.update(uri)
		},
		stop: func() { _ = h.Shutdown(context.Background()) },
	}
}

func mcpGoText(text string) server.ToolHandlerFunc {
	return func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return mcp.NewToolResultText(text), nil
	}
}

func addMCPGoTools(s *server.MCPServer, w *world) {
	add := func(name, schema string, h server.ToolHandlerFunc) {
		s.AddTool(mcp.NewToolWithRawSchema(name, name, json.RawMessage(schema)),
			func(ctx context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
				w.runs <- name
				return h(ctx, r)
			})
	}
	add("echo", anySchema, func(_ context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return mcp.NewToolResultText(r.GetString("text", "")), nil
	})
	add("fail", anySchema, func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return mcp.NewToolResultError("it went wrong"), nil
	})
	add("big", anySchema, func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return &mcp.CallToolResult{Content: []mcp.Content{}, StructuredContent: json.RawMessage(bigContent)}, nil
	})
	add("mirror", anySchema, func(_ context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return &mcp.CallToolResult{Content: []mcp.Content{}, StructuredContent: r.Params.RawArguments}, nil
	})
	add("region", regionSchema, func(_ context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return mcp.NewToolResultText(r.Header.Get("Mcp-Param-Region")), nil
	})
	add("wait", anySchema, func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) { return nil, w.wait(ctx) })
	add("work", anySchema, func(ctx context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		for i := 1; i <= steps; i++ {
			if err := mcpGoProgress(ctx, r, i); err != nil {
				return nil, err
			}
			if i <= r.GetInt("lockstep", steps) {
				w.sent(ctx)
			}
		}
		return mcp.NewToolResultText("done"), nil
	})
	add("log", anySchema, func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		for _, level := range []mcp.LoggingLevel{"debug", "info", "error"} {
			message := mcp.NewLoggingMessageNotification(level, "tool", map[string]any{"level": level})
			if err := s.SendLogMessageToClient(ctx, message); err != nil {
				return nil, err
			}
			if level != "debug" { // debug is below the level that the test requests
				w.sent(ctx)
			}
		}
		return mcp.NewToolResultText("done"), nil
	})
	add("pause", anySchema, func(ctx context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		if err := mcpGoProgress(ctx, r, 1); err != nil {
			return nil, err
		}
		if err := w.pause(); err != nil {
			return nil, err
		}
		if err := mcpGoProgress(ctx, r, 2); err != nil {
			return nil, err
		}
		return mcp.NewToolResultText("done"), nil
	})
}

func mcpGoProgress(ctx context.Context, r mcp.CallToolRequest, i int) error {
	return server.ServerFromContext(ctx).SendNotificationToClient(ctx, "notifications/progress", map[string]any{
		"progressToken": r.Params.Meta.ProgressToken, "progress": i, "total": steps, "message": stepName(i),
	})
}

func mcpGoResource(_ context.Context, r mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
	if r.Params.URI == "test://blob" {
		blob := base64.StdEncoding.EncodeToString([]byte{0, 1, 254, 255})
		return []mcp.ResourceContents{mcp.BlobResourceContents{URI: r.Params.URI, MIMEType: "application/octet-stream", Blob: blob}}, nil
	}
	return []mcp.ResourceContents{mcp.TextResourceContents{URI: r.Params.URI, MIMEType: "text/plain", Text: trickyText}}, nil
}

func mcpGoPrompt(_ context.Context, r mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
	if r.Params.Arguments["who"] == askWho {
		if r.Params.InputResponses == nil {
			return mcpGoInputRequests(stateOf(1), askForm).PromptResult(), nil
		}
		data, err := json.Marshal(r.Params.InputResponses)
		return mcp.NewGetPromptResult("", []mcp.PromptMessage{mcp.NewPromptMessage(mcp.RoleUser, mcp.NewTextContent(string(data)))}), err
	}
	return mcp.NewGetPromptResult("a greeting", []mcp.PromptMessage{
		mcp.NewPromptMessage(mcp.RoleUser, mcp.NewTextContent("hello "+r.Params.Arguments["who"])),
	}), nil
}
