package mcpclient_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// modernBubble runs a test in fake time with a modern server.
func modernBubble(t *testing.T, test func(t *testing.T, srv *mcptest.Server)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, newServer(mode{mcptest.Modern, true})) })
}

// frame returns one message of a scripted subscription. id is the ID of the listen request.
type frame func(id json.RawMessage) []byte

// of returns a notification for the subscription whose ID is the stream's request ID plus off.
func of(off int64, method string, params map[string]any) frame {
	return func(id json.RawMessage) []byte {
		var n int64
		if err := json.Unmarshal(id, &n); err != nil {
			return nil
		}
		tagged := map[string]any{"_meta": map[string]any{"io.modelcontextprotocol/subscriptionId": n + off}}
		for k, v := range params {
			if k == "requestId" {
				v = n + off
			}
			tagged[k] = v
		}
		return mcptest.Notification(method, tagged)
	}
}

// ackOf returns an acknowledgment of a subscription to changes of tools and prompts. off has the
// same meaning as in of.
func ackOf(off int64) frame {
	return of(off, ackMethod, map[string]any{"notifications": map[string]any{"toolsListChanged": true, "promptsListChanged": true}})
}

// script answers each listen request with frames and keeps the stream open.
func script(srv *mcptest.Server, frames ...frame) {
	srv.SetIntercept(atStream(func(w http.ResponseWriter, r *http.Request, m *mcptest.Message) bool {
		mcptest.StartSSE(w)
		for _, f := range frames {
			mcptest.WriteRaw(w, "data: "+string(f(m.ID))+"\n\n")
		}
		srv.Hang(r)
		return true
	}))
}

// A subscription ignores notifications before the acknowledgment, notifications of another
// subscription, log messages and progress.
func TestListenIgnores(t *testing.T) {
	modernBubble(t, func(t *testing.T, srv *mcptest.Server) {
		foreign := func(method, id string) frame {
			return func(json.RawMessage) []byte {
				meta := map[string]any{"io.modelcontextprotocol/subscriptionId": json.RawMessage(id)}
				return mcptest.Notification(method, map[string]any{"_meta": meta, "notifications": map[string]any{"promptsListChanged": true}})
			}
		}
		frames := []frame{
			of(0, resourcesChanged, nil), foreign(ackMethod, `"x"`), foreign(ackMethod, `1.5`), of(0, resourcesChanged, nil),
			ackOf(0),
			of(7, resourcesChanged, nil), of(-1, resourcesChanged, nil),
			foreign(resourcesChanged, `"1"`), foreign(resourcesChanged, `{}`), foreign(resourcesChanged, `1.5`),
			of(0, "notifications/message", map[string]any{"level": "info", "data": "x"}),
			of(0, "notifications/progress", map[string]any{"progressToken": 1, "progress": 1}),
			of(0, "notifications/x/y", nil), of(0, resourceUpdated, map[string]any{"uri": "file:///a"}),
			of(0, promptsChanged, nil),
			of(0, toolsChanged, nil),
		}
		script(srv, frames...)
		var h diary
		s := serve(t, srv, mcpclient.Options{Handlers: mcpclient.Handlers{Log: h.handlers().Log, Notification: h.handlers().Notification, MissedEvents: h.handlers().MissedEvents}})
		l := listen(t, s, mcpclient.Filter{ToolsChanged: true, PromptsChanged: true, ResourcesChanged: true})
		require.Equal(t, mcpclient.Filter{ToolsChanged: true, PromptsChanged: true}, l.Honored())
		d := read(l)
		synctest.Wait()
		require.Equal(t, []string{"prompts", "tools"}, d.take())
		require.Empty(t, h.take())
		require.Equal(t, 1, srv.Count(listenMethod))
		echoes(t, s)
	})
}

// A cancellation of another request does not end the subscription.
func TestCancellationOfAnotherSubscription(t *testing.T) {
	modernBubble(t, func(t *testing.T, srv *mcptest.Server) {
		cancel := map[string]any{"requestId": 0}
		script(srv, ackOf(0), of(1, "notifications/cancelled", cancel), of(-1, "notifications/cancelled", cancel),
			of(0, "notifications/cancelled", nil), of(0, toolsChanged, nil))
		s := serve(t, srv, mcpclient.Options{})
		l := listen(t, s, toTools)
		d := read(l)
		pass(time.Hour)
		require.Equal(t, []string{"tools"}, d.take())
		require.NoError(t, l.Err())
		require.Equal(t, 1, srv.Count(listenMethod))
	})
}

