package mcpclient_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
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

// diary records in order which handlers were called.
type diary struct {
	mu      sync.Mutex
	entries []string
}

func (d *diary) notef(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.entries = append(d.entries, fmt.Sprintf(format, args...))
}

// take returns the entries so far and removes them.
func (d *diary) take() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	entries := d.entries
	d.entries = nil
	return entries
}

// handlers returns handlers that record everything.
func (d *diary) handlers() mcpclient.Handlers {
	return mcpclient.Handlers{
		ToolsChanged:     func(context.Context, *mcpclient.Session) { d.notef("tools") },
		PromptsChanged:   func(context.Context, *mcpclient.Session) { d.notef("prompts") },
		ResourcesChanged: func(context.Context, *mcpclient.Session) { d.notef("resources") },
		Log:              func(_ context.Context, _ *mcpclient.Session, m mcpclient.LogMessage) { d.notef("log %s", m.Data) },
		SessionRestored:  func(context.Context, *mcpclient.Session, mcpclient.SessionRestored) { d.notef("restored") },
		MissedEvents: func(_ context.Context, _ *mcpclient.Session, g mcpclient.MissedEvents) {
			d.notef("missed %d", g.Dropped)
		},
		Notification: func(_ context.Context, _ *mcpclient.Session, method string, params json.RawMessage) {
			d.notef("%s %s", method, params)
		},
	}
}

const toolsChanged = "notifications/tools/list_changed"

// Messages on the shared stream that belong to no call reach the handlers in order.
func TestSharedStream(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		var d diary
		s := serve(t, srv, mcpclient.Options{Handlers: d.handlers()})
		synctest.Wait()
		for _, method := range []string{"notifications/prompts/list_changed", toolsChanged, "notifications/resources/list_changed"} {
			srv.Notify(method, nil)
			synctest.Wait()
		}
		require.Equal(t, []string{"prompts", "tools", "resources"}, d.take())
		if srv.Era == mcptest.Modern {
			require.Equal(t, 1, srv.Count("subscriptions/listen"))
			require.Zero(t, srv.Count("GET"))
			return
		}
		require.Equal(t, []string{"server/discover", "initialize", "notifications/initialized", "GET"}, srv.Methods(), "not before the session is ready")
		srv.Notify("notifications/message", map[string]any{"level": "info", "data": 1})
		srv.Notify("notifications/x/y", map[string]any{"a": 1})
		srv.Notify("notifications/progress", map[string]any{"progressToken": 1, "progress": 1})
		synctest.Wait()
		require.Equal(t, []string{"log 1", `notifications/x/y {"a":1}`}, d.take(), "progress of no call is ignored")
		echoes(t, s)
	})
}

// The client opens no shared stream if no handler needs it.
func TestNoSharedStreamWithoutHandlers(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, mcpclient.Options{Handlers: mcpclient.Handlers{
			MissedEvents: func(context.Context, *mcpclient.Session, mcpclient.MissedEvents) {}, SessionRestored: func(context.Context, *mcpclient.Session, mcpclient.SessionRestored) {},
		}})
		echoes(t, s)
		time.Sleep(time.Hour) // fake time
		synctest.Wait()
		require.Zero(t, srv.Count("GET"))
		require.Zero(t, srv.Count("subscriptions/listen"))
	})
}

// If a server refuses the shared stream, the client does not request the stream again, and no call
// is affected.
func TestRefusedSharedStreamIsRemembered(t *testing.T) {
	rows := map[string]func(w http.ResponseWriter){
		"405": func(w http.ResponseWriter) { w.WriteHeader(http.StatusMethodNotAllowed) },
		"404": func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound) },
		"400": func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadRequest) },
		"501": func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotImplemented) },
		"200 HTML": func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte("<html>"))
		},
		"200 JSON": func(w http.ResponseWriter) { mcptest.WriteJSON(w, 200, []byte(`{}`)) },
		"204":      func(w http.ResponseWriter) { w.WriteHeader(http.StatusNoContent) },
	}
	for name, refuse := range rows {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, srv *mcptest.Server) {
				srv.Intercept = func(w http.ResponseWriter, r *http.Request, _ *mcptest.Message) bool {
					if r.Method == http.MethodGet {
						refuse(w)
					}
					return r.Method == http.MethodGet
				}
				var d diary
				s := serve(t, srv, mcpclient.Options{Handlers: d.handlers()})
				time.Sleep(24 * time.Hour) // fake time
				synctest.Wait()
				require.Equal(t, 1, srv.Count("GET"))
				require.Equal(t, 1, srv.Count("initialize"), "the session is alive, as a ping shows")
				echoes(t, s)
				require.Empty(t, d.take())
			})
		})
	}
}

