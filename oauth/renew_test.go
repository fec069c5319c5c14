package oauth

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/authtest"
)

// Two processes share a store and a refresh token that can be used only once.
func TestProcessesShareRotatingTokens(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		w.Server.Change(refreshing)
		store := NewMemoryStore()
		a, b := newRig(t, w, &Config{Store: store}), newRig(t, w, &Config{Store: store})
		a.mustCall()
		b.mustCall()
		require.Equal(t, 0, b.person.times(), "the other process's token is used at once")
		for range 3 {
			w.Server.RevokeAll(false)
			errs := make(chan error)
			go func() { errs <- errors.Join(a.calls(5)...) }()
			go func() { errs <- errors.Join(b.calls(5)...) }()
			require.NoError(t, errors.Join(<-errs, <-errs))
		}
		require.Len(t, w.Server.Tokens("refresh_token"), 3)
		require.Zero(t, w.Server.Reused())

		w.Server.RevokeAll(true)
		a.mustCall()
		b.mustCall()
		require.Equal(t, 2, a.person.times())
		require.Equal(t, 0, b.person.times())
	})
}

// If the resource refuses a new token that another process obtained, the client refreshes it,
// because the resource may have accepted it before.
func TestYoungTokenOfAnotherProcessIsRefreshed(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		w.Server.Change(refreshing)
		store := NewMemoryStore()
		newRig(t, w, &Config{Store: store}).mustCall()
		time.Sleep(time.Second)
		w.Server.RevokeAll(false)
		next := newRig(t, w, &Config{Store: store})
		resp, err := next.send(t.Context())
		require.NoError(t, err)
		resp.Body.Close()
		require.Equal(t, http.StatusOK, resp.StatusCode)
		require.Len(t, w.Server.Tokens("refresh_token"), 1)

		w.Resource.Change(func(s *authtest.ResourceScript) { s.RefuseAll = true })
		third := newRig(t, w, &Config{Store: store})
		for range 3 {
			resp, err := third.send(t.Context())
			require.NoError(t, err)
			resp.Body.Close()
			require.Equal(t, http.StatusUnauthorized, resp.StatusCode)
		}
		require.Len(t, w.Server.Tokens("refresh_token"), 2, "a token that it obtained itself is not refreshed")
	})
}

func TestLogoutElsewhereIsRespected(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		w.Server.Change(refreshing)
		store := NewMemoryStore()
		a, b := newRig(t, w, &Config{Store: store}), newRig(t, w, &Config{Store: store})
		a.mustCall()
		b.mustCall()
		require.NoError(t, a.client.Logout(t.Context()))
		require.Len(t, w.Server.Requests("/revoke"), 1)
		time.Sleep(time.Hour)
		b.mustCall()
		require.Empty(t, w.Server.Tokens("refresh_token"), "a token that was logged out is not refreshed")
		require.Equal(t, 1, b.person.times())
		status, err := b.client.Status(t.Context())
		require.NoError(t, err)
		require.True(t, status.Authorized && status.Refreshable)
	})
}

func TestRefreshBeforeExpiry(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		w.Server.Change(refreshing)
		r := newRig(t, w, nil)
		r.mustCall()
		first := r.client.held.Load()
		time.Sleep(time.Hour - maxRefreshMargin - time.Second)
		r.mustCall()
		synctest.Wait()
		require.Same(t, first, r.client.held.Load(), "too early")
		time.Sleep(2 * time.Second)
		r.mustCall()
		synctest.Wait()
		require.NotSame(t, first, r.client.held.Load())
		form := w.Server.Tokens("refresh_token")[0].Form
		require.Equal(t, w.Resource.URL, form.Get("resource"))
		time.Sleep(time.Hour)
		r.mustCall() // the token has expired, so the call waits for the refresh
		require.Len(t, w.Server.Tokens("refresh_token"), 2)
		require.Equal(t, 1, r.person.times())
	})
}

