package mcpclient_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/transport"
)

// If the server has permanently ended the shared stream, a new subscription opens the stream again.
// The stream then also serves the handlers again.
func TestListenBringsTheStreamBackForHandlers(t *testing.T) {
	legacyBubble(t, func(t *testing.T, srv *mcptest.Server) {
		var d diary
		s := serve(t, srv, mcpclient.Options{Handlers: d.handlers()})
		synctest.Wait()
		srv.SetIntercept(atStream(func(w http.ResponseWriter, _ *http.Request, _ *mcptest.Message) bool {
			w.WriteHeader(http.StatusForbidden)
			return true
		}))
		srv.CutSharedStreams(true)
		pass(time.Hour)
		requests := srv.Count(streamMethod(srv))
		srv.SetIntercept(nil)
		pass(time.Hour)
		require.Equal(t, requests, srv.Count(streamMethod(srv)), "the stream has ended")
		d.take()
		l := read(listen(t, s, toTools))
		notify(srv, toolsChanged)
		require.Equal(t, []string{"tools"}, l.take())
		require.Equal(t, []string{"tools"}, d.take())
	})
}

// Before it opens a subscription again, the client waits at least as long as Retry-After says.
func TestReopeningWaitsForRetryAfter(t *testing.T) {
	modernBubble(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, mcpclient.Options{})
		l := listen(t, s, toTools)
		var at []time.Time
		srv.SetIntercept(atStream(func(w http.ResponseWriter, _ *http.Request, _ *mcptest.Message) bool {
			if at = append(at, time.Now()); len(at) > 1 {
				return false
			}
			w.Header().Set("Retry-After", "50")
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}))
		srv.CutSharedStreams(true)
		pass(time.Hour)
		require.Len(t, at, 2)
		require.Equal(t, 50*time.Second, at[1].Sub(at[0]))
		require.NoError(t, l.Close())
		ended(t, l, mcpclient.EndClosed)
		require.Equal(t, []string{"missed"}, rest(l))
	})
}

// If the subscription request can never be sent, Listen fails without retries.
func TestListenThatCanNeverBeSent(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		link := srv.InMemory(t)
		never, n := errors.New("against the rules"), 0
		listening := false
		s, err := connectTo(t.Context(), link.URL, &mcpclient.Options{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			if !listening {
				return link.Transport.RoundTrip(r)
			}
			n++
			return nil, &transport.Error{Stage: transport.NotSent, Permanent: true, Op: "refused by policy", Err: never}
		})})
		require.NoError(t, err)
		defer s.Close()
		listening = true
		got := <-beginListen(t.Context(), s, toTools)
		noListen(t, got.l, got.err, mcpclient.KindNotSent, mcpclient.EndLost)
		require.ErrorIs(t, got.err, never)
		require.Zero(t, got.at)
		require.Equal(t, 1, n)
	})
}

// When a legacy server becomes modern, the subscription is renewed in the new era. After that,
// notifications on the stream of a call are not events of the subscription.
func TestListenOutlivesAnUpgrade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, now := newServer(mode{mcptest.Legacy, true}), newServer(mode{mcptest.Modern, true})
		add(now, "notify", func(_ context.Context, c *mcptest.Call) (jsonRaw, error) {
			c.Notify(toolsChanged, nil)
			return mcptest.Text("sent"), nil
		})
		before, after := old.InMemory(t), now.InMemory(t)
		var upgraded atomic.Bool
		s, err := connectTo(t.Context(), before.URL, &mcpclient.Options{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			if !upgraded.Load() {
				return before.Transport.RoundTrip(r)
			}
			if r.Header.Get("Mcp-Session-Id") != "" {
				w := httptest.NewRecorder()
				mcptest.WriteJSON(w, http.StatusBadRequest, mcptest.ErrorResponse(jsonRaw("null"), &mcptest.Error{
					Code: -32022, Message: "no", Data: map[string]any{"supported": []string{"2026-07-28"}},
				}))
				resp := w.Result()
				resp.Request = r
				return resp, nil
			}
			return after.Transport.RoundTrip(r)
		})})
		require.NoError(t, err)
		defer s.Close()
		l := listen(t, s, toTools)
		d := read(l)
		upgraded.Store(true)
		echoes(t, s)
		require.Equal(t, mcpclient.EraModern, s.Era())
		synctest.Wait()
		require.Equal(t, []string{"missed"}, d.take())
		notify(now, toolsChanged)
		require.Equal(t, []string{"tools"}, d.take())
		_, err = s.CallTool(t.Context(), "notify", nil)
		require.NoError(t, err)
		synctest.Wait()
		require.Empty(t, d.take())
		require.NoError(t, l.Err())
	})
}

// If the server refuses the shared stream because of its credentials, the client does not request
// authorization for the stream. It opens the stream again as soon as a call has been authorized.
func TestAuthorizationWakesTheSharedStream(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		wants, gate, d := new(sync.Map), new(doorkeeper), new(diary)
		gate.set("first")
		gate.ask = func(context.Context, int, http.Header) error { gate.set("second"); return nil }
		wants.Store("token", "first")
		locked(srv, wants)
		s := serve(t, srv, mcpclient.Options{Auth: gate, Handlers: d.handlers()})
		synctest.Wait()
		wants.Store("token", "second")
		srv.CutSharedStreams(true)
		pass(10 * time.Minute)
		require.Zero(t, gate.count())
		echoes(t, s)
		synctest.Wait()
		require.Equal(t, 1, gate.count())
		require.Equal(t, []string{"missed 0"}, d.take())
		notify(srv, toolsChanged)
		require.Equal(t, []string{"tools"}, d.take())
	})
}