// If a modern server does not support subscriptions, the client does not request one again.
func TestRefusedSubscriptionIsRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(mode{mcptest.Modern, true})
		srv.Intercept = func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
			if m == nil || m.Method != "subscriptions/listen" {
				return false
			}
			mcptest.WriteError(w, http.StatusNotFound, m.ID, -32601, "Method not found")
			return true
		}
		var d diary
		s := serve(t, srv, mcpclient.Options{Handlers: d.handlers()})
		time.Sleep(24 * time.Hour) // fake time
		synctest.Wait()
		require.Equal(t, 1, srv.Count("subscriptions/listen"))
		echoes(t, s)
		require.Empty(t, d.take())
	})
}

// If the shared stream is lost, the client resumes it. Notifications sent meanwhile arrive, so no
// missed events are reported.
func TestLostSharedStreamIsResumed(t *testing.T) {
	for name, abort := range map[string]bool{"aborted": true, "ended by the server": false} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, srv *mcptest.Server) {
				var d diary
				s := serve(t, srv, mcpclient.Options{Handlers: d.handlers()})
				synctest.Wait()
				srv.Notify("notifications/n", map[string]any{"n": 1})
				synctest.Wait()
				srv.CutSharedStreams(abort)
				synctest.Wait()
				require.Equal(t, 1, srv.Count("GET"), "only after a pause")
				srv.Notify("notifications/n", map[string]any{"n": 2})
				echoes(t, s)
				time.Sleep(2 * time.Second) // fake time
				synctest.Wait()
				require.Equal(t, 2, srv.Count("GET"))
				require.NotEmpty(t, srv.Requests("GET")[1].Header.Get("Last-Event-Id"))
				srv.Notify("notifications/n", map[string]any{"n": 3})
				synctest.Wait()
				require.Equal(t, []string{`notifications/n {"n":1}`, `notifications/n {"n":2}`, `notifications/n {"n":3}`}, d.take())
			})
		})
	}
}

// A stream without event IDs cannot be resumed, so each loss of the stream is reported once as
// missed events.
func TestMissedEventsAreReported(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		var d diary
		s := serve(t, srv, mcpclient.Options{Handlers: d.handlers()})
		synctest.Wait()
		srv.CutSharedStreams(true)
		synctest.Wait()
		time.Sleep(time.Minute) // fake time
		synctest.Wait()
		require.Equal(t, []string{"missed 0"}, d.take())
		srv.Notify(toolsChanged, nil)
		synctest.Wait()
		require.Equal(t, []string{"tools"}, d.take(), "the stream is open again")
		echoes(t, s)
	})
}

// If a server is unreachable for hours, the loss of the stream is reported once, however often the
// client tries to reopen the stream.
func TestMissedEventsAreReportedOncePerOutage(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		var d diary
		link := srv.InMemory(t)
		s := connect(t, link, mcpclient.Options{Handlers: d.handlers()})
		synctest.Wait()
		link.Network.Refuse(true)
		link.Network.ResetAll()
		time.Sleep(3 * time.Hour) // fake time
		synctest.Wait()
		link.Network.Refuse(false)
		time.Sleep(time.Minute) // fake time: longer than the maximum backoff of 30 s
		synctest.Wait()
		require.Equal(t, []string{"missed 0"}, d.take())
		srv.Notify(toolsChanged, nil)
		synctest.Wait()
		require.Equal(t, []string{"tools"}, d.take())
		echoes(t, s)
	})
}

// If a server refuses the stream repeatedly, the pauses between the tries grow, to half a minute at
// most.
func TestSharedStreamBackoff(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		var at []time.Duration
		start := time.Now()
		srv.Intercept = func(w http.ResponseWriter, r *http.Request, _ *mcptest.Message) bool {
			if r.Method != http.MethodGet {
				return false
			}
			at = append(at, time.Since(start))
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}
		var d diary
		serve(t, srv, mcpclient.Options{Handlers: d.handlers()})
		time.Sleep(10 * time.Minute) // fake time
		synctest.Wait()
		require.Greater(t, len(at), 15)
		require.Less(t, len(at), 70)
		for i := range at[1:] {
			require.LessOrEqual(t, at[i+1]-at[i], 30*time.Second)
		}
		require.Empty(t, d.take(), "a stream that was never open has missed nothing")
	})
}

