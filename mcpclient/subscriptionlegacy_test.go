package mcpclient_test

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

const unsubscribeMethod = "resources/unsubscribe"

// legacyBubble runs a test in fake time with a legacy server whose streams cannot be resumed.
func legacyBubble(t *testing.T, test func(t *testing.T, srv *mcptest.Server)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, newServer(mode{mcptest.Legacy, true})) })
}

// countOpen counts the shared streams that clients hold open.
func countOpen(srv *mcptest.Server) *atomic.Int32 {
	var open atomic.Int32
	srv.SetIntercept(func(_ http.ResponseWriter, r *http.Request, _ *mcptest.Message) bool {
		if r.Method == http.MethodGet {
			open.Add(1)
			context.AfterFunc(r.Context(), func() { open.Add(-1) })
		}
		return false
	})
	return &open
}

// onMethod intercepts the requests of one method.
func onMethod(method string, answer func(w http.ResponseWriter, r *http.Request, m *mcptest.Message) bool) func(http.ResponseWriter, *http.Request, *mcptest.Message) bool {
	return func(w http.ResponseWriter, r *http.Request, m *mcptest.Message) bool {
		return m != nil && m.Method == method && answer(w, r, m)
	}
}

// All subscriptions share one stream. The client closes the stream when the last subscription ends,
// and opens it again for the next subscription.
func TestOneSharedStreamForAllSubscriptions(t *testing.T) {
	legacyBubble(t, func(t *testing.T, srv *mcptest.Server) {
		open := countOpen(srv)
		s := serve(t, srv, mcpclient.Options{})
		synctest.Wait()
		require.Zero(t, srv.Count("GET"), "nothing needs the stream yet")
		for round := 1; round <= 3; round++ {
			a := listen(t, s, toTools)
			b := listen(t, s, mcpclient.Filter{PromptsChanged: true})
			synctest.Wait()
			require.Equal(t, round, srv.Count("GET"))
			require.EqualValues(t, 1, open.Load())
			require.NoError(t, a.Close())
			synctest.Wait()
			require.EqualValues(t, 1, open.Load())
			notify(srv, promptsChanged)
			require.NoError(t, b.Close())
			ended(t, b, mcpclient.EndClosed)
			require.Equal(t, []string{"prompts"}, rest(b))
			if sharesLink() {
				pass(replaced)
			}
			require.Zero(t, open.Load(), "nothing needs the stream any more")
			pass(time.Hour)
			require.Equal(t, round, srv.Count("GET"))
		}
		echoes(t, s)
	})
}

// The end of a subscription does not close a stream that handlers need.
func TestHandlersKeepTheSharedStream(t *testing.T) {
	legacyBubble(t, func(t *testing.T, srv *mcptest.Server) {
		var h diary
		open := countOpen(srv)
		s := serve(t, srv, mcpclient.Options{Handlers: mcpclient.Handlers{ToolsChanged: h.handlers().ToolsChanged, Notification: h.handlers().Notification}})
		l := listen(t, s, mcpclient.Filter{Resources: []string{"file:///a"}})
		d := read(l)
		update(srv, "file:///a")
		require.Equal(t, []string{"file:///a"}, d.take())
		require.Equal(t, []string{resourceUpdated + ` {"uri":"file:///a"}`}, h.take())
		require.NoError(t, l.Close())
		pass(time.Hour)
		require.EqualValues(t, 1, open.Load())
		notify(srv, toolsChanged)
		require.Equal(t, []string{"tools"}, h.take())
		require.Equal(t, 1, srv.Count("GET"))
	})
}

