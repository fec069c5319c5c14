// Package under runs the clients of other SDKs over Hawser's executor and authorization. The guides
// docs/from-mcp-go.md and docs/from-go-sdk.md quote this file.
package under

import (
	"context"
	"net/http"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"
	gosdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/hawser-mcp/hawser/oauth"
)

// HTTPClient returns a client whose requests travel over base, such as an executor; nil means this
// process's network. It attaches the tokens of auth, and asks the user to log in when the server
// demands it. It has no Timeout, which would cut off event streams.
func HTTPClient(base http.RoundTripper, auth *oauth.Client) *http.Client {
	return &http.Client{Transport: auth.LoginRoundTripper(base)}
}

// MCPGo connects a client of mcp-go.
func MCPGo(ctx context.Context, url string, hc *http.Client) (*client.Client, error) {
	c, err := client.NewStreamableHttpClient(url, transport.WithHTTPBasicClient(hc))
	if err != nil {
		return nil, err
	}
	if err := c.Start(ctx); err != nil {
		return nil, err
	}
	_, err = c.Initialize(ctx, mcp.InitializeRequest{})
	return c, err
}

// GoSDK connects a client of go-sdk.
func GoSDK(ctx context.Context, url string, hc *http.Client) (*gosdk.ClientSession, error) {
	c := gosdk.NewClient(&gosdk.Implementation{Name: "agent", Version: "1.0.0"}, nil)
	return c.Connect(ctx, &gosdk.StreamableClientTransport{Endpoint: url, HTTPClient: hc}, nil)
}
