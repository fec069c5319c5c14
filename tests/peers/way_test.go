package peers_test

import (
	"testing"

	"github.com/hawser-mcp/hawser/tests/peers/peer"
	"github.com/hawser-mcp/hawser/transport"
	"github.com/hawser-mcp/hawser/transport/executor"
)

// way is how the requests of a test travel.
type way struct {
	name string
	open func(tb testing.TB) transport.Transport // closed with the test
	// shared: all exchanges are on one link, where what is given up goes on until
	// the link is replaced.
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

// openPipes starts an executor of its own that takes many requests at once: with
// one link for all, one whose headers are late would hold up everybody else.
func openPipes(tb testing.TB) transport.Transport {
	tb.Helper()
	rt, err := executor.Command(tb.Context(), peer.CodexCommand(tb, "--concurrent-requests", "128"), nil)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = rt.Close() })
	return rt
}
