package mcpconfig_test

import (
	"context"
	"fmt"
	"log"

	"github.com/hawser-mcp/hawser/mcpclient/mcpconfig"
)

// A file of Claude Code, with settings of this package. The variable of the second entry is not
// set, so that entry is left out.
func ExampleLoader_Parse() {
	text := []byte(`{
		"mcpServers": {
			"github": {
				"type": "http",
				"url": "${GITHUB_MCP:-https://api.githubcopilot.com/mcp}/",
				"headers": {"Authorization": "Bearer ${GITHUB_TOKEN}"},
				"hawser": {"deny": ["delete_*"], "approve": {"create_*": "ask"}, "callTimeout": "2m"}
			},
			"billing": {"type": "http", "url": "https://billing.example.com/mcp", "headers": {"X-Key": "${BILLING_KEY}"}}
		}
	}`)
	loader := &mcpconfig.Loader{Env: func(name string) (string, bool) { return "ghp_secret", name == "GITHUB_TOKEN" }}
	cfg, err := loader.Parse(context.Background(), ".mcp.json", text)
	if err != nil {
		log.Fatal(err)
	}
	for _, problem := range cfg.Problems {
		fmt.Println(problem)
	}
	for i := range cfg.Servers {
		server := &cfg.Servers[i]
		fmt.Println(server.Name, server.URL)
		for _, tool := range []string{"get_issue", "create_issue", "delete_repository"} {
			fmt.Printf("  %s: allowed %v, %v\n", tool, server.Allows(tool), server.Rule(tool))
		}
	}
	fmt.Println(cfg)
	// Output:
	// .mcp.json:9: server "billing": headers.X-Key: the variable BILLING_KEY is not set or empty: set it, or write a default such as ${NAME:-value}
	// github https://api.githubcopilot.com/mcp/
	//   get_issue: allowed true, auto
	//   create_issue: allowed true, ask
	//   delete_repository: allowed false, auto
	// mcpconfig.Config{Servers:[mcpconfig.Server{Name:github URL:https://api.githubcopilot.com Header:[Authorization] Deny:len 1 Approve:[create_*] CallTimeout:2m0s OAuth:set}] Executors:[] Problems:1}
}

// A program whose configuration is TOML or YAML decodes it with a library of its choice.
func ExampleLoader_LoadMap() {
	decoded := map[string]any{"mcp_servers": map[string]any{
		"figma": map[string]any{"url": "https://mcp.figma.com/mcp", "tool_timeout_sec": 45, "enabled_tools": []any{"get_file"}},
	}}
	cfg, err := new(mcpconfig.Loader).LoadMap(context.Background(), decoded)
	if err != nil {
		log.Fatal(err)
	}
	server := cfg.Servers[0]
	fmt.Println(server.Name, server.URL, server.CallTimeout, server.Allow)
	// Output: figma https://mcp.figma.com/mcp 45s [get_file]
}
