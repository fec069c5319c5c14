package mcpclient_test

import (
	"context"
	"encoding/json"
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
)

// changes maps the name of each list to the method that reports its changes.
var changes = map[string]string{
	"tools": toolsChanged, "prompts": "notifications/prompts/list_changed", "resources": "notifications/resources/list_changed",
}

// moments records the times at which handlers run.
type moments struct {
	start time.Time
	mu    sync.Mutex
	at    map[string][]time.Duration // guarded by mu
}

func newMoments() *moments { return &moments{start: time.Now(), at: make(map[string][]time.Duration)} }

func (m *moments) note(what string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.at[what] = append(m.at[what], time.Since(m.start))
}

func (m *moments) of(what string) []time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.at[what]
}

func (m *moments) handlers() mcpclient.Handlers {
	return mcpclient.Handlers{
		ToolsChanged:     func(context.Context, *mcpclient.Session) { m.note("tools") },
		PromptsChanged:   func(context.Context, *mcpclient.Session) { m.note("prompts") },
		ResourcesChanged: func(context.Context, *mcpclient.Session) { m.note("resources") },
		Notification: func(_ context.Context, _ *mcpclient.Session, method string, params json.RawMessage) {
			m.note(method + string(params))
		},
	}
}

// If a list changes often, its handler runs at once, then at most every 250 ms, and once more after
// the last change. Other notifications are not delayed.
func TestListChangesAreDebounced(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		m := newMoments()
		serve(t, srv, mcpclient.Options{Handlers: m.handlers()})
		synctest.Wait()
		const storm = 1600
		for i := range storm {
			for _, method := range changes {
				srv.Notify(method, nil)
			}
			if srv.Era == mcptest.Legacy {
				srv.Notify("notifications/n", map[string]any{"i": i})
			}
			time.Sleep(time.Millisecond) // fake time
		}
		time.Sleep(time.Second)
		synctest.Wait()
		for kind := range changes {
			require.Equal(t, []time.Duration{
				0, 250 * time.Millisecond, 500 * time.Millisecond, 750 * time.Millisecond, time.Second,
				1250 * time.Millisecond, 1500 * time.Millisecond, 1750 * time.Millisecond,
			}, m.of(kind), kind)
		}
		if srv.Era == mcptest.Legacy {
			for i := range storm {
				require.Equal(t, []time.Duration{time.Duration(i) * time.Millisecond}, m.of(fmt.Sprintf(`notifications/n{"i":%d}`, i)))
			}
		}
		srv.Notify(toolsChanged, nil)
		synctest.Wait()
		require.Len(t, m.of("tools"), 9, "after a while without changes, the handler runs at once again")
	})
}

// A change that arrives while its handler runs causes another run. The other run starts 250 ms
// after the start of the first, or when the handler returns, whichever is later.
func TestChangeDuringItsHandlerRunsItAgain(t *testing.T) {
	for _, takes := range []time.Duration{100 * time.Millisecond, time.Second} {
		eachEra(t, func(t *testing.T, srv *mcptest.Server) {
			m := newMoments()
			h := m.handlers()
			h.ToolsChanged = func(context.Context, *mcpclient.Session) {
				m.note("tools")
				time.Sleep(takes)
			}
			serve(t, srv, mcpclient.Options{Handlers: h})
			synctest.Wait()
			srv.Notify(toolsChanged, nil)
			time.Sleep(takes / 2)
			srv.Notify(toolsChanged, nil)
			time.Sleep(5 * time.Second)
			require.Equal(t, []time.Duration{0, max(takes, 250*time.Millisecond)}, m.of("tools"))
		})
	}
}

// Debounced changes take no queue space from other notifications and do not delay them.
func TestDebouncedChangesTakeNoRoom(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		m := newMoments()
		h := m.handlers()
		h.MissedEvents = func(context.Context, *mcpclient.Session, mcpclient.MissedEvents) { m.note("missed") }
		serve(t, srv, mcpclient.Options{Handlers: h, Limits: mcpclient.Limits{Notifications: 1}})
		synctest.Wait()
		for range 2 {
			for _, method := range changes {
				srv.Notify(method, nil)
				synctest.Wait()
			}
		}
		time.Sleep(time.Millisecond)
		for i := range 3 {
			srv.Notify("notifications/n", map[string]any{"i": i})
			synctest.Wait()
			require.Equal(t, []time.Duration{time.Millisecond}, m.of(fmt.Sprintf(`notifications/n{"i":%d}`, i)))
		}
		require.Empty(t, m.of("missed"))
		time.Sleep(time.Second)
		for kind := range changes {
			require.Equal(t, []time.Duration{0, 250 * time.Millisecond}, m.of(kind))
		}
	})
}

// Close does not wait for a debounced change, and drops it.
func TestCloseDropsDebouncedChanges(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		m := newMoments()
		s := serve(t, srv, mcpclient.Options{Handlers: m.handlers()})
		synctest.Wait()
		for range 2 {
			srv.Notify(toolsChanged, nil)
			synctest.Wait()
		}
		require.NoError(t, s.Close())
		require.Less(t, time.Since(m.start), 250*time.Millisecond)
		time.Sleep(time.Second)
		require.Len(t, m.of("tools"), 1)
	})
}

// Without a handler for missed events, a full queue drops the newest notifications and keeps
// delivering the others.
func TestQueueOverflowWithoutAMissedEventsHandler(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		var delivered, changed atomic.Int32
		block := make(chan struct{})
		s := serve(t, srv, mcpclient.Options{Handlers: mcpclient.Handlers{
			ToolsChanged: func(context.Context, *mcpclient.Session) { changed.Add(1) },
			Notification: func(context.Context, *mcpclient.Session, string, json.RawMessage) {
				<-block
				delivered.Add(1)
			},
		}})
		synctest.Wait()
		srv.Notify("notifications/n", nil)
		synctest.Wait() // the handler is running
		for range mcpclient.DefaultMaxNotifications + 100 {
			srv.Notify("notifications/n", nil)
		}
		srv.Notify(toolsChanged, nil)
		synctest.Wait()
		close(block)
		synctest.Wait()
		require.EqualValues(t, 1+mcpclient.DefaultMaxNotifications, delivered.Load())
		require.EqualValues(t, 1, changed.Load(), "there is always room for a list change")
		time.Sleep(debounce)
		srv.Notify(toolsChanged, nil)
		synctest.Wait()
		require.EqualValues(t, 2, changed.Load())
		echoes(t, s)
	})
}

// A server sends log messages during the handshake. The handler receives them with a session that
// it can use.
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
