package oauth

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/authtest"
)

// asked returns the scopes of the authorization requests so far.
func asked(s *authtest.Server) (scopes []string) {
	for _, request := range s.Requests("/authorize") {
		scopes = append(scopes, request.Form.Get("scope"))
	}
	return scopes
}

// Some servers limit a client to the scopes that it registered with. So the client registers with
// the scopes that it will request.
func TestClientRegistersWithItsScopes(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		w.Server.Change(func(s *authtest.Script) { s.Limit = true; s.Scopes = []string{scopeOffline} })
		w.Resource.Change(func(s *authtest.ResourceScript) { s.Scopes = []string{"a", "b"} })
		r := newRig(t, w, nil)
		r.mustCall()
		require.Equal(t, []string{"a b offline_access"}, asked(w.Server))
	})
}

// If the server confirmed the scopes of a registration, a login for other scopes registers first, so
// that the user is not prompted twice. A login for the same scopes does not.
func TestStepUpRegistersFirst(t *testing.T) {
	for name, c := range map[string]struct {
		confirm   bool
		asked     []string
		registers int
	}{
		"confirmed":     {true, []string{"a", "a b", "a b"}, 2},
		"not confirmed": {false, []string{"a", "a b", "a b", "a b"}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *authtest.World) {
				w.Server.Change(func(s *authtest.Script) { s.Limit, s.Confirm = true, c.confirm })
				w.Resource.Change(func(s *authtest.ResourceScript) { s.Scopes = []string{"a"} })
				r := newRig(t, w, nil)
				r.mustCall()
				w.Resource.Change(func(s *authtest.ResourceScript) { s.Need = "b" })
				r.mustCall()
				require.NoError(t, r.client.Login(t.Context()))
				require.Equal(t, c.asked, asked(w.Server))
				require.Len(t, w.Server.Requests("/register"), c.registers)
			})
		})
	}
}

// After the server has refused the scopes of a login, the client tries what may work instead, each at
// most once.
func TestRefusedScopes(t *testing.T) {
	for name, c := range map[string]struct {
		stored    bool     // a registration for the scope "old" is stored
		limit     bool     // the server limits a client to the scopes that it registered with
		refused   []string // scopes that the server always refuses
		asked     []string // scopes of the login
		registers int
		fails     bool
	}{
		"offline_access":             {false, false, []string{scopeOffline}, []string{"a offline_access", "a"}, 1, false},
		"of an older registration":   {true, true, nil, []string{"a offline_access", "a offline_access"}, 2, false},
		"both":                       {true, true, []string{scopeOffline}, []string{"a offline_access", "a offline_access", "a"}, 2, false},
		"for good":                   {false, false, []string{"a"}, []string{"a offline_access", "a"}, 1, true},
		"for good, old registration": {true, false, []string{"a"}, []string{"a offline_access", "a offline_access", "a"}, 2, true},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *authtest.World) {
				r := newRig(t, w, nil)
				if c.stored {
					w.Resource.Change(func(s *authtest.ResourceScript) { s.Scopes = []string{"old"} })
					r.mustCall()
					require.NoError(t, r.client.forget(t.Context(), r.client.held.Load()))
				}
				w.Server.Change(func(s *authtest.Script) { s.Limit, s.Refused, s.Scopes = c.limit, c.refused, []string{scopeOffline} })
				w.Resource.Change(func(s *authtest.ResourceScript) { s.Scopes = []string{"a"} })
				before := len(asked(w.Server))
				err := r.call(t.Context())
				require.Equal(t, c.asked, asked(w.Server)[before:])
				require.Len(t, w.Server.Requests("/register"), c.registers)
				if c.fails {
					require.Equal(t, codeInvalidScope, codeOf(err))
					return
				}
				require.NoError(t, err)
				tok, last := r.client.held.Load(), c.asked[len(c.asked)-1]
				require.Equal(t, last, strings.Join(tok.Requested, " "))
				require.Equal(t, last == "a", r.client.workaround(t.Context(), tok.Issuer, tok.ClientID).NoOffline)
			})
		})
	}
}

// A server advertises offline_access and refuses it. The client and the next process then omit it,
// until Logout.
func TestOfflineAccessIsOmitted(t *testing.T) {
	for name, registration := range map[string]Registration{
		"registered dynamically": {}, "configured": {ClientID: "me", ClientSecret: "SECRET"},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *authtest.World) {
				w.Server.AddClient("me", "SECRET", callbackURI)
				w.Server.Change(func(s *authtest.Script) {
					s.Auth, s.Scopes, s.Refused = authPost, []string{scopeOffline}, []string{scopeOffline}
				})
				cfg := &Config{Store: NewMemoryStore(), Registration: registration}
				r := newRig(t, w, cfg)
				r.mustCall()
				require.NoError(t, r.client.Login(t.Context()))
				next := newRig(t, w, cfg)
				require.NoError(t, next.client.Login(t.Context()))
				require.Equal(t, []string{scopeOffline, "", "", ""}, asked(w.Server))
				require.Equal(t, 1, next.person.times())

				w.Server.Change(func(s *authtest.Script) { s.Refused = nil })
				require.NoError(t, next.client.Logout(t.Context()))
				require.NoError(t, next.client.Login(t.Context()))
				require.Equal(t, []string{scopeOffline, "", "", "", scopeOffline}, asked(w.Server))
			})
		})
	}
}

// The token endpoint may refuse offline_access as well, to a login or to a Grant.
func TestTokenEndpointRefusesOfflineAccess(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		codes := 0
		w.Server.Change(func(s *authtest.Script) {
			s.Scopes = []string{scopeOffline}
			s.Token = func(form url.Values) (int, string) {
				if codes++; codes == 1 || strings.Contains(form.Get("scope"), scopeOffline) {
					return http.StatusBadRequest, `{"error":"invalid_scope"}`
				}
				return 0, ""
			}
		})
		r := newRig(t, w, nil)
		r.mustCall()
		require.Equal(t, []string{scopeOffline, ""}, asked(w.Server))

		w.Server.AddClient("me", "SECRET")
		w.Server.Change(func(s *authtest.Script) { s.Auth = authPost })
		w.Resource.Change(func(s *authtest.ResourceScript) { s.Scopes = []string{"a", scopeOffline} })
		cfg := &Config{Store: NewMemoryStore(), Registration: Registration{ClientID: "me", ClientSecret: "SECRET"}, Grant: ClientCredentials{}}
		newRig(t, w, cfg).mustCall()
		newRig(t, w, cfg).mustCall()
		var scopes []string
		for _, request := range w.Server.Tokens("client_credentials") {
			scopes = append(scopes, request.Form.Get("scope"))
		}
		require.Equal(t, []string{"a offline_access", "a", "a"}, scopes)
	})
}
