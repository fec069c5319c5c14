package oauth

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/authtest"
)

// failingRefresh lets the user log in, revokes the access token, and answers each refresh with a
// status.
func failingRefresh(t *testing.T, w *authtest.World, cfg *Config, status int) *rig {
	t.Helper()
	w.Server.Change(refreshing)
	r := newRig(t, w, cfg)
	r.mustCall()
	w.Server.RevokeAll(false)
	w.Server.Change(func(s *authtest.Script) {
		s.Token = func(form url.Values) (int, string) {
			if form.Get("grant_type") != "refresh_token" {
				return 0, ""
			}
			return status, `{"error":"server_error"}`
		}
	})
	return r
}

// recovers makes the server answer as it should again.
func recovers(w *authtest.World) { w.Server.Change(func(s *authtest.Script) { s.Token = nil }) }

// If each refresh fails with 500, the user is prompted after failingTimes failures over failingFor.
func TestUserIsPromptedIfRefreshKeepsFailing(t *testing.T) {
	for _, pause := range []time.Duration{time.Second, failingFor} {
		t.Run(pause.String(), func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *authtest.World) {
				r := failingRefresh(t, w, nil, http.StatusInternalServerError)
				began, tries := time.Now(), 0
				for r.person.times() == 1 {
					tries++
					if err := r.call(t.Context()); err != nil {
						require.Equal(t, KindNetwork, KindOf(err))
					}
					time.Sleep(pause)
				}
				require.GreaterOrEqual(t, tries, failingTimes)
				require.GreaterOrEqual(t, time.Since(began)-pause, failingFor)
				require.LessOrEqual(t, tries, 1+max(failingTimes, int(failingFor/pause)))
				r.mustCall()
				require.Equal(t, 2, r.person.times())
			})
		})
	}
}

// An outage never prompts the user, and fewer failures do not either.
func TestTemporaryFailureKeepsTheLogin(t *testing.T) {
	for name, c := range map[string]struct{ status, calls int }{
		"503": {http.StatusServiceUnavailable, 50}, "502": {http.StatusBadGateway, 50}, "504": {http.StatusGatewayTimeout, 50},
		"429": {http.StatusTooManyRequests, 50}, "500": {http.StatusInternalServerError, failingTimes - 1},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *authtest.World) {
				r := failingRefresh(t, w, nil, c.status)
				for range c.calls {
					require.Equal(t, KindNetwork, KindOf(r.call(t.Context())))
					time.Sleep(failingFor)
				}
				recovers(w)
				r.mustCall()
				require.Equal(t, 1, r.person.times())
			})
		})
	}
}

// Failures of short-lived processes add up.
func TestFailuresOfProcessesAddUp(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		cfg := &Config{Store: NewMemoryStore()}
		failingRefresh(t, w, cfg, http.StatusInternalServerError)
		for range failingTimes - 1 {
			require.Equal(t, KindNetwork, KindOf(newRig(t, w, cfg).call(t.Context())))
			time.Sleep(failingFor)
		}
		last := newRig(t, w, cfg)
		last.mustCall()
		require.Equal(t, 1, last.person.times())
	})
}

// A login that fails while the refresh keeps failing is not repeated with each call. When the server
// has recovered, the refresh token works.
func TestFailedLoginIsNotRepeatedAtOnce(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		r := failingRefresh(t, w, nil, http.StatusInternalServerError)
		r.person.answer = func(context.Context, Flow) error { return errors.New("no browser") }
		for range 4 * failingTimes {
			require.Error(t, r.call(t.Context()))
			time.Sleep(failingFor)
		}
		require.LessOrEqual(t, r.person.times(), 1+4)
		require.Greater(t, r.person.times(), 1)
		recovers(w)
		r.mustCall()
		require.LessOrEqual(t, r.person.times(), 1+4)
	})
}

// Without a Login, the error says that the user must log in.
func TestFailingRefreshWithoutLogin(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		cfg := &Config{Store: NewMemoryStore()}
		failingRefresh(t, w, cfg, http.StatusInternalServerError)
		r := newRig(t, w, cfg)
		r.client.cfg.Login = nil
		for range failingTimes {
			require.Error(t, r.call(t.Context()))
			time.Sleep(failingFor)
		}
		require.Equal(t, KindLoginRequired, KindOf(r.call(t.Context())))
		recovers(w)
		r.mustCall()
	})
}