// If the server returns no new refresh token, the client keeps the old one.
func TestOldRefreshTokenIsKeptIfThereIsNoNewOne(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		w.Server.Change(func(s *authtest.Script) { refreshing(s); s.KeepRefresh = true })
		r := newRig(t, w, nil)
		r.mustCall()
		first := r.client.held.Load()
		for range 2 {
			time.Sleep(time.Hour)
			r.mustCall()
			require.Equal(t, first.Refresh, r.client.held.Load().Refresh)
		}
		w.Server.Change(func(s *authtest.Script) { s.KeepRefresh = false })
		time.Sleep(time.Hour)
		r.mustCall()
		require.NotEqual(t, first.Refresh, r.client.held.Load().Refresh)
	})
}

// While the authorization server is down, the client keeps using a token that is still valid. It
// does not send a refresh request for every call.
func TestTransientFailureKeepsTheToken(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		w.Server.Change(refreshing)
		r := newRig(t, w, nil)
		r.mustCall()
		w.Server.Change(func(s *authtest.Script) {
			s.Token = func(url.Values) (int, string) { return http.StatusServiceUnavailable, "" }
		})
		time.Sleep(time.Hour - maxRefreshMargin)
		for range 10 {
			r.mustCall()
			synctest.Wait()
		}
		require.Len(t, w.Server.Tokens("refresh_token"), 1)
		time.Sleep(refreshPause)
		r.mustCall()
		synctest.Wait()
		require.Len(t, w.Server.Tokens("refresh_token"), 2)
		w.Server.Change(func(s *authtest.Script) { s.Token = nil })
		time.Sleep(time.Hour)
		r.mustCall()
		require.Equal(t, 1, r.person.times())
	})
}

// Some servers answer each refresh with server_error once they no longer know the refresh token. The
// user logs in after three such answers in a row over three seconds, not after fewer, and not while
// the server is down.
func TestRefreshThatFailsForGood(t *testing.T) {
	const failed = `{"error":"server_error"}`
	for name, c := range map[string]struct {
		answers []string // of the refreshes, one a second; "" lets the server answer
		logins  int
	}{
		"two":        {[]string{failed, failed}, 1},
		"four":       {[]string{failed, failed, failed, failed}, 2},
		"recovers":   {[]string{failed, failed, failed, ""}, 1},
		"down":       {[]string{"down", "down", "down", "down", "down"}, 1},
		"down again": {[]string{failed, failed, failed, "down", failed, failed}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *authtest.World) {
				w.Server.Change(refreshing)
				store := NewMemoryStore()
				r := newRig(t, w, &Config{Store: store})
				r.mustCall()
				first := r.client.held.Load()
				time.Sleep(2 * time.Hour)
				tries := 0
				w.Server.Change(func(s *authtest.Script) {
					s.Token = func(form url.Values) (int, string) {
						if form.Get("grant_type") != "refresh_token" || c.answers[tries-1] == "" {
							return 0, ""
						}
						return http.StatusInternalServerError, c.answers[tries-1]
					}
				})
				for tries = 1; tries <= len(c.answers); tries++ {
					err := r.call(t.Context())
					if tries < len(c.answers) || c.logins == 1 && c.answers[tries-1] != "" {
						require.Equal(t, KindNetwork, KindOf(err), "%d: %v", tries, err)
						stored, _, err := r.client.loadToken(t.Context(), tokenKey(first.Resource, first.Issuer))
						require.NoError(t, err)
						require.Equal(t, first.Refresh, stored.Refresh)
					} else {
						require.NoError(t, err)
					}
					time.Sleep(time.Second)
				}
				require.Equal(t, c.logins, r.person.times())
				if c.logins == 1 {
					require.Len(t, w.Server.Tokens("refresh_token"), len(c.answers))
				}
			})
		})
	}
}

// A client does not use a stored token that was issued to a different client ID.
func TestTokenOfAnotherClientIsNotUsed(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		store := NewMemoryStore()
		newRig(t, w, &Config{Store: store}).mustCall()
		w.Server.AddClient("me", "", callbackURI)
		r := newRig(t, w, &Config{Store: store, Registration: Registration{ClientID: "me"}})
		r.mustCall()
		require.Equal(t, 1, r.person.times())
	})
}

// faulty is a Store whose methods a test can make fail.
type faulty struct {
	Store

	load, save error
	saved      func(ctx context.Context, value string)
}