// If two subscriptions have the same resource, the client subscribes to the resource once, and
// unsubscribes when both have ended.
func TestResourcesAreCounted(t *testing.T) {
	for _, m := range []mode{{mcptest.Legacy, false}, {mcptest.Legacy, true}} {
		t.Run(m.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := newServer(m)
				s := serve(t, srv, mcpclient.Options{})
				a := listen(t, s, mcpclient.Filter{Resources: []string{"file:///a", "file:///b"}})
				b := listen(t, s, mcpclient.Filter{Resources: []string{"file:///b", "file:///c"}})
				c := listen(t, s, mcpclient.Filter{Resources: []string{"file:///b"}})
				require.Equal(t, 3, srv.Count(subscribeMethod))
				step := func(l *mcpclient.Subscription, unsubscribed int, left ...string) {
					require.NoError(t, l.Close())
					synctest.Wait()
					require.Equal(t, left, srv.Subscribed())
					require.Equal(t, unsubscribed, srv.Count(unsubscribeMethod))
				}
				step(b, 1, "file:///a", "file:///b")
				step(b, 1, "file:///a", "file:///b")
				step(a, 2, "file:///b")
				d := read(c)
				update(srv, "file:///b")
				require.Equal(t, []string{"file:///b"}, d.take())
				step(c, 3)
				d = read(listen(t, s, mcpclient.Filter{Resources: []string{"file:///b"}}))
				update(srv, "file:///b")
				require.Equal(t, []string{"file:///b"}, d.take(), "subscribed to again")
			})
		})
	}
}

// A subscription ends and the client unsubscribes from its resource. If a new subscription to the
// same resource starts meanwhile, it waits and then subscribes again.
func TestListenWhileTheResourceIsLeft(t *testing.T) {
	legacyBubble(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, mcpclient.Options{})
		f := mcpclient.Filter{Resources: []string{"file:///a"}}
		first := listen(t, s, f)
		gate := srv.Hold(unsubscribeMethod)
		require.NoError(t, first.Close())
		<-gate.Arrived()
		begun := beginListen(t.Context(), s, f)
		synctest.Wait()
		require.Empty(t, begun)
		gate.Release()
		got := <-begun
		require.NoError(t, got.err)
		require.Equal(t, f.Resources, srv.Subscribed())
		d := read(got.l)
		update(srv, "file:///a")
		require.Equal(t, []string{"file:///a"}, d.take())
	})
}

// Many subscriptions to the same resources start and end concurrently. Afterwards, the server has
// exactly the subscriptions that are still open.
func TestManyListensToOneResource(t *testing.T) {
	legacyBubble(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, mcpclient.Options{})
		f := mcpclient.Filter{Resources: []string{"file:///a", "file:///b"}}
		stay := listen(t, s, mcpclient.Filter{Resources: []string{"file:///b"}})
		for round := range 20 {
			results := make([]<-chan listening, 20)
			for i := range results {
				results[i] = beginListen(t.Context(), s, f)
			}
			var subs []*mcpclient.Subscription
			for _, begun := range results {
				got := <-begun
				require.NoError(t, got.err)
				subs = append(subs, got.l)
			}
			for _, l := range subs {
				require.NoError(t, l.Close())
			}
			synctest.Wait()
			require.Equal(t, []string{"file:///b"}, srv.Subscribed(), "round %d", round)
		}
		d := read(stay)
		update(srv, "file:///b")
		require.Equal(t, []string{"file:///b"}, d.take())
		require.Equal(t, 1, srv.Count("GET"))
	})
}

