package oauth

import (
	"context"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/authtest"
)

// manyRefused makes n concurrent calls without a valid token and returns their errors. The resource
// refuses all of them before a new token can be obtained. Half of the 401s arrive only after the
// other calls are done. These late 401s must not affect the new token.
func manyRefused(r *rig, n int) []error {
	var refused atomic.Int32
	late, hold := make(chan struct{}), make(chan struct{})
	r.Server.Change(func(s *authtest.Script) { s.Hold = hold })
	r.Resource.Change(func(s *authtest.ResourceScript) {
		s.Refused = func(int, *http.Request) {
			if refused.Add(1)%2 == 0 {
				<-late
			}
		}
	})
	done := make(chan []error)
	go func() { done <- r.calls(n) }()
	synctest.Wait()
	all := int(refused.Load())
	close(hold)
	synctest.Wait() // half of the calls are done
	close(late)
	errs := <-done
	r.Server.Change(func(s *authtest.Script) { s.Hold = nil })
	r.Resource.Change(func(s *authtest.ResourceScript) { s.Refused = nil })
	require.Equal(r.t, n, all)
	return errs
}

const crowd = 100

func TestHundredRefusalsOneRefresh(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		w.Server.Change(refreshing)
		r := newRig(t, w, nil)
		r.mustCall()
		w.Server.RevokeAll(false)
		for _, err := range manyRefused(r, crowd) {
			require.NoError(t, err)
		}
		require.Len(t, w.Server.Tokens("refresh_token"), 1)
		require.Equal(t, 1, r.person.times(), "only the first login")
		require.Zero(t, w.Server.Reused())
		require.Equal(t, 1+crowd, w.Resource.Served())
	})
}

func TestHundredRefusalsOneLoginWhenRefreshIsRefused(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		w.Server.Change(refreshing)
		r := newRig(t, w, nil)
		r.mustCall()
		w.Server.RevokeAll(true)
		for _, err := range manyRefused(r, crowd) {
			require.NoError(t, err)
		}
		require.Len(t, w.Server.Tokens("refresh_token"), 1)
		require.Equal(t, 2, r.person.times(), "the first login and one more")
	})
}

func TestHundredRefusalsPromptOnceIfDeclined(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		w.Server.Change(refreshing)
		r := newRig(t, w, nil)
		r.mustCall()
		w.Server.RevokeAll(true)
		r.person.answer = func(context.Context, Flow) error { return ErrDeclined }
		for _, err := range manyRefused(r, crowd) {
			require.ErrorIs(t, err, ErrDeclined)
			require.Equal(t, KindDeclined, KindOf(err))
		}
		require.Equal(t, 2, r.person.times())
		for _, err := range r.calls(crowd) {
			require.ErrorIs(t, err, ErrDeclined)
		}
		require.Equal(t, 2, r.person.times(), "the user is not prompted again")

		r.person.answer = nil
		require.NoError(t, r.client.Login(t.Context()))
		r.mustCall()
		require.Equal(t, 3, r.person.times())
	})
}

func TestHundredCallsWithoutATokenLogInOnce(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		r := newRig(t, w, nil)
		for _, err := range manyRefused(r, crowd) {
			require.NoError(t, err)
		}
		require.Equal(t, 1, r.person.times())
		require.Len(t, w.Server.Requests("/register"), 1)
	})
}

// The caller that started a refresh gives up after the server has rotated the refresh token. The
// new refresh token must not be lost.
func TestCancelLosesNoRotatedToken(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		w.Server.Change(refreshing)
		r := newRig(t, w, nil)
		r.mustCall()
		w.Server.RevokeAll(false)
		hold := make(chan struct{})
		w.Server.Change(func(s *authtest.Script) { s.Hold = hold })
		ctx, cancel := context.WithCancelCause(t.Context())
		failed := make(chan error)
		go func() { failed <- r.call(ctx) }()
		synctest.Wait() // the server has rotated the token; its response is held back
		require.Len(t, w.Server.Tokens("refresh_token"), 1)
		cancel(http.ErrAbortHandler)
		require.ErrorIs(t, <-failed, http.ErrAbortHandler)
		close(hold)
		synctest.Wait()
		r.mustCall()
		require.Len(t, w.Server.Tokens("refresh_token"), 1)
		require.Equal(t, 1, r.person.times())
	})
}

// The token endpoint does not respond. Only calls that need a new token wait, each until its own
// deadline.
func TestStuckTokenEndpointDelaysOnlyCallsThatNeedAToken(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		w.Server.Change(refreshing)
		r := newRig(t, w, nil)
		r.mustCall()
		hold := make(chan struct{})
		defer close(hold)
		w.Server.Change(func(s *authtest.Script) { s.Hold = hold })

		time.Sleep(time.Hour - 30*time.Second) // the token expires soon: it is refreshed in the background while calls continue
		began := time.Now()
		for range 3 {
			r.mustCall()
		}
		synctest.Wait()
		require.Equal(t, began, time.Now(), "no call waited")
		require.Len(t, w.Server.Tokens("refresh_token"), 1)

		time.Sleep(26 * time.Second) // the token has expired: calls wait for the refresh in progress
		began = time.Now()
		done := make(chan time.Duration, 2)
		for _, patience := range []time.Duration{time.Second, 2 * time.Second} {
			go func() {
				ctx, stop := context.WithTimeout(t.Context(), patience)
				defer stop()
				if err := r.call(ctx); err == nil {
					t.Error("a call without a token succeeded")
				}
				done <- time.Since(began)
			}()
		}
		require.Equal(t, time.Second, <-done)
		require.Equal(t, 2*time.Second, <-done)
		require.Len(t, w.Server.Tokens("refresh_token"), 1)
	})
}

// The client must hold no lock during a token request. A lock would block calls that need no new
// token.
func TestLocksAreFreeDuringATokenRequest(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		w.Server.Change(refreshing)
		r := newRig(t, w, nil)
		r.mustCall()
		hold := make(chan struct{})
		w.Server.Change(func(s *authtest.Script) { s.Hold = hold })
		time.Sleep(time.Hour - 30*time.Second)
		r.mustCall() // begins a refresh in the background
		synctest.Wait()
		require.Len(t, w.Server.Tokens("refresh_token"), 1)
		c := r.client
		held := map[string]bool{}
		for name, mu := range map[string]*sync.Mutex{
			"known": &c.known.mu, "nonces": &c.nonces.mu, "keys": &c.keys.mu, "base": &c.base.mu,
		} {
			if !mu.TryLock() {
				held[name] = true
				continue
			}
			mu.Unlock()
		}
		for name, take := range map[string]func() bool{
			"loading": c.loading.Running, "renewal": c.renewal.Running, "authorization": c.authorization.Running, "owned": c.owned.Begin,
		} {
			var taken atomic.Bool
			go func() { take(); taken.Store(true) }()
			for range 10_000 {
				if taken.Load() {
					break
				}
				runtime.Gosched()
			}
			if !taken.Load() {
				held[name] = true
			}
		}
		c.owned.End()
		close(hold) // before the assertion, so that Close does not wait for the refresh if the assertion fails
		synctest.Wait()
		require.Empty(t, held)
	})
}
