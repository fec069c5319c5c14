package interop_test

import (
	"context"
	"encoding/json"
	"slices"
	"sync"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// mcpGoInputRequests returns the input requests in a tool's result. The server sends them to a
// legacy client as separate requests.
func mcpGoInputRequests(state string, what ...string) *server.InputRequestBuilder {
	requests := server.NewInputRequestBuilder(state)
	messages := []mcp.SamplingMessage{{Role: mcp.RoleUser, Content: mcp.NewTextContent("What is it?")}}
	for _, kind := range what {
		switch kind {
		case askForm:
			requests.Elicit(kind, mcp.ElicitationParams{Message: "Who are you?", RequestedSchema: json.RawMessage(formSchema)})
		case askURL:
			requests.Elicit(kind, mcp.ElicitationParams{Mode: mcp.ElicitationModeURL, Message: "Log in", URL: elicitedURL, ElicitationID: elicitationID})
		case askSample:
			requests.Sample(kind, mcp.CreateMessageParams{Messages: messages, MaxTokens: 10, SystemPrompt: "Be brief."})
		case askTools:
			requests.Sample(kind, mcp.CreateMessageParams{
				Messages: messages, MaxTokens: 10, Tools: []mcp.Tool{mcp.NewToolWithRawSchema("look", "", json.RawMessage(anySchema))},
				ToolChoice: &mcp.ToolChoice{Mode: mcp.ToolChoiceModeAuto},
			})
		case askRoots:
			requests.Roots(kind)
		}
	}
	return requests
}

// addMCPGoFeatures adds the tools that require input and the tools with an output schema.
func addMCPGoFeatures(s *server.MCPServer, w *world) {
	s.AddTool(mcp.NewToolWithRawSchema("ask", "", json.RawMessage(anySchema)),
		func(ctx context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			var args asked
			if err := r.BindArguments(&args); err != nil {
				return nil, err
			}
			state, err := args.next(r.Params.RequestState)
			if err != nil {
				return nil, err
			}
			if state != "" {
				return mcpGoInputRequests(state, args.What...).ToolResult(), nil
			}
			w.runs <- "ask"
			answers, err := json.Marshal(r.Params.InputResponses)
			if err != nil {
				return nil, err
			}
			if _, there := r.Params.InputResponses[askURL]; there && args.Visited {
				if err := s.SendElicitationComplete(ctx, server.ClientSessionFromContext(ctx), elicitationID); err != nil {
					return nil, err
				}
				w.sent(ctx)
			}
			return mcp.NewToolResultText(string(answers)), nil
		})
	s.AddTool(mcp.NewToolWithRawSchema("locked", "", json.RawMessage(anySchema)),
		func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			w.runs <- "locked"
			page := mcp.ElicitationParams{Mode: mcp.ElicitationModeURL, Message: "Log in", URL: elicitedURL, ElicitationID: elicitationID}
			return nil, mcp.URLElicitationRequiredError{Elicitations: []mcp.ElicitationParams{page}}
		})
	tool := mcp.NewToolWithRawSchema("sum", "", json.RawMessage(anySchema))
	tool.RawOutputSchema = json.RawMessage(sumSchema)
	s.AddTool(tool, func(_ context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		w.runs <- "sum"
		content, err := sum(r.Params.RawArguments)
		return &mcp.CallToolResult{Content: []mcp.Content{}, StructuredContent: content}, err
	})
	s.AddNotificationHandler(mcp.MethodNotificationRootsListChanged, func(context.Context, mcp.JSONRPCNotification) { w.moved <- struct{}{} })
}

// mcpGoCompletion completes arguments of prompts and resource templates.
type mcpGoCompletion struct{}

func (mcpGoCompletion) CompletePromptArgument(
	_ context.Context, prompt string, argument mcp.CompleteArgument, chosen mcp.CompleteContext,
) (*mcp.Completion, error) {
	values := complete(prompt, argument.Name, argument.Value, chosen.Arguments)
	return &mcp.Completion{Values: values, Total: len(values) + 1, HasMore: true}, nil
}

func (c mcpGoCompletion) CompleteResourceArgument(
	ctx context.Context, uri string, argument mcp.CompleteArgument, chosen mcp.CompleteContext,
) (*mcp.Completion, error) {
	return c.CompletePromptArgument(ctx, uri, argument, chosen)
}

// mcpGoSubscribers are the server sessions of modern subscriptions. A session that has ended
// discards notifications.
type mcpGoSubscribers struct {
	mu   sync.Mutex
	list []mcpGoSubscriber // guarded by mu
}

type mcpGoSubscriber struct {
	session server.ClientSession
	uris    []string
}

func (l *mcpGoSubscribers) hooks() *server.Hooks {
	hooks := new(server.Hooks)
	hooks.AddBeforeSubscriptionsListen(func(ctx context.Context, _ any, r *mcp.SubscriptionsListenRequest) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.list = append(l.list, mcpGoSubscriber{server.ClientSessionFromContext(ctx), r.Params.Notifications.ResourceSubscriptions})
	})
	return hooks
}

// update tells the subscribers of a resource that the resource has changed.
func (l *mcpGoSubscribers) update(uri string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.list {
		if !slices.Contains(s.uris, uri) {
			continue
		}
		select {
		case s.session.NotificationChannel() <- mcp.JSONRPCNotification{
			JSONRPC: mcp.JSONRPC_VERSION,
			Notification: mcp.Notification{
				Method: mcp.MethodNotificationResourceUpdated,
				Params: mcp.NotificationParams{AdditionalFields: map[string]any{"uri": uri}},
			},
		}:
		default: // the session ended earlier, and its channel is full
		}
	}
}
