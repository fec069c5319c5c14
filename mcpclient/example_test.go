package mcpclient_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/transport"
)

// Connect to a server, list its tools, and call one.
func Example() {
	ctx := context.Background()
	endpoint, stop := startServer() // such as "https://mcp.example.com/mcp"
	defer stop()

	s, err := mcpclient.Connect(ctx, endpoint, nil)
	if err != nil {
		log.Panic(err)
	}
	defer s.Close()

	for tool, err := range s.Tools(ctx) {
		if err != nil {
			log.Panic(err)
		}
		fmt.Println(tool.Name, "-", tool.Description)
	}

	result, err := s.CallTool(ctx, "greet", map[string]any{"name": "gopher"})
	if err != nil {
		log.Panic(err)
	}
	for _, content := range result.Content {
		if text, ok := content.(mcp.TextContent); ok {
			fmt.Println(text.Text)
		}
	}
	// Output:
	// greet - Says hello.
	// index - Indexes the documents.
	// pay - Pays an invoice.
	// Hello, gopher!
}

// The callback runs in order, one call at a time, and never after the tool call has returned, so it
// can use the caller's variables without a lock.
func ExampleOnProgress() {
	ctx := context.Background()
	endpoint, stop := startServer()
	defer stop()
	s, err := mcpclient.Connect(ctx, endpoint, nil)
	if err != nil {
		log.Panic(err)
	}
	defer s.Close()

	var last float64
	_, err = s.CallTool(ctx, "index", nil, mcpclient.OnProgress(func(_ context.Context, p mcpclient.Progress) {
		last = p.Progress
		fmt.Printf("%v of %v: %s\n", p.Progress, p.Total, p.Message)
	}))
	fmt.Println("done at", last, err)
	// Output:
	// 1 of 3: reading
	// 2 of 3: sorting
	// 3 of 3: writing
	// done at 3 <nil>
}

// The connection breaks after the tool has started. The session has already repeated requests that
// are safe to repeat. Whether to pay again is the caller's decision.
func ExampleOutcomeOf() {
	ctx := context.Background()
	endpoint, stop := startServer()
	defer stop()
	s, err := mcpclient.Connect(ctx, endpoint, nil)
	if err != nil {
		log.Panic(err)
	}
	defer s.Close()

	result, err := s.CallTool(ctx, "pay", map[string]any{"invoice": 42})
	switch {
	case err == nil && result.IsError:
		fmt.Println("The tool ran and says that it failed.")
	case err == nil:
		fmt.Println("Paid.")
	case mcpclient.OutcomeOf(err) == mcpclient.NotRun:
		fmt.Println("It was not paid:", err)
	case mcpclient.OutcomeOf(err) == mcpclient.Answered:
		fmt.Println("The server answered with an error. It may have been paid:", err)
	default: // mcpclient.Unknown
		fmt.Println("No answer arrived. It may have been paid: check before paying again.")
	}

	// The kind and the cause give more details.
	var e *mcpclient.Error
	if errors.As(err, &e) {
		fmt.Println("kind:", e.Kind, "- sent", e.Tries, "time")
	}
	// Output:
	// No answer arrived. It may have been paid: check before paying again.
	// kind: outcome unknown - sent 1 time
}

// A JSON-RPC error is the server's answer. Here it says what is wrong.
func ExampleRPCError() {
	ctx := context.Background()
	endpoint, stop := startServer()
	defer stop()
	s, err := mcpclient.Connect(ctx, endpoint, nil)
	if err != nil {
		log.Panic(err)
	}
	defer s.Close()

	_, err = s.CallTool(ctx, "gret", nil)
	var rpc *mcpclient.RPCError
	if errors.As(err, &rpc) && rpc.Code == mcpclient.CodeInvalidParams {
		fmt.Println("the server says:", rpc.Message)
	}
	fmt.Println("outcome:", mcpclient.OutcomeOf(err))
	// Output:
	// the server says: no such tool
	// outcome: answered
}

// Sessions with several servers share a transport with its connections, proxy and TLS settings. The
// caller that creates the transport closes it after the sessions.
func ExampleOptions_sharedTransport() {
	ctx := context.Background()
	first, stopFirst := startServer()
	defer stopFirst()
	second, stopSecond := startServer()
	defer stopSecond()

	shared := transport.NewDirect(&transport.DirectOptions{MaxIdlePerHost: 8})
	defer shared.Close()
	var eras mcpclient.EraCache // sessions share what they learn about a server's era

	for _, endpoint := range []string{first, second, first} {
		s, err := mcpclient.Connect(ctx, endpoint, &mcpclient.Options{Transport: shared, EraCache: &eras})
		if err != nil {
			log.Panic(err)
		}
		fmt.Println(s.ServerInfo().Name, s.Era())
		if err := s.Close(); err != nil {
			log.Panic(err)
		}
	}
	// Output:
	// greeter modern
	// greeter modern
	// greeter modern
}

// A transport is any http.RoundTripper, here one that counts requests.
func ExampleOptions_decoratedTransport() {
	ctx := context.Background()
	endpoint, stop := startServer()
	defer stop()

	direct := transport.NewDirect(nil)
	defer direct.Close()
	counted := &counter{next: direct}
	s, err := mcpclient.Connect(ctx, endpoint, &mcpclient.Options{Transport: counted})
	if err != nil {
		log.Panic(err)
	}
	defer s.Close()
	if err := s.Ping(ctx); err != nil {
		log.Panic(err)
	}
	fmt.Println("HTTP requests:", counted.requests)
	// Output:
	// HTTP requests: 2
}

// counter counts requests. It must be used by one goroutine only, but a real RoundTripper must be
// safe for concurrent use.
type counter struct {
	next     http.RoundTripper
	requests int
}

func (c *counter) RoundTrip(req *http.Request) (*http.Response, error) {
	c.requests++
	return c.next.RoundTrip(req)
}

// startServer starts an MCP server on loopback for the examples.
func startServer() (endpoint string, stop func()) {
	mcpServer := mcptest.New(mcptest.Modern)
	mcpServer.Name, mcpServer.SSE = "greeter", true
	mcpServer.Tools = []*mcptest.Tool{
		{Name: "greet", Description: "Says hello.", Run: greet},
		{Name: "index", Description: "Indexes the documents.", Run: index},
		{Name: "pay", Description: "Pays an invoice.", Run: pay},
	}
	httpServer := httptest.NewServer(mcpServer)
	return httpServer.URL + "/mcp", func() {
		httpServer.Close()
		mcpServer.Close()
	}
}

func greet(_ context.Context, c *mcptest.Call) (json.RawMessage, error) {
	var args struct{ Name string }
	if err := json.Unmarshal(c.Arguments, &args); err != nil {
		return nil, err
	}
	return mcptest.Text("Hello, " + args.Name + "!"), nil
}

func index(_ context.Context, c *mcptest.Call) (json.RawMessage, error) {
	for i, step := range []string{"reading", "sorting", "writing"} {
		c.Progress(float64(i+1), 3, step)
	}
	return mcptest.Text("indexed"), nil
}

// pay is a tool that pays an invoice and then breaks the connection.
func pay(ctx context.Context, c *mcptest.Call) (json.RawMessage, error) {
	c.Cut(true)
	<-ctx.Done()
	return nil, ctx.Err()
}