func (f *faulty) Load(ctx context.Context, key string) ([]byte, string, error) {
	if f.load != nil {
		return nil, "", f.load
	}
	return f.Store.Load(ctx, key)
}

func (f *faulty) Save(ctx context.Context, key string, value []byte, version string) (string, error) {
	if f.save != nil {
		return "", f.save
	}
	if f.saved != nil {
		f.saved(ctx, string(value))
	}
	return f.Store.Save(ctx, key, value, version)
}

func TestTokenIsSavedBeforeItIsUsed(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		w.Server.Change(refreshing)
		store := &faulty{Store: NewMemoryStore()}
		r := newRig(t, w, &Config{Store: store})
		r.mustCall()
		old := r.client.held.Load()
		saved := false
		store.saved = func(_ context.Context, value string) {
			saved = true
			require.NotContains(t, value, old.Access)
			require.Same(t, old, r.client.held.Load(), "the new token must be saved before it is used")
		}
		time.Sleep(time.Hour)
		r.mustCall()
		require.True(t, saved)
	})
}

// A rotated token is saved even if the client is closed or the time limit of the refresh has
// passed.
func TestSavingHasItsOwnTimeLimit(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		w.Server.Change(refreshing)
		store := &faulty{Store: NewMemoryStore()}
		r := newRig(t, w, &Config{Store: store})
		r.mustCall()
		slow := make(chan struct{})
		store.saved = func(ctx context.Context, _ string) {
			select {
			case <-slow:
			case <-ctx.Done():
				t.Error("saving was given up")
			}
		}
		time.Sleep(time.Hour)
		failed, closed := make(chan error), make(chan error)
		go func() { failed <- r.call(t.Context()) }()
		synctest.Wait()
		go func() { closed <- r.client.Close() }()
		require.ErrorIs(t, <-failed, ErrClosed)
		time.Sleep(closeGrace + time.Second)
		close(slow)
		require.NoError(t, <-closed)
		next := newRig(t, w, &Config{Store: store.Store})
		next.mustCall()
		require.Zero(t, next.person.times())
	})
}

// If the store cannot save a token, the session continues with the token in memory.
func TestTokenThatCannotBeSavedIsUsed(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		w.Server.Change(refreshing)
		store := &faulty{Store: NewMemoryStore()}
		r := newRig(t, w, &Config{Store: store})
		r.mustCall()
		store.save = errors.New("disk full")
		for range 3 {
			time.Sleep(time.Hour)
			r.mustCall()
		}
		store.save = nil
		time.Sleep(time.Hour)
		r.mustCall()
		require.Zero(t, w.Server.Reused())
		require.Equal(t, 1, r.person.times())
		other := newRig(t, w, &Config{Store: store})
		other.mustCall()
		require.Zero(t, other.person.times())
	})
}

func TestStoreThatCannotBeReadFailsTheCall(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		store := &faulty{Store: NewMemoryStore(), load: errors.New("no such disk")}
		r := newRig(t, w, &Config{Store: store})
		err := r.call(t.Context())
		require.Equal(t, KindStore, KindOf(err))
		require.Zero(t, r.person.times())
		store.load = nil
		r.mustCall()
	})
}

// The client never sends a refused refresh token again. It keeps a newer token that another process
// stored.
func TestOnlyTheRefusedTokenIsDropped(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		w.Server.Change(refreshing)
		store := NewMemoryStore()
		r := newRig(t, w, &Config{Store: store})
		r.mustCall()
		w.Server.RevokeAll(true)
		r.person.answer = func(context.Context, Flow) error { return errors.New("no browser") }
		require.Equal(t, KindLogin, KindOf(r.call(t.Context())))
		require.Equal(t, KindLogin, KindOf(r.call(t.Context())))
		require.Len(t, w.Server.Tokens("refresh_token"), 1)
		tok, err := r.client.stored(t.Context())
		require.NoError(t, err)
		require.Empty(t, tok.Refresh, "the refused refresh token must be deleted from the store")
		other := newRig(t, w, &Config{Store: store})
		other.mustCall()
		r.mustCall() // uses the other process's token, because its own refresh fails
		require.Equal(t, 1, other.person.times())
	})
}
