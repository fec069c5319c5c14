//go:build !race

package group_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/mcpclient/group"
	"github.com/hawser-mcp/hawser/mcpclient/mcpconfig"
)

// The race detector itself allocates, so this test is not built with it.

// canned answers the requests of a legacy session without a network.
func canned(r *http.Request) (*http.Response, error) {
	reply := func(status int, body string) (*http.Response, error) {
		header := http.Header{"Content-Type": {"application/json"}}
		return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r}, nil
	}
	if r.Method != http.MethodPost {
		return reply(http.StatusMethodNotAllowed, "")
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	var m struct {
		ID     json.RawMessage
		Method string
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return nil, err
	}
	result := `{"content":[{"type":"text","text":"done"}]}`
	switch m.Method {
	case "server/discover":
		return reply(http.StatusOK, `{"jsonrpc":"2.0","id":`+string(m.ID)+`,"error":{"code":-32601,"message":"unknown"}}`)
	case "initialize":
		result = `{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"canned","version":"1"}}`
	case "notifications/initialized":
		return reply(http.StatusAccepted, "")
	case "tools/list":
		result = `{"tools":[{"name":"echo","inputSchema":{"type":"object"}}]}`
	}
	return reply(http.StatusOK, `{"jsonrpc":"2.0","id":`+string(m.ID)+`,"result":`+result+`}`)
}

// A call through the group costs at most four allocations more than a call of the session.
func TestCallAllocatesLittle(t *testing.T) {
	g, err := group.New([]mcpconfig.Server{entry("s")}, &group.Options{Transports: map[string]http.RoundTripper{"": roundTrip(canned)}})
	require.NoError(t, err)
	defer g.Close()
	require.NoError(t, g.Wait(t.Context()))
	session, args := g.Session("s"), json.RawMessage(`{"a":1}`)
	count := func(call func(ctx context.Context) (*mcpclient.CallToolResult, error)) float64 {
		return testing.AllocsPerRun(200, func() {
			if _, err := call(t.Context()); err != nil {
				t.Fatal(err)
			}
		})
	}
	direct := count(func(ctx context.Context) (*mcpclient.CallToolResult, error) {
		return session.CallTool(ctx, "echo", args)
	})
	grouped := count(func(ctx context.Context) (*mcpclient.CallToolResult, error) { return g.Call(ctx, "s__echo", args) })
	t.Logf("session %v, group %v", direct, grouped)
	require.LessOrEqual(t, grouped, direct+4)
}
