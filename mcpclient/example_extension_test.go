package mcpclient_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http/httptest"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// The client declares that it supports MCP Apps, so the server may list tools with a user
// interface. Some of them are for that interface alone: a model must not see them.
func ExampleOptions_extensions() {
	ctx := context.Background()
	endpoint, stop := startTheatre()
	defer stop()
	s, err := mcpclient.Connect(ctx, endpoint, &mcpclient.Options{Extensions: []mcpclient.Extension{{
		ID:       "io.modelcontextprotocol/ui",
		Settings: map[string]any{"mimeTypes": []string{"text/html;profile=mcp-app"}},
	}}})
	if err != nil {
		log.Panic(err)
	}
	defer s.Close()

	if _, supported := s.Capabilities().Extensions["io.modelcontextprotocol/ui"]; supported {
		fmt.Println("the server supports MCP Apps")
	}
	for tool, err := range s.Tools(ctx) {
		if err != nil {
			log.Panic(err)
		}
		fmt.Println(tool.Name, "for the model:", tool.VisibleToModel())
	}
	// Output:
	// the server supports MCP Apps
	// seats for the model: true
	// reload seats for the model: false
}

// startTheatre starts an MCP server on loopback whose tools have a user interface, for the example.
func startTheatre() (endpoint string, stop func()) {
	mcpServer := mcptest.New(mcptest.Modern)
	mcpServer.Capabilities = map[string]any{"tools": map[string]any{}, "extensions": map[string]any{"io.modelcontextprotocol/ui": map[string]any{}}}
	mcpServer.Tools = []*mcptest.Tool{
		{Name: "seats", Meta: json.RawMessage(`{"ui":{"resourceUri":"ui://seats"}}`)},
		{Name: "reload seats", Meta: json.RawMessage(`{"ui":{"resourceUri":"ui://seats","visibility":["app"]}}`)},
	}
	httpServer := httptest.NewServer(mcpServer)
	return httpServer.URL + "/mcp", func() {
		httpServer.Close()
		mcpServer.Close()
	}
}
