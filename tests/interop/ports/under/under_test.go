package under_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
	gosdk "github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/authtest"
	"github.com/hawser-mcp/hawser/oauth"
	"github.com/hawser-mcp/hawser/tests/interop/ports/under"
)

const redirect = "http://127.0.0.1:3000/callback"

// Clients of other SDKs reach a protected server through an executor: the user logs in once, and
// the token is sent from then on.
func TestOtherSDKsOverAnExecutorWithOAuth(t *testing.T) {
	for name, hello := range map[string]func(t *testing.T, url string, hc *http.Client) string{"mcp-go": helloMCPGo, "go-sdk": helloGoSDK} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				world := authtest.New(t)
				world.Resource.Change(func(script *authtest.ResourceScript) { script.Handler = newServer() })
				logins := 0
				auth, err := oauth.NewClient(world.Resource.URL, &oauth.Config{
					Login: oauth.LoginFunc(func(ctx context.Context, flow oauth.Flow) error {
						logins++
						page, err := flow.AuthorizationURL(ctx, redirect)
						if err != nil {
							return err
						}
						callback, err := world.Visit(ctx, page)
						if err != nil {
							return err
						}
						return flow.Complete(ctx, callback)
					}),
				})
				require.NoError(t, err)
				require.Equal(t, "hello", hello(t, world.Resource.URL, under.HTTPClient(world.Agent(false), auth)))
				require.Equal(t, 1, logins)
				require.NoError(t, auth.Close())
			})
		})
	}
}

func newServer() http.Handler {
	s := server.NewMCPServer("greeter", "1.0.0")
	s.AddTool(mcp.NewTool("greet"), func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return mcp.NewToolResultText("hello"), nil
	})
	return server.NewStreamableHTTPServer(s, server.WithStateLess(true))
}

func helloMCPGo(t *testing.T, url string, hc *http.Client) string {
	t.Helper()
	c, err := under.MCPGo(t.Context(), url, hc)
	require.NoError(t, err)
	var req mcp.CallToolRequest
	req.Params.Name = "greet"
	res, err := c.CallTool(t.Context(), req)
	require.NoError(t, err)
	require.NoError(t, c.Close())
	return res.Content[0].(mcp.TextContent).Text
}

func helloGoSDK(t *testing.T, url string, hc *http.Client) string {
	t.Helper()
	s, err := under.GoSDK(t.Context(), url, hc)
	require.NoError(t, err)
	res, err := s.CallTool(t.Context(), &gosdk.CallToolParams{Name: "greet"})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	return res.Content[0].(*gosdk.TextContent).Text
}
