package interop_test

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/hawser-mcp/hawser/mcpclient"
)

// goSDKPeers returns the configurations of the official Go SDK's server. A stateless handler offers
// 2026-07-28. A stateful handler speaks legacy revisions only and says so in the result of
// server/discover. If a tool or prompt requires input, the server sends separate requests to a
// legacy client. It cannot do so for a resource, because it first rejects a resource without
// contents.
func goSDKPeers() []peer {
	setting := func(name string, era mcpclient.Era, opts mcp.StreamableHTTPOptions, events bool) peer {
		p := peer{name: "go-sdk " + name, era: era, version: "2025-11-25", resumes: events, silentCalls: opts.JSONResponse, oneRound: true, plainReads: true}
		if era == mcpclient.EraModern {
			p.version, p.oneRound, p.plainReads = "2026-07-28", false, false
		}
		p.start = func(w *world) *instance {
			opts := opts
			if events {
				opts.EventStore = mcp.NewMemoryEventStore(nil)
			}
			return startGoSDK(w, &opts)
		}
		return p
	}
	// Without PropagateRequestCancellation, this server does not end the handler of a modern
	// request whose stream was closed.
	return []peer{
		setting("legacy SSE", mcpclient.EraLegacy, mcp.StreamableHTTPOptions{}, false),
		setting("legacy SSE with events", mcpclient.EraLegacy, mcp.StreamableHTTPOptions{}, true),
		setting("legacy JSON", mcpclient.EraLegacy, mcp.StreamableHTTPOptions{JSONResponse: true}, false),
		setting("modern SSE", mcpclient.EraModern, mcp.StreamableHTTPOptions{Stateless: true, PropagateRequestCancellation: true}, false),
		setting("modern JSON", mcpclient.EraModern,
			mcp.StreamableHTTPOptions{Stateless: true, PropagateRequestCancellation: true, JSONResponse: true}, false),
	}
}

func startGoSDK(w *world, opts *mcp.StreamableHTTPOptions) *instance {
	server := mcp.NewServer(&mcp.Implementation{Name: "go-sdk", Version: "1.8.0"}, &mcp.ServerOptions{
		Instructions: "be kind", PageSize: 5, CompletionHandler: goSDKComplete,
		SubscribeHandler:   func(context.Context, *mcp.SubscribeRequest) error { return nil },
		UnsubscribeHandler: func(context.Context, *mcp.UnsubscribeRequest) error { return nil },
		RootsListChangedHandler: func(context.Context, *mcp.RootsListChangedRequest) { //nolint:staticcheck // deprecated, but clients still send it
			w.moved <- struct{}{}
		},
	})
	addGoSDKTools(server, w)
	addGoSDKFeatures(server, w)
	server.AddResource(&mcp.Resource{URI: "test://text", Name: "text", MIMEType: "text/plain"}, goSDKResource)
	server.AddResource(&mcp.Resource{URI: "test://blob", Name: "blob", MIMEType: "application/octet-stream"}, goSDKResource)
	server.AddResourceTemplate(&mcp.ResourceTemplate{URITemplate: "test://items/{id}", Name: "items"}, goSDKResource)
	server.AddPrompt(&mcp.Prompt{Name: "greet", Arguments: []*mcp.PromptArgument{{Name: "who", Required: true}}}, goSDKPrompt)
	return &instance{
		handler: mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, opts),
		addTool: func(name string) {
			server.AddTool(&mcp.Tool{Name: name, InputSchema: json.RawMessage(anySchema)}, goSDKText("late"))
		},
		addPrompt:   func(name string) { server.AddPrompt(&mcp.Prompt{Name: name}, goSDKPrompt) },
		addResource: func(uri string) { server.AddResource(&mcp.Resource{URI: uri, Name: uri}, goSDKResource) },
		update: func(uri string) {
			_ = server.ResourceUpdated(context.Background(), &mcp.ResourceUpdatedNotificationParams{URI: uri})
		},
		stop: func() {
			for s := range server.Sessions() {
				_ = s.Close()
			}
		},
	}
}

func goSDKText(text string) mcp.ToolHandler {
	return func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: text}}}, nil
	}
}