// If the server refuses a resource, at once or after retries, Listen fails and unsubscribes from
// the other resources.
func TestRefusedResource(t *testing.T) {
	rows := []struct {
		name  string
		write func(w http.ResponseWriter, m *mcptest.Message)
		kind  mcpclient.Kind
		why   mcpclient.EndReason
		tries int
	}{
		{"-32602", rpc(200, -32602, nil), mcpclient.KindServer, mcpclient.EndRefused, 1},
		{"-32601", rpc(200, -32601, nil), mcpclient.KindServer, mcpclient.EndRefused, 1},
		{"-32002", rpc(200, -32002, nil), mcpclient.KindServer, mcpclient.EndRefused, 1},
		{"403", status(403, ""), mcpclient.KindForbidden, mcpclient.EndRefused, 1},
		{"401", status(401, ""), mcpclient.KindAuthRequired, mcpclient.EndRefused, 1},
		{"503", status(503, ""), mcpclient.KindHTTP, mcpclient.EndRefused, 4},
		{"202", status(202, ""), mcpclient.KindProtocol, mcpclient.EndRefused, 1},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			legacyBubble(t, func(t *testing.T, srv *mcptest.Server) {
				s := serve(t, srv, mcpclient.Options{})
				shared := listen(t, s, mcpclient.Filter{Resources: []string{"file:///a"}})
				tried := 0
				srv.SetIntercept(onMethod(subscribeMethod, func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
					if string(m.Params) != `{"uri":"file:///c"}` {
						return false
					}
					tried++
					row.write(w, m)
					return true
				}))
				f := mcpclient.Filter{ToolsChanged: true, Resources: []string{"file:///a", "file:///b", "file:///c", "file:///d"}}
				l, err := s.Listen(t.Context(), f)
				noListen(t, l, err, row.kind, row.why)
				require.Equal(t, row.tries, tried)
				synctest.Wait()
				require.Equal(t, []string{"file:///a"}, srv.Subscribed(), "another subscription's resource stays")
				require.Equal(t, 2, srv.Count(subscribeMethod)-tried, "a, for the other subscription, and b, but not d")
				d := read(shared)
				update(srv, "file:///a")
				require.Equal(t, []string{"file:///a"}, d.take())
				echoes(t, s)
			})
		})
	}
}

// If the session is lost during a subscription, the client starts a new session, whether a call or
// only the stream detects the loss. It subscribes to the resources again and then reports missed
// events.
func TestListenOutlivesItsSession(t *testing.T) {
	for _, style := range []mcptest.RefuseStyle{mcptest.Refuse404, mcptest.Refuse404Plain, mcptest.Refuse400} {
		for _, ids := range []bool{false, true} {
			for _, noticed := range []string{"by a call", "by the stream"} {
				t.Run(fmt.Sprint("style ", style, " event ids ", ids, " ", noticed), func(t *testing.T) {
					legacyBubble(t, func(t *testing.T, srv *mcptest.Server) {
						srv.Refuse, srv.EventIDs = style, ids
						outlive(t, srv, noticed == "by a call")
					})
				})
			}
		}
	}
}

func outlive(t *testing.T, srv *mcptest.Server, call bool) {
	t.Helper()
	s := serve(t, srv, mcpclient.Options{})
	a := listen(t, s, mcpclient.Filter{ToolsChanged: true, Resources: []string{"file:///a", "file:///b"}})
	b := listen(t, s, mcpclient.Filter{Resources: []string{"file:///b"}})
	da, db := read(a), read(b)
	update(srv, "file:///b")
	require.Equal(t, []string{"file:///b"}, da.take())
	require.Equal(t, []string{"file:///b"}, db.take())
	gate := srv.HoldIf(func(r *mcptest.Request) bool {
		return r.Session == "session-2" && (r.Method == subscribeMethod || r.HTTP == http.MethodGet)
	})
	if !call {
		srv.CutSharedStreams(true)
	}
	srv.LoseSessions()
	if call {
		echoes(t, s)
	}
	pass(20 * time.Second)
	require.Empty(t, da.take(), "not reported before the stream is open again")
	gate.Release()
	synctest.Wait()
	require.Equal(t, []string{"file:///a", "file:///b"}, srv.Subscribed())
	require.Equal(t, []string{"missed"}, da.take())
	require.Equal(t, []string{"missed"}, db.take())
	require.Equal(t, 4, srv.Count(subscribeMethod), "once per resource and session")
	_, ever := srv.Sessions()
	require.Equal(t, 2, ever)
	notify(srv, toolsChanged)
	update(srv, "file:///b")
	require.Equal(t, []string{"tools", "file:///b"}, da.take())
	require.Equal(t, []string{"file:///b"}, db.take())
	require.NoError(t, a.Err())
	require.NoError(t, b.Err())
	require.NoError(t, a.Close())
	synctest.Wait()
	require.Equal(t, []string{"file:///b"}, srv.Subscribed())
}

