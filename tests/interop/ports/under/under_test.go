package under_test

import (
	"context"
	"encoding/json"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
	gosdk "github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/authtest"
	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/oauth"
	"github.com/hawser-mcp/hawser/tests/interop/ports/under"
)

const redirect = "http://127.0.0.1:3000/callback"

// greeter is a session of another SDK. greet calls a tool that answers "hello".
type greeter struct {
	greet func() (string, error)
	close func() error
}

// sdks are the unmodified clients of other SDKs.
var sdks = map[string]func(t *testing.T, url string, hc *http.Client) greeter{"mcp-go": overMCPGo, "go-sdk": overGoSDK}

func overMCPGo(t *testing.T, url string, hc *http.Client) greeter {
	t.Helper()
	c, err := under.MCPGo(t.Context(), url, hc)
	require.NoError(t, err)
	return greeter{close: c.Close, greet: func() (string, error) {
		var req mcp.CallToolRequest
		req.Params.Name, req.Params.Arguments = "greet", map[string]any{}
		res, err := c.CallTool(t.Context(), req)
		if err != nil {
			return "", err
		}
		return res.Content[0].(mcp.TextContent).Text, nil
	}}
}

func overGoSDK(t *testing.T, url string, hc *http.Client) greeter {
	t.Helper()
	s, err := under.GoSDK(t.Context(), url, hc)
	require.NoError(t, err)
	return greeter{close: s.Close, greet: func() (string, error) {
		res, err := s.CallTool(t.Context(), &gosdk.CallToolParams{Name: "greet"})
		if err != nil {
			return "", err
		}
		return res.Content[0].(*gosdk.TextContent).Text, nil
	}}
}

// servers are MCP servers without authorization. The legacy one has sessions, each with an event
// stream.
var servers = map[string]func(t *testing.T) http.Handler{
	"mcp-go's server": func(*testing.T) http.Handler {
		s := server.NewMCPServer("greeter", "1.0.0")
		s.AddTool(mcp.NewTool("greet"), func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return mcp.NewToolResultText("hello"), nil
		})
		return server.NewStreamableHTTPServer(s, server.WithStateLess(true))
	},
	"a legacy server": func(t *testing.T) http.Handler {
		t.Helper()
		s := mcptest.New(mcptest.Legacy)
		s.Tools = []*mcptest.Tool{{Name: "greet", Run: func(context.Context, *mcptest.Call) (json.RawMessage, error) {
			return mcptest.Text("hello"), nil
		}}}
		t.Cleanup(s.Close)
		return s
	},
}

// user is an oauth.Login that consents, unless declines is set. It counts the prompts.
type user struct {
	world    *authtest.World
	prompted atomic.Int32
	declines atomic.Bool
}

// Login implements oauth.Login.
func (u *user) Login(ctx context.Context, flow oauth.Flow) error {
	u.prompted.Add(1)
	if u.declines.Load() {
		return oauth.ErrDeclined
	}
	page, err := flow.AuthorizationURL(ctx, redirect)
	if err != nil {
		return err
	}
	callback, err := u.world.Visit(ctx, page)
	if err != nil {
		return err
	}
	return flow.Complete(ctx, callback)
}

// onEach runs a test with the client of each SDK, directly and through an executor, in a protected
// world whose access tokens are valid for an hour.
func onEach(t *testing.T, test func(t *testing.T, world *authtest.World, connect func(*oauth.Client) greeter)) {
	t.Helper()
	networks := map[string]func(w *authtest.World) http.RoundTripper{
		"direct":          func(w *authtest.World) http.RoundTripper { return w.Transport },
		"agent":           func(w *authtest.World) http.RoundTripper { return w.Agent(false) },
		"agent, one link": func(w *authtest.World) http.RoundTripper { return w.Agent(true) },
	}
	for sdk, over := range sdks {
		for network, through := range networks {
			for kind, serve := range servers {
				t.Run(sdk+"/"+network+"/"+kind, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						world := authtest.New(t)
						world.Server.Change(func(script *authtest.Script) { script.Refresh, script.Lifetime = true, time.Hour })
						world.Resource.Change(func(script *authtest.ResourceScript) { script.Handler = serve(t) })
						test(t, world, func(auth *oauth.Client) greeter {
							return over(t, world.Resource.URL, under.HTTPClient(through(world), auth))
						})
					})
				})
			}
		}
	}
}

