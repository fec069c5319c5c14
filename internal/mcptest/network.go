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

// Variable is the environment variable that says how the requests of tests travel
// to an [Server.InMemory]: "direct", which is the default, "agent" for an executor
// with a link for each exchange, "agent-shared" for one that all share.
const Variable = "HAWSER_TEST_TRANSPORT"

// Way returns what [Variable] says.
func Way() string {
	if name := os.Getenv(Variable); name != "" {
		return name
	}
	return "direct"
}

// way is a way to a server in memory.
type way struct {
	// host is the server's, as a URL has it.
	host string
	open func(t testing.TB, network *memnet.Network) (transport.Transport, func())
}

// chosen returns the way that the environment asks for.
func chosen(t testing.TB) way {
	t.Helper()
	switch name := Way(); name {
	case "direct":
		return way{"mcp.test", openDirect}
	case "agent":
		return way{"127.0.0.1", openAgent(false)} // names are resolved outside of the memory
	case "agent-shared":
		return way{"127.0.0.1", openAgent(true)}
	default:
		t.Fatalf("%s=%q is no way to a server", Variable, name)
		return way{}
	}
}

func openDirect(_ testing.TB, network *memnet.Network) (transport.Transport, func()) {
	direct := transport.NewDirect(&transport.DirectOptions{DialContext: network.DialContext, NoProxy: true})
	return direct, func() { _ = direct.Close() }
}

// openAgent makes a transport through executors of our own, in memory too.
func openAgent(shared bool) func(t testing.TB, network *memnet.Network) (transport.Transport, func()) {
	return func(t testing.TB, network *memnet.Network) (transport.Transport, func()) {
		t.Helper()
		ctx, cancel := context.WithCancel(context.Background())
		var serving sync.WaitGroup
		dial := func(context.Context) (executor.Link, error) {
			near, far := link.Pipe(execproto.MaxMessage)
			serving.Go(func() { _ = agent.Serve(ctx, far, &agent.Options{DialContext: network.DialContext}) })
			return near, nil
		}
		rt, err := executor.Open(ctx, dial, &executor.Options{Shared: shared})
		if err != nil {
			t.Fatal(fmt.Errorf("mcptest: %w", err))
		}
		return rt, func() {
			_ = rt.Close()
			cancel()
			serving.Wait()
		}
	}
}
