package peers_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/tests/peers/peer"
)

// A server of @hono/mcp, as its README shows it, has one stream table for all clients. If two
// clients use the same request ID at the same time, one receives the response to the other's
// request. The sessions of this client use different IDs.
func TestServerWithOneStreamTable(t *testing.T) {
	const sessions = 5
	script, err := filepath.Abs(filepath.Join("servers", "hono.mjs"))
	if err != nil {
		t.Fatal(err)
	}
	server := peer.StartServer(t, "@hono/mcp", "/mcp", func(int) peer.Command { return peer.NodeCommand(t, script) })
	failed := make(chan error, sessions)
	for range sessions {
		s, err := mcpclient.Connect(t.Context(), server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		go func() {
			_, err := s.CallTool(t.Context(), "wait", map[string]any{"ms": 500})
			failed <- err
		}()
	}
	for i := range sessions {
		if err := within(t, failed, fmt.Sprintf("call %d", i)); err != nil {
			t.Error(err)
		}
	}
}
