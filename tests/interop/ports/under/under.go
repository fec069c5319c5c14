// Package under runs the clients of other SDKs over Hawser's executor and authorization. The guides
// docs/from-mcp-go.md and docs/from-go-sdk.md quote this file.
package under

import (
	"context"
	"net/http"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"
	gosdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/hawser-mcp/hawser/oauth"
)

// HTTPClient returns a client whose requests travel over base, such as an executor, with the tokens
// of auth. It has no Timeout, which would cut off event streams.
func HTTPClient(base http.RoundTripper, auth *oauth.Client) *http.Client {
	return &http.Client{Transport: &login{auth: auth, next: auth.RoundTripper(base)}}
}

// login is a RoundTripper. When the server refuses a request, it asks the user to log in and
// resends the request. Resending is safe: a request refused with 401 or 403 did not run.
type login struct {
	auth *oauth.Client
	next http.RoundTripper
}

func (l *login) RoundTrip(req *http.Request) (*http.Response, error) {
	for logins := 0; ; logins++ {
		began := time.Now()
		resp, err := l.next.RoundTrip(req)
		if err != nil || !refused(resp.StatusCode) || logins == 3 || req.GetBody == nil {
			return resp, err
		}
		// Authorization failed, for example because the user declined.
		if err := l.auth.Authorize(req.Context(), req.URL.String(), resp.StatusCode, resp.Header, began); err != nil {
			return resp, nil //nolint:nilerr // the refusal is what the SDK understands
		}
		_ = resp.Body.Close()
		req = req.Clone(req.Context())
		if req.Body, err = req.GetBody(); err != nil {
			return nil, err
		}
	}
}

func refused(status int) bool {
	return status == http.StatusUnauthorized || status == http.StatusForbidden
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
