package peer

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"testing"
)

// Texts that server-everything prints.
const (
	// LogSession starts the line that server-everything prints for each new session, and thus for
	// each initialize.
	LogSession = "Session initialized with ID: "

	logReady  = "listening on port"
	logTaken  = "is already in use"
	logPrefix = "server-everything"
)

// Server is a running server-everything, a legacy MCP server with sessions over Streamable HTTP.
// Call its methods only on the test's goroutine.
type Server struct {
	// URL is the MCP endpoint. It stays the same after a restart.
	URL string

	tb      testing.TB
	port    int
	process *process
}

// StartEverything starts server-everything on a free loopback port and returns when it accepts
// connections. The server is stopped at the end of the test.
func StartEverything(tb testing.TB) *Server {
	tb.Helper()
	s := &Server{tb: tb}
	const tries = 5 // another process may take the port before the server binds it
	for range tries {
		s.port = freePort(tb)
		s.URL = fmt.Sprintf("http://127.0.0.1:%d/mcp", s.port)
		if err := s.start(); err == nil {
			return s
		} else if !strings.Contains(s.Log(), logTaken) {
			tb.Fatalf("%s %v; its log:\n%s", logPrefix, err, s.Log())
		}
	}
	tb.Fatalf("%s: %d ports in a row were in use", logPrefix, tries)
	return nil
}

// Kill ends the server without warning, as a crash would. It returns when the process has ended.
func (s *Server) Kill() { s.process.kill() }

// Restart kills the server if it is still running, and starts it again on the same port. The new
// server has an empty log and no sessions. Restart returns when the server accepts connections.
func (s *Server) Restart() {
	s.tb.Helper()
	s.Kill()
	if err := s.start(); err != nil {
		s.tb.Fatalf("%s, restarted: %v; its log:\n%s", logPrefix, err, s.Log())
	}
}

// Log returns what the server has printed since its latest start. A line may appear shortly after
// the reply that it belongs to: see [Server.WaitLog].
func (s *Server) Log() string {
	text, _ := s.process.log.read()
	return text
}

// WaitLog waits until the log contains text the given number of times. It fails the test after a
// timeout.
func (s *Server) WaitLog(text string, times int) {
	s.tb.Helper()
	if err := s.process.waitFor(text, times); err != nil {
		s.tb.Fatalf("%s %v; its log:\n%s", logPrefix, err, s.Log())
	}
}

func (s *Server) start() error {
	s.tb.Helper()
	s.process = start(s.tb, []string{"PORT=" + strconv.Itoa(s.port)},
		bin(s.tb, "node"), bin(s.tb, "mcp-server-everything"), "streamableHttp")
	return s.process.waitFor(logReady, 1)
}

// freePort returns a port on which no process listens. The port is below the range that outgoing
// connections use, so no connection takes it while a killed server restarts.
func freePort(tb testing.TB) int {
	tb.Helper()
	const first, count, tries = 20_000, 10_000, 100
	for range tries {
		port := first + rand.IntN(count) //nolint:gosec // a port number is not a secret
		// The server listens on all addresses, so the port must be free on all addresses.
		l, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", fmt.Sprintf(":%d", port))
		if err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			tb.Fatalf("peer: %v", err)
		}
		return port
	}
	tb.Fatalf("peer: no free port in %d tries", tries)
	return 0
}