// The client opens exactly one shared stream in each new session.
func TestOneSharedStreamForEachSession(t *testing.T) {
	legacyBubble(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, mcpclient.Options{})
		d := read(listen(t, s, toTools))
		for n := 2; n < 20; n++ {
			srv.LoseSessions()
			echoes(t, s)
			synctest.Wait()
			require.Equal(t, []string{"missed"}, d.take())
			require.Equal(t, n, srv.Count("GET"))
		}
	})
}

// After a session loss, the server refuses a resource in the new session that it had accepted in
// the old one.
func TestRefusedAfterTheSessionWasLost(t *testing.T) {
	legacyBubble(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, mcpclient.Options{})
		l := listen(t, s, mcpclient.Filter{ToolsChanged: true, Resources: []string{"file:///a"}})
		other := listen(t, s, toTools)
		srv.SetIntercept(onMethod(subscribeMethod, func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
			rpc(200, -32602, nil)(w, m)
			return true
		}))
		srv.LoseSessions()
		echoes(t, s)
		pass(time.Hour)
		ended(t, l, mcpclient.EndRefused)
		var refusal *mcpclient.RPCError
		require.ErrorAs(t, l.Err(), &refusal)
		require.Equal(t, 2, srv.Count(subscribeMethod))
		require.Empty(t, rest(l), "the subscription did not start again")
		d := read(other)
		notify(srv, toolsChanged)
		require.Equal(t, []string{"missed", "tools"}, d.take(), "the other one continues")
		echoes(t, s)
	})
}

// After a session loss, the server no longer supports resource subscriptions. A subscription that
// has only resources ends as refused. A subscription that also has other events continues with
// those.
func TestNothingOfferedAfterTheSessionWasLost(t *testing.T) {
	legacyBubble(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, mcpclient.Options{})
		whole := listen(t, s, mcpclient.Filter{Resources: []string{"file:///a"}})
		part := listen(t, s, mcpclient.Filter{ToolsChanged: true, Resources: []string{"file:///a"}})
		srv.CanSubscribe = false
		srv.LoseSessions()
		echoes(t, s)
		ended(t, whole, mcpclient.EndRefused)
		require.Equal(t, toTools, part.Honored())
		require.NoError(t, part.Err())
	})
}

// If a server is busy after a restart, the client does not treat that as a refusal of existing
// subscriptions.
func TestBusyAfterTheSessionWasLost(t *testing.T) {
	for _, code := range []int{503, 429} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			legacyBubble(t, func(t *testing.T, srv *mcptest.Server) {
				s := serve(t, srv, mcpclient.Options{})
				l := listen(t, s, mcpclient.Filter{Resources: []string{"file:///a"}})
				d := read(l)
				back := time.Now().Add(time.Minute)
				srv.SetIntercept(onMethod(subscribeMethod, func(w http.ResponseWriter, _ *http.Request, _ *mcptest.Message) bool {
					if time.Now().After(back) {
						return false
					}
					w.WriteHeader(code)
					return true
				}))
				srv.LoseSessions()
				echoes(t, s)
				pass(5 * time.Minute)
				require.NoError(t, l.Err())
				require.Equal(t, []string{"missed"}, d.take())
				update(srv, "file:///a")
				require.Equal(t, []string{"file:///a"}, d.take())
			})
		})
	}
}