// If the server has not noticed that a stream was lost, it refuses the next stream with a conflict
// (409). The client keeps trying until the stream is accepted.
func TestSharedStreamConflict(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		srv.EventIDs = false
		l := listen(t, serve(t, srv, mcpclient.Options{}), toTools)
		d := read(l)
		noticed := time.Now().Add(3 * time.Minute)
		srv.SetIntercept(func(w http.ResponseWriter, r *http.Request, _ *mcptest.Message) bool {
			if r.Method != http.MethodGet || time.Now().After(noticed) {
				return false
			}
			w.WriteHeader(http.StatusConflict)
			return true
		})
		srv.CutSharedStreams(true)
		pass(10 * time.Minute)
		require.NoError(t, l.Err())
		require.Equal(t, []string{"missed"}, d.take())
		srv.Notify(toolsChanged, nil)
		synctest.Wait()
		require.Equal(t, []string{"tools"}, d.take())
	})
}

// If the server completes the handlers' subscription, the client does not open it again.
func TestHandlersSubscriptionCompletedByTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(mode{mcptest.Modern, true})
		var d diary
		s := serve(t, srv, mcpclient.Options{Handlers: d.handlers()})
		synctest.Wait()
		srv.EndSubscriptions()
		time.Sleep(time.Hour) // fake time
		synctest.Wait()
		require.Equal(t, 1, srv.Count("subscriptions/listen"))
		echoes(t, s)
	})
}

// If the cursor of the shared stream is refused, the stream is opened without one, and missed
// events are reported.
func TestRefusedCursorOfTheSharedStream(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		srv.Intercept = func(w http.ResponseWriter, r *http.Request, _ *mcptest.Message) bool {
			if r.Method != http.MethodGet || r.Header.Get("Last-Event-Id") == "" {
				return false
			}
			mcptest.WriteError(w, http.StatusBadRequest, nil, -32000, "Invalid event ID")
			return true
		}
		var d diary
		s := serve(t, srv, mcpclient.Options{Handlers: d.handlers()})
		synctest.Wait()
		srv.Notify(toolsChanged, nil)
		synctest.Wait()
		require.Equal(t, []string{"tools"}, d.take())
		srv.CutSharedStreams(true)
		time.Sleep(time.Minute) // fake time
		synctest.Wait()
		require.Equal(t, []string{"missed 0"}, d.take())
		srv.Notify(toolsChanged, nil)
		synctest.Wait()
		require.Equal(t, []string{"tools"}, d.take())
		echoes(t, s)
	})
}

// The server loses the session while no call is made. The client detects the loss on the shared
// stream and starts a new session, so notifications continue.
func TestSharedStreamDetectsALostSession(t *testing.T) {
	for _, style := range []mcptest.RefuseStyle{mcptest.Refuse404, mcptest.Refuse404Plain, mcptest.Refuse400} {
		t.Run(fmt.Sprint(style), func(t *testing.T) {
			inBubble(t, func(t *testing.T, srv *mcptest.Server) {
				srv.Refuse = style
				var d diary
				s := serve(t, srv, mcpclient.Options{Handlers: d.handlers()})
				synctest.Wait()
				srv.CutSharedStreams(true)
				srv.LoseSessions()
				time.Sleep(time.Minute) // fake time
				synctest.Wait()
				require.Equal(t, 2, srv.Count("initialize"))
				require.Contains(t, d.take(), "restored")
				srv.Notify(toolsChanged, nil)
				synctest.Wait()
				require.Equal(t, []string{"tools"}, d.take())
				echoes(t, s)
				require.Equal(t, 2, srv.Count("initialize"))
			})
		})
	}
}

// The session is lost before the shared stream is opened, or the GET reaches a different server
// than the POSTs. The server refuses the session, not the stream.
func TestSessionLostBeforeTheSharedStreamOpens(t *testing.T) {
	for _, style := range []mcptest.RefuseStyle{mcptest.Refuse404, mcptest.Refuse400} {
		t.Run(fmt.Sprint(style), func(t *testing.T) {
			inBubble(t, func(t *testing.T, srv *mcptest.Server) {
				srv.Refuse = style
				var d diary
				hold := srv.Hold("GET")
				s := serve(t, srv, mcpclient.Options{Handlers: d.handlers()})
				<-hold.Arrived()
				srv.LoseSessions()
				hold.Release()
				synctest.Wait()
				echoes(t, s)
				time.Sleep(time.Minute) // fake time
				synctest.Wait()
				srv.Notify(toolsChanged, nil)
				synctest.Wait()
				require.Contains(t, d.take(), "tools", "the new session has its shared stream")
			})
		})
	}
}

