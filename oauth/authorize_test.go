package oauth

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/authtest"
)

// The resource moves to another authorization server. The new server receives no token or client ID
// that the old server issued.
func TestAuthorizationServerChanges(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		w.Server.Change(refreshing)
		r := newRig(t, w, nil)
		r.mustCall()
		old := r.client.held.Load()
		next := w.NewServer()
		w.Resource.Change(func(s *authtest.ResourceScript) { s.Servers = []*authtest.Server{next} })
		before := len(w.Resource.Requests())
		r.mustCall()
		require.Len(t, w.Resource.Requests(), before+3, "one request each with the old, the refreshed and the new token")
		require.Equal(t, 2, r.person.times())
		require.Len(t, next.Requests("/register"), 1)
		for _, req := range next.Requests("") {
			for _, secret := range []string{old.Access, old.Refresh, old.ClientID} {
				require.NotContains(t, req.Form.Encode(), url.QueryEscape(secret))
				require.NotContains(t, req.Header.Get("Authorization"), secret)
			}
		}
		_, _, err := r.client.store.Load(t.Context(), tokenKey(old.Resource, old.Issuer))
		require.ErrorIs(t, err, ErrNotFound, "the old token must be deleted")

		later := newRig(t, w, &Config{Store: r.client.store})
		later.mustCall()
		require.Zero(t, later.person.times())
	})
}

// A resource that refuses even fresh tokens does not cause repeated logins.
func TestFreshTokenRefusedDoesNotLoop(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		w.Server.Change(refreshing)
		w.Resource.Change(func(s *authtest.ResourceScript) { s.RefuseAll = true })
		r := newRig(t, w, nil)
		err := r.call(t.Context())
		require.Equal(t, KindRefused, KindOf(err), "%v", err)
		require.Equal(t, 1, r.person.times())
		require.Empty(t, w.Server.Tokens("refresh_token"))
	})
}

func TestStepUpAsksForTheUnion(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		w.Resource.Change(func(s *authtest.ResourceScript) { s.ChallengeScope, s.Scopes = "basic", []string{"profile"} })
		r := newRig(t, w, nil)
		r.mustCall()
		w.Resource.Change(func(s *authtest.ResourceScript) { s.Need = "write" })
		for _, err := range r.calls(20) {
			require.NoError(t, err)
		}
		require.Equal(t, 2, r.person.times())
		pages := w.Server.Requests("/authorize")
		require.Equal(t, "basic", pages[0].Form.Get("scope"))
		require.Equal(t, "basic write", pages[1].Form.Get("scope"))
	})
}

// The server grants fewer scopes than were requested. The client tries one step-up. Further calls
// that need the scope fail at once, and other calls succeed.
func TestStepUpInVainIsRemembered(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		w.Server.Change(func(s *authtest.Script) { s.Granted = []string{"basic"} })
		r := newRig(t, w, nil)
		r.mustCall()
		w.Resource.Change(func(s *authtest.ResourceScript) { s.Need = "write" })
		for range 3 {
			time.Sleep(time.Second)
			require.Equal(t, KindScope, KindOf(r.call(t.Context())))
		}
		require.Equal(t, 2, r.person.times())
		w.Resource.Change(func(s *authtest.ResourceScript) { s.Need = "" })
		r.mustCall()
		require.NoError(t, r.client.Login(t.Context()))
		require.Equal(t, 3, r.person.times())
	})
}

// A login after a 401 requests only the scopes that the resource names then, so the new token may
// need the same step-up as the one before.
func TestStepUpAgainAfterALogin(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		r := newRig(t, w, nil)
		r.mustCall()
		w.Resource.Change(func(s *authtest.ResourceScript) { s.Need = "write" })
		r.mustCall()
		require.Equal(t, 2, r.person.times())
		w.Server.RevokeAll(true)
		time.Sleep(2 * time.Minute)
		r.mustCall()
		require.Equal(t, 4, r.person.times(), "a login and a step-up")
	})
}

func TestDeclinedStepUpDoesNotAffectOtherCalls(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		r := newRig(t, w, nil)
		r.mustCall()
		w.Resource.Change(func(s *authtest.ResourceScript) { s.Need = "write" })
		r.person.answer = func(context.Context, Flow) error { return ErrDeclined }
		for range 3 {
			require.ErrorIs(t, r.call(t.Context()), ErrDeclined)
		}
		require.Equal(t, 2, r.person.times())
		w.Resource.Change(func(s *authtest.ResourceScript) { s.Need = "" })
		r.mustCall()
		w.Server.RevokeAll(true)
		r.person.answer = nil
		r.mustCall() // a declined step-up does not block a login
	})
}

