package mcpclient_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// The client opens a lost stream again. It reports missed events only after the stream is open, so
// a consumer that then reads everything again misses nothing.
func TestLostListenIsReopened(t *testing.T) {
	for name, abort := range map[string]bool{"aborted": true, "ended by the server": false} {
		t.Run(name, func(t *testing.T) {
			eachEra(t, func(t *testing.T, srv *mcptest.Server) {
				var h diary
				s := serve(t, srv, mcpclient.Options{Handlers: mcpclient.Handlers{MissedEvents: h.handlers().MissedEvents, ToolsChanged: h.handlers().ToolsChanged}})
				l := listen(t, s, mcpclient.Filter{ToolsChanged: true, Resources: []string{"file:///a"}})
				d := read(l)
				synctest.Wait()
				for range 3 {
					streams := srv.Count(streamMethod(srv))
					gate := srv.Hold(streamMethod(srv))
					srv.CutSharedStreams(abort)
					synctest.Wait()
					require.Equal(t, streams, srv.Count(streamMethod(srv)), "only after a pause")
					notify(srv, toolsChanged)
					pass(20 * time.Second)
					require.Greater(t, srv.Count(streamMethod(srv)), streams)
					require.Empty(t, d.take(), "the stream is not open yet")
					require.Empty(t, h.take())
					gate.Release()
					synctest.Wait()
					require.Equal(t, []string{"missed"}, d.take())
					require.Equal(t, []string{"missed 0"}, h.take())
					notify(srv, toolsChanged)
					update(srv, "file:///a")
					require.Equal(t, []string{"tools", "file:///a"}, d.take())
					require.Equal(t, []string{"tools"}, h.take())
				}
				require.NoError(t, l.Err())
				require.LessOrEqual(t, srv.Count(subscribeMethod), 1, "the session has not changed")
			})
		})
	}
}

// An event that reports missed events also gives their cause: the end of the stream or the loss of
// the session.
func TestCauseOfMissedEvents(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, mcpclient.Options{})
		l := listen(t, s, toTools)
		srv.CutSharedStreams(true)
		pass(time.Minute)
		for ev := range l.Events() {
			require.Equal(t, mcpclient.ListenMissedEvents, ev.Kind)
			require.Error(t, ev.Cause)
			require.NotErrorIs(t, ev.Cause, mcpclient.ErrSessionLost)
			break
		}
		if srv.Era == mcptest.Modern {
			return
		}
		srv.LoseSessions()
		echoes(t, s)
		for ev := range l.Events() {
			require.Equal(t, mcpclient.ListenMissedEvents, ev.Kind)
			require.ErrorIs(t, ev.Cause, mcpclient.ErrSessionLost)
			break
		}
	})
}

// If a server is down or ends each stream at once, the pauses between tries are random, and the
// longest possible one doubles up to half a minute.
func TestBackoffOfAListen(t *testing.T) {
	rows := map[string]func(w http.ResponseWriter, m *mcptest.Message){
		"503": func(w http.ResponseWriter, _ *mcptest.Message) { w.WriteHeader(http.StatusServiceUnavailable) },
		"429": func(w http.ResponseWriter, _ *mcptest.Message) { w.WriteHeader(http.StatusTooManyRequests) },
		"ends at once": func(w http.ResponseWriter, m *mcptest.Message) {
			mcptest.StartSSE(w)
			if m != nil {
				mcptest.WriteRaw(w, "data: "+string(ackOf(0)(m.ID))+"\n\n")
			}
		},
	}
	for name, answer := range rows {
		t.Run(name, func(t *testing.T) {
			eachEra(t, func(t *testing.T, srv *mcptest.Server) {
				s := serve(t, srv, mcpclient.Options{})
				l := listen(t, s, toTools)
				synctest.Wait()
				at := []time.Time{time.Now()}
				srv.SetIntercept(atStream(func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
					at = append(at, time.Now())
					answer(w, m)
					return true
				}))
				srv.CutSharedStreams(true)
				pass(10 * time.Minute)
				require.Greater(t, len(at), 15)
				longest := time.Second
				for i := range at[1:] {
					pause := at[i+1].Sub(at[i])
					require.GreaterOrEqual(t, pause, 100*time.Millisecond, "wait %d", i)
					require.LessOrEqual(t, pause, min(longest+101*time.Millisecond, 30*time.Second+time.Millisecond), "wait %d", i)
					longest = min(2*longest, time.Minute)
				}
				require.Greater(t, at[len(at)-1].Sub(at[len(at)-11]), time.Minute, "ten of the long pauses")
				srv.SetIntercept(nil)
				pass(time.Minute)
				notify(srv, toolsChanged)
				require.NoError(t, l.Close())
				ended(t, l, mcpclient.EndClosed)
				require.Equal(t, []string{"missed", "tools"}, rest(l))
			})
		})
	}
}

