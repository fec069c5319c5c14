package group_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/mcpclient/group"
	"github.com/hawser-mcp/hawser/mcpclient/mcpconfig"
	"github.com/hawser-mcp/hawser/transport"
)

// answers returns a handler that answers everything alike.
func answers(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

// hangs is a handler that never answers.
func hangs(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // only then the server notices that the client goes away
	<-r.Context().Done()
}

func TestServersThatCannotBeConnectedAreDown(t *testing.T) {
	for name, c := range map[string]struct {
		handler http.HandlerFunc // nil: nothing listens
		takes   time.Duration
		kind    mcpclient.Kind
		text    string
	}{
		"refused":     {kind: mcpclient.KindNotSent, text: "connection refused"},
		"timeout":     {handler: hangs, takes: 10 * time.Second, kind: mcpclient.KindTimeout, text: "not ready within 10s"},
		"status 503":  {handler: answers(503, "text/plain", "busy"), kind: mcpclient.KindHTTP, text: "503"},
		"a web page":  {handler: answers(200, "text/html", "<html>"), kind: mcpclient.KindProtocol, text: "text/html"},
		"a not found": {handler: answers(404, "text/plain", "no"), kind: mcpclient.KindHTTP, text: "404"},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.serve("good", newServer(mcptest.Legacy, "echo"))
				bad := w.serve("bad", newServer(mcptest.Legacy, "echo"))
				bad.kill()
				if c.handler != nil {
					bad.startWith(c.handler)
				}
				took := since()
				g := w.open(group.Options{}, entry("bad"), entry("good"))
				require.NoError(t, g.Wait(t.Context()))
				require.Equal(t, c.takes, took())
				st := state(t, g, "bad")
				require.Equal(t, group.Down, st.Status)
				require.Equal(t, 1, st.Tries)
				require.ErrorContains(t, st.Err, c.text)
				require.Equal(t, c.kind, mcpclient.KindOf(st.Err))
				require.Greater(t, st.Retry, st.Since)
				require.LessOrEqual(t, st.Retry.Sub(st.Since), time.Second)
				echoes(t, g, "good__echo")

				bad.kill()
				bad.start()
				time.Sleep(12 * time.Second)
				require.Equal(t, group.Ready, state(t, g, "bad").Status, "tried again in the background")
				require.Zero(t, state(t, g, "bad").Tries)
				echoes(t, g, "bad__echo")
				require.Equal(t, "connecting, ready", w.diary.statuses("good"), "the others are not touched")
			})
		})
	}
}

// The pauses are random parts of a bound that doubles.
func TestPausesBetweenTries(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.open(group.Options{MinBackoff: time.Second, MaxBackoff: 8 * time.Second}, entry("dead"))
		time.Sleep(time.Hour)
		bounds := []time.Duration{1, 2, 4}
		var below, longest time.Duration
		tries := 0
		for _, e := range of[group.StateChanged](&w.diary) {
			if e.State.Status != group.Down {
				continue
			}
			require.Equal(t, tries+1, e.State.Tries)
			bound := 8 * time.Second
			if tries < len(bounds) {
				bound = bounds[tries] * time.Second
			}
			pause := e.State.Retry.Sub(e.State.Since)
			require.Positive(t, pause)
			require.LessOrEqual(t, pause, bound)
			tries++
			below, longest = below+pause, max(longest, pause)
		}
		require.Greater(t, tries, 100)
		require.Greater(t, longest, 6*time.Second)
		require.InEpsilon(t, 4*time.Second, below/time.Duration(tries), 0.2, "evenly spread")
	})
}

func TestRetryAfterOfTheServerIsKept(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		srv := w.serve("busy", newServer(mcptest.Legacy))
		srv.kill()
		srv.startWith(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "30")
			w.WriteHeader(http.StatusServiceUnavailable)
		}))
		g := w.open(group.Options{}, entry("busy"))
		require.NoError(t, g.Wait(t.Context()))
		st := state(t, g, "busy")
		require.Equal(t, 30*time.Second, st.Retry.Sub(st.Since))
	})
}

// A try that took too long says what it met, and not only that it was too slow.
func TestATimeoutNamesWhatWasInTheWay(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		g := w.open(group.Options{Session: func(_ *mcpconfig.Server, o *mcpclient.Options) {
			o.ConnectRetry = mcpclient.Retry{MaxTries: 100, MaxElapsed: -1}
		}}, entry("dead"))
		took := since()
		require.NoError(t, g.Wait(t.Context()))
		require.Equal(t, 10*time.Second, took())
		err := state(t, g, "dead").Err
		require.Equal(t, mcpclient.KindTimeout, mcpclient.KindOf(err))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "timeout: not ready within 10s: ")
		require.ErrorContains(t, err, "connection refused")
	})
}

