package mcpclient_test

import (
	"context"
	"encoding/json"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// Who has no handler for gaps is told none: a full queue drops the newest, and the rest goes on.
func TestQueueOverflowWithoutAHandlerForGaps(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		var told, changed atomic.Int32
		block := make(chan struct{})
		s := serve(t, srv, mcpclient.Options{Handlers: mcpclient.Handlers{
			ToolsChanged: func(context.Context, *mcpclient.Session) { changed.Add(1) },
			Notification: func(context.Context, *mcpclient.Session, string, json.RawMessage) {
				<-block
				told.Add(1)
			},
		}})
		synctest.Wait()
		srv.Tell("notifications/n", nil)
		synctest.Wait() // its handler is busy with it
		for range mcpclient.DefaultMaxNotifications + 100 {
			srv.Tell("notifications/n", nil)
		}
		srv.Tell(toolsChanged, nil)
		synctest.Wait()
		close(block)
		synctest.Wait()
		require.EqualValues(t, 1+mcpclient.DefaultMaxNotifications, told.Load())
		require.EqualValues(t, 1, changed.Load(), "one of a kind always finds room")
		time.Sleep(debounce)
		srv.Tell(toolsChanged, nil)
		synctest.Wait()
		require.EqualValues(t, 2, changed.Load())
		echoes(t, s)
	})
}

// A server logs while it is greeted: the handler gets a session that can be used.
func TestLogDuringTheHandshakeWaitsForTheSession(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		srv.Intercept = func(w http.ResponseWriter, r *http.Request, m *mcptest.Message) bool {
			switch {
			case r.Method == http.MethodGet:
				w.WriteHeader(http.StatusMethodNotAllowed)
			case m.Method == "initialize":
				mcptest.StartSSE(w)
				log := mcptest.Notification("notifications/message", map[string]any{"level": "info", "data": "hello"})
				result := mcptest.Result(m.ID, json.RawMessage(`{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"x","version":"1"}}`))
				mcptest.WriteRaw(w, "data: "+string(log)+"\n\ndata: "+string(result)+"\n\n")
			case m.Method == "notifications/initialized":
				w.WriteHeader(http.StatusAccepted)
			case m.Method == "ping":
				mcptest.WriteJSON(w, http.StatusOK, mcptest.Result(m.ID, struct{}{}))
			default:
				return false
			}
			return true
		}
		var d diary
		s := serve(t, srv, mcpclient.Options{Handlers: mcpclient.Handlers{
			Log: func(ctx context.Context, s *mcpclient.Session, m mcpclient.LogMessage) {
				d.notef("%s in a %s session, ping: %v", m.Data, s.Era(), s.Ping(ctx))
			},
		}})
		synctest.Wait()
		require.Equal(t, []string{`"hello" in a legacy session, ping: <nil>`}, d.take())
		require.Equal(t, mcpclient.EraLegacy, s.Era())
	})
}

// A call's slow callback holds up the call's own stream and nothing else, also
// when progress for that call comes on the standing stream.
func TestSlowProgressCallbackHoldsUpNoOtherStream(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		var d diary
		token := make(chan json.RawMessage, 1)
		add(srv, "work", func(_ context.Context, c *mcptest.Call) (jsonRaw, error) {
			token <- c.Meta["progressToken"]
			c.Progress(1, 2, "")
			return mcptest.Text("worked"), nil
		})
		s := serve(t, srv, mcpclient.Options{Handlers: d.handlers()})
		synctest.Wait()
		block := make(chan struct{})
		work := begin(t.Context(), s, "work", mcpclient.OnProgress(func(context.Context, mcpclient.Progress) { <-block }))
		synctest.Wait()
		srv.Tell("notifications/progress", map[string]any{"progressToken": <-token, "progress": 2})
		srv.Tell(toolsChanged, nil)
		synctest.Wait()
		require.Equal(t, []string{"tools"}, d.take())
		require.Empty(t, work, "its callback is still busy")
		close(block)
		got := <-work
		require.NoError(t, got.err)
		require.Equal(t, "worked", text(t, got.res))
	})
}

// A call that does not come out of its callback does not keep Close from
// telling the server about the others.
func TestCloseDoesNotDependOnACallback(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		add(srv, "never", never)
		add(srv, "talk", func(ctx context.Context, c *mcptest.Call) (jsonRaw, error) {
			c.Progress(1, 2, "")
			return never(ctx, c)
		})
		s := serve(t, srv, mcpclient.Options{})
		block := make(chan struct{})
		stuck := begin(t.Context(), s, "talk", mcpclient.OnProgress(func(context.Context, mcpclient.Progress) { <-block }))
		synctest.Wait()
		other := begin(t.Context(), s, "never")
		synctest.Wait()
		calls := srv.Requests("tools/call")
		require.Len(t, calls, 2)
		start := time.Now()
		require.NoError(t, s.Close())
		require.LessOrEqual(t, time.Since(start), mcpclient.DefaultCloseTimeout)
		require.Contains(t, srv.Cancelled(), calls[1].ID)
		require.Equal(t, mcpclient.KindClosed, failure(t, (<-other).err).Kind)
		require.Empty(t, stuck)
		close(block)
		require.Equal(t, mcpclient.KindClosed, failure(t, (<-stuck).err).Kind)
	})
}

// Credentials that do not open the standing stream are told as its end, not
// remembered for ever: with the next session the stream is tried again.
func TestRefusedCredentialsEndTheStandingStreamOfOneSession(t *testing.T) {
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
		time.Sleep(time.Hour) // of fake time
		synctest.Wait()
		require.Equal(t, []string{"ended true"}, d.take())
		require.Equal(t, 1, srv.Count("GET"))
		srv.LoseSessions()
		echoes(t, s)
		synctest.Wait()
		require.Equal(t, 2, srv.Count("GET"))
		srv.Tell(toolsChanged, nil)
		synctest.Wait()
		require.Equal(t, []string{"restored", "tools"}, d.take())
	})
}
