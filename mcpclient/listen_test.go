package mcpclient_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/transport"
)

const (
	promptsChanged   = "notifications/prompts/list_changed"
	resourcesChanged = "notifications/resources/list_changed"
	resourceUpdated  = "notifications/resources/updated"
	listenMethod     = "subscriptions/listen"
	subscribeMethod  = "resources/subscribe"
	ackMethod        = "notifications/subscriptions/acknowledged"
)

// toTools is the simplest filter.
var toTools = mcpclient.Filter{ToolsChanged: true}

// listen subscribes and fails the test if the server does not agree.
func listen(t *testing.T, s *mcpclient.Session, f mcpclient.Filter, opts ...mcpclient.ListenOption) *mcpclient.Subscription {
	t.Helper()
	l, err := s.Listen(t.Context(), f, opts...)
	require.NoError(t, err)
	require.NoError(t, l.Err())
	return l
}

// listening is the result of a Listen on another goroutine.
type listening struct {
	l   *mcpclient.Subscription
	err error
	at  time.Duration // when Listen returned, on the clock of the synctest bubble
}

// beginListen subscribes on another goroutine.
func beginListen(ctx ctx, s *mcpclient.Session, f mcpclient.Filter, opts ...mcpclient.ListenOption) <-chan listening {
	ended := make(chan listening, 1)
	start := time.Now()
	go func() {
		l, err := s.Listen(ctx, f, opts...)
		ended <- listening{l, err, time.Since(start)}
	}()
	return ended
}

// noListen checks that Listen failed with this kind and reason, and returns the error.
func noListen(t *testing.T, l *mcpclient.Subscription, err error, kind mcpclient.Kind, why mcpclient.EndReason) *mcpclient.Error {
	t.Helper()
	require.Error(t, err)
	require.Nil(t, l)
	e := failure(t, err)
	require.Equal(t, kind, e.Kind, "%v", err)
	require.Equal(t, listenMethod, e.Method)
	require.Positive(t, e.Tries)
	require.Equal(t, why, reason(t, err), "%v", err)
	return e
}

// reason returns why a subscription ended or could not start.
func reason(t *testing.T, err error) mcpclient.EndReason {
	t.Helper()
	var e *mcpclient.ListenError
	require.ErrorAs(t, err, &e)
	return e.Reason
}

// ended checks that a subscription has ended for this reason.
func ended(t *testing.T, l *mcpclient.Subscription, why mcpclient.EndReason) {
	t.Helper()
	synctest.Wait()
	select {
	case <-l.Done():
	default:
		require.Fail(t, "the subscription has not ended")
	}
	require.Equal(t, why, reason(t, l.Err()), "%v", l.Err())
}

// eventText returns a short text for an event.
func eventText(ev mcpclient.ListenEvent) string {
	switch ev.Kind {
	case mcpclient.ListenToolsChanged:
		return "tools" + ev.URI
	case mcpclient.ListenPromptsChanged:
		return "prompts" + ev.URI
	case mcpclient.ListenResourcesChanged:
		return "resources" + ev.URI
	case mcpclient.ListenResourceUpdated:
		return ev.URI
	case mcpclient.ListenMissedEvents:
		if ev.Cause == nil {
			return "missed without a cause"
		}
		return "missed" + ev.URI
	}
	return fmt.Sprintf("%+v", ev)
}

// read records the events of a subscription as they arrive.
func read(l *mcpclient.Subscription) *diary {
	var d diary
	go func() {
		for ev := range l.Events() {
			d.notef("%s", eventText(ev))
		}
		d.notef("end")
	}()
	return &d
}

// rest returns the unread events of a subscription that has ended.
func rest(l *mcpclient.Subscription) (events []string) {
	for ev := range l.Events() {
		events = append(events, eventText(ev))
	}
	return events
}

// pass lets fake time pass.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// notify sends notifications, one after the other.
func notify(srv *mcptest.Server, methods ...string) {
	for _, method := range methods {
		srv.Notify(method, nil)
		synctest.Wait()
	}
}

// update sends a notifications/resources/updated for each URI.
func update(srv *mcptest.Server, uris ...string) {
	for _, uri := range uris {
		srv.Notify(resourceUpdated, map[string]any{"uri": uri})
		synctest.Wait()
	}
}

