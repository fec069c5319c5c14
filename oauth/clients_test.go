package oauth

import (
	"context"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/authtest"
)

// from makes the user come back to the given redirect URI instead of callbackURI.
func (p *person) from(redirectURI string) {
	p.answer = func(ctx context.Context, flow Flow) error { return p.visit(ctx, flow, redirectURI) }
}

// A token is refreshed and revoked with the client ID that it was issued to. That holds even after
// another process has registered a client with the same server, for another resource and another
// redirect URI.
func TestTokenKeepsItsClient(t *testing.T) {
	for _, method := range []string{authBasic, authPost} {
		t.Run(method, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *authtest.World) {
				w.Server.Change(func(s *authtest.Script) { refreshing(s); s.Auth = method })
				store := NewMemoryStore()
				first := newRig(t, w, &Config{Store: store})
				first.mustCall()

				elsewhere := *w
				elsewhere.Resource = w.NewResource(w.Server)
				second := newRig(t, &elsewhere, &Config{Store: store})
				second.person.from("http://127.0.0.1:8888/callback")
				second.mustCall()
				require.Len(t, w.Server.Requests("/register"), 2)

				next := newRig(t, w, &Config{Store: store})
				for range 2 {
					w.Server.RevokeAll(false)
					for _, r := range []*rig{first, second, next} {
						r.mustCall()
					}
				}
				require.Len(t, w.Server.Tokens("refresh_token"), 4)
				require.Equal(t, []int{1, 1, 0}, []int{first.person.times(), second.person.times(), next.person.times()})

				require.NoError(t, first.client.Logout(t.Context()))
				revoked := w.Server.Requests("/revoke")
				require.Len(t, revoked, 1)
				login := w.Server.Tokens("authorization_code")[0]
				require.Equal(t, login.Header["Authorization"], revoked[0].Header["Authorization"])
				require.Equal(t, login.Form["client_secret"], revoked[0].Form["client_secret"])
			})
		})
	}
}

// Another client stores a registration while this client registers. This client retries saving its
// registration, and does not register a second time.
func TestRegistrationOutlivesAConflict(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		store := &faulty{Store: NewMemoryStore()}
		r := newRig(t, w, &Config{Store: store})
		key := clientKey(w.Server.Issuer)
		faster := 0
		store.saved = func(ctx context.Context, _ string) {
			if len(w.Server.Requests("/register")) == 0 || faster == maxConflicts-1 {
				return
			}
			faster++
			_, version, _ := store.Load(ctx, key) // no error check: the first time, there is no value
			_, err := store.Store.Save(ctx, key, []byte(`{"client_id":"other","redirect_uris":["http://127.0.0.1:1/"]}`), version)
			require.NoError(t, err)
		}
		r.mustCall()
		require.Equal(t, maxConflicts-1, faster)
		require.Len(t, w.Server.Requests("/register"), 1)
		stored, _, err := r.client.loadClient(t.Context(), w.Server.Issuer)
		require.NoError(t, err)
		require.Equal(t, r.client.held.Load().ClientID, stored.clientID)
	})
}

// A login may end without a callback because the server shows the user that it no longer knows the
// client. The next login registers again. So does a login after Logout.
func TestRegistrationIsForgotten(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		r := newRig(t, w, nil)
		r.mustCall()
		require.NoError(t, r.client.Login(t.Context()))
		require.Len(t, w.Server.Requests("/register"), 1)

		r.person.answer = func(ctx context.Context, flow Flow) error {
			_, err := flow.AuthorizationURL(ctx, callbackURI)
			require.NoError(t, err)
			<-ctx.Done()
			return context.Cause(ctx)
		}
		require.Equal(t, KindLogin, KindOf(r.client.Login(t.Context())))
		r.person.answer = nil
		require.NoError(t, r.client.Login(t.Context()))
		require.Len(t, w.Server.Requests("/register"), 2)

		require.NoError(t, r.client.Logout(t.Context()))
		require.NoError(t, r.client.Login(t.Context()))
		require.Len(t, w.Server.Requests("/register"), 3)

		// The user's refusal is a callback: the server knows the client.
		w.Server.Change(func(s *authtest.Script) {
			s.Callback = func(answer url.Values) { answer.Del("code"); answer.Set("error", "access_denied") }
		})
		require.Equal(t, KindDeclined, KindOf(r.client.Login(t.Context())))
		w.Server.Change(func(s *authtest.Script) { s.Callback = nil })
		require.NoError(t, r.client.Login(t.Context()))
		require.Len(t, w.Server.Requests("/register"), 3)

		// Some servers redirect back although they do not know the client.
		for i, code := range []string{"invalid_client", "unauthorized_client"} {
			w.Server.Change(func(s *authtest.Script) {
				s.Callback = func(answer url.Values) { answer.Del("code"); answer.Set("error", code) }
			})
			require.Equal(t, KindRefused, KindOf(r.client.Login(t.Context())))
			w.Server.Change(func(s *authtest.Script) { s.Callback = nil })
			require.NoError(t, r.client.Login(t.Context()))
			require.Len(t, w.Server.Requests("/register"), 4+i)
		}
	})
}

// A login fails at a reading of the clock. A call made at the same reading, but after that, starts a
// new login. Calls that were in flight share the failure.
func TestCallRightAfterAFailedLogin(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		r := newRig(t, w, nil)
		r.person.answer = func(ctx context.Context, _ Flow) error {
			<-ctx.Done()
			return context.Cause(ctx)
		}
		for _, err := range r.calls(10) {
			require.Equal(t, KindLogin, KindOf(err))
		}
		require.Equal(t, 1, r.person.times())
		r.person.answer = nil
		r.mustCall()
		require.Equal(t, 2, r.person.times())
	})
}