// With WithoutReopening, a subscription ends when its stream is lost for the first time.
func TestListenWithoutReopening(t *testing.T) {
	for _, abort := range []bool{true, false} {
		t.Run(fmt.Sprint("abort ", abort), func(t *testing.T) {
			eachEra(t, func(t *testing.T, srv *mcptest.Server) {
				s := serve(t, srv, mcpclient.Options{})
				l := listen(t, s, toTools, nil, mcpclient.WithoutReopening())
				notify(srv, toolsChanged)
				srv.CutSharedStreams(abort)
				ended(t, l, mcpclient.EndLost)
				require.Error(t, errors.Unwrap(l.Err()), "the error has a cause")
				require.Equal(t, []string{"tools"}, rest(l))
				pass(time.Hour)
				require.Equal(t, 1, srv.Count(streamMethod(srv)), "nothing needs it any more")
				again := listen(t, s, toTools, mcpclient.WithoutReopening())
				d := read(again)
				notify(srv, toolsChanged)
				require.Equal(t, []string{"tools"}, d.take())
			})
		})
	}
}

// With WithoutReopening, a subscription also ends when the session is lost.
func TestLostSessionWithoutReopening(t *testing.T) {
	legacyBubble(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, mcpclient.Options{})
		l := listen(t, s, toTools, mcpclient.WithoutReopening())
		other := read(listen(t, s, toTools))
		srv.LoseSessions()
		echoes(t, s)
		ended(t, l, mcpclient.EndLost)
		require.ErrorIs(t, l.Err(), mcpclient.ErrSessionLost)
		require.Equal(t, []string{"missed"}, other.take())
	})
}

// refusal is one way of refusing a stream.
type refusal struct {
	name  string
	write func(w http.ResponseWriter, m *mcptest.Message)
	kind  mcpclient.Kind
}

func refusals(era mcptest.Era) []refusal {
	unknown := mcpclient.KindServer
	if era == mcptest.Legacy {
		unknown = mcpclient.KindHTTP // a GET has no request ID, so a JSON-RPC error answers no request
	}
	plainly := func(code int) func(http.ResponseWriter, *mcptest.Message) {
		return func(w http.ResponseWriter, _ *mcptest.Message) { w.WriteHeader(code) }
	}
	return []refusal{
		{"405", plainly(405), mcpclient.KindHTTP},
		{"404", plainly(404), mcpclient.KindHTTP},
		{"400", plainly(400), mcpclient.KindHTTP},
		{"501", plainly(501), mcpclient.KindHTTP},
		{"401", plainly(401), mcpclient.KindAuthRequired},
		{"403", plainly(403), mcpclient.KindForbidden},
		{"204", plainly(204), mcpclient.KindProtocol},
		{"HTML", func(w http.ResponseWriter, _ *mcptest.Message) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte("<html>"))
		}, mcpclient.KindProtocol},
		{"-32601", func(w http.ResponseWriter, m *mcptest.Message) {
			if m == nil {
				m = &mcptest.Message{}
			}
			mcptest.WriteError(w, http.StatusNotFound, m.ID, -32601, "Method not found")
		}, unknown},
	}
}

// eachRefusal runs a test for each refusal in each era.
func eachRefusal(t *testing.T, test func(t *testing.T, srv *mcptest.Server, no refusal, answer func(http.ResponseWriter, *http.Request, *mcptest.Message) bool)) {
	t.Helper()
	for _, era := range []mcptest.Era{mcptest.Legacy, mcptest.Modern} {
		for _, no := range refusals(era) {
			t.Run(era.String()+" "+no.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					test(t, newServer(mode{era, true}), no, atStream(func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
						no.write(w, m)
						return true
					}))
				})
			})
		}
	}
}