// streamMethod returns the name under which srv counts the requests that open a shared stream or a
// subscription.
func streamMethod(srv *mcptest.Server) string {
	if srv.Era == mcptest.Modern {
		return listenMethod
	}
	return http.MethodGet
}

// atStream intercepts the requests that open a shared stream or a subscription. The message is nil
// for a GET.
func atStream(answer func(w http.ResponseWriter, r *http.Request, m *mcptest.Message) bool) func(http.ResponseWriter, *http.Request, *mcptest.Message) bool {
	return func(w http.ResponseWriter, r *http.Request, m *mcptest.Message) bool {
		if r.Method != http.MethodGet && (m == nil || m.Method != listenMethod) {
			return false
		}
		return answer(w, r, m)
	}
}

// The server agrees to the whole filter. Honored lists each resource once, and Listen does not
// change the caller's filter.
func TestListenIsHonoredWhole(t *testing.T) {
	eachMode(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, mcpclient.Options{})
		f := mcpclient.Filter{ToolsChanged: true, PromptsChanged: true, ResourcesChanged: true, Resources: []string{"file:///b", "file:///a", "file:///b"}}
		l := listen(t, s, f)
		want := f
		want.Resources = []string{"file:///a", "file:///b"}
		require.Equal(t, want, l.Honored())
		require.Equal(t, []string{"file:///b", "file:///a", "file:///b"}, f.Resources)
		if srv.Era == mcptest.Legacy {
			require.Equal(t, want.Resources, srv.Subscribed())
			require.Equal(t, 2, srv.Count(subscribeMethod))
			require.Equal(t, 1, srv.Count("GET"))
			return
		}
		require.Equal(t, []mcptest.Filter{{ToolsListChanged: true, PromptsListChanged: true, ResourcesListChanged: true, ResourceSubscriptions: want.Resources}}, srv.Subscriptions())
	})
}

// If a server agrees only to a part of the filter, Listen succeeds and Honored returns that part.
func TestListenIsHonoredInPart(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		srv.CanSubscribe = false
		s := serve(t, srv, mcpclient.Options{})
		l := listen(t, s, mcpclient.Filter{ToolsChanged: true, Resources: []string{"file:///a"}})
		require.Equal(t, mcpclient.Filter{ToolsChanged: true}, l.Honored())
		require.Zero(t, srv.Count(subscribeMethod))
		d := read(l)
		notify(srv, toolsChanged)
		require.Equal(t, []string{"tools"}, d.take())
	})
}

// If a server supports nothing in the filter, Listen fails as refused.
func TestListenThatIsNotHonored(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		srv.CanSubscribe = false
		s := serve(t, srv, mcpclient.Options{})
		l, err := s.Listen(t.Context(), mcpclient.Filter{Resources: []string{"file:///a"}})
		noListen(t, l, err, mcpclient.KindServer, mcpclient.EndRefused)
		pass(time.Hour)
		require.Equal(t, 1, srv.Count(streamMethod(srv)))
		require.Zero(t, srv.Count(subscribeMethod))
		require.Empty(t, srv.Subscriptions())
		echoes(t, s)
	})
}

// If the context has already ended, Listen sends nothing.
func TestListenWithAnEndedContext(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, mcpclient.Options{})
		ctx, cancel := context.WithCancelCause(t.Context())
		mine := errors.New("enough")
		cancel(mine)
		l, err := s.Listen(ctx, toTools)
		require.Nil(t, l)
		require.ErrorIs(t, err, mine)
		require.Equal(t, mcpclient.EndClosed, reason(t, err))
		e := failure(t, err)
		require.Equal(t, []any{mcpclient.KindCanceled, transport.NotSent, 0}, []any{e.Kind, e.Stage, e.Tries})
		synctest.Wait()
		require.Zero(t, srv.Count(streamMethod(srv)))
	})
}

