package mcpclient_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
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

// listen subscribes; the server has to agree.
func listen(t *testing.T, s *mcpclient.Session, f mcpclient.Filter, opts ...mcpclient.ListenOption) *mcpclient.Subscription {
	t.Helper()
	l, err := s.Listen(t.Context(), f, opts...)
	require.NoError(t, err)
	require.NoError(t, l.Err())
	return l
}

// listening is what came of a Listen that was begun on a goroutine of its own.
type listening struct {
	l   *mcpclient.Subscription
	err error
	at  time.Duration // when, on the clock of the bubble
}

// beginListen subscribes on a goroutine.
func beginListen(ctx ctx, s *mcpclient.Session, f mcpclient.Filter, opts ...mcpclient.ListenOption) <-chan listening {
	ended := make(chan listening, 1)
	start := time.Now()
	go func() {
		l, err := s.Listen(ctx, f, opts...)
		ended <- listening{l, err, time.Since(start)}
	}()
	return ended
}

// noListen is how a Listen that must not succeed fails.
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

// reason is why a subscription ended, or did not begin.
func reason(t *testing.T, err error) mcpclient.EndReason {
	t.Helper()
	var e *mcpclient.ListenError
	require.ErrorAs(t, err, &e)
	return e.Reason
}

// ended checks that a subscription is over, and why.
func ended(t *testing.T, l *mcpclient.Subscription, why mcpclient.EndReason) {
	t.Helper()
	synctest.Wait()
	select {
	case <-l.Done():
	default:
		require.Fail(t, "the subscription goes on")
	}
	require.Equal(t, why, reason(t, l.Err()), "%v", l.Err())
}

// eventText is an event in short.
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
			return "gap without a cause"
		}
		return "gap" + ev.URI
	}
	return fmt.Sprintf("%+v", ev)
}

// read notes the events of a subscription as they come.
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

// rest is what waits on a subscription that has ended.
func rest(l *mcpclient.Subscription) (events []string) {
	for ev := range l.Events() {
		events = append(events, eventText(ev))
	}
	return events
}

// pass lets time go by: that of the bubble.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// tell sends notifications, one after the other.
func tell(srv *mcptest.Server, methods ...string) {
	for _, method := range methods {
		srv.Tell(method, nil)
		synctest.Wait()
	}
}

// update tells that resources changed.
func update(srv *mcptest.Server, uris ...string) {
	for _, uri := range uris {
		srv.Tell(resourceUpdated, map[string]any{"uri": uri})
		synctest.Wait()
	}
}

// standing names the request by which a client listens.
func standing(srv *mcptest.Server) string {
	if srv.Era == mcptest.Modern {
		return listenMethod
	}
	return http.MethodGet
}

// atStanding intercepts the requests by which a client listens. The message is nil for a GET.
func atStanding(answer func(w http.ResponseWriter, r *http.Request, m *mcptest.Message) bool) func(http.ResponseWriter, *http.Request, *mcptest.Message) bool {
	return func(w http.ResponseWriter, r *http.Request, m *mcptest.Message) bool {
		if r.Method != http.MethodGet && (m == nil || m.Method != listenMethod) {
			return false
		}
		return answer(w, r, m)
	}
}

// What the server agrees to is what was asked for, each resource once; the caller's filter stays as it was.
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

// A server may agree to less: that is said, and it is no error.
func TestListenIsHonoredInPart(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		srv.CanSubscribe = false
		s := serve(t, srv, mcpclient.Options{})
		l := listen(t, s, mcpclient.Filter{ToolsChanged: true, Resources: []string{"file:///a"}})
		require.Equal(t, mcpclient.Filter{ToolsChanged: true}, l.Honored())
		require.Zero(t, srv.Count(subscribeMethod))
		d := read(l)
		tell(srv, toolsChanged)
		require.Equal(t, []string{"tools"}, d.take())
	})
}

