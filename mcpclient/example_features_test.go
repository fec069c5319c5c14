package mcpclient_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// A tool requires input from the user. The same handler works with servers of both eras.
func ExampleHandlers() {
	ctx := context.Background()
	endpoint, stop := startRestaurant()
	defer stop()
	s, err := mcpclient.Connect(ctx, endpoint, &mcpclient.Options{Handlers: mcpclient.Handlers{
		ElicitForm: func(_ context.Context, s *mcpclient.Session, r *mcpclient.FormRequest) (*mcp.ElicitationResult, error) {
			fmt.Println(s.ServerInfo().Name, "asks:", r.Message)
			content := r.Form.Defaults() // the server's suggestions
			content["guests"] = 4
			return mcpclient.AcceptElicitation(content), nil
		},
	}})
	if err != nil {
		log.Panic(err)
	}
	defer s.Close()

	result, err := s.CallTool(ctx, "book", nil)
	if err != nil {
		log.Panic(err)
	}
	fmt.Println(result.Content[0].(mcp.TextContent).Text)
	// Output:
	// restaurant asks: For how many, and when?
	// {"action":"accept","content":{"guests":4,"time":"20:00"}}
}

// The result of a typed call is decoded and validated against the tool's schema.
func ExampleCall() {
	ctx := context.Background()
	endpoint, stop := startRestaurant()
	defer stop()
	s, err := mcpclient.Connect(ctx, endpoint, nil)
	if err != nil {
		log.Panic(err)
	}
	defer s.Close()

	type night struct {
		Date string `json:"date"`
	}
	type tables struct {
		Free int `json:"free"`
	}
	free, err := mcpclient.Call[night, tables](ctx, s, "free tables", night{"2026-08-01"})
	fmt.Println(free.Free, err)
	// Output:
	// 7 <nil>
}

// A subscription lasts until it is closed, until its context or the session ends, or until the
// server ends it. If its stream breaks, it is opened again.
func ExampleSession_Listen() {
	ctx := context.Background()
	endpoint, stop := startRestaurant()
	defer stop()
	s, err := mcpclient.Connect(ctx, endpoint, nil)
	if err != nil {
		log.Panic(err)
	}
	defer s.Close()

	sub, err := s.Listen(ctx, mcpclient.Filter{Resources: []string{"menu://today"}})
	if err != nil {
		log.Panic(err)
	}
	if _, err := s.CallTool(ctx, "cook", nil); err != nil { // changes the menu
		log.Panic(err)
	}
	for event := range sub.Events() {
		switch event.Kind {
		case mcpclient.ListenResourceUpdated:
			fmt.Println("read again:", event.URI)
			_ = sub.Close() // one is enough here
		case mcpclient.ListenMissedEvents:
			fmt.Println("read everything again:", event.Cause)
		default:
			fmt.Println("a list has changed")
		}
	}
	fmt.Println(sub.Err())
	// Output:
	// read again: menu://today
	// subscription: ended by this side
}

// startRestaurant starts an MCP server on loopback, for the examples.
func startRestaurant() (endpoint string, stop func()) {
	mcpServer := mcptest.New(mcptest.Modern)
	mcpServer.Name, mcpServer.SSE = "restaurant", true
	mcpServer.Resources = []mcptest.Resource{{URI: "menu://today", Name: "menu", Text: "soup"}}
	mcpServer.Tools = []*mcptest.Tool{
		{Name: "book", Run: book},
		{Name: "free tables", Output: `{"type":"object","properties":{"free":{"type":"integer"}},"required":["free"]}`, Run: freeTables},
		{Name: "cook", Run: func(context.Context, *mcptest.Call) (json.RawMessage, error) {
			mcpServer.Notify("notifications/resources/updated", map[string]any{"uri": "menu://today"})
			return mcptest.Text("done"), nil
		}},
	}
	httpServer := httptest.NewServer(mcpServer)
	return httpServer.URL + "/mcp", func() {
		httpServer.Close()
		mcpServer.Close()
	}
}

func book(ctx context.Context, c *mcptest.Call) (json.RawMessage, error) {
	return asking(elicit, map[string]any{
		"message": "For how many, and when?",
		"requestedSchema": json.RawMessage(`{"type":"object","properties":{"guests":{"type":"integer"},` +
			`"time":{"type":"string","default":"20:00"}},"required":["guests"]}`),
	})(ctx, c)
}

func freeTables(context.Context, *mcptest.Call) (json.RawMessage, error) {
	return json.RawMessage(`{"resultType":"complete","content":[],"structuredContent":{"free":7}}`), nil
}

// Connect makes a single try because a user is waiting for it. Calls are retried as usual, except
// for one call that overrides the number of tries.
func ExampleOptions_connectRetry() {
	ctx := context.Background()
	opts := mcpclient.Options{ConnectRetry: mcpclient.Retry{MaxTries: 1}}

	down := httptest.NewServer(http.NotFoundHandler())
	down.Close()
	_, err := mcpclient.Connect(ctx, down.URL, &opts)
	fmt.Println("unreachable:", mcpclient.Unreachable(err))

	endpoint, stop := startServer()
	defer stop()
	s, err := mcpclient.Connect(ctx, endpoint, &opts)
	if err != nil {
		log.Panic(err)
	}
	defer s.Close()
	fmt.Println("alive:", s.Ping(ctx, mcpclient.WithTries(1)) == nil)
	// Output:
	// unreachable: true
	// alive: true
}

// The error of a call names the capabilities that the server requires. A session declares a
// capability if its handler is set.
func ExampleRequiredCapabilities() {
	var err error = &mcpclient.RPCError{
		Code: mcpclient.CodeMissingCapability, Message: "sampling required",
		Data: []byte(`{"requiredCapabilities":{"sampling":{}}}`),
	}
	required, invalid := mcpclient.RequiredCapabilities(err)
	switch {
	case invalid != nil:
		fmt.Println("the server does not name them:", invalid)
	case required == nil:
		fmt.Println("another error:", err)
	case required.Sampling != nil:
		fmt.Println("set Handlers.Sample to use this tool")
	}
	// Output:
	// set Handlers.Sample to use this tool
}
