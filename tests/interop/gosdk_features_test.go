package interop_test

import (
	"context"
	"encoding/json"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// goSDKInputRequests returns the input requests in a tool's result. The server sends them to a
// legacy client as separate requests.
func goSDKInputRequests(what ...string) mcp.InputRequestMap {
	requests := mcp.InputRequestMap{}
	message := &mcp.TextContent{Text: "What is it?"}
	for _, kind := range what {
		switch kind {
		case askForm:
			requests[kind] = &mcp.ElicitParams{Mode: "form", Message: "Who are you?", RequestedSchema: json.RawMessage(formSchema)}
		case askURL:
			requests[kind] = &mcp.ElicitParams{Mode: "url", Message: "Log in", URL: elicitedURL, ElicitationID: elicitationID}
		case askSample:
			requests[kind] = &mcp.CreateMessageParams{ //nolint:staticcheck // deprecated, but servers still send it
				Messages:  []*mcp.SamplingMessage{{Role: "user", Content: message}}, //nolint:staticcheck // as above
				MaxTokens: 10, SystemPrompt: "Be brief.",
			}
		case askTools:
			requests[kind] = &mcp.CreateMessageWithToolsParams{ //nolint:staticcheck // as above
				Messages:   []*mcp.SamplingMessageV2{{Role: "user", Content: []mcp.Content{message}}}, //nolint:staticcheck // as above
				MaxTokens:  10,
				Tools:      []*mcp.Tool{{Name: "look", InputSchema: json.RawMessage(anySchema)}},
				ToolChoice: &mcp.ToolChoice{Mode: "auto"}, //nolint:staticcheck // as above
			}
		case askRoots:
			requests[kind] = &mcp.ListRootsParams{} //nolint:staticcheck // as above
		}
	}
	return requests
}

// addGoSDKFeatures adds the tools that require input and the tools with an output schema.
func addGoSDKFeatures(server *mcp.Server, w *world) {
	server.AddTool(&mcp.Tool{Name: "ask", InputSchema: json.RawMessage(anySchema)},
		func(ctx context.Context, r *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			var args asked
			if err := json.Unmarshal(r.Params.Arguments, &args); err != nil {
				return nil, err
			}
			state, err := args.next(r.Params.RequestState)
			if err != nil {
				return nil, err
			}
			if state != "" {
				return &mcp.CallToolResult{InputRequests: goSDKInputRequests(args.What...), RequestState: state}, nil
			}
			w.runs <- "ask"
			answers, err := json.Marshal(r.Params.InputResponses)
			if err != nil {
				return nil, err
			}
			if r.Params.InputResponses[askURL] != nil && args.Visited {
				if err := r.Session.NotifyElicitationComplete(ctx, &mcp.ElicitationCompleteParams{ElicitationID: elicitationID}); err != nil {
					return nil, err
				}
			}
			return goSDKText(string(answers))(ctx, r)
		})
	server.AddTool(&mcp.Tool{Name: "locked", InputSchema: json.RawMessage(anySchema)},
		func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			w.runs <- "locked"
			return nil, mcp.URLElicitationRequiredError([]*mcp.ElicitParams{{Mode: "url", Message: "Log in", URL: elicitedURL, ElicitationID: elicitationID}})
		})
	server.AddTool(&mcp.Tool{Name: "sum", InputSchema: json.RawMessage(anySchema), OutputSchema: json.RawMessage(sumSchema)},
		func(_ context.Context, r *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			w.runs <- "sum"
			content, err := sum(r.Params.Arguments)
			return &mcp.CallToolResult{Content: []mcp.Content{}, StructuredContent: content}, err
		})
}

func goSDKComplete(_ context.Context, r *mcp.CompleteRequest) (*mcp.CompleteResult, error) {
	var chosen map[string]string
	if r.Params.Context != nil {
		chosen = r.Params.Context.Arguments
	}
	values := complete(r.Params.Ref.Name+r.Params.Ref.URI, r.Params.Argument.Name, r.Params.Argument.Value, chosen)
	return &mcp.CompleteResult{Completion: mcp.CompletionResultDetails{Values: values, Total: len(values) + 1, HasMore: true}}, nil
}
