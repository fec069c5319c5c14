package group_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http/httptest"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/mcpclient/group"
	"github.com/hawser-mcp/hawser/mcpclient/mcpconfig"
	"github.com/hawser-mcp/hawser/mcpclient/toolspec"
)

// An agent over the servers of a configuration file: one is up, and one is down.
func Example() {
	ctx := context.Background()
	file, stop := startServers() // such as .mcp.json
	defer stop()

	var loader mcpconfig.Loader
	config, err := loader.Parse(ctx, ".mcp.json", file) // or Load, which reads files
	if err != nil {
		log.Panic(err)
	}
	for _, p := range config.Problems {
		log.Print(p)
	}
	g, err := group.New(config.Servers, nil)
	if err != nil {
		log.Panic(err)
	}
	defer g.Close()
	if err := g.Wait(ctx); err != nil { // about servers that the file calls required
		log.Panic(err)
	}
	functions, _ := g.Functions()
	tools, misfits, err := toolspec.OpenAIChat.Encode(functions)
	if err != nil {
		log.Panic(err)
	}
	fmt.Println(len(misfits), "misfits in", string(tools))

	for _, call := range askModel(tools) {
		result, err := g.Call(ctx, call.Name, json.RawMessage(call.Arguments))
		answer := toolspec.AnswerOf(result, err, 0)
		message, err := answer.Encode(toolspec.OpenAIChat, call.ID, call.Name)
		if err != nil {
			log.Panic(err)
		}
		fmt.Println(string(message))
	}
	// Output:
	// 0 misfits in [{"function":{"description":"Says hello.","name":"greeter__greet","parameters":{"properties":{},"type":"object"}},"type":"function"}]
	// {"content":"Hello, gopher!","role":"tool","tool_call_id":"call_1"}
	// {"content":"The call failed. The tool did not run.\nError: server weather is disabled","role":"tool","tool_call_id":"call_2"}
}

// Each call of one tool needs the user's consent. What the group does is followed.
func ExampleOptions() {
	ctx := context.Background()
	file, stop := startServers()
	defer stop()
	config, err := new(mcpconfig.Loader).Parse(ctx, ".mcp.json", file)
	if err != nil {
		log.Panic(err)
	}
	config.Servers[0].Approve = map[string]mcpconfig.Rule{"greet": mcpconfig.Ask}
	g, err := group.New(config.Servers[:1], &group.Options{
		Approve: func(_ context.Context, f toolspec.Function, args json.RawMessage) error {
			fmt.Println("may", f.Server, "run", f.Tool, "with", string(args)+"?")
			return fmt.Errorf("the user said no")
		},
		Observer: func(_ context.Context, e group.Event) {
			if e, ok := e.(group.StateChanged); ok {
				fmt.Println(e.State.Server, "is", e.State.Status)
			}
		},
		Session: func(_ *mcpconfig.Server, o *mcpclient.Options) { o.ClientInfo.Name = "my-agent" },
	})
	if err != nil {
		log.Panic(err)
	}
	if err := g.Wait(ctx); err != nil {
		log.Panic(err)
	}
	_, err = g.Call(ctx, "greeter__greet", json.RawMessage(`{"name":"gopher"}`))
	fmt.Println(err)
	fmt.Println("may have run:", mcpclient.MayHaveRun(err))
	if err := g.Close(); err != nil {
		log.Panic(err)
	}
	// Output:
	// greeter is connecting
	// greeter is ready
	// may greeter run greet with {"name":"gopher"}?
	// function greeter__greet was refused: the user said no
	// may have run: false
	// greeter is closed
}

type modelCall struct{ ID, Name, Arguments string }

// askModel stands for a request to a model.
func askModel(json.RawMessage) []modelCall {
	return []modelCall{
		{ID: "call_1", Name: "greeter__greet", Arguments: `{"name":"gopher"}`},
		{ID: "call_2", Name: "weather__forecast"},
	}
}

// startServers starts an MCP server on loopback, and returns a configuration file.
func startServers() (file []byte, stop func()) {
	mcpServer := mcptest.New(mcptest.Modern)
	mcpServer.SSE = true
	mcpServer.Tools = []*mcptest.Tool{{Name: "greet", Description: "Says hello.", Run: greet}}
	httpServer := httptest.NewServer(mcpServer)
	text := fmt.Sprintf(`{"mcpServers": {
		"greeter": {"type": "http", "url": "%s/mcp"},
		"weather": {"type": "http", "url": "https://weather.example.com/mcp", "disabled": true}
	}}`, httpServer.URL)
	return []byte(text), func() {
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