// Listen does not return before the server acknowledges the subscription.
func TestListenWaitsForTheAcknowledgment(t *testing.T) {
	modernBubble(t, func(t *testing.T, srv *mcptest.Server) {
		srv.WithholdAck = true
		s := serve(t, srv, mcpclient.Options{})
		begun := beginListen(t.Context(), s, toTools)
		pass(20 * time.Second)
		require.Len(t, srv.Subscriptions(), 1)
		require.Empty(t, begun)
		echoes(t, s)
		srv.Acknowledge()
		got := <-begun
		require.NoError(t, got.err)
		require.Equal(t, 20*time.Second, got.at)
		d := read(got.l)
		pass(time.Hour)
		notify(srv, toolsChanged)
		require.Equal(t, []string{"tools"}, d.take(), "the timeout was only for the acknowledgment")
		require.Equal(t, 1, srv.Count(listenMethod))
	})
}

// The try timeout bounds Listen's wait for the response headers and the acknowledgment.
func TestListenWithoutAnAcknowledgment(t *testing.T) {
	for _, where := range []string{"acknowledgment", "headers"} {
		t.Run(where, func(t *testing.T) {
			modernBubble(t, func(t *testing.T, srv *mcptest.Server) {
				if where == "headers" {
					srv.Hold(listenMethod)
				}
				srv.WithholdAck = true
				s := serve(t, srv, mcpclient.Options{})
				start := time.Now()
				l, err := s.Listen(t.Context(), toTools)
				e := noListen(t, l, err, mcpclient.KindTimeout, mcpclient.EndLost)
				var timeout *mcpclient.TimeoutError
				require.ErrorAs(t, err, &timeout)
				require.Equal(t, mcpclient.DefaultTryTimeout, timeout.After)
				require.Equal(t, mcpclient.DefaultTryTimeout, time.Since(start), "like any other request that is safe to repeat: no retry after 15 s")
				require.Equal(t, 1, e.Tries)
				pass(lag(srv))
				require.Empty(t, srv.Subscriptions(), "no subscription is left open")
				echoes(t, s)
			})
		})
	}
}

// If the acknowledgment does not arrive when the stream is opened again, the client retries without
// limit, because the server agreed before.
func TestReopenedListenWithoutAnAcknowledgment(t *testing.T) {
	modernBubble(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, mcpclient.Options{})
		l := listen(t, s, toTools)
		d := read(l)
		srv.WithholdAck = true
		srv.CutSharedStreams(true)
		pass(10 * time.Minute)
		require.Empty(t, d.take())
		most := 1
		if sharesLink() {
			most = 16 // after which the link is replaced
		}
		require.NotEmpty(t, srv.Subscriptions())
		require.LessOrEqual(t, len(srv.Subscriptions()), most, "one at a time")
		n := srv.Count(listenMethod)
		require.Greater(t, n, 9)
		require.Less(t, n, 25)
		srv.Acknowledge()
		synctest.Wait()
		require.Equal(t, []string{"missed"}, d.take())
		require.NoError(t, l.Err())
	})
}

// If the server is busy at first, the client retries the listen request a few times.
func TestListenIsTriedAgain(t *testing.T) {
	for _, code := range []int{503, 502, 500, 429, 408} {
		for _, failures := range []int{3, 1000} {
			t.Run(fmt.Sprint(code, " ", failures, " times"), func(t *testing.T) {
				modernBubble(t, func(t *testing.T, srv *mcptest.Server) {
					n := 0
					srv.Intercept = atStream(func(w http.ResponseWriter, _ *http.Request, _ *mcptest.Message) bool {
						n++
						if n > failures {
							return false
						}
						w.WriteHeader(code)
						return true
					})
					s := serve(t, srv, mcpclient.Options{})
					l, err := s.Listen(t.Context(), toTools)
					if failures == 3 {
						require.NoError(t, err)
						d := read(l)
						notify(srv, toolsChanged)
						require.Equal(t, []string{"tools"}, d.take(), "no events were missed")
						return
					}
					require.Nil(t, l)
					e := failure(t, err)
					require.Equal(t, mcpclient.KindHTTP, e.Kind)
					require.Equal(t, mcpclient.DefaultMaxTries, e.Tries)
					var status *mcpclient.HTTPError
					require.ErrorAs(t, err, &status)
					require.Equal(t, code, status.Status)
					pass(time.Hour)
					require.Equal(t, mcpclient.DefaultMaxTries, n)
				})
			})
		}
	}
}

