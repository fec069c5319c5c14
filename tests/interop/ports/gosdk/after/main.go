// Command after is the agent of ../before, ported to Hawser.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync/atomic"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/transport"
)

const token = "secret"

func main() {
	if err := run(context.Background(), os.Args[1], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, url string, out io.Writer) error {
	direct := transport.NewDirect(nil)
	defer direct.Close()
	counter := &counter{base: direct}
	s, err := connect(ctx, url, counter, out)
	if err != nil {
		return err
	}
	for _, step := range []func(context.Context, *mcpclient.Session, io.Writer) error{list, call, longCall, form, failures} {
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

func connect(ctx context.Context, url string, rt http.RoundTripper, out io.Writer) (*mcpclient.Session, error) {
	s, err := mcpclient.Connect(ctx, url, &mcpclient.Options{
		Transport:  rt,
		ClientInfo: mcp.Implementation{Name: "agent", Version: "1.0.0"},
		Header:     http.Header{"Authorization": {"Bearer " + token}},
		Handlers:   mcpclient.Handlers{ElicitForm: ask{out}.elicit},
	})
	if err != nil {
		return nil, err
	}
	fmt.Fprintln(out, "connected:", s.ServerInfo().Name, s.ProtocolVersion())
	return s, nil
}

func list(ctx context.Context, s *mcpclient.Session, out io.Writer) error {
	for tool, err := range s.Tools(ctx) {
		if err != nil {
			return err
		}
		if tool.Name == "get-sum" {
			var schema map[string]any
			if err := json.Unmarshal(tool.InputSchema(), &schema); err != nil {
				return err
			}
			fmt.Fprintf(out, "tool: %s takes %v\n", tool.Name, schema["required"])
		}
	}
	return nil
}

func call(ctx context.Context, s *mcpclient.Session, out io.Writer) error {
	res, err := s.CallTool(ctx, "echo", map[string]any{"message": "hello"})
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "echo:", res.Text())
	return nil
}

func longCall(ctx context.Context, s *mcpclient.Session, out io.Writer) error {
	res, err := s.CallTool(ctx, "trigger-long-running-operation", map[string]any{"duration": 0.3, "steps": 3},
		mcpclient.OnProgress(func(_ context.Context, p mcpclient.Progress) { // of this call only, before it returns
			fmt.Fprintf(out, "progress: %v of %v\n", p.Progress, p.Total)
		}))
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "long call:", res.Text())
	return nil
}

// ask answers the forms of the server.
type ask struct{ out io.Writer }

func (a ask) elicit(_ context.Context, _ *mcpclient.Session, r *mcpclient.FormRequest) (*mcp.ElicitationResult, error) {
	fmt.Fprintln(a.out, "form:", r.Message)
	content := r.Form.Defaults() // go-sdk fills these in by itself
	content["name"] = "Ada"
	return mcpclient.AcceptElicitation(content), nil
}

func form(ctx context.Context, s *mcpclient.Session, out io.Writer) error {
	res, err := s.CallTool(ctx, "trigger-elicitation-request", nil)
	if err != nil {
		return err
	}
	if len(res.Content) < 2 {
		return errors.New("the server did not take the form")
	}
	fmt.Fprintln(out, "answered:", res.Content[1].(mcp.TextContent).Text)
	return nil
}

func failures(ctx context.Context, s *mcpclient.Session, out io.Writer) error {
	res, err := s.CallTool(ctx, "get-sum", map[string]any{"a": "one"})
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "get-sum of a word failed:", res.IsError)

	_, err = s.ReadResource(ctx, "demo://missing")
	if mcpclient.IsNotFound(err) {
		fmt.Fprintln(out, "demo://missing: not found")
		return nil
	}
	return fmt.Errorf("reading demo://missing: %w", err)
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
