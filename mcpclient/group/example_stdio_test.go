package group_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/mcpclient/group"
	"github.com/hawser-mcp/hawser/mcpclient/mcpconfig"
)

// stdio makes a [group.Caller] of a client of mcp-go.
type stdio struct{ client *client.Client }

// openStdio runs a server as a program, for [group.Options].Open.
func openStdio(ctx context.Context, s *mcpconfig.Server, changed func()) (group.Caller, error) {
	var env []string
	for name, value := range s.Other.Env {
		env = append(env, name+"="+value)
	}
	c, err := client.NewStdioMCPClient(s.Other.Command, env, s.Other.Args...)
	if err != nil {
		return nil, err
	}
	c.OnNotification(func(n mcp.JSONRPCNotification) {
		if n.Method == mcp.MethodNotificationToolsListChanged {
			changed()
		}
	})
	hello := mcp.InitializeRequest{Params: mcp.InitializeParams{ProtocolVersion: mcp.LATEST_PROTOCOL_VERSION, ClientInfo: mcp.Implementation{Name: "agent", Version: "1"}}}
	if _, err := c.Initialize(ctx, hello); err != nil {
		_ = c.Close()
		return nil, err
	}
	return stdio{c}, nil
}

func (s stdio) ListTools(ctx context.Context, cursor *string, _ ...mcpclient.CallOption) (*mcpclient.Page[mcpclient.Tool], error) {
	var request mcp.ListToolsRequest
	if cursor != nil {
		request.Params.Cursor = mcp.Cursor(*cursor)
	}
	result, err := s.client.ListToolsByPage(ctx, request)
	if err != nil {
		return nil, err
	}
	page := new(mcpclient.Page[mcpclient.Tool])
	if result.NextCursor != "" {
		page.NextCursor = (*string)(&result.NextCursor)
	}
	text, err := json.Marshal(result.Tools)
	if err == nil {
		err = json.Unmarshal(text, &page.Items)
	}
	return page, err
}

func (s stdio) CallTool(ctx context.Context, name string, args any, opts ...mcpclient.CallOption) (*mcpclient.CallToolResult, error) {
	settings, err := mcpclient.ApplyOptions(opts...)
	if err != nil {
		return nil, err
	}
	if settings.TotalTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, settings.TotalTimeout)
		defer cancel()
	}
	result, err := s.client.CallTool(ctx, mcp.CallToolRequest{Params: mcp.CallToolParams{Name: name, Arguments: args}})
	if err != nil {
		return nil, err
	}
	return &mcpclient.CallToolResult{CallToolResult: *result}, nil
}

func (s stdio) Ping(ctx context.Context, _ ...mcpclient.CallOption) error { return s.client.Ping(ctx) }

func (s stdio) Close() error { return s.client.Close() }

// A server that runs as a program, through the client of mcp-go.
func ExampleOptions_open() {
	program, err := os.Executable() // this test is the server, too
	if err != nil {
		log.Panic(err)
	}
	g, err := group.New([]mcpconfig.Server{{
		Name: "files", CallTimeout: time.Minute,
		Other: &mcpconfig.Other{Kind: "stdio", Command: program, Env: map[string]string{stdioVariable: "1"}},
	}}, &group.Options{Open: openStdio})
	if err != nil {
		log.Panic(err)
	}
	defer g.Close()
	ctx := context.Background()
	if err := g.Wait(ctx); err != nil {
		log.Panic(err)
	}
	result, err := g.Call(ctx, "files__greet", json.RawMessage(`{"name":"gopher"}`))
	if err != nil {
		log.Panic(err)
	}
	fmt.Println(result.Text())
	// Output:
	// Hello, gopher!
}
