package mcpclient_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"

	"github.com/hawser-mcp/hawser/mcpclient"
)

// An audit log of everything that leaves, with the secrets of arguments masked.
func ExampleInterceptor_audit() {
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: withoutTime}))
	redacted := func(args json.RawMessage) string {
		var members map[string]any
		if json.Unmarshal(args, &members) != nil {
			return "" // the message has no arguments
		}
		if _, secret := members["password"]; secret {
			members["password"] = "***"
		}
		text, err := json.Marshal(members)
		if err != nil {
			return err.Error()
		}
		return string(text)
	}
	audit := func(next mcpclient.OutgoingFunc) mcpclient.OutgoingFunc {
		return func(ctx context.Context, out *mcpclient.Outgoing) error {
			err := next(ctx, out)
			if out.Origin() == mcpclient.OriginCaller {
				logger.InfoContext(ctx, "mcp", "method", out.Method(), "name", out.Name(), "arguments", redacted(out.Arguments()),
					"tries", out.Tries(), "outcome", out.Outcome(), "error", err)
			}
			return err
		}
	}

	s, stop := connectOffice(mcpclient.Interceptor{Outgoing: audit})
	defer stop()
	_, _ = s.CallTool(context.Background(), "read", map[string]any{"file": "plan.txt", "password": "hunter2"})
	_, _ = s.ListTools(context.Background(), nil)
	// Output:
	// level=INFO msg=mcp method=tools/call name=read arguments="{\"file\":\"plan.txt\",\"password\":\"***\"}" tries=1 outcome=answered error=<nil>
	// level=INFO msg=mcp method=tools/list name="" arguments="" tries=1 outcome=answered error=<nil>
}

// The user is asked before a tool runs that is not listed as harmless. The interceptor reads the
// hints from the lists that pass by.
func ExampleInterceptor_consent() {
	var harmless sync.Map // by the tool's name
	ask := func(tool string, args json.RawMessage) bool {
		fmt.Printf("run %s with %s? no\n", tool, args)
		return false
	}
	consent := func(next mcpclient.OutgoingFunc) mcpclient.OutgoingFunc {
		return func(ctx context.Context, out *mcpclient.Outgoing) error {
			_, known := harmless.Load(out.Name())
			if out.Method() == "tools/call" && !known && !ask(out.Name(), out.Arguments()) {
				return errors.New("the user said no")
			}
			err := next(ctx, out)
			if page, ok := out.Result().(*mcpclient.Page[mcpclient.Tool]); ok {
				for i := range page.Items {
					if hint := page.Items[i].Annotations.ReadOnlyHint; hint != nil && *hint {
						harmless.Store(page.Items[i].Name, true)
					}
				}
			}
			return err
		}
	}

	s, stop := connectOffice(mcpclient.Interceptor{Outgoing: consent})
	defer stop()
	_, _ = s.ListTools(context.Background(), nil)
	_, err := s.CallTool(context.Background(), "read", map[string]any{"file": "plan.txt"})
	fmt.Println("read:", err)
	_, err = s.CallTool(context.Background(), "delete", map[string]any{"file": "plan.txt"})
	fmt.Println("delete:", err, mcpclient.OutcomeOf(err))
	// Output:
	// read: <nil>
	// run delete with {"file":"plan.txt"}? no
	// delete: mcp tools/call: refused by an interceptor: the user said no not run
}

// A bound on the size of what goes to a model. The interceptor changes the caller's own result, so
// nothing is decoded again.
func ExampleInterceptor_bound() {
	const limit = 12 // bytes of text in a result
	bound := func(next mcpclient.OutgoingFunc) mcpclient.OutgoingFunc {
		return func(ctx context.Context, out *mcpclient.Outgoing) error {
			err := next(ctx, out)
			result, ok := out.Result().(*mcpclient.CallToolResult)
			if err != nil || !ok {
				return err
			}
			left := limit
			for i, item := range result.Content {
				text, ok := item.(mcp.TextContent)
				if !ok {
					continue // bound other kinds of content here
				}
				if left -= len(text.Text); left < 0 {
					text.Text = strings.ToValidUTF8(text.Text[:max(len(text.Text)+left, 0)], "") + " [cut]"
					left = 0
				}
				result.Content[i] = text
			}
			result.CallToolResult.StructuredContent, result.RawStructuredContent = nil, nil
			return nil
		}
	}

	s, stop := connectOffice(mcpclient.Interceptor{Outgoing: bound})
	defer stop()
	result, err := s.CallTool(context.Background(), "read", map[string]any{"file": "a very long name"})
	fmt.Println(result.Content[0].(mcp.TextContent).Text, err)
	// Output: content of a [cut] <nil>
}

