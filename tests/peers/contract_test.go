package peers_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/hawser-mcp/hawser/tests/peers/peer"
	"github.com/hawser-mcp/hawser/transport/executor"
	"github.com/hawser-mcp/hawser/transport/transporttest"
)

// The contract over the real executor, at its default flags: one request of a link at a time.
func TestCodexKeepsTheContract(t *testing.T) {
	peer.RequireInstalled(t)
	codex := peer.StartCodex(t)
	relay := peer.StartRelay(t, codex.URL)
	opts := &executor.Options{HeaderTimeout: 5 * time.Second} // the executor has none, also for a server that sends 103 for ever
	transporttest.Run(t, transporttest.Config{
		New: func(t *testing.T) http.RoundTripper {
			t.Helper()
			rt, err := executor.Dial(t.Context(), relay.URL, opts)
			if err != nil {
				t.Fatal(err)
			}
			return rt
		},
		Undetected: map[string]string{
			"unknown encoding": "the executor reads such a body until the connection ends",
		},
		CutLink: func(*testing.T, http.RoundTripper) { relay.Cut() },
	})
}
