package peer

import "testing"

// LogSession starts the line that server-everything prints for each new session, and thus for each
// initialize.
const LogSession = "Session initialized with ID: "

// StartEverything starts server-everything on a free loopback port and returns when it accepts
// connections. It is a legacy MCP server with sessions over Streamable HTTP. The server is stopped
// at the end of the test.
func StartEverything(tb testing.TB) *Server {
	tb.Helper()
	const logReady = "listening on port"
	return startServer(&Server{
		tb: tb, name: "server-everything",
		command: func(int) Command { return NodeCommand(tb, bin(tb, "mcp-server-everything"), "streamableHttp") },
		ready:   func(s *Server) error { return s.process.waitFor(logReady, 1) },
	}, "/mcp")
}