// If the server refuses the revision of a listen request, the client renegotiates the revision
// once.
func TestListenOfARefusedVersion(t *testing.T) {
	for _, refusals := range []int{1, 1000} {
		for _, when := range []string{"at first", "when reopened"} {
			t.Run(fmt.Sprint(refusals, " times ", when), func(t *testing.T) {
				modernBubble(t, func(t *testing.T, srv *mcptest.Server) {
					s := serve(t, srv, mcpclient.Options{})
					var l *mcpclient.Subscription
					if when == "when reopened" {
						l = listen(t, s, toTools)
						synctest.Wait()
					}
					srv.Reset()
					n := 0
					srv.SetIntercept(atStream(func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
						if n++; n > refusals {
							return false
						}
						refusal := &mcptest.Error{Code: -32022, Message: "no", Data: map[string]any{"supported": []string{"2026-07-28"}}}
						mcptest.WriteJSON(w, 400, mcptest.ErrorResponse(m.ID, refusal))
						return true
					}))
					var err error
					if l == nil {
						l, err = s.Listen(t.Context(), toTools)
					} else {
						srv.CutSharedStreams(true)
						pass(time.Hour)
						err = l.Err()
					}
					require.Equal(t, 1, srv.Count("server/discover"))
					require.Equal(t, 2, srv.Count(listenMethod))
					if refusals > 1 {
						require.Equal(t, mcpclient.EndRefused, reason(t, err))
						echoes(t, s)
						return
					}
					require.NoError(t, err)
					notify(srv, toolsChanged)
					require.NoError(t, l.Close())
					ended(t, l, mcpclient.EndClosed)
					want := []string{"tools"}
					if when == "when reopened" {
						want = []string{"missed", "tools"}
					}
					require.Equal(t, want, rest(l))
				})
			})
		}
	}
}

// If a server agrees only to events outside the filter, Listen fails as refused.
func TestListenHonoredForOtherEvents(t *testing.T) {
	modernBubble(t, func(t *testing.T, srv *mcptest.Server) {
		srv.Honor = func(mcptest.Filter) mcptest.Filter {
			return mcptest.Filter{PromptsListChanged: true, ResourceSubscriptions: []string{"file:///b"}}
		}
		s := serve(t, srv, mcpclient.Options{})
		l, err := s.Listen(t.Context(), mcpclient.Filter{ToolsChanged: true, Resources: []string{"file:///a"}})
		noListen(t, l, err, mcpclient.KindServer, mcpclient.EndRefused)
		l = listen(t, s, mcpclient.Filter{PromptsChanged: true})
		require.Equal(t, mcpclient.Filter{PromptsChanged: true}, l.Honored(), "the part that is in the filter")
	})
}

// If a server agrees to nothing when the stream is opened again, the subscription ends as refused.
func TestListenIsNotHonoredAnyMore(t *testing.T) {
	modernBubble(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, mcpclient.Options{})
		l := listen(t, s, mcpclient.Filter{ToolsChanged: true, PromptsChanged: true})
		srv.Honor = func(mcptest.Filter) mcptest.Filter { return mcptest.Filter{ToolsListChanged: true} }
		srv.CutSharedStreams(true)
		pass(time.Minute)
		require.Equal(t, mcpclient.Filter{ToolsChanged: true}, l.Honored(), "what it last agreed to")
		srv.Honor = func(mcptest.Filter) mcptest.Filter { return mcptest.Filter{} }
		srv.CutSharedStreams(false)
		pass(time.Minute)
		ended(t, l, mcpclient.EndRefused)
		require.Equal(t, []string{"missed"}, rest(l))
		require.Equal(t, 3, srv.Count(listenMethod))
	})
}

// If a call causes a renegotiation, open subscriptions continue and miss no events.
func TestListenOutlivesARevisionChange(t *testing.T) {
	modernBubble(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, mcpclient.Options{})
		l := listen(t, s, toTools)
		d := read(l)
		n := 0
		srv.SetIntercept(func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
			if m == nil || m.Method != "tools/call" || n > 0 {
				return false
			}
			n++
			refusal := &mcptest.Error{Code: -32022, Message: "no", Data: map[string]any{"supported": []string{"2026-07-28"}}}
			mcptest.WriteJSON(w, 400, mcptest.ErrorResponse(m.ID, refusal))
			return true
		})
		echoes(t, s)
		synctest.Wait()
		notify(srv, toolsChanged)
		require.Contains(t, d.take(), "tools")
		srv.CutSharedStreams(true)
		pass(time.Minute)
		require.Contains(t, d.take(), "missed")
		notify(srv, toolsChanged)
		require.Equal(t, []string{"tools"}, d.take())
		require.NoError(t, l.Err())
	})
}
