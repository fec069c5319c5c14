package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/authtest"
)

// mixUp is a mix-up attack (RFC 9700 section 4.4.1): the user logs in to a resource of the
// attacker, whose authorization server sends them on to the honest server of another resource.
type mixUp struct {
	*authtest.World
	evil   *authtest.World // its resource and server
	store  Store
	honest string // the redirect URI that is registered with the honest server
}

// newMixUp logs in to the honest resource. The servers send iss only if iss is true.
func newMixUp(t *testing.T, w *authtest.World, iss bool, login func(*authtest.World) LoginFunc) *mixUp {
	t.Helper()
	m := &mixUp{World: w, store: NewMemoryStore()}
	evil := *w
	m.evil = &evil
	evil.Server = w.NewServer()
	evil.Resource = w.NewResource(evil.Server)
	if !iss {
		w.Server.Change(silent)
	}
	evil.Server.Change(silent)
	honest := newRig(t, w, &Config{Store: m.store, Login: login(w)})
	honest.mustCall()
	first := w.Server.Requests("/authorize")[0].Form
	m.honest = first.Get("redirect_uri")
	evil.Server.Change(func(s *authtest.Script) {
		s.Detour = func(q url.Values) string {
			q.Set("client_id", first.Get("client_id"))
			q.Set("resource", w.Resource.URL)
			q.Set("redirect_uri", m.honest)
			return w.Server.Issuer + "/authorize?" + q.Encode()
		}
	})
	return m
}

// silent makes a server send no iss and promise none.
func silent(s *authtest.Script) {
	s.Metadata = func(document map[string]any) { delete(document, "authorization_response_iss_parameter_supported") }
	s.Callback = func(answer url.Values) { answer.Del("iss") }
}

// atProposed is a Login that uses the proposed redirect URI, at port 7777.
func atProposed(w *authtest.World) LoginFunc {
	return func(ctx context.Context, flow Flow) error {
		redirect := flow.RedirectURI()
		if !strings.Contains(redirect, ":7777") {
			redirect = strings.Replace(redirect, "127.0.0.1", "127.0.0.1:7777", 1)
		}
		page, err := flow.AuthorizationURL(ctx, redirect)
		if err != nil {
			return err
		}
		callback, err := w.Follow(ctx, page)
		if err != nil {
			return err
		}
		if err := flow.Complete(ctx, callback); !errors.Is(err, ErrForeignCallback) {
			return err
		}
		<-ctx.Done() // the right callback may still arrive
		return context.Cause(ctx)
	}
}

// The attacker gets neither the honest server's code nor a verifier, whether the honest server sends
// iss or not.
func TestMixUp(t *testing.T) {
	for name, iss := range map[string]bool{"without iss": false, "with iss": true} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *authtest.World) {
				m := newMixUp(t, w, iss, atProposed)
				victim := newRig(t, m.evil, &Config{Store: m.store, Login: atProposed(w), LoginTimeout: time.Minute})
				err := victim.call(t.Context())
				require.Equal(t, KindLogin, KindOf(err), "%v", err)
				require.ErrorContains(t, err, "it arrived at the path", "the error says why the login timed out")
				require.Len(t, w.Server.Requests("/authorize"), 2, "the user was sent to the honest server")
				require.Empty(t, m.evil.Server.Requests("/token"))
				require.Len(t, w.Server.Tokens("authorization_code"), 1, "that of the first login")
			})
		})
	}
}

// If the user's Login chooses the same redirect URI for all servers, iss still reveals the attack.
func TestMixUpWithOneRedirectURI(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		same := func(w *authtest.World) LoginFunc {
			return func(ctx context.Context, flow Flow) error {
				page, err := flow.AuthorizationURL(ctx, callbackURI)
				if err != nil {
					return err
				}
				callback, err := w.Follow(ctx, page)
				if err != nil {
					return err
				}
				return flow.Complete(ctx, callback)
			}
		}
		m := newMixUp(t, w, true, same)
		victim := newRig(t, m.evil, &Config{Store: m.store, Login: same(w)})
		err := victim.call(t.Context())
		require.ErrorContains(t, err, "from another authorization server (iss)")
		require.Empty(t, m.evil.Server.Requests("/token"))
	})
}

// The proposed path is distinct for each issuer, and the same for both spellings of an issuer.
func TestFirstRedirect(t *testing.T) {
	require.Regexp(t, `^http://127\.0\.0\.1/callback/[0-9a-f]{24}$`, firstRedirect("https://a.example"))
	require.Equal(t, firstRedirect("https://a.example"), firstRedirect("https://a.example/"))
	seen := map[string]bool{}
	for _, issuer := range []string{"https://a.example", "https://b.example", "https://a.example/x", "https://a.example/x/", "http://a.example", "https://A.example"} {
		require.False(t, seen[firstRedirect(issuer)], issuer)
		seen[firstRedirect(issuer)] = true
	}
}

// A stored registration stays in use, with whatever path it has. Only clients that register
// dynamically get a proposal.
func TestProposedRedirect(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		store := NewMemoryStore()
		w.Server.AddClient("old", "", callbackURI)
		data, err := json.Marshal(storedClient{ID: "old", Auth: authNone, Redirects: []string{callbackURI}})
		require.NoError(t, err)
		_, err = store.Save(t.Context(), clientKey(w.Server.Issuer), data, "")
		require.NoError(t, err)
		newRig(t, w, &Config{Store: store, Login: atProposed(w)}).mustCall()
		require.Empty(t, w.Server.Requests("/register"), "the registration before paths were distinct")
		require.Equal(t, callbackURI, w.Server.Requests("/authorize")[0].Form.Get("redirect_uri"))

		for proposal, registration := range map[string]Registration{"": {ClientID: "old"}, firstRedirect(w.Server.Issuer): {}} {
			r := newRig(t, w, &Config{Registration: registration, Login: LoginFunc(func(_ context.Context, flow Flow) error {
				require.Equal(t, proposal, flow.RedirectURI())
				return ErrDeclined
			})})
			require.Equal(t, KindDeclined, KindOf(r.call(t.Context())))
		}
	})
}

// A callback belongs to a login only if it arrives at the path of its redirect URI.
func TestPathOfCallback(t *testing.T) {
	for _, c := range []struct {
		redirect, callback string
		fits               bool
	}{
		{"http://127.0.0.1:1/callback/a", "http://127.0.0.1:1/callback/a?x", true},
		{"http://127.0.0.1:1/callback/a", "/callback/a?x", true}, // as a server sees it
		{"https://app.example/cb", "http://10.0.0.7:8080/cb?x", true},
		{"http://127.0.0.1:1", "http://127.0.0.1:1/?x", true},
		{"http://127.0.0.1:1/callback/a", "http://127.0.0.1:1/callback/b?x", false},
		{"http://127.0.0.1:1/callback/a", "http://127.0.0.1:1/callback?x", false},
		{"http://127.0.0.1:1/callback/a", "http://127.0.0.1:1/callback/a/?x", false},
		{"http://127.0.0.1:1/callback/a", "http://127.0.0.1:1/callback/A?x", false},
		{"http://127.0.0.1:1/callback/a", "http://127.0.0.1:1/callback/b/../a?x", false},
		{"http://127.0.0.1:1/callback", "?x", false},
	} {
		u, err := url.Parse(c.callback)
		require.NoError(t, err)
		err = checkArrival(u, c.redirect)
		require.Equal(t, c.fits, err == nil, "%s: %v", c.callback, err)
		if err != nil {
			require.ErrorIs(t, err, ErrForeignCallback)
		}
	}
}
