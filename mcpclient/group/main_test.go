package group_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
	"go.uber.org/goleak"
)

// stdioVariable makes the test's program an MCP server that speaks over its standard input and
// output.
const stdioVariable = "HAWSER_TEST_STDIO"

func TestMain(m *testing.M) {
	if os.Getenv(stdioVariable) != "" {
		serveStdio()
		return
	}
	goleak.VerifyTestMain(m)
}

func serveStdio() {
	s := server.NewMCPServer("greeter", "1")
	s.AddTool(mcp.NewTool("greet", mcp.WithString("name")), func(_ context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return mcp.NewToolResultText("Hello, " + r.GetString("name", "") + "!"), nil
	})
	if err := server.ServeStdio(s); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
