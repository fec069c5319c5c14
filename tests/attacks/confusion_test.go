package attacks_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/authtest"
	"github.com/hawser-mcp/hawser/oauth"
)

// disguises returns URLs that resemble an origin and are not equal to it.
func disguises(origin string) []string {
	host := strings.TrimPrefix(origin, "http://")
	ip, port, _ := strings.Cut(host, ":")
	return []string{
		"HTTP://" + host, "http://LOCALHOST:" + port, "http://localhost:" + port, "https://" + host, "http://" + ip, "http://" + host + "0",
		"http://" + ip + ":0" + port, "http://" + ip + ".:" + port, "http://[::ffff:" + ip + "]:" + port, "http://127.1:" + port, "http://2130706433:" + port,
		"http://0x7f.0.0.1:" + port, "http://evil@" + host, "http://@" + host, "http://" + ip + "@127.0.0.2:" + port, "http://%31" + host[1:],
		origin + "//", origin + "/.", origin + "/x", origin + "/%2e%2e", origin + "?", origin + "?x=1", origin + "#", origin + "#x", origin + "/?", " " + origin,
		origin + " ", origin + "%20", origin + "\\", origin + "\n", origin + "\u0000", "//" + host, host, "",
	}
}

// Metadata with an issuer that only resembles the one that the resource named belongs to another
// server. The same holds for the iss of a callback. The user is not sent anywhere, or the code is
// not sent.
func TestIssuerConfusion(t *testing.T) {
	play(t, "metadata", oauth.Config{}, func(t *testing.T, a *arena) {
		for _, issuer := range disguises(a.Server.Issuer) {
			a.Server.Change(func(s *authtest.Script) {
				s.Metadata = func(document map[string]any) { document["issuer"] = issuer }
			})
			require.Equal(t, oauth.KindMetadata, oauth.KindOf(a.connect(t)), "%q", issuer)
		}
		require.Empty(t, a.Server.Requests("/register"))
		require.Zero(t, a.visited)
		a.check(t)
	})
	play(t, "named by the resource", oauth.Config{}, func(t *testing.T, a *arena) {
		for _, issuer := range disguises(a.Server.Issuer) {
			if u, err := url.Parse(issuer); a.Transport != a.browser.Transport && err == nil && net.ParseIP(u.Hostname()) == nil {
				continue // the executor would ask the resolver of this machine
			}
			a.Resource.Change(func(s *authtest.ResourceScript) {
				s.Metadata = func(document map[string]any) { document["authorization_servers"] = []string{issuer} }
			})
			require.Error(t, a.connect(t), "%q", issuer)
		}
		require.Empty(t, a.Server.Requests("/register"))
		require.Zero(t, a.visited)
		a.check(t)
	})
	play(t, "iss", oauth.Config{}, func(t *testing.T, a *arena) {
		for _, issuer := range disguises(a.Server.Issuer) {
			a.Server.Change(func(s *authtest.Script) {
				s.Callback = func(answer url.Values) { answer.Set("iss", issuer) }
			})
			require.Equal(t, oauth.KindResponse, oauth.KindOf(a.connect(t)), "%q", issuer)
		}
		require.Positive(t, a.visited)
		require.Empty(t, a.Server.Tokens("authorization_code"))
		a.check(t)
	})
}

// Metadata about a resource that only resembles the endpoint, or one of its parents, is not used: a
// token would be for another resource.
func TestResourcePrefixTricks(t *testing.T) {
	play(t, "metadata", oauth.Config{}, func(t *testing.T, a *arena) {
		others := disguises(a.Resource.Origin)
		for _, path := range []string{
			"/mc", "/mcp2", "/mcp/", "/mcp/x", "/MCP", "/mcp%2f", "/mcp%2F..", "/mcp/..", "/mcp/../mcp", "/%6dcp", "//mcp", "/./mcp", "/x/../mcp", "/mcp;x",
			"/mcp?x=1", "/mcp#x", "/mcp\\", "/mcp ", "/other",
		} {
			others = append(others, a.Resource.Origin+path)
		}
		for _, resource := range others {
			u, err := url.Parse(resource)
			sameOrigin := err == nil && strings.EqualFold(u.Scheme, "http") && u.Host == strings.TrimPrefix(a.Resource.Origin, "http://")
			if sameOrigin && u.User == nil && !strings.ContainsAny(resource, "?#") && (u.EscapedPath() == "" || u.EscapedPath() == "/mcp/") {
				continue // names the origin, or the endpoint with a final slash
			}
			a.Resource.Change(func(s *authtest.ResourceScript) {
				s.Metadata = func(document map[string]any) { document["resource"] = resource }
			})
			require.Equal(t, oauth.KindMetadata, oauth.KindOf(a.connect(t)), "%q", resource)
		}
		require.Empty(t, a.Server.Requests(""))
		require.Zero(t, a.visited)
		a.check(t)
	})
}

