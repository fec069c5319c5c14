package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hawser-mcp/hawser/internal/authtest"
	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/oauth"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const metadataPath = "/.well-known/oauth-protected-resource/mcp"

// guarded is an MCP server that requires a token from an authorization server.
type guarded struct {
	mcp    *mcptest.Server
	auth   *authtest.Server
	origin string
}

func (g *guarded) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	switch {
	case r.URL.Path == metadataPath:
		fmt.Fprintf(w, `{"resource":%q,"authorization_servers":[%q]}`, g.origin+"/mcp", g.auth.Issuer)
	case g.auth.Accepts(token) == nil:
		w.Header().Set("WWW-Authenticate", fmt.Sprintf("Bearer resource_metadata=%q", g.origin+metadataPath))
		w.WriteHeader(http.StatusUnauthorized)
	default:
		g.mcp.ServeHTTP(w, r)
	}
}

// The first run prompts the user; the second one uses the stored tokens.
func TestOneLoginIsEnough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world := authtest.New(t)
		g := &guarded{mcp: mcptest.New(mcptest.Modern), auth: world.Server}
		defer g.mcp.Close()
		g.mcp.Tools = []*mcptest.Tool{{Name: "echo"}}
		g.origin = world.Serve(g)
		logins := 0
		login := func(ctx context.Context, flow oauth.Flow) error {
			logins++
			page, err := flow.AuthorizationURL(ctx, "http://127.0.0.1:7777/callback")
			if err != nil {
				return err
			}
			callback, err := world.Visit(ctx, page)
			if err != nil {
				return err
			}
			return flow.Complete(ctx, callback)
		}
		cfg := &oauth.Config{Store: oauth.NewMemoryStore(), Login: oauth.LoginFunc(login)}
		for range 2 {
			var out strings.Builder
			require.NoError(t, run(t.Context(), &out, g.origin+"/mcp", cfg, world.Transport))
			require.Contains(t, out.String(), "authorized: true, by "+world.Server.Issuer)
			require.Contains(t, out.String(), "\n  echo: ")
		}
		require.Equal(t, 1, logins)
	})
}
