package peers_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/oauth"
	"github.com/hawser-mcp/hawser/oauth/loopback"
	"github.com/hawser-mcp/hawser/tests/peers/peer"
)

// A session sends its requests through an executor. Its user logs in at each authorization server.
// By default, the requests for tokens go through the executor too. With Config.Transport they do
// not, so the executor sees neither codes nor refresh tokens.
func TestAuthorizationThroughAnExecutor(t *testing.T) {
	codex := peer.StartCodex(t)
	for _, s := range authServers {
		if s.proxy {
			continue // like the server behind it
		}
		t.Run(s.name, func(t *testing.T) {
			a := startAuthServer(t, &s)
			for name, own := range map[string]http.RoundTripper{"everything through the executor": nil, "tokens directly": openDirect(t)} {
				relay := peer.StartRelay(t, codex.URL)
				a.callLoggedIn(t, &mcpclient.Options{Transport: openExecutor(t, relay.URL, nil)}, own)
				var endpoint, server int
				for exchange, times := range relay.Exchanges() {
					switch {
					case exchange.URL == a.resource.URL:
						endpoint += times
					case strings.HasPrefix(exchange.URL, a.server.Issuer):
						server += times
					}
				}
				if endpoint == 0 || (server == 0) != (own != nil) {
					t.Errorf("%s: the executor sent %d requests to the endpoint and %d to the authorization server", name, endpoint, server)
				}
			}
		})
	}
}

// callLoggedIn connects, logs in and calls a tool. own sends the requests for tokens; nil means the
// transport of the session.
func (a *runningAuthServer) callLoggedIn(t *testing.T, opts *mcpclient.Options, own http.RoundTripper) {
	t.Helper()
	config := oauth.Config{Transport: own, Login: &loopback.Login{Out: io.Discard, Open: func(_ context.Context, page string) error {
		_, err := a.visit(page)
		return err
	}}}
	if a.na[registers] != "" {
		config.Registration.ClientID = peer.ZitadelClient
	}
	auth, err := oauth.NewClient(a.resource.URL, &config)
	if err != nil {
		t.Fatal(err)
	}
	defer auth.Close()
	opts.Auth = auth
	s, err := mcpclient.Connect(t.Context(), a.resource.URL, opts)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.CallTool(t.Context(), "echo", map[string]any{"a": 1}); err != nil {
		t.Error(err)
	}
	if err := auth.Logout(t.Context()); err != nil {
		t.Error(err)
	}
}