func addGoSDKTools(server *mcp.Server, w *world) {
	add := func(name, schema string, h mcp.ToolHandler) {
		server.AddTool(&mcp.Tool{Name: name, Description: name, InputSchema: json.RawMessage(schema)},
			func(ctx context.Context, r *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
				w.runs <- name
				return h(ctx, r)
			})
	}
	add("echo", anySchema, func(ctx context.Context, r *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		var args struct{ Text string }
		if err := json.Unmarshal(r.Params.Arguments, &args); err != nil {
			return nil, err
		}
		return goSDKText(args.Text)(ctx, r)
	})
	add("fail", anySchema, func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "it went wrong"}}, IsError: true}, nil
	})
	add("big", anySchema, func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return &mcp.CallToolResult{Content: []mcp.Content{}, StructuredContent: json.RawMessage(bigContent)}, nil
	})
	add("mirror", anySchema, func(_ context.Context, r *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return &mcp.CallToolResult{Content: []mcp.Content{}, StructuredContent: r.Params.Arguments}, nil
	})
	add("region", regionSchema, func(ctx context.Context, r *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return goSDKText(r.Extra.Header.Get("Mcp-Param-Region"))(ctx, r)
	})
	add("wait", anySchema, func(ctx context.Context, _ *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return nil, w.wait(ctx)
	})
	add("work", anySchema, func(ctx context.Context, r *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		for i := 1; i <= steps; i++ {
			goSDKProgress(ctx, r, i)
			w.sent(ctx)
		}
		return goSDKText("done")(ctx, r)
	})
	add("log", anySchema, func(ctx context.Context, r *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		for _, level := range []mcp.LoggingLevel{"debug", "info", "error"} { //nolint:staticcheck // deprecated, but servers still send it
			message := &mcp.LoggingMessageParams{Level: level, Logger: "tool", Data: map[string]any{"level": level}} //nolint:staticcheck // as above
			_ = r.Session.Log(ctx, message)                                                                          //nolint:staticcheck // as above
			if level != "debug" {                                                                                    // debug is below the level that the test requests
				w.sent(ctx)
			}
		}
		return goSDKText("done")(ctx, r)
	})
	add("pause", anySchema, func(ctx context.Context, r *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		goSDKProgress(ctx, r, 1)
		if err := w.pause(); err != nil {
			return nil, err
		}
		goSDKProgress(ctx, r, 2)
		return goSDKText("done")(ctx, r)
	})
}

// goSDKProgress sends one progress notification. It ignores errors, because the test checks which
// notifications the client receives.
func goSDKProgress(ctx context.Context, r *mcp.CallToolRequest, i int) {
	_ = r.Session.NotifyProgress(ctx, &mcp.ProgressNotificationParams{
		ProgressToken: r.Params.GetProgressToken(), Progress: float64(i), Total: steps, Message: stepName(i),
	})
}

func goSDKResource(_ context.Context, r *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
	if r.Params.URI == askingResource {
		if answers := r.Params.InputResponses; answers != nil {
			data, err := json.Marshal(answers)
			return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{{URI: r.Params.URI, Text: string(data)}}}, err
		}
		return &mcp.ReadResourceResult{InputRequests: goSDKInputRequests(askForm), RequestState: stateOf(1)}, nil
	}
	contents := &mcp.ResourceContents{URI: r.Params.URI, MIMEType: "text/plain", Text: trickyText}
	if r.Params.URI == "test://blob" {
		contents = &mcp.ResourceContents{URI: r.Params.URI, MIMEType: "application/octet-stream", Blob: []byte{0, 1, 254, 255}}
	}
	return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{contents}}, nil
}

func goSDKPrompt(_ context.Context, r *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
	if r.Params.Arguments["who"] == askWho {
		if r.Params.InputResponses == nil {
			return &mcp.GetPromptResult{InputRequests: goSDKInputRequests(askForm), RequestState: stateOf(1)}, nil
		}
		data, err := json.Marshal(r.Params.InputResponses)
		return &mcp.GetPromptResult{Messages: []*mcp.PromptMessage{{Role: "user", Content: &mcp.TextContent{Text: string(data)}}}}, err
	}
	return &mcp.GetPromptResult{Description: "a greeting", Messages: []*mcp.PromptMessage{
		{Role: "user", Content: &mcp.TextContent{Text: "hello " + r.Params.Arguments["who"]}},
	}}, nil
}