// A server that has nothing of what is asked for refuses: that is no success.
func TestListenThatIsNotHonored(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		srv.CanSubscribe = false
		s := serve(t, srv, mcpclient.Options{})
		l, err := s.Listen(t.Context(), mcpclient.Filter{Resources: []string{"file:///a"}})
		noListen(t, l, err, mcpclient.KindServer, mcpclient.EndRefused)
		pass(time.Hour)
		require.Equal(t, 1, srv.Count(standing(srv)))
		require.Zero(t, srv.Count(subscribeMethod))
		require.Empty(t, srv.Subscriptions())
		echoes(t, s)
	})
}

// Nothing is sent for a context that has ended.
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
		require.Zero(t, srv.Count(standing(srv)))
	})
}

// A filter that names nothing is the caller's mistake; nothing is sent.
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
		require.Zero(t, srv.Count(standing(srv)))
	})
}

// A legacy server says in its capabilities which lists it tells of.
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
		s, err := mcpclient.Connect(t.Context(), link.URL, &mcpclient.Options{Transport: via})
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

// Every kind of event, in the order in which the server tells them; what was not asked for is not told.
func TestListenEvents(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, mcpclient.Options{})
		all := read(listen(t, s, mcpclient.Filter{ToolsChanged: true, PromptsChanged: true, ResourcesChanged: true, Resources: []string{"file:///a"}}))
		some := read(listen(t, s, mcpclient.Filter{PromptsChanged: true}))
		tell(srv, resourcesChanged, toolsChanged)
		update(srv, "file:///a", "file:///elsewhere")
		tell(srv, promptsChanged, toolsChanged)
		require.Equal(t, []string{"resources", "tools", "file:///a", "prompts", "tools"}, all.take())
		require.Equal(t, []string{"prompts"}, some.take())
	})
}

// An update may be of a part of what was subscribed to, and names it. What only
// begins with the same letters is something else.
func TestListenToParts(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, mcpclient.Options{})
		l := listen(t, s, mcpclient.Filter{Resources: []string{"file:///a", "file:///d/"}})
		d := read(l)
		parts := []string{"file:///a/x", "file:///a?q", "file:///a#f", "file:///d/e", "file:///d/", "file:///a"}
		update(srv, "file:///ab", "file:///a.txt", "file:///a%2Fx")
		update(srv, parts...)
		require.Equal(t, parts, d.take())
		srv.Tell(resourceUpdated, map[string]any{"uri": 7})
		srv.Tell(resourceUpdated, nil)
		synctest.Wait()
		require.Empty(t, d.take())
		require.NoError(t, l.Err())
	})
}

// Each subscription, and the handlers besides, get what is theirs; one that ends takes nothing from the others.
func TestListensBesideEachOther(t *testing.T) {
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
		told := [][]string{{"tools"}, {"tools", "file:///a"}, {"file:///a", "file:///b"}, {"prompts"}, {"prompts", "resources", "file:///b"}}
		for closed := range 5 {
			tell(srv, toolsChanged, promptsChanged, resourcesChanged)
			update(srv, "file:///a", "file:///b")
			for i := range subs {
				want := told[i]
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
				require.Equal(t, 1, srv.Standing(), "that of the handlers")
			}
			return
		}
		require.Equal(t, 1, srv.Count("GET"), "one for all")
		require.Empty(t, srv.Subscribed())
	})
}

// Calls go on while a listen hangs before its headers, or is refused.
func TestListenDisturbsNoCall(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, mcpclient.Options{})
		gate := srv.Hold(standing(srv))
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
		tell(srv, toolsChanged)
		require.Equal(t, []string{"tools"}, d.take())
		echoes(t, s)
	})
}

// The subscription hangs when it is opened again, or the network is gone for it alone: calls go on.
func TestReopeningDisturbsNoCall(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, mcpclient.Options{})
		l := listen(t, s, toTools)
		d := read(l)
		srv.Reset()
		srv.SetIntercept(atStanding(func(_ http.ResponseWriter, r *http.Request, _ *mcptest.Message) bool {
			srv.Hang(r)
			return true
		}))
		srv.CutStanding(true)
		for range 10 {
			pass(20 * time.Second)
			echoes(t, s)
		}
		require.Empty(t, d.take(), "there is no gap to tell before it is there again")
		require.NoError(t, l.Err())
		require.Zero(t, srv.Count("initialize")+srv.Count("server/discover"), "the session is not doubted")
	})
}