// A 401 requires a login while the user declines a step-up. The login is independent of the
// step-up, and must not fail with it.
func TestLoginDoesNotFailWithADeclinedStepUp(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		r := newRig(t, w, nil)
		r.mustCall()
		declines := make(chan struct{})
		r.person.answer = func(context.Context, Flow) error { <-declines; return ErrDeclined }
		began := time.Now().Add(time.Second)
		stepUp, login := make(chan error, 1), make(chan error, 1)
		authorize := func(answer chan<- error, status int, challenge string) {
			answer <- r.client.Authorize(t.Context(), w.Resource.URL, status, http.Header{"Www-Authenticate": {challenge}}, began)
		}
		go authorize(stepUp, http.StatusForbidden, `Bearer error="insufficient_scope", scope="write"`)
		synctest.Wait()
		w.Server.RevokeAll(true)
		go authorize(login, http.StatusUnauthorized, `Bearer`)
		synctest.Wait()
		require.Equal(t, 2, r.person.times(), "one login at a time")
		r.person.answer = nil
		close(declines)
		require.ErrorIs(t, <-stepUp, ErrDeclined)
		require.NoError(t, <-login)
		require.Equal(t, 3, r.person.times())
	})
}

// A 401 to an earlier token says nothing about the current token, even if the earlier token was
// new.
func TestLateRefusalOfFreshToken(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		r := newRig(t, w, nil)
		require.NoError(t, r.client.Login(t.Context()))
		w.Server.RevokeAll(true)
		late := make(chan struct{})
		w.Resource.Change(func(s *authtest.ResourceScript) { s.Refused = func(int, *http.Request) { <-late } })
		status := make(chan int)
		go func() {
			resp, err := r.send(t.Context())
			if err != nil {
				t.Error(err)
			}
			resp.Body.Close()
			status <- resp.StatusCode
		}()
		synctest.Wait()
		require.NoError(t, r.client.Login(t.Context()))
		close(late)
		require.Equal(t, http.StatusOK, <-status)
	})
}

func TestIssuerIsChosen(t *testing.T) {
	named := []string{"a", "b", "c"}
	for _, c := range []struct {
		cfg  Config
		cur  string
		want string // the expected issuer; "" if an error is expected
	}{
		{want: "a"},
		{cur: "b", want: "b"},
		{cur: "gone", want: "a"},
		{cfg: Config{Issuer: "c"}, cur: "b", want: "c"},
		{cfg: Config{Issuer: "gone"}, cur: "b"},
		{cfg: Config{Registration: Registration{ClientID: "x", Issuer: "c"}}, cur: "b", want: "c"},
		{cfg: Config{Registration: Registration{ClientID: "x", Issuer: "gone"}}, cur: "b"},
	} {
		client, err := NewClient("https://mcp.test", &c.cfg)
		require.NoError(t, err)
		pinned, err := client.pinned(t.Context())
		require.NoError(t, err)
		got, err := client.chooseIssuer(named, pinned, newToken(tokenRecord{Issuer: c.cur}, nil))
		require.Equal(t, c.want, got)
		require.Equal(t, c.want == "", err != nil)
		_, err = client.chooseIssuer(nil, "", nil)
		require.Equal(t, KindMetadata, KindOf(err))
	}
}

func TestPlainForbiddenIsNoStepUp(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		r := newRig(t, w, nil)
		for _, header := range []http.Header{nil, {"Www-Authenticate": {`Bearer error="invalid_request"`}}, {"Www-Authenticate": {`Basic error="invalid_token"`}}, {"Www-Authenticate": {`Basic error="insufficient_scope"`}}} {
			err := r.client.Authorize(t.Context(), w.Resource.URL, http.StatusForbidden, header, time.Now())
			require.Equal(t, KindScope, KindOf(err))
		}
		require.Equal(t, KindScope, KindOf(r.client.Authorize(t.Context(), w.Resource.URL, http.StatusNotFound, nil, time.Now())))
		require.Zero(t, r.person.times())
	})
}

func TestAuthorizeIsForThisResource(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		r := newRig(t, w, nil)
		for _, endpoint := range []string{
			w.Server.Issuer + "/mcp", "https" + w.Resource.URL[4:], strings.Replace(w.Resource.URL, "127.0.0.1", "user@127.0.0.1", 1), "mcp", "",
		} {
			require.Equal(t, KindConfig, KindOf(r.client.Authorize(t.Context(), endpoint, http.StatusUnauthorized, nil, time.Now())), endpoint)
		}
	})
}

