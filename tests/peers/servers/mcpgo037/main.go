// Command mcpgo037 is a server of mcp-go 0.37 with the tools that the tests expect. It has
// no sessions if the environment variable STATELESS is set.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// stepTime is how long a step of progress takes. mcp-go sends notifications in the background and
// drops those that it has not sent when the tool returns.
const stepTime = 100 * time.Millisecond

func main() {
	s := server.NewMCPServer("mcpgo037", "1.0.0")
	s.AddTool(mcp.NewTool("echo", mcp.WithString("text", mcp.Required())), echo)
	s.AddTool(mcp.NewTool("progress", mcp.WithNumber("steps", mcp.Required())), progress)
	s.AddTool(mcp.NewTool("big", mcp.WithNumber("size", mcp.Required())), big)
	s.AddTool(mcp.NewTool("wait", mcp.WithNumber("ms", mcp.Required())), wait)
	var options []server.StreamableHTTPOption
	if os.Getenv("STATELESS") != "" {
		options = append(options, server.WithStateLess(true))
	}
	log.Fatal(server.NewStreamableHTTPServer(s, options...).Start("127.0.0.1:" + os.Getenv("PORT")))
}

func echo(_ context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	text, err := r.RequireString("text")
	if err != nil {
		return nil, err
	}
	return mcp.NewToolResultText(text), nil
}

func progress(ctx context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	steps := r.GetInt("steps", 0)
	if r.Params.Meta != nil && r.Params.Meta.ProgressToken != nil {
		for step := range steps {
			err := server.ServerFromContext(ctx).SendNotificationToClient(ctx, "notifications/progress", map[string]any{
				"progressToken": r.Params.Meta.ProgressToken, "progress": step + 1, "total": steps,
			})
			if err != nil {
				return nil, err
			}
			time.Sleep(stepTime)
		}
	}
	return mcp.NewToolResultText("done"), nil
}

func big(_ context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	return mcp.NewToolResultText(strings.Repeat("x", r.GetInt("size", 0))), nil
}

func wait(ctx context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	fmt.Println("started wait")
	select {
	case <-ctx.Done():
		fmt.Println("cancelled wait")
		return nil, ctx.Err()
	case <-time.After(time.Duration(r.GetInt("ms", 0)) * time.Millisecond):
		return mcp.NewToolResultText("waited"), nil
	}
}
