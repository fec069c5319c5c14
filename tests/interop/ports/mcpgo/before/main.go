// Command before is a small agent written with mcp-go. docs/from-mcp-go.md shows it beside its port
// to Hawser.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync/atomic"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"
)

const token = "secret"

func main() {
	if err := run(context.Background(), os.Args[1], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, url string, out io.Writer) error {
	counter := &counter{base: &http.Transport{}}
	c, err := connect(ctx, url, counter, out)
	if err != nil {
		return err
	}
	defer c.Close()
	for _, step := range []func(context.Context, *client.Client, io.Writer) error{list, call, longCall, form, failures} {
		if err := step(ctx, c, out); err != nil {
			return err
		}
	}
	fmt.Fprintln(out, "requests without the token:", counter.without.Load())
	return nil
}

func connect(ctx context.Context, url string, rt http.RoundTripper, out io.Writer) (*client.Client, error) {
	tr, err := transport.NewStreamableHTTP(url,
		transport.WithHTTPBasicClient(&http.Client{Transport: rt}),
		transport.WithHTTPHeaders(map[string]string{"Authorization": "Bearer " + token}))
	if err != nil {
		return nil, err
	}
	c := client.NewClient(tr, client.WithElicitationHandler(ask{out}))
	c.OnNotification(func(n mcp.JSONRPCNotification) {
		if n.Method == "notifications/progress" {
			fmt.Fprintf(out, "progress: %v of %v\n", n.Params.AdditionalFields["progress"], n.Params.AdditionalFields["total"])
		}
	})
	if err := c.Start(ctx); err != nil {
		return nil, err
	}
	var init mcp.InitializeRequest
	init.Params.ClientInfo = mcp.Implementation{Name: "agent", Version: "1.0.0"}
	hello, err := c.Initialize(ctx, init)
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	fmt.Fprintln(out, "connected:", hello.ServerInfo.Name, hello.ProtocolVersion)
	return c, nil
}

func list(ctx context.Context, c *client.Client, out io.Writer) error {
	tools, err := c.ListTools(ctx, mcp.ListToolsRequest{})
	if err != nil {
		return err
	}
	for _, tool := range tools.Tools {
		if tool.Name == "get-sum" {
			fmt.Fprintf(out, "tool: %s takes %v\n", tool.Name, tool.InputSchema.Required)
		}
	}
	return nil
}

func call(ctx context.Context, c *client.Client, out io.Writer) error {
	var req mcp.CallToolRequest
	req.Params.Name = "echo"
	req.Params.Arguments = map[string]any{"message": "hello"}
	res, err := c.CallTool(ctx, req)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "echo:", text(res))
	return nil
}

func longCall(ctx context.Context, c *client.Client, out io.Writer) error {
	var req mcp.CallToolRequest
	req.Params.Name = "trigger-long-running-operation"
	req.Params.Arguments = map[string]any{"duration": 0.3, "steps": 3}
	req.Params.Meta = &mcp.Meta{ProgressToken: "long-1"} // OnNotification gets the progress of all calls
	res, err := c.CallTool(ctx, req)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "long call:", text(res))
	return nil
}

// ask answers the forms of the server.
type ask struct{ out io.Writer }

func (a ask) Elicit(_ context.Context, req mcp.ElicitationRequest) (*mcp.ElicitationResult, error) {
	fmt.Fprintln(a.out, "form:", req.Params.Message)
	return &mcp.ElicitationResult{ElicitationResponse: mcp.ElicitationResponse{
		Action: mcp.ElicitationResponseActionAccept, Content: map[string]any{"name": "Ada"},
	}}, nil
}

func form(ctx context.Context, c *client.Client, out io.Writer) error {
	var req mcp.CallToolRequest
	req.Params.Name = "trigger-elicitation-request"
	res, err := c.CallTool(ctx, req)
	if err != nil {
		return err
	}
	if len(res.Content) < 2 {
		return errors.New("the server did not take the form")
	}
	fmt.Fprintln(out, "answered:", res.Content[1].(mcp.TextContent).Text)
	return nil
}

func failures(ctx context.Context, c *client.Client, out io.Writer) error {
	var req mcp.CallToolRequest
	req.Params.Name = "get-sum"
	req.Params.Arguments = map[string]any{"a": "one"}
	res, err := c.CallTool(ctx, req)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "get-sum of a word failed:", res.IsError)

	var read mcp.ReadResourceRequest
	read.Params.URI = "demo://missing"
	_, err = c.ReadResource(ctx, read)
	switch {
	case errors.Is(err, mcp.ErrResourceNotFound), errors.Is(err, mcp.ErrInvalidParams):
		fmt.Fprintln(out, "demo://missing: not found")
		return nil
	case errors.Is(err, transport.ErrSessionTerminated): // the server restarted: call Initialize again
	case errors.Is(err, transport.ErrUnauthorized): // get a new token
	}
	return fmt.Errorf("reading demo://missing: %w", err)
}

func text(res *mcp.CallToolResult) string {
	for _, content := range res.Content {
		if t, ok := content.(mcp.TextContent); ok {
			return t.Text
		}
	}
	return ""
}

// counter is a RoundTripper of this program's own.
type counter struct {
	base    http.RoundTripper
	without atomic.Int64
}

func (c *counter) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Header.Get("Authorization") != "Bearer "+token {
		c.without.Add(1)
	}
	return c.base.RoundTrip(req)
}