// Arguments are rewritten before they leave: every tool works in the folder of the user.
func ExampleInterceptor_arguments() {
	inFolder := func(next mcpclient.OutgoingFunc) mcpclient.OutgoingFunc {
		return func(ctx context.Context, out *mcpclient.Outgoing) error {
			if out.Method() != "tools/call" {
				return next(ctx, out)
			}
			var args map[string]any
			if err := json.Unmarshal(out.Arguments(), &args); err != nil {
				return err
			}
			if file, ok := args["file"].(string); ok {
				args["file"] = "/srv/ann/" + file
			}
			if err := out.SetArguments(args); err != nil {
				return err
			}
			return next(ctx, out)
		}
	}

	s, stop := connectOffice(mcpclient.Interceptor{Outgoing: inFolder})
	defer stop()
	result, err := s.CallTool(context.Background(), "read", map[string]any{"file": "plan.txt"})
	fmt.Println(result.Content[0].(mcp.TextContent).Text, err)
	// Output: content of /srv/ann/plan.txt <nil>
}

// A limit on the rate and the concurrency of each tool. A call that waits ends with its context, and
// its outcome is NotRun.
func ExampleInterceptor_limit() {
	const atOnce, every = 2, 10 * time.Millisecond
	type turns struct {
		slots chan struct{}    // full: no other call may start
		rate  <-chan time.Time // each call takes one tick
	}
	var tools sync.Map // turns, by the tool's name
	limit := func(next mcpclient.OutgoingFunc) mcpclient.OutgoingFunc {
		return func(ctx context.Context, out *mcpclient.Outgoing) error {
			if out.Method() != "tools/call" {
				return next(ctx, out)
			}
			entry, _ := tools.LoadOrStore(out.Name(), turns{make(chan struct{}, atOnce), time.Tick(every)})
			tool := entry.(turns)
			select {
			case tool.slots <- struct{}{}:
				defer func() { <-tool.slots }()
			case <-ctx.Done():
				return ctx.Err()
			}
			select {
			case <-tool.rate:
				return next(ctx, out)
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}

	s, stop := connectOffice(mcpclient.Interceptor{Outgoing: limit})
	defer stop()
	var calls sync.WaitGroup
	for range 6 {
		calls.Go(func() { _, _ = s.CallTool(context.Background(), "busy", nil) })
	}
	calls.Wait()
	most, _ := s.CallTool(context.Background(), "busy", nil)
	fmt.Println(most.Content[0].(mcp.TextContent).Text)
	// Output: never more than 2 at once: true
}

// connectOffice connects to a server with some tools. The returned function ends both.
func connectOffice(interceptor mcpclient.Interceptor) (*mcpclient.Session, func()) {
	file := func(_ context.Context, call mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return mcp.NewToolResultText("content of " + call.GetString("file", "")), nil
	}
	var running, most atomic.Int32
	busy := func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		now := running.Add(1)
		defer running.Add(-1)
		for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
		}
		time.Sleep(20 * time.Millisecond)
		return mcp.NewToolResultText(fmt.Sprintf("never more than 2 at once: %t", most.Load() <= 2)), nil
	}
	office := mcpserver.NewMCPServer("office", "1")
	office.AddTool(mcp.NewTool("read", mcp.WithReadOnlyHintAnnotation(true)), file)
	office.AddTool(mcp.NewTool("delete", mcp.WithDestructiveHintAnnotation(true)), file)
	office.AddTool(mcp.NewTool("busy"), busy)
	web := httptest.NewServer(mcpserver.NewStreamableHTTPServer(office))
	s, err := mcpclient.Connect(context.Background(), web.URL, &mcpclient.Options{Interceptors: []mcpclient.Interceptor{interceptor}})
	if err != nil {
		log.Panic(err)
	}
	return s, func() {
		_ = s.Close()
		web.Close()
	}
}

// withoutTime removes the time of a log record.
func withoutTime(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}
