package mcpclient_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// The session pings a legacy server at the interval, at most once a second, until it is closed. A
// modern server has no ping and gets none.
func TestKeepAlive(t *testing.T) {
	for _, row := range []struct {
		interval time.Duration
		within   time.Duration
		pings    int
	}{
		{0, time.Hour, 0},
		{-1, time.Hour, 0},
		{30 * time.Second, 10*time.Minute + time.Second, 20},
		{time.Nanosecond, 10*time.Second + time.Millisecond, 10},
	} {
		t.Run(row.interval.String(), func(t *testing.T) {
			eachEra(t, func(t *testing.T, srv *mcptest.Server) {
				s := serve(t, srv, mcpclient.Options{KeepAlive: row.interval})
				srv.Reset()
				pass(row.within)
				pings := row.pings
				if srv.Era == mcptest.Modern {
					pings = 0
				}
				require.Equal(t, pings, srv.Count("ping"))
				require.Len(t, srv.Methods(), pings, "nothing else is sent")
				require.NoError(t, s.Close())
				srv.Reset()
				pass(time.Hour)
				require.Zero(t, srv.Count("ping"))
			})
		})
	}
}

// A lost session is noticed by a ping, so the next call finds a new session.
func TestKeepAliveNoticesALostSession(t *testing.T) {
	for _, style := range []mcptest.RefuseStyle{mcptest.Refuse404, mcptest.Refuse404Plain, mcptest.Refuse400} {
		inBubble(t, func(t *testing.T, srv *mcptest.Server) {
			var o observed
			s := serve(t, srv, mcpclient.Options{KeepAlive: time.Minute, Observer: o.observe})
			pass(time.Minute + time.Second) // the server answers a ping
			srv.Refuse = style
			srv.LoseSessions()
			o.take()
			srv.Reset()
			pass(time.Minute)
			require.Equal(t, 1, srv.Count("initialize"))
			require.Contains(t, o.take(), "recovery of 1 ended, replaced=true failed=false")
			srv.Reset()
			echoes(t, s)
			require.Equal(t, 1, srv.Count("tools/call"), "at the first try")
		})
	}
}

// deaf makes a server not answer requests in its first session, except those that hears lets pass.
func deaf(srv *mcptest.Server, hears func(m *mcptest.Message) bool) {
	srv.SetIntercept(func(_ http.ResponseWriter, r *http.Request, m *mcptest.Message) bool {
		if r.Header.Get("Mcp-Session-Id") != "session-1" || m == nil || hears(m) {
			return false
		}
		srv.Hang(r)
		return true
	})
}

// A session in which the server answers nothing is replaced: the server answers in a new one.
func TestKeepAliveReplacesASilentSession(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		var o observed
		s := serve(t, srv, mcpclient.Options{KeepAlive: 10 * time.Second, Observer: o.observe})
		o.take()
		deaf(srv, func(*mcptest.Message) bool { return false })
		pass(2 * time.Minute)
		require.Contains(t, o.take(), "recovery of 1 ended, replaced=true failed=false")
		srv.Reset()
		echoes(t, s)
		require.Equal(t, 1, srv.Count("tools/call"))
	})
}

// Pings that are lost on the way are no reason to give up the session and the state that the server
// keeps in it: a new session is started, but the old one answers by then, so it stays.
func TestKeepAliveKeepsASessionThatAnswersAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		var o observed
		s := serve(t, srv, mcpclient.Options{KeepAlive: 10 * time.Second, Observer: o.observe})
		o.take()
		var back atomic.Bool
		deaf(srv, func(*mcptest.Message) bool { return back.Load() })
		gate := srv.Hold("initialize")
		pass(time.Minute)
		require.Equal(t, mcpclient.StateRecovering, s.State())
		back.Store(true)
		gate.Release()
		synctest.Wait()
		require.Contains(t, o.take(), "recovery of 1 ended, replaced=false failed=false")
		require.Equal(t, 1, srv.Count("DELETE"), "the new session is not needed")
		echoes(t, s)
	})
}

// While the server cannot be reached, or is overloaded, the session stays as it is.
func TestKeepAliveDuringAnOutage(t *testing.T) {
	for name, outage := range map[string]func(srv *mcptest.Server, link *mcptest.Link, on bool){
		"unreachable": func(_ *mcptest.Server, link *mcptest.Link, on bool) {
			link.Network.Refuse(on)
			link.Network.ResetAll()
		},
		"overloaded": func(srv *mcptest.Server, _ *mcptest.Link, on bool) {
			srv.SetIntercept(func(w http.ResponseWriter, _ *http.Request, _ *mcptest.Message) bool {
				if on {
					w.WriteHeader(http.StatusServiceUnavailable)
				}
				return on
			})
		},
		"does not know ping": func(srv *mcptest.Server, _ *mcptest.Link, on bool) {
			srv.SetIntercept(func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
				refuse := on && m != nil && m.Method == "ping"
				if refuse {
					rpc(200, -32601, nil)(w, m)
				}
				return refuse
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, srv *mcptest.Server) {
				link := srv.InMemory(t)
				s := connect(t, link, mcpclient.Options{KeepAlive: 10 * time.Second})
				outage(srv, link, true)
				pass(time.Hour)
				outage(srv, link, false)
				pass(time.Minute)
				echoes(t, s)
				require.Equal(t, 1, srv.Count("initialize"), "the session was not replaced")
			})
		})
	}
}