// A filter that selects nothing is invalid, and nothing is sent.
func TestListenToNothing(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, mcpclient.Options{})
		for _, f := range []mcpclient.Filter{{}, {Resources: []string{}}} {
			l, err := s.Listen(t.Context(), f)
			require.Nil(t, l)
			e := failure(t, err)
			require.Equal(t, mcpclient.KindInvalid, e.Kind)
			require.Equal(t, transport.NotSent, e.Stage)
		}
		synctest.Wait()
		require.Zero(t, srv.Count(streamMethod(srv)))
	})
}

// The capabilities of a legacy server say which list changes it reports. Honored contains only
// these.
func TestListenIsHonoredByCapabilities(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(mode{mcptest.Legacy, false})
		link := srv.InMemory(t)
		inner := link.Transport
		via := roundTripper(func(r *http.Request) (*http.Response, error) {
			resp, err := inner.RoundTrip(r)
			if err != nil || resp.Header.Get("Mcp-Session-Id") == "" {
				return resp, err
			}
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				return nil, err
			}
			silent := strings.ReplaceAll(string(body), `"prompts":{"listChanged":true}`, `"prompts":{}`)
			silent = strings.ReplaceAll(silent, `"tools":{"listChanged":true}`, `"tools":{}`)
			resp.Body, resp.ContentLength = io.NopCloser(strings.NewReader(silent)), int64(len(silent))
			resp.Header.Del("Content-Length")
			return resp, nil
		})
		s, err := connectTo(t.Context(), link.URL, &mcpclient.Options{Transport: via})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		l := listen(t, s, mcpclient.Filter{ToolsChanged: true, PromptsChanged: true, ResourcesChanged: true})
		require.Equal(t, mcpclient.Filter{ResourcesChanged: true}, l.Honored())
		for _, f := range []mcpclient.Filter{toTools, {PromptsChanged: true}} {
			l, err := s.Listen(t.Context(), f)
			noListen(t, l, err, mcpclient.KindServer, mcpclient.EndRefused)
		}
	})
}

// Events of every kind arrive in the order in which the server sent them. Events that the filter
// does not select do not arrive.
func TestListenEvents(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, mcpclient.Options{})
		all := read(listen(t, s, mcpclient.Filter{ToolsChanged: true, PromptsChanged: true, ResourcesChanged: true, Resources: []string{"file:///a"}}))
		some := read(listen(t, s, mcpclient.Filter{PromptsChanged: true}))
		notify(srv, resourcesChanged, toolsChanged)
		update(srv, "file:///a", "file:///elsewhere")
		notify(srv, promptsChanged, toolsChanged)
		require.Equal(t, []string{"resources", "tools", "file:///a", "prompts", "tools"}, all.take())
		require.Equal(t, []string{"prompts"}, some.take())
	})
}

// An update may concern a part of a subscribed resource. The event then has the URI of the part. A
// URI that merely starts with the same characters is another resource.
func TestListenToParts(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, mcpclient.Options{})
		l := listen(t, s, mcpclient.Filter{Resources: []string{"file:///a", "file:///d/"}})
		d := read(l)
		parts := []string{"file:///a/x", "file:///a?q", "file:///a#f", "file:///d/e", "file:///d/", "file:///a"}
		update(srv, "file:///ab", "file:///a.txt", "file:///a%2Fx")
		update(srv, parts...)
		require.Equal(t, parts, d.take())
		srv.Notify(resourceUpdated, map[string]any{"uri": 7})
		srv.Notify(resourceUpdated, nil)
		synctest.Wait()
		require.Empty(t, d.take())
		require.NoError(t, l.Err())
	})
}

