package peer

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Server is a running MCP server program. Call its methods only on the test's goroutine.
type Server struct {
	// URL is the MCP endpoint. It stays the same after a restart.
	URL string

	tb      testing.TB
	name    string
	home    string // the working directory
	port    int
	process *process
	command func(port int) Command
	ready   func(*Server) error // waits until the server accepts connections
}

// Command is a command line, and variables for its environment in addition to PORT and
// [serverEnvironment]. Its working directory is new and empty.
type Command struct {
	Program string
	Args    []string
	Env     []string
}

// StartServer starts an MCP server program on a free loopback port and returns when it accepts
// connections. command returns the command for a port; its environment gets PORT in addition. path
// is the path of the MCP endpoint. The server is stopped at the end of the test.
func StartServer(tb testing.TB, name, path string, command func(port int) Command) *Server {
	tb.Helper()
	return startServer(&Server{tb: tb, name: name, command: command, ready: (*Server).accepts}, path)
}

// NodeCommand returns a command that runs a JavaScript file with the pinned version of Node. The
// programs of the npm packages come first in PATH.
func NodeCommand(tb testing.TB, file string, args ...string) Command {
	tb.Helper()
	node := Node(tb)
	path := []string{ServersBin(tb), filepath.Dir(node), os.Getenv("PATH")}
	return Command{
		Program: node, Args: append([]string{file}, args...),
		Env: []string{"PATH=" + strings.Join(path, string(filepath.ListSeparator))},
	}
}

// ProgramCommand is NodeCommand for a program of the npm packages in tests/peers/servers or
// tests/peers.
func ProgramCommand(tb testing.TB, name string, args ...string) Command {
	tb.Helper()
	file := filepath.Join(ServersBin(tb), name)
	if _, err := os.Stat(file); err != nil {
		file = bin(tb, name)
	}
	return NodeCommand(tb, file, args...)
}

func startServer(s *Server, path string) *Server {
	s.tb.Helper()
	s.home = s.tb.TempDir()
	const tries = 5 // another process may take the port before the server binds it
	for range tries {
		s.port = freePort(s.tb)
		s.URL = fmt.Sprintf("http://127.0.0.1:%d%s", s.port, path)
		if err := s.start(); err == nil {
			return s
		} else if !strings.Contains(s.Log(), "in use") {
			s.tb.Fatalf("%s %v; its log:\n%s", s.name, err, s.Log())
		}
	}
	s.tb.Fatalf("%s: %d ports in a row were in use", s.name, tries)
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
		s.tb.Fatalf("%s, restarted: %v; its log:\n%s", s.name, err, s.Log())
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
	if err := s.AwaitLog(text, times); err != nil {
		s.tb.Fatalf("%v; its log:\n%s", err, s.Log())
	}
}

// AwaitLog is WaitLog for a subtest of the server's test: it returns an error instead of failing the
// test.
func (s *Server) AwaitLog(text string, times int) error {
	if err := s.process.waitFor(text, times); err != nil {
		return fmt.Errorf("%s %w", s.name, err)
	}
	return nil
}

func (s *Server) start() error {
	s.tb.Helper()
	c := s.command(s.port)
	env := append(serverEnvironment(s.home), "PORT="+strconv.Itoa(s.port))
	s.process = startIn(s.tb, s.home, append(env, c.Env...), c.Program, c.Args...)
	return s.ready(s)
}

// serverEnvironment returns the environment of third-party servers. They write their files to home.
// Their requests to other hosts, such as usage statistics, go to a proxy whose port is closed.
func serverEnvironment(home string) []string {
	const closed = "http://127.0.0.1:9"
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "DO_NOT_TRACK=1", "NODE_USE_ENV_PROXY=1", "NODE_NO_WARNINGS=1",
		"HTTP_PROXY=" + closed, "HTTPS_PROXY=" + closed, "NO_PROXY=127.0.0.1,localhost,::1",
	}
}

// accepts waits until the server accepts connections. It returns an error if the program ends
// first, or after a timeout.
func (s *Server) accepts() error {
	ctx, cancel := context.WithTimeout(s.tb.Context(), patience)
	defer cancel()
	const interval = 20 * time.Millisecond
	for {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", s.port))
		if err == nil {
			return c.Close()
		}
		select {
		case <-s.process.done:
			return fmt.Errorf("ended before it listened on port %d: %w", s.port, s.process.err)
		case <-ctx.Done():
			return fmt.Errorf("does not listen on port %d after %v: %w", s.port, patience, err)
		case <-time.After(interval):
		}
	}
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