// Mix-up (RFC 9700 section 4.4): a hostile resource names a hostile authorization server, which
// sends the user on to an honest server, with the ID that this client has there. The hostile server
// gets neither the honest server's code nor the verifier, because the honest server sends iss.
func TestMixUpWithIss(t *testing.T) {
	for name, detour := range map[string]bool{"its endpoint is the honest one": false, "it redirects to the honest one": true} {
		play(t, name, oauth.Config{}, func(t *testing.T, a *arena) {
			require.NoError(t, a.connect(t)) // with the honest server
			require.NoError(t, a.session.Close())
			honest := a.Server.Requests("/authorize")[0].Form.Get("client_id")
			var got []string
			evil := ""
			evil = a.Serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				endpoint := a.Server.Issuer + "/authorize"
				if detour {
					endpoint = evil + "/authorize"
				}
				switch r.URL.Path {
				case "/.well-known/oauth-authorization-server":
					_, _ = w.Write([]byte(`{"issuer":"` + evil + `","authorization_endpoint":"` + endpoint + `","token_endpoint":"` + evil + `/token",` +
						`"registration_endpoint":"` + evil + `/register","code_challenge_methods_supported":["S256"]}`))
				case "/register":
					_, _ = w.Write([]byte(`{"client_id":"` + honest + `","redirect_uris":["` + redirectURI + `"]}`))
				case "/authorize":
					http.Redirect(w, r, a.Server.Issuer+"/authorize?"+r.URL.RawQuery, http.StatusFound)
				default:
					_ = r.ParseForm() // an invalid form counts as empty
					got = append(got, r.URL.Path+" "+r.Form.Encode())
				}
			}))
			a.Resource.Change(func(s *authtest.ResourceScript) {
				s.Metadata = func(document map[string]any) { document["authorization_servers"] = []string{evil} }
			})
			a.Server.RevokeAll(true)
			victim, err := oauth.NewClient(a.Resource.URL, &oauth.Config{Login: oauth.LoginFunc(a.follow)})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, victim.Close()) })
			victim.RoundTripper(a.Transport)
			require.ErrorContains(t, victim.Login(t.Context()), "the callback is from another authorization server (iss)")
			require.Empty(t, got, "the hostile server must not get a code")
			require.Len(t, a.Server.Requests("/authorize"), 2, "the user was sent to the honest server")
			a.check(t)
		})
	}
}

// follow is a user whose browser follows redirects of authorization servers.
func (a *arena) follow(ctx context.Context, flow oauth.Flow) error {
	page, err := flow.AuthorizationURL(ctx, redirectURI)
	for range 3 {
		if err != nil || strings.HasPrefix(page, redirectURI) {
			break
		}
		page, err = a.browser.Visit(ctx, page)
	}
	if err != nil {
		return err
	}
	return flow.Complete(ctx, page)
}

// Two logins run at once, in one browser. Callbacks that arrive at the wrong login do not belong to
// it. They end neither login, and their codes are not sent.
func TestConcurrentLogins(t *testing.T) {
	play(t, "swapped", oauth.Config{}, func(t *testing.T, a *arena) {
		callbacks := [2]chan string{make(chan string, 1), make(chan string, 1)}
		var clients [2]*oauth.Client
		for i := range clients {
			var err error
			clients[i], err = oauth.NewClient(a.Resource.URL, &oauth.Config{Login: oauth.LoginFunc(func(ctx context.Context, flow oauth.Flow) error {
				page, err := flow.AuthorizationURL(ctx, redirectURI)
				if err != nil {
					return err
				}
				own, err := a.browser.Visit(ctx, page)
				if err != nil {
					return err
				}
				callbacks[1-i] <- own
				foreign := <-callbacks[i]
				if err := flow.Complete(ctx, foreign); !errors.Is(err, oauth.ErrForeignCallback) {
					return errors.New("a foreign callback was accepted")
				}
				return flow.Complete(ctx, own)
			})})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, clients[i].Close()) })
			clients[i].RoundTripper(a.Transport)
		}
		done := make(chan error)
		for _, c := range clients {
			go func() { done <- c.Login(t.Context()) }()
		}
		require.NoError(t, <-done)
		require.NoError(t, <-done)
		require.Len(t, a.Server.Tokens("authorization_code"), 2)
		a.check(t)
	})
}