// Concurrent subscriptions and handlers each get the events that they selected. The end of one
// subscription does not affect the others.
func TestConcurrentListens(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		var h diary
		s := serve(t, srv, mcpclient.Options{Handlers: mcpclient.Handlers{
			ToolsChanged: h.handlers().ToolsChanged, PromptsChanged: h.handlers().PromptsChanged,
		}})
		filters := []mcpclient.Filter{
			toTools,
			{ToolsChanged: true, Resources: []string{"file:///a"}},
			{Resources: []string{"file:///a", "file:///b"}},
			{PromptsChanged: true},
			{ResourcesChanged: true, PromptsChanged: true, Resources: []string{"file:///b"}},
		}
		subs := make([]*mcpclient.Subscription, len(filters))
		diaries := make([]*diary, len(filters))
		for i, f := range filters {
			subs[i] = listen(t, s, f)
			diaries[i] = read(subs[i])
		}
		synctest.Wait()
		wanted := [][]string{{"tools"}, {"tools", "file:///a"}, {"file:///a", "file:///b"}, {"prompts"}, {"prompts", "resources", "file:///b"}}
		for closed := range 5 {
			notify(srv, toolsChanged, promptsChanged, resourcesChanged)
			update(srv, "file:///a", "file:///b")
			for i := range subs {
				want := wanted[i]
				if i < closed {
					want = nil
				}
				require.Equal(t, want, diaries[i].take(), "subscription %d after %d have ended", i, closed)
			}
			require.Equal(t, []string{"tools", "prompts"}, h.take())
			require.NoError(t, subs[closed].Close())
			ended(t, subs[closed], mcpclient.EndClosed)
			require.Equal(t, []string{"end"}, diaries[closed].take())
			time.Sleep(debounce)
		}
		if srv.Era == mcptest.Modern {
			require.Equal(t, 6, srv.Count(listenMethod))
			if !sharesLink() {
				require.Equal(t, 1, srv.SubscriptionCount(), "the handlers' stream")
			}
			return
		}
		require.Equal(t, 1, srv.Count("GET"), "one GET serves all")
		require.Empty(t, srv.Subscribed())
	})
}

// Calls succeed while a listen request is refused or gets no response headers.
func TestListenDisturbsNoCall(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, mcpclient.Options{})
		gate := srv.Hold(streamMethod(srv))
		begun := beginListen(t.Context(), s, toTools)
		<-gate.Arrived()
		echoes(t, s)
		pass(time.Second)
		echoes(t, s)
		require.Empty(t, begun, "the server has not agreed yet")
		gate.Release()
		got := <-begun
		require.NoError(t, got.err)
		d := read(got.l)
		notify(srv, toolsChanged)
		require.Equal(t, []string{"tools"}, d.take())
		echoes(t, s)
	})
}

// Calls succeed while the reopening of a subscription hangs, and while the network of the
// subscription fails.
func TestReopeningDisturbsNoCall(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, mcpclient.Options{})
		l := listen(t, s, toTools)
		d := read(l)
		srv.Reset()
		srv.SetIntercept(atStream(func(_ http.ResponseWriter, r *http.Request, _ *mcptest.Message) bool {
			srv.Hang(r)
			return true
		}))
		srv.CutSharedStreams(true)
		for range 10 {
			pass(20 * time.Second)
			echoes(t, s)
		}
		require.Empty(t, d.take(), "missed events are reported when the stream is open again")
		require.NoError(t, l.Err())
		require.Zero(t, srv.Count("initialize")+srv.Count("server/discover"), "the session is not suspected of being lost")
	})
}

// The caller gives up before the answer to resources/subscribe arrives. The server may have
// accepted the request, so the client sends resources/unsubscribe.
func TestListenCanceledAfterTheResourceWasTaken(t *testing.T) {
	legacyBubble(t, func(t *testing.T, srv *mcptest.Server) {
		link := srv.InMemory(t)
		inner := link.Transport
		taken := make(chan struct{})
		var lost atomic.Bool
		via := roundTripper(func(r *http.Request) (*http.Response, error) {
			resp, err := inner.RoundTrip(r)
			if err == nil && r.Method == http.MethodPost && srv.Count(subscribeMethod) == 1 && lost.CompareAndSwap(false, true) {
				close(taken)
				<-r.Context().Done()
				_ = resp.Body.Close()
				return nil, context.Cause(r.Context())
			}
			return resp, err
		})
		s, err := connectTo(t.Context(), link.URL, &mcpclient.Options{Transport: via})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		ctx, cancel := context.WithCancel(t.Context())
		begun := beginListen(ctx, s, mcpclient.Filter{Resources: []string{"file:///a"}})
		<-taken
		synctest.Wait()
		require.Equal(t, []string{"file:///a"}, srv.Subscribed())
		cancel()
		got := <-begun
		noListen(t, got.l, got.err, mcpclient.KindCanceled, mcpclient.EndClosed)
		pass(time.Minute)
		require.Empty(t, srv.Subscribed())
	})
}
