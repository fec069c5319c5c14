package mcptest

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/hawser-mcp/hawser/internal/execproto"
	"github.com/hawser-mcp/hawser/internal/link"
	"github.com/hawser-mcp/hawser/internal/memnet"
	"github.com/hawser-mcp/hawser/transport"
	"github.com/hawser-mcp/hawser/transport/executor"
	"github.com/hawser-mcp/hawser/transport/executor/agent"
)

// Variable is the environment variable that selects the route of requests to an [Server.InMemory]:
// "direct" (the default), "agent" for an executor with one link for each exchange, or
// "agent-shared" for an executor with one shared link.
const Variable = "HAWSER_TEST_TRANSPORT"

// Way returns the value of [Variable], or its default.
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
// or a single one if shared is set. They reach network, and cannot resolve names.
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
