// Command before is a small agent written with go-sdk. docs/from-go-sdk.md shows it beside its port
// to Hawser.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"sync/atomic"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

const (
	token            = "secret"
	resourceNotFound = -32002 // of servers before 2026-07-28; later ones answer with "invalid params"
)

func main() {
	if err := run(context.Background(), os.Args[1], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, url string, out io.Writer) error {
	counter := &counter{base: &http.Transport{}}
	progress := &progress{out: out}
	s, err := connect(ctx, url, counter, progress, out)
	if err != nil {
		return err
	}
	longCall := func(ctx context.Context, s *mcp.ClientSession, out io.Writer) error {
		return progress.longCall(ctx, s, out)
	}
	for _, step := range []func(context.Context, *mcp.ClientSession, io.Writer) error{list, call, longCall, form, failures} {
		if err := step(ctx, s, out); err != nil {
			return errors.Join(err, s.Close())
		}
	}
	if err := s.Close(); err != nil {
		return err
	}
	fmt.Fprintln(out, "requests without the token:", counter.without.Load())
	return nil
}

func connect(ctx context.Context, url string, rt http.RoundTripper, p *progress, out io.Writer) (*mcp.ClientSession, error) {
	c := mcp.NewClient(&mcp.Implementation{Name: "agent", Version: "1.0.0"}, &mcp.ClientOptions{
		ElicitationHandler:          ask{out}.elicit,
		ProgressNotificationHandler: p.handle,
	})
	s, err := c.Connect(ctx, &mcp.StreamableClientTransport{
		Endpoint:   url,
		HTTPClient: &http.Client{Transport: bearer{rt}}, // headers need a RoundTripper
	}, nil)
	if err != nil {
		return nil, err
	}
	hello := s.InitializeResult()
	fmt.Fprintln(out, "connected:", hello.ServerInfo.Name, hello.ProtocolVersion)
	return s, nil
}

// bearer adds a header to each request.
type bearer struct{ base http.RoundTripper }

func (b bearer) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("Authorization", "Bearer "+token)
	return b.base.RoundTrip(req)
}

func list(ctx context.Context, s *mcp.ClientSession, out io.Writer) error {
	for tool, err := range s.Tools(ctx, nil) {
		if err != nil {
			return err
		}
		if tool.Name == "get-sum" {
			schema, _ := tool.InputSchema.(map[string]any)
			fmt.Fprintf(out, "tool: %s takes %v\n", tool.Name, schema["required"])
		}
	}
	return nil
}

func call(ctx context.Context, s *mcp.ClientSession, out io.Writer) error {
	res, err := s.CallTool(ctx, &mcp.CallToolParams{Name: "echo", Arguments: map[string]any{"message": "hello"}})
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "echo:", text(res))
	return nil
}

// progress hands the notifications of all calls on. Some may come after their call has returned.
type progress struct {
	out  io.Writer
	mu   sync.Mutex
	seen int
	all  chan struct{}
}

func (p *progress) handle(_ context.Context, req *mcp.ProgressNotificationClientRequest) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.out, "progress: %v of %v\n", req.Params.Progress, req.Params.Total)
	if p.seen++; p.seen == 3 {
		close(p.all)
	}
}

func (p *progress) longCall(ctx context.Context, s *mcp.ClientSession, out io.Writer) error {
	p.all = make(chan struct{})
	params := &mcp.CallToolParams{
		Name: "trigger-long-running-operation", Arguments: map[string]any{"duration": 0.3, "steps": 3},
	}
	params.SetProgressToken("long-1") // ProgressNotificationHandler gets the progress of all calls
	res, err := s.CallTool(ctx, params)
	if err != nil {
		return err
	}
	<-p.all
	fmt.Fprintln(out, "long call:", text(res))
	return nil
}

// ask answers the forms of the server.
type ask struct{ out io.Writer }

func (a ask) elicit(_ context.Context, req *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
	fmt.Fprintln(a.out, "form:", req.Params.Message)
	return &mcp.ElicitResult{Action: "accept", Content: map[string]any{"name": "Ada"}}, nil
}

func form(ctx context.Context, s *mcp.ClientSession, out io.Writer) error {
	res, err := s.CallTool(ctx, &mcp.CallToolParams{Name: "trigger-elicitation-request"})
	if err != nil {
		return err
	}
	if len(res.Content) < 2 {
		return errors.New("the server did not take the form")
	}
	fmt.Fprintln(out, "answered:", res.Content[1].(*mcp.TextContent).Text)
	return nil
}

func failures(ctx context.Context, s *mcp.ClientSession, out io.Writer) error {
	res, err := s.CallTool(ctx, &mcp.CallToolParams{Name: "get-sum", Arguments: map[string]any{"a": "one"}})
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "get-sum of a word failed:", res.IsError)

	_, err = s.ReadResource(ctx, &mcp.ReadResourceParams{URI: "demo://missing"})
	var rpc *jsonrpc.Error
	switch {
	case errors.As(err, &rpc) && (rpc.Code == resourceNotFound || rpc.Code == jsonrpc.CodeInvalidParams):
		fmt.Fprintln(out, "demo://missing: not found")
		return nil
	case errors.Is(err, mcp.ErrConnectionClosed): // the session is gone: call Connect again
	}
	return fmt.Errorf("reading demo://missing: %w", err)
}

func text(res *mcp.CallToolResult) string {
	for _, content := range res.Content {
		if t, ok := content.(*mcp.TextContent); ok {
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
