package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http/httptest"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

var pictureData = base64.StdEncoding.EncodeToString(make([]byte, 1234))

// teahouse starts an MCP server with every feature, built with mcp-go, and returns its URL.
func teahouse(t *testing.T) string {
	t.Helper()
	s := server.NewMCPServer("teahouse", "1.2.3", server.WithCompletions(), server.WithResourceCapabilities(true, true),
		server.WithPromptCompletionProvider(completer{}), server.WithResourceCompletionProvider(completer{}))
	addTools(s)
	s.AddPrompt(mcp.NewPrompt("invite", mcp.WithPromptDescription("An invitation\nto tea"),
		mcp.WithArgument("guest", mcp.RequiredArgument(), mcp.ArgumentDescription("The person to invite")), mcp.WithArgument("day")),
		func(_ context.Context, r mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
			return mcp.NewGetPromptResult("", []mcp.PromptMessage{
				mcp.NewPromptMessage(mcp.RoleUser, mcp.NewTextContent("Invite "+r.Params.Arguments["guest"])),
				mcp.NewPromptMessage(mcp.RoleAssistant, mcp.NewImageContent(pictureData, "image/png")),
			}), nil
		})
	s.AddResource(mcp.NewResource("tea://menu", "menu", mcp.WithMIMEType("text/plain"), mcp.WithResourceDescription("What there is")),
		func(context.Context, mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
			return []mcp.ResourceContents{
				mcp.TextResourceContents{URI: "tea://menu", MIMEType: "text/plain", Text: "green\x1b[2J tea"},
				mcp.BlobResourceContents{URI: "tea://menu/logo", MIMEType: "image/png", Blob: pictureData},
			}, nil
		})
	s.AddResourceTemplate(mcp.NewResourceTemplate("tea://menu/{day}", "menu of a day"),
		func(_ context.Context, r mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
			return []mcp.ResourceContents{mcp.TextResourceContents{URI: r.Params.URI, Text: "menu of " + r.Params.URI}}, nil
		})
	web := httptest.NewServer(server.NewStreamableHTTPServer(s, server.WithStateful(true)))
	t.Cleanup(web.Close)
	return web.URL + "/mcp"
}

func addTools(s *server.MCPServer) {
	s.AddTool(mcp.NewTool("brew", mcp.WithDescription("Brews\n tea"), mcp.WithString("tea", mcp.Required(), mcp.Description("Which tea")),
		mcp.WithNumber("cups"), mcp.WithBoolean("milk")), func(_ context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return mcp.NewToolResultText(fmt.Sprintf("%v", r.GetArguments())), nil
	})
	answer := func(name string, res *mcp.CallToolResult) {
		s.AddTool(mcp.NewTool(name), func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) { return res, nil })
	}
	answer("burn", mcp.NewToolResultError("the kettle\x1b[31m burned"))
	answer("hostile", mcp.NewToolResultText("\x1b]0;owned\aplain\u202e text\r\n"))
	answer("silent", &mcp.CallToolResult{Content: []mcp.Content{}})
	answer("structured", &mcp.CallToolResult{Content: []mcp.Content{}, StructuredContent: map[string]any{"tea": "green\u202e"}})
	answer("mixed", &mcp.CallToolResult{Content: []mcp.Content{
		mcp.NewTextContent("see"), mcp.NewImageContent(pictureData, "image/png"), mcp.NewAudioContent(pictureData, "audio/wav"),
		mcp.NewResourceLink("tea://menu", "menu", "", "text/plain"),
		mcp.NewEmbeddedResource(mcp.TextResourceContents{URI: "tea://x", Text: "inner"}),
		mcp.NewEmbeddedResource(mcp.BlobResourceContents{URI: "tea://y", MIMEType: "application/x-tea", Blob: pictureData}),
	}})
}

// completer completes every argument.
type completer struct{}

func (completer) CompletePromptArgument(_ context.Context, name string, a mcp.CompleteArgument, c mcp.CompleteContext) (*mcp.Completion, error) {
	return &mcp.Completion{Values: []string{name + ":" + a.Name + ":" + a.Value, "day=" + c.Arguments["day"]}, Total: 5, HasMore: true}, nil
}

func (completer) CompleteResourceArgument(_ context.Context, uri string, a mcp.CompleteArgument, _ mcp.CompleteContext) (*mcp.Completion, error) {
	if a.Value == "none" {
		return &mcp.Completion{Values: []string{}}, nil
	}
	return &mcp.Completion{Values: []string{uri + ":" + a.Value}}, nil
}
