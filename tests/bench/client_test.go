package bench_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"testing"

	mcpgoclient "github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	mcpgo "github.com/mark3labs/mcp-go/mcp"
	gosdk "github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/mcpclient"
)

// client makes calls of a scenario and checks that the whole answer has arrived.
type client struct {
	name string
	call func(s *scenario) error
}

var (
	legacy = mcpclient.Options{ProtocolVersion: "2025-11-25"}
	modern = mcpclient.Options{ProtocolVersion: "2026-07-28"}
)

func checkLength(got, want int) error {
	if got != want {
		return fmt.Errorf("got %d bytes, expected %d", got, want)
	}
	return nil
}

// floorClient is net/http with a prebuilt body. It reads the answer without parsing it.
func floorClient(tb testing.TB, url string, rt http.RoundTripper) client {
	tb.Helper()
	if rt == nil {
		transport := &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}
		tb.Cleanup(transport.CloseIdleConnections)
		rt = transport
	}
	bodies := make(map[*scenario][]byte)
	for _, s := range scenarios {
		const call = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":%q,"arguments":{"q":"gophers"},"_meta":{"progressToken":1}}}`
		bodies[s] = fmt.Appendf(nil, call, s.name)
	}
	c := &http.Client{Transport: rt}
	buf := make([]byte, 2*mebi)
	return client{"floor", func(s *scenario) error {
		req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, url, bytes.NewReader(bodies[s]))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Accept", "application/json, text/event-stream")
		req.Header.Set("Mcp-Session-Id", "s-1")
		req.Header.Set("Mcp-Protocol-Version", "2025-11-25")
		resp, err := c.Do(req)
		if err != nil {
			return err
		}
		read := 0
		for err == nil {
			var n int
			n, err = resp.Body.Read(buf)
			read += n
		}
		if closeErr := resp.Body.Close(); closeErr != nil {
			return closeErr
		}
		if read < len(s.result) {
			return fmt.Errorf("%d bytes: %w", read, err)
		}
		return nil
	}}
}

func hawserClient(tb testing.TB, url string, opts mcpclient.Options) client {
	tb.Helper()
	return hawserClientIn(context.Background(), tb, url, opts)
}

// hawserClientIn makes its calls with ctx.
func hawserClientIn(ctx context.Context, tb testing.TB, url string, opts mcpclient.Options) client {
	tb.Helper()
	s, err := mcpclient.Connect(context.Background(), url, &opts)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, s.Close()) })
	args := map[string]any{"q": "gophers"}
	return client{"hawser", func(sc *scenario) error {
		var (
			opts   []mcpclient.CallOption
			events int
		)
		if sc.events > 0 {
			opts = []mcpclient.CallOption{mcpclient.OnProgress(func(context.Context, mcpclient.Progress) { events++ })}
		}
		result, err := s.CallTool(ctx, sc.name, args, opts...)
		if err != nil {
			return err
		}
		if err := checkLength(events, sc.events); err != nil {
			return err
		}
		return checkLength(len(result.Content[0].(mcpgo.TextContent).Text), len(sc.text))
	}}
}

func goSDKClient(tb testing.TB, url string, rt http.RoundTripper) client {
	tb.Helper()
	httpClient := &http.Client{Transport: rt}
	if rt == nil {
		transport := &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}
		tb.Cleanup(transport.CloseIdleConnections)
		httpClient.Transport = transport
	}
	c := gosdk.NewClient(&gosdk.Implementation{Name: "bench", Version: "1"}, nil)
	s, err := c.Connect(context.Background(), &gosdk.StreamableClientTransport{Endpoint: url, HTTPClient: httpClient, DisableStandaloneSSE: true},
		&gosdk.ClientSessionOptions{ProtocolVersion: "2025-11-25"})
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, s.Close()) })
	args := map[string]any{"q": "gophers"}
	return client{"go-sdk", func(sc *scenario) error {
		result, err := s.CallTool(context.Background(), &gosdk.CallToolParams{Name: sc.name, Arguments: args})
		if err != nil {
			return err
		}
		return checkLength(len(result.Content[0].(*gosdk.TextContent).Text), len(sc.text))
	}}
}

func mcpGoClient(tb testing.TB, url string, rt http.RoundTripper) client {
	tb.Helper()
	httpClient := &http.Client{Transport: rt}
	if rt == nil {
		transport := &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}
		tb.Cleanup(transport.CloseIdleConnections)
		httpClient.Transport = transport
	}
	c, err := mcpgoclient.NewStreamableHttpClient(url, transport.WithHTTPBasicClient(httpClient))
	require.NoError(tb, err)
	require.NoError(tb, c.Start(context.Background()))
	tb.Cleanup(func() { require.NoError(tb, c.Close()) })
	var init mcpgo.InitializeRequest
	init.Params.ProtocolVersion = "2025-11-25"
	init.Params.ClientInfo = mcpgo.Implementation{Name: "bench", Version: "1"}
	_, err = c.Initialize(context.Background(), init)
	require.NoError(tb, err)
	args := map[string]any{"q": "gophers"}
	return client{"mcp-go", func(sc *scenario) error {
		var req mcpgo.CallToolRequest
		req.Params.Name, req.Params.Arguments = sc.name, args
		result, err := c.CallTool(context.Background(), req)
		if err != nil {
			return err
		}
		return checkLength(len(result.Content[0].(mcpgo.TextContent).Text), len(sc.text))
	}}
}