// When a login fails, all requests in flight fail with its error. A later request may start a new
// login.
func TestFailedLoginIsSharedNotSticky(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		r := newRig(t, w, nil)
		r.person.answer = func(context.Context, Flow) error { return errors.New("no browser here") }
		for _, err := range manyRefused(r, crowd) {
			require.ErrorContains(t, err, "no browser here")
		}
		require.Equal(t, 1, r.person.times())
		time.Sleep(time.Second)
		r.person.answer = nil
		r.mustCall()
	})
}

func TestLoginIsBounded(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		r := newRig(t, w, &Config{LoginTimeout: time.Minute})
		r.person.answer = func(ctx context.Context, _ Flow) error { <-ctx.Done(); return ctx.Err() }
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		require.ErrorIs(t, r.call(ctx), context.DeadlineExceeded) // this call gives up, but the login continues
		err := r.call(t.Context())                                // waits for the same login
		require.ErrorIs(t, err, errLoginTimeout)
		require.Equal(t, KindLogin, KindOf(err))
		require.Equal(t, 1, r.person.times())
	})
}

func TestWithoutLoginNoUserIsPrompted(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		store := NewMemoryStore()
		r := newRig(t, w, &Config{Store: store})
		r.client.cfg.Login = nil
		require.Equal(t, KindLoginRequired, KindOf(r.call(t.Context())))
		other := newRig(t, w, &Config{Store: store})
		other.mustCall()
		r.mustCall()
		w.Resource.Change(func(s *authtest.ResourceScript) { s.Need = "tea:brew" })
		err := r.call(t.Context())
		require.Equal(t, KindLoginRequired, KindOf(err))
		require.ErrorContains(t, err, `requires the scopes "tea:brew"`)
	})
}

func TestCloseEndsLoginsAndWaiters(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		r := newRig(t, w, nil)
		r.person.answer = func(ctx context.Context, _ Flow) error { <-ctx.Done(); return ctx.Err() }
		failed := make(chan error)
		go func() { failed <- r.call(t.Context()) }()
		synctest.Wait()
		require.NoError(t, r.client.Close())
		require.ErrorIs(t, <-failed, ErrClosed)
		require.ErrorIs(t, r.client.Login(t.Context()), ErrClosed)
		require.NoError(t, r.client.Close())
	})
}

// Close waits for a refresh whose old refresh token no longer works.
func TestCloseLosesNoRotatedToken(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		w.Server.Change(refreshing)
		store := NewMemoryStore()
		r := newRig(t, w, &Config{Store: store})
		r.mustCall()
		w.Server.RevokeAll(false)
		hold := make(chan struct{})
		w.Server.Change(func(s *authtest.Script) { s.Hold = hold })
		failed, closed := make(chan error), make(chan error)
		go func() { failed <- r.call(t.Context()) }()
		synctest.Wait()
		go func() { closed <- r.client.Close() }()
		require.ErrorIs(t, <-failed, ErrClosed)
		close(hold)
		require.NoError(t, <-closed)
		next := newRig(t, w, &Config{Store: store})
		next.mustCall()
		require.Zero(t, next.person.times())
	})
}

func TestCloseIsBounded(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		r := newRig(t, w, nil)
		release := make(chan struct{})
		r.person.answer = func(context.Context, Flow) error { <-release; return nil }
		failed := make(chan error)
		go func() { failed <- r.call(t.Context()) }()
		synctest.Wait()
		err := r.client.Close() // fails: the Login does not return when its context ends
		require.ErrorContains(t, err, "still running")
		require.ErrorIs(t, <-failed, ErrClosed)
		close(release)
		r.client.closeErr = nil
	})
}

// A 403 that says invalid_token is handled as a 401: the token is refreshed, and the request sent
// again without the user.
func TestInvalidTokenWith403(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		w.Server.Change(refreshing)
		w.Resource.Change(func(s *authtest.ResourceScript) { s.Invalid = http.StatusForbidden })
		r := newRig(t, w, nil)
		r.mustCall()
		w.Server.RevokeAll(false)
		r.mustCall()
		require.Len(t, w.Server.Tokens("refresh_token"), 1)
		require.Equal(t, 1, r.person.times())
		w.Server.RevokeAll(true)
		r.mustCall()
		require.Equal(t, 2, r.person.times())
	})
}
