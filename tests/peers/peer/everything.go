package peer

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"testing"
)

// What server-everything prints.
const (
	// LogSession begins the line of each session it opens, so of each initialize.
	LogSession = "Session initialized with ID: "

	logReady  = "listening on port"
	logTaken  = "is already in use"
	logPrefix = "server-everything"
)

// Server is a running server-everything, a legacy-era MCP server with sessions
// over Streamable HTTP. Its methods are for the test's own goroutine.
type Server struct {
	// URL is the MCP endpoint; it stays the same over a restart.
	URL string

	tb      testing.TB
	port    int
	process *process
}

// StartEverything starts server-everything on a free port of loopback and
// returns when it accepts connections. It ends with the test.
func StartEverything(tb testing.TB) *Server {
	tb.Helper()
	s := &Server{tb: tb}
	const tries = 5 // somebody else may take the port between our look and its bind
	for range tries {
		s.port = freePort(tb)
		s.URL = fmt.Sprintf("http://127.0.0.1:%d/mcp", s.port)
		if err := s.start(); err == nil {
			return s
		} else if !strings.Contains(s.Log(), logTaken) {
			tb.Fatalf("%s %v; its log:\n%s", logPrefix, err, s.Log())
		}
	}
	tb.Fatalf("%s: %d ports in a row were taken", logPrefix, tries)
	return nil
}

// Kill ends the server at once, as a crash would, and returns when it is gone.
func (s *Server) Kill() { s.process.kill() }

// Restart starts the server anew on the same port, after a Kill if it still
// runs, with an empty log and none of its sessions. It returns when the server
// accepts connections.
func (s *Server) Restart() {
	s.tb.Helper()
	s.Kill()
	if err := s.start(); err != nil {
		s.tb.Fatalf("%s, restarted: %v; its log:\n%s", logPrefix, err, s.Log())
	}
}

// Log returns what the server has printed since it was last started. A line may
// come a little later than the answer it belongs to: see [Server.WaitLog].
func (s *Server) Log() string {
	text, _ := s.process.log.read()
	return text
}

// WaitLog returns once text is in the log that many times, and fails the test
// if it does not come.
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

// freePort returns a port nobody listens on. It is below the range from which
// systems take the local ports of outgoing connections, so that it is still free
// when a killed server comes back.
func freePort(tb testing.TB) int {
	tb.Helper()
	const first, count, tries = 20_000, 10_000, 100
	for range tries {
		port := first + rand.IntN(count) //nolint:gosec // a port number is no secret
		// All addresses, as the server does.
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