func TestWithoutAnAuthorizerTheServerNeedsOne(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		srv := w.serve("locked", newServer(mcptest.Legacy, "echo"))
		srv.kill()
		var requests atomic.Int64
		srv.startWith(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			requests.Add(1)
			w.WriteHeader(http.StatusUnauthorized)
		}))
		g := w.open(group.Options{}, entry("locked"))
		require.NoError(t, g.Wait(t.Context()))
		st := state(t, g, "locked")
		require.Equal(t, group.NeedsAuth, st.Status)
		require.True(t, st.Retry.IsZero())
		require.Equal(t, mcpclient.KindAuthRequired, mcpclient.KindOf(st.Err))
		_, err := g.Call(t.Context(), "locked__echo", nil)
		require.Equal(t, group.ServerDown, notMade(t, err).Reason)
		require.ErrorContains(t, err, "server locked is not authorized: ")
		before := requests.Load()
		time.Sleep(24 * time.Hour)
		require.Equal(t, before, requests.Load(), "no try until Reconnect")

		srv.kill()
		srv.start()
		require.False(t, g.Reconnect("unknown"))
		require.True(t, g.Reconnect("locked"))
		require.NoError(t, g.Wait(t.Context()))
		require.Equal(t, "connecting, not authorized, connecting, ready", w.diary.statuses("locked"))
		require.True(t, g.Reconnect("locked"))
		synctest.Wait()
		require.Equal(t, "connecting, not authorized, connecting, ready", w.diary.statuses("locked"), "nothing to do")
	})
}

// authorizer attaches a token once the user has logged in.
type authorizer struct {
	takes  time.Duration // how long the user needs
	err    error         // what the login ends with
	asked  atomic.Int64
	ended  atomic.Int64 // logins whose context ended
	logged atomic.Bool
}

type attach struct {
	a    *authorizer
	base http.RoundTripper
}

func (a *authorizer) RoundTripper(base http.RoundTripper) http.RoundTripper { return attach{a, base} }

func (rt attach) RoundTrip(r *http.Request) (*http.Response, error) {
	if rt.a.logged.Load() {
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer token")
	}
	return rt.base.RoundTrip(r)
}

func (a *authorizer) Authorize(ctx context.Context, _ string, _ int, _ http.Header, _ time.Time) error {
	a.asked.Add(1)
	if err := mcptest.Sleep(ctx, a.takes); err != nil {
		a.ended.Add(1)
		return err
	}
	a.logged.Store(a.err == nil)
	return a.err
}

// locked makes a server refuse requests without a token.
func locked(srv *mcptest.Server) *mcptest.Server {
	srv.Intercept = func(w http.ResponseWriter, r *http.Request, _ *mcptest.Message) bool {
		if r.Header.Get("Authorization") != "" {
			return false
		}
		w.Header().Set("WWW-Authenticate", "Bearer")
		w.WriteHeader(http.StatusUnauthorized)
		return true
	}
	return srv
}

func auth(a *authorizer) func(context.Context, *mcpconfig.Server) (mcpclient.Authorizer, func() error, error) {
	return func(context.Context, *mcpconfig.Server) (mcpclient.Authorizer, func() error, error) {
		return a, nil, nil
	}
}

// A login takes six times as long as a try may: there is one try, and the user is asked once.
func TestALoginIsNotCutOff(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.serve("locked", locked(newServer(mcptest.Legacy, "echo")))
		a := &authorizer{takes: time.Minute}
		took := since()
		g := w.open(group.Options{Auth: auth(a), ConnectTimeout: 10 * time.Second}, entry("locked"))
		require.NoError(t, g.Wait(t.Context()))
		require.Zero(t, took(), "Wait does not wait for a user")
		require.Equal(t, group.Authorizing, state(t, g, "locked").Status)
		_, err := g.Call(t.Context(), "locked__echo", nil)
		require.ErrorContains(t, err, "server locked is waiting for login")
		time.Sleep(a.takes)
		synctest.Wait()
		require.Equal(t, "connecting, waiting for login, connecting, ready", w.diary.statuses("locked"))
		require.EqualValues(t, 1, a.asked.Load())
		require.Zero(t, a.ended.Load())
		echoes(t, g, "locked__echo")
	})
}