// For a while, the host cannot be resolved, or a header hook fails. Nothing was sent, so the server
// cannot have refused the stream.
func TestSharedStreamAfterALocalFailure(t *testing.T) {
	for _, lost := range []bool{false, true} {
		t.Run(map[bool]string{false: "at first", true: "when reopened"}[lost], func(t *testing.T) {
			eachEra(t, func(t *testing.T, srv *mcptest.Server) {
				var d diary
				link := srv.InMemory(t)
				inner := link.Transport
				var down atomic.Bool
				down.Store(!lost)
				via := roundTripper(func(r *http.Request) (*http.Response, error) {
					if down.Load() && (r.Method == http.MethodGet || r.Header.Get("Mcp-Method") == "subscriptions/listen") {
						return nil, &transport.Error{Stage: transport.NotSent, Permanent: true, Op: "dial", Err: errors.New("no such host")}
					}
					return inner.RoundTrip(r)
				})
				s, err := connectTo(t.Context(), link.URL, &mcpclient.Options{Transport: via, Handlers: d.handlers()})
				require.NoError(t, err)
				t.Cleanup(func() { require.NoError(t, s.Close()) })
				synctest.Wait()
				if lost {
					down.Store(true)
					srv.CutSharedStreams(true)
				}
				time.Sleep(time.Minute) // fake time
				synctest.Wait()
				down.Store(false)
				time.Sleep(time.Minute) // fake time: longer than the maximum backoff of 30 s
				synctest.Wait()
				srv.Notify(toolsChanged, nil)
				synctest.Wait()
				require.Contains(t, d.take(), "tools")
			})
		})
	}
}

// If a message on the shared stream cannot be parsed, the client ignores it.
func TestBadMessageOnTheSharedStream(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		gate := make(chan struct{})
		srv.Intercept = func(w http.ResponseWriter, r *http.Request, _ *mcptest.Message) bool {
			if r.Method != http.MethodGet {
				return false
			}
			mcptest.StartSSE(w)
			mcptest.WriteRaw(w, "data: nonsense\n\ndata: []\n\nevent: x\ndata: {}\n\ngarbage\n\n")
			mcptest.WriteRaw(w, "data: "+string(mcptest.Result([]byte("77"), nil))+"\n\n")
			mcptest.WriteRaw(w, "data: "+string(mcptest.Notification(toolsChanged, nil))+"\n\n")
			<-gate
			return true
		}
		var d diary
		s := serve(t, srv, mcpclient.Options{Handlers: d.handlers()})
		synctest.Wait()
		require.Equal(t, []string{"tools"}, d.take())
		echoes(t, s)
		close(gate)
	})
}

// If the server refuses the shared stream because of its credentials, the end of the stream is
// reported. The client opens a stream again in the next session.
func TestRefusedCredentialsEndTheSharedStreamOfOneSession(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		srv.Intercept = func(w http.ResponseWriter, r *http.Request, _ *mcptest.Message) bool {
			refused := r.Method == http.MethodGet && r.Header.Get("Mcp-Session-Id") == "session-1"
			if refused {
				w.WriteHeader(http.StatusUnauthorized)
			}
			return refused
		}
		var d diary
		h := d.handlers()
		h.MissedEvents = func(_ context.Context, _ *mcpclient.Session, g mcpclient.MissedEvents) { d.notef("ended %v", g.Ended) }
		s := serve(t, srv, mcpclient.Options{Handlers: h})
		time.Sleep(time.Hour) // fake time
		synctest.Wait()
		require.Equal(t, []string{"ended true"}, d.take())
		require.Equal(t, 1, srv.Count("GET"))
		srv.LoseSessions()
		echoes(t, s)
		synctest.Wait()
		require.Equal(t, 2, srv.Count("GET"))
		srv.Notify(toolsChanged, nil)
		synctest.Wait()
		require.Equal(t, []string{"restored", "tools"}, d.take())
	})
}