// Every refusal of the stream makes Listen fail as refused.
func TestRefusedListen(t *testing.T) {
	eachRefusal(t, func(t *testing.T, srv *mcptest.Server, no refusal, answer func(http.ResponseWriter, *http.Request, *mcptest.Message) bool) {
		srv.Intercept = answer
		s := serve(t, srv, mcpclient.Options{})
		for range 2 {
			l, err := s.Listen(t.Context(), mcpclient.Filter{ToolsChanged: true, Resources: []string{"file:///a"}})
			noListen(t, l, err, no.kind, mcpclient.EndRefused)
			pass(time.Hour)
			require.LessOrEqual(t, srv.Count(streamMethod(srv)), 2, "at most once per Listen")
			require.Empty(t, srv.Subscribed())
			echoes(t, s)
		}
		_, ever := srv.Sessions()
		require.LessOrEqual(t, ever, 1, "the session is not refused")
	})
}

// If the server refuses the stream when the client opens it again, the subscription ends.
func TestReopenedListenIsRefused(t *testing.T) {
	eachRefusal(t, func(t *testing.T, srv *mcptest.Server, _ refusal, answer func(http.ResponseWriter, *http.Request, *mcptest.Message) bool) {
		s := serve(t, srv, mcpclient.Options{})
		l := listen(t, s, mcpclient.Filter{ToolsChanged: true, Resources: []string{"file:///a"}})
		srv.SetIntercept(answer)
		srv.CutSharedStreams(true)
		pass(time.Hour)
		ended(t, l, mcpclient.EndRefused)
		require.Error(t, errors.Unwrap(l.Err()), "the error has a cause")
		require.Equal(t, 2, srv.Count(streamMethod(srv)))
		require.Empty(t, srv.Subscribed(), "the resource is unsubscribed from")
		require.Empty(t, rest(l))
		echoes(t, s)
		srv.SetIntercept(nil)
		d := read(listen(t, s, toTools))
		notify(srv, toolsChanged)
		require.Equal(t, []string{"tools"}, d.take(), "a new Listen may succeed")
	})
}

// If a legacy server is too busy to open the stream or to accept a resource, Listen waits until the
// try timeout expires.
func TestListenToABusyLegacyServer(t *testing.T) {
	for _, held := range []string{"GET held", "GET 503", "resources/subscribe held"} {
		t.Run(held, func(t *testing.T) {
			legacyBubble(t, func(t *testing.T, srv *mcptest.Server) {
				switch held {
				case "GET held":
					srv.Hold("GET")
				case "GET 503":
					srv.Intercept = atStream(func(w http.ResponseWriter, _ *http.Request, _ *mcptest.Message) bool {
						w.WriteHeader(http.StatusServiceUnavailable)
						return true
					})
				default:
					srv.Hold(subscribeMethod)
				}
				s := serve(t, srv, mcpclient.Options{})
				start := time.Now()
				l, err := s.Listen(t.Context(), mcpclient.Filter{Resources: []string{"file:///a"}})
				noListen(t, l, err, mcpclient.KindTimeout, mcpclient.EndLost)
				require.Equal(t, mcpclient.DefaultTryTimeout, time.Since(start))
				n := srv.Count("GET")
				pass(time.Hour)
				require.Equal(t, n, srv.Count("GET"), "nothing needs it any more")
				echoes(t, s)
			})
		})
	}
}

// If the server completes or cancels a subscription, the client does not open it again.
func TestListenEndedByTheServer(t *testing.T) {
	rows := map[mcpclient.EndReason]func(*mcptest.Server){
		mcpclient.EndCompleted: (*mcptest.Server).EndSubscriptions,
		mcpclient.EndCancelled: (*mcptest.Server).CancelSubscriptions,
	}
	for why, end := range rows {
		t.Run(why.String(), func(t *testing.T) {
			modernBubble(t, func(t *testing.T, srv *mcptest.Server) {
				s := serve(t, srv, mcpclient.Options{})
				l := listen(t, s, toTools)
				d := read(l)
				notify(srv, toolsChanged)
				end(srv)
				ended(t, l, why)
				require.Equal(t, []string{"tools", "end"}, d.take())
				pass(time.Hour)
				require.Equal(t, 1, srv.Count(listenMethod))
				require.NoError(t, l.Close())
				require.Equal(t, why, reason(t, l.Err()), "the first reason is kept")
				echoes(t, s)
				d = read(listen(t, s, toTools))
				notify(srv, toolsChanged)
				require.Equal(t, []string{"tools"}, d.take())
			})
		})
	}
}