// If a stream's events have IDs, the client resumes the stream and reports no missed events.
func TestListenIsResumed(t *testing.T) {
	for name, abort := range map[string]bool{"aborted": true, "ended by the server": false} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, srv *mcptest.Server) {
				s := serve(t, srv, mcpclient.Options{})
				l := listen(t, s, mcpclient.Filter{Resources: []string{"file:///a"}})
				once := listen(t, s, mcpclient.Filter{ToolsChanged: true}, mcpclient.WithoutReopening())
				d := read(l)
				update(srv, "file:///a/1")
				for n := 2; n < 10; n++ {
					srv.CutSharedStreams(abort)
					synctest.Wait()
					update(srv, fmt.Sprintf("file:///a/%d", n))
					pass(time.Minute)
				}
				require.Equal(t, []string{
					"file:///a/1", "file:///a/2", "file:///a/3", "file:///a/4", "file:///a/5", "file:///a/6", "file:///a/7", "file:///a/8", "file:///a/9",
				}, d.take())
				require.NoError(t, once.Err(), "nothing was lost")
				require.Equal(t, 1, srv.Count(subscribeMethod), "the session has not changed")
			})
		})
	}
}

// If the server refuses the cursor of a resumed stream, missed events are reported.
func TestListenWhoseCursorIsRefused(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		srv.Intercept = atStream(func(w http.ResponseWriter, r *http.Request, _ *mcptest.Message) bool {
			if r.Header.Get("Last-Event-Id") == "" {
				return false
			}
			mcptest.WriteError(w, http.StatusBadRequest, nil, -32000, "Invalid event ID")
			return true
		})
		s := serve(t, srv, mcpclient.Options{})
		d := read(listen(t, s, toTools))
		notify(srv, toolsChanged)
		require.Equal(t, []string{"tools"}, d.take())
		srv.CutSharedStreams(true)
		pass(time.Minute)
		require.Equal(t, []string{"missed"}, d.take())
	})
}

// While the stream is lost, a new Listen waits for it, whether or not the stream can be resumed.
func TestListenWhileTheStreamIsLost(t *testing.T) {
	for _, ids := range []bool{false, true} {
		t.Run(fmt.Sprint("event ids ", ids), func(t *testing.T) {
			legacyBubble(t, func(t *testing.T, srv *mcptest.Server) {
				srv.EventIDs = ids
				link := srv.InMemory(t)
				s := connect(t, link, mcpclient.Options{Timeouts: mcpclient.Timeouts{Try: time.Minute}})
				first := read(listen(t, s, toTools))
				notify(srv, toolsChanged)
				require.Equal(t, []string{"tools"}, first.take())
				link.Network.Refuse(true)
				link.Network.ResetAll()
				synctest.Wait()
				begun := beginListen(t.Context(), s, toTools)
				pass(10 * time.Second)
				require.Empty(t, begun, "the stream is not open")
				link.Network.Refuse(false)
				got := <-begun
				require.NoError(t, got.err)
				d := read(got.l)
				notify(srv, toolsChanged)
				require.Contains(t, d.take(), "tools")
			})
		})
	}
}

// The pauses between tries grow while the server is unreachable. A new Listen skips the current
// pause. Otherwise it might time out although the server is reachable again.
func TestListenAfterALongOutage(t *testing.T) {
	legacyBubble(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, mcpclient.Options{Timeouts: mcpclient.Timeouts{Try: 10 * time.Second}})
		first := read(listen(t, s, toTools))
		away := make(chan struct{}, 1000)
		srv.SetIntercept(atStream(func(w http.ResponseWriter, _ *http.Request, _ *mcptest.Message) bool {
			w.WriteHeader(http.StatusServiceUnavailable)
			away <- struct{}{}
			return true
		}))
		srv.CutSharedStreams(true)
		for range 12 {
			<-away // the longest pause has just started
		}
		srv.SetIntercept(nil)
		l, err := s.Listen(t.Context(), toTools)
		require.NoError(t, err)
		synctest.Wait()
		require.Contains(t, first.take(), "missed")
		notify(srv, toolsChanged)
		require.NoError(t, l.Err())
	})
}
