package mcptest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-mcp/hawser/internal/execproto"
	"github.com/hawser-mcp/hawser/internal/link"
	"github.com/hawser-mcp/hawser/internal/memnet"
	"github.com/hawser-mcp/hawser/transport"
	"github.com/hawser-mcp/hawser/transport/executor"
	"github.com/hawser-mcp/hawser/transport/executor/agent"
)

// Link is a running server and a transport that reaches it.
type Link struct {
	// URL is the MCP endpoint.
	URL string
	// Transport reaches the endpoint. It is closed at the end of the test.
	Transport transport.Transport
	// Network is the network of InMemory; nil for Loopback.
	Network *memnet.Network
}

// InMemory serves s on an in-memory network, for tests inside a synctest bubble. [Variable] selects
// the route to it. At the end of the test, InMemory closes everything, and fails the test if the
// client broke a rule or left a connection open.
func (s *Server) InMemory(t testing.TB) *Link {
	t.Helper()
	network, w := memnet.New(), chosen(t)
	stop := s.serve(t, network.Listen(w.host+":80"))
	rt, closeTransport := w.open(t, network)
	link := &Link{URL: "http://" + w.host + "/mcp", Network: network, Transport: rt}
	t.Cleanup(func() {
		closeTransport()
		stop()
		CheckClosed(t, network)
	})
	return link
}

// CheckClosed fails the test if a connection of network is still open after the servers' grace.
func CheckClosed(t testing.TB, network *memnet.Network) {
	t.Helper()
	time.Sleep(time.Minute) // fake time: net/http's server waits before it closes a connection
	synctest.Wait()
	if n := network.Conns(); n != 0 {
		t.Errorf("%d connections left open", n)
	}
}

// Loopback serves s on a loopback port.
func (s *Server) Loopback(t testing.TB) *Link {
	t.Helper()
	ln, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	link := &Link{URL: "http://" + ln.Addr().String() + "/mcp", Transport: transport.NewDirect(&transport.DirectOptions{NoProxy: true})}
	stop := s.serve(t, ln)
	t.Cleanup(func() {
		_ = link.Transport.Close() // always returns nil
		stop()
	})
	return link
}

// ServeOn serves s on a listener until the end of the test, and fails the test if the client broke
// a rule.
func (s *Server) ServeOn(t testing.TB, ln net.Listener) {
	t.Helper()
	t.Cleanup(s.serve(t, ln))
}

// serve serves s until the returned function is called.
func (s *Server) serve(t testing.TB, ln net.Listener) (stop func()) {
	t.Helper()
	end := Serve(t, ln, s)
	return func() {
		end()
		s.Close()
		for _, text := range s.Violations() {
			t.Errorf("protocol violation by the client: %s", text)
		}
	}
}

// Serve runs an http.Server until the returned function is called.
func Serve(t testing.TB, ln net.Listener, h http.Handler) (stop func()) {
	t.Helper()
	server := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	return func() {
		if err := server.Close(); err != nil {
			t.Errorf("closing the server: %v", err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("serving: %v", err)
		}
	}
}

// Variable is the environment variable that selects the route to servers started with
// [Server.InMemory]: "direct" (the default), "agent" for an executor with one link for each
// exchange, or "agent-shared" for an executor with one shared link.
const Variable = "HAWSER_TEST_TRANSPORT"

// Way returns the value of the environment variable [Variable], or "direct" if it is not set.
func Way() string {
	if name := os.Getenv(Variable); name != "" {
		return name
	}
	return "direct"
}

// way is a route to a server in memory.
type way struct {
	// host is the server's host in the URL.
	host string
	open func(t testing.TB, network *memnet.Network) (transport.Transport, func())
}

// chosen returns the route that the environment selects.
func chosen(t testing.TB) way {
	t.Helper()
	switch name := Way(); name {
	case "direct":
		return way{"mcp.test", openDirect}
	case "agent":
		return way{"127.0.0.1", openAgent(false)} // an executor resolves names, which the in-memory network cannot do
	case "agent-shared":
		return way{"127.0.0.1", openAgent(true)}
	default:
		t.Fatalf("%s=%q: unknown route", Variable, name)
		return way{}
	}
}

func openDirect(_ testing.TB, network *memnet.Network) (transport.Transport, func()) {
	direct := transport.NewDirect(&transport.DirectOptions{DialContext: network.DialContext, NoProxy: true})
	return direct, func() { _ = direct.Close() }
}

func openAgent(shared bool) func(t testing.TB, network *memnet.Network) (transport.Transport, func()) {
	return func(t testing.TB, network *memnet.Network) (transport.Transport, func()) {
		t.Helper()
		return OpenAgent(t, network, shared)
	}
}

// OpenAgent opens a transport over in-memory executors that run our agent: one for each exchange,
// or a single one if shared is set. The agents dial addresses on network and cannot resolve names.
func OpenAgent(t testing.TB, network *memnet.Network, shared bool) (rt transport.Transport, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	dial := func(context.Context) (executor.Link, error) {
		near, far := link.Pipe(execproto.MaxMessage)
		serving.Go(func() { _ = agent.Serve(ctx, far, &agent.Options{DialContext: network.DialContext}) }) // ends with the link
		return near, nil
	}
	rt, err := executor.Open(ctx, dial, &executor.Options{Shared: shared})
	if err != nil {
		t.Fatal(fmt.Errorf("mcptest: %w", err))
	}
	return rt, func() {
		_ = rt.Close() // always returns nil
		cancel()
		serving.Wait()
	}
}