// Listen fails if the server completes or cancels the subscription instead of acknowledging it.
func TestListenEndedBeforeItBegan(t *testing.T) {
	rows := map[mcpclient.EndReason]frame{
		mcpclient.EndCompleted: func(id jsonRaw) []byte { return mcptest.Result(id, map[string]any{"resultType": "complete"}) },
		mcpclient.EndCancelled: of(0, "notifications/cancelled", map[string]any{"requestId": 0}),
	}
	for why, f := range rows {
		t.Run(why.String(), func(t *testing.T) {
			modernBubble(t, func(t *testing.T, srv *mcptest.Server) {
				script(srv, f)
				s := serve(t, srv, mcpclient.Options{})
				l, err := s.Listen(t.Context(), toTools)
				noListen(t, l, err, mcpclient.KindServer, why)
				pass(time.Hour)
				require.Equal(t, 1, srv.Count(listenMethod))
			})
		})
	}
}

// When the context of Listen ends, the subscription ends, both before and after the server has
// agreed.
func TestContextOfAListen(t *testing.T) {
	for _, held := range []string{"headers", "acknowledgment", "nothing"} {
		t.Run(held, func(t *testing.T) {
			eachEra(t, func(t *testing.T, srv *mcptest.Server) {
				switch {
				case held == "headers":
					srv.Hold(streamMethod(srv))
				case held == "acknowledgment":
					srv.WithholdAck = true
					srv.Hold(subscribeMethod)
				}
				s := serve(t, srv, mcpclient.Options{})
				mine := errors.New("enough")
				ctx, cancel := context.WithCancelCause(t.Context())
				begun := beginListen(ctx, s, mcpclient.Filter{Resources: []string{"file:///a"}})
				pass(time.Second)
				if held != "nothing" {
					require.Empty(t, begun)
				}
				cancel(mine)
				got := <-begun
				end := got.err
				if held == "nothing" {
					require.NoError(t, got.err)
					ended(t, got.l, mcpclient.EndClosed)
					end = got.l.Err()
				} else {
					noListen(t, got.l, got.err, mcpclient.KindCanceled, mcpclient.EndClosed)
					require.Equal(t, time.Second, got.at, "at once")
				}
				require.ErrorIs(t, end, context.Canceled)
				require.ErrorIs(t, end, mine)
				pass(lag(srv))
				require.Empty(t, srv.Subscriptions())
				require.Empty(t, srv.Subscribed())
				pass(time.Hour)
				require.Equal(t, 1, srv.Count(streamMethod(srv)))
				echoes(t, s)
			})
		})
	}
}

// Session.Close ends the session's subscriptions, even if Listen still waits for the server. Events
// that were already waiting are still yielded.
func TestCloseEndsListens(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, mcpclient.Options{})
		l := listen(t, s, mcpclient.Filter{ToolsChanged: true, Resources: []string{"file:///a"}})
		reading := read(listen(t, s, toTools))
		notify(srv, toolsChanged)
		update(srv, "file:///a")
		srv.WithholdAck = true
		srv.Hold(subscribeMethod)
		begun := beginListen(t.Context(), s, mcpclient.Filter{Resources: []string{"file:///b"}})
		synctest.Wait()
		start := time.Now()
		require.NoError(t, s.Close())
		require.Zero(t, time.Since(start))
		got := <-begun
		noListen(t, got.l, got.err, mcpclient.KindClosed, mcpclient.EndClosed)
		require.ErrorIs(t, got.err, mcpclient.ErrClosed)
		ended(t, l, mcpclient.EndClosed)
		require.ErrorIs(t, l.Err(), mcpclient.ErrClosed)
		require.Equal(t, []string{"tools", "file:///a"}, rest(l))
		require.Equal(t, []string{"tools", "end"}, reading.take())
		require.NoError(t, l.Close())
		late, err := s.Listen(t.Context(), toTools)
		require.Nil(t, late)
		require.Equal(t, mcpclient.KindClosed, failure(t, err).Kind)
		require.ErrorIs(t, err, mcpclient.ErrClosed)
		require.Equal(t, mcpclient.EndClosed, reason(t, err), "as Listen documents for every error")
	})
}