// The client of another SDK logs in, steps up when a request needs another scope, survives an
// expired token, and logs in again when everything was revoked. When the user declines, the call
// fails with the reason, and the session works on after the next login.
func TestOtherSDKsLogIn(t *testing.T) {
	onEach(t, func(t *testing.T, world *authtest.World, connect func(*oauth.Client) greeter) {
		person := &user{world: world}
		auth, err := oauth.NewClient(world.Resource.URL, &oauth.Config{Login: person})
		require.NoError(t, err)
		session := connect(auth)
		works := func(prompts int) {
			t.Helper()
			text, err := session.greet()
			require.NoError(t, err)
			require.Equal(t, "hello", text)
			require.EqualValues(t, prompts, person.prompted.Load())
		}
		works(1)

		world.Resource.Change(func(script *authtest.ResourceScript) { script.Need = "greetings" })
		works(2)

		time.Sleep(2 * time.Hour)
		works(2)
		require.NotEmpty(t, world.Server.Tokens("refresh_token"))

		world.Server.RevokeAll(true)
		works(4) // the new token needs the other scope again

		world.Server.RevokeAll(true)
		person.declines.Store(true)
		time.Sleep(2 * time.Minute)
		_, err = session.greet()
		require.Equal(t, oauth.KindDeclined, oauth.KindOf(err), "%v", err)
		require.EqualValues(t, 5, person.prompted.Load())
		person.declines.Store(false)
		require.NoError(t, auth.Login(t.Context()))
		works(6)

		require.NoError(t, session.close())
		require.NoError(t, auth.Close())
	})
}

// A server refuses the event stream of a session, and the user declines to log in for it. Calls work:
// go-sdk would end the session if the stream failed with an error.
func TestOtherSDKsWithoutTheirStream(t *testing.T) {
	onEach(t, func(t *testing.T, world *authtest.World, connect func(*oauth.Client) greeter) {
		world.Resource.Change(func(script *authtest.ResourceScript) {
			calls := script.Handler
			script.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodGet {
					calls.ServeHTTP(w, r)
					return
				}
				w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
				w.WriteHeader(http.StatusUnauthorized)
			})
		})
		person := &user{world: world}
		auth, err := oauth.NewClient(world.Resource.URL, &oauth.Config{Login: person, Transport: world.Transport})
		require.NoError(t, err)
		require.NoError(t, auth.Login(t.Context()))
		person.declines.Store(true)
		session := connect(auth)
		for range 3 {
			time.Sleep(10 * time.Second)
			text, err := session.greet()
			require.NoError(t, err)
			require.Equal(t, "hello", text)
		}
		require.LessOrEqual(t, int(person.prompted.Load()), 2, "once to log in, once for the stream")
		require.NoError(t, session.close())
		require.NoError(t, auth.Close())
	})
}

// The client of another SDK uses a token that the user has already. When the server refuses it, the
// call fails with the reason, and no authorization server was contacted.
func TestOtherSDKsUseAGivenToken(t *testing.T) {
	onEach(t, func(t *testing.T, world *authtest.World, connect func(*oauth.Client) greeter) {
		person := &user{world: world}
		auth, err := oauth.NewClient(world.Resource.URL, &oauth.Config{Login: person, Transport: world.Transport})
		require.NoError(t, err)
		require.NoError(t, auth.Login(t.Context()))
		token, err := auth.TokenSource(t.Context()).Token()
		require.NoError(t, err)
		before := len(world.Server.Requests(""))

		given, err := oauth.NewClient(world.Resource.URL, &oauth.Config{Grant: oauth.StaticToken(token.AccessToken)})
		require.NoError(t, err)
		session := connect(given)
		text, err := session.greet()
		require.NoError(t, err)
		require.Equal(t, "hello", text)

		world.Server.RevokeAll(true)
		_, err = session.greet()
		require.Equal(t, oauth.KindLoginRequired, oauth.KindOf(err), "%v", err)
		require.ErrorContains(t, err, "the server refused the token of StaticToken")
		require.Len(t, world.Server.Requests(""), before)
		_ = session.close() // the server refuses the DELETE
		require.NoError(t, given.Close())
		require.NoError(t, auth.Close())
	})
}