// The time before and after a login counts.
func TestTheClockContinuesAfterALogin(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		srv := locked(newServer(mcptest.Legacy, "echo"))
		refuse := srv.Intercept
		srv.Intercept = func(w http.ResponseWriter, r *http.Request, m *mcptest.Message) bool {
			if r.Header.Get("Authorization") == "" {
				time.Sleep(4 * time.Second)
			}
			return refuse(w, r, m)
		}
		gate := srv.HoldIf(func(r *mcptest.Request) bool { return r.Header.Get("Authorization") != "" })
		w.serve("locked", srv)
		a := &authorizer{takes: time.Minute}
		g := w.open(group.Options{Auth: auth(a)}, entry("locked"))
		time.Sleep(70*time.Second - 1)
		require.Equal(t, group.Connecting, state(t, g, "locked").Status)
		time.Sleep(1)
		synctest.Wait()
		require.Equal(t, group.Down, state(t, g, "locked").Status)
		gate.Release()
		time.Sleep(2 * time.Second)
		require.Equal(t, group.Ready, state(t, g, "locked").Status)
		require.EqualValues(t, 1, a.asked.Load())
	})
}

func TestADeclinedLoginNeedsAPerson(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.serve("locked", locked(newServer(mcptest.Legacy, "echo")))
		a := &authorizer{err: errors.New("declined")}
		g := w.open(group.Options{Auth: auth(a)}, entry("locked"))
		time.Sleep(time.Hour)
		require.Equal(t, group.NeedsAuth, state(t, g, "locked").Status)
		require.ErrorIs(t, state(t, g, "locked").Err, a.err)
		require.EqualValues(t, 1, a.asked.Load())
	})
}

// Slots are for servers that work: a user who logs in holds none.
func TestALoginHoldsNoSlot(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.serve("a-locked", locked(newServer(mcptest.Legacy, "echo")))
		w.serve("b", newServer(mcptest.Legacy, "echo"))
		a := &authorizer{takes: time.Minute}
		g := w.open(group.Options{Auth: auth(a), Parallel: 1}, entry("a-locked"), entry("b"))
		require.NoError(t, g.Wait(t.Context()))
		require.Equal(t, group.Ready, state(t, g, "b").Status)
		time.Sleep(a.takes)
		synctest.Wait()
		require.Equal(t, group.Ready, state(t, g, "a-locked").Status)
	})
}

// At most Parallel servers are connected at the same time, and their lists belong to it.
func TestParallelBoundsTheTries(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var servers []mcpconfig.Server
		for _, name := range []string{"a", "b", "c", "d", "e"} {
			srv := newServer(mcptest.Legacy, "echo")
			srv.Intercept = func(_ http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
				if m != nil && m.Method == "tools/list" {
					time.Sleep(time.Second)
				}
				return false
			}
			w.serve(name, srv)
			servers = append(servers, entry(name))
		}
		took := since()
		g := w.open(group.Options{Parallel: 2}, servers...)
		require.NoError(t, g.Wait(t.Context()))
		require.Equal(t, 3*time.Second, took())
	})
}

func TestAnAuthorizationServerThatIsDownNeedsNoPerson(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.serve("locked", locked(newServer(mcptest.Legacy, "echo")))
		a := &authorizer{err: &transport.Error{Op: "dial", Err: errors.New("connection refused")}}
		g := w.open(group.Options{Auth: auth(a)}, entry("locked"))
		require.NoError(t, g.Wait(t.Context()))
		time.Sleep(time.Minute)
		require.Equal(t, group.Down, state(t, g, "locked").Status)
		require.Greater(t, a.asked.Load(), int64(3))
	})
}

// Reconnect just before a try begins is granted by this try. It does not start another one right
// after it.
func TestAWishDuringATryIsGranted(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var g *group.Group
		tries := 0
		g = w.open(group.Options{MinBackoff: time.Hour, MaxBackoff: time.Hour, Observer: func(ctx context.Context, e group.Event) {
			w.diary.observe(ctx, e)
			if e, ok := e.(group.StateChanged); ok && e.Before == group.Down {
				if tries++; tries < 3 {
					g.Reconnect("dead") // stands for another goroutine that still sees the server down
				}
			}
		}}, entry("dead"))
		require.NoError(t, g.Wait(t.Context()))
		require.True(t, g.Reconnect("dead"))
		require.NoError(t, g.Wait(t.Context()))
		synctest.Wait()
		require.Equal(t, "connecting, down, connecting, down", w.diary.statuses("dead"))
		require.Equal(t, 1, tries)
	})
}
