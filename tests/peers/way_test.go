package peers_test

import (
	"testing"

	"github.com/hawser-mcp/hawser/tests/peers/peer"
	"github.com/hawser-mcp/hawser/transport"
	"github.com/hawser-mcp/hawser/transport/executor"
)

// way is a route for the requests of a test.
type way struct {
	name string
	open func(tb testing.TB) transport.Transport // the transport is closed at the end of the test
	// shared means that all exchanges use one link. On such a link, a cancelled exchange continues
	// until the link is replaced.
	shared bool
}

var allWays = []way{
	{"direct", openDirect, false},
	{"agent", func(tb testing.TB) transport.Transport { return openExecutor(tb, startExecutor(tb, "agent"), nil) }, false},
	{"codex", func(tb testing.TB) transport.Transport { return openExecutor(tb, startExecutor(tb, "codex"), nil) }, false},
	{"codex over pipes", openPipes, true},
}

func openDirect(tb testing.TB) transport.Transport {
	tb.Helper()
	direct := transport.NewDirect(&transport.DirectOptions{NoProxy: true})
	tb.Cleanup(func() { _ = direct.Close() })
	return direct
}

func openExecutor(tb testing.TB, url string, opts *executor.Options) transport.Transport {
	tb.Helper()
	rt, err := executor.Dial(tb.Context(), url, opts)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = rt.Close() })
	return rt
}

// openPipes starts an executor that runs many requests at once, and returns a transport whose
// exchanges share one link. If the executor ran one request at a time, a request without a response
// head would block all others.
func openPipes(tb testing.TB) transport.Transport {
	tb.Helper()
	rt, err := executor.Command(tb.Context(), peer.CodexCommand(tb, manyAtOnce...), nil)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = rt.Close() })
	return rt
}
