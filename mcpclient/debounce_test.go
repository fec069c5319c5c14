package mcpclient_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// changes are the notifications that a list has changed.
var changes = map[string]string{
	"tools": toolsChanged, "prompts": "notifications/prompts/list_changed", "resources": "notifications/resources/list_changed",
}

// moments notes when handlers run.
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

// However often a list changes, its handler runs at once, then at most every 250 ms,
// and once after the last change. Nothing else is delayed.
func TestListChangesAreDebounced(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		m := newMoments()
		serve(t, srv, mcpclient.Options{Handlers: m.handlers()})
		synctest.Wait()
		const storm = 1600
		for i := range storm {
			for _, method := range changes {
				srv.Tell(method, nil)
			}
			if srv.Era == mcptest.Legacy {
				srv.Tell("notifications/n", map[string]any{"i": i})
			}
			time.Sleep(time.Millisecond) // of fake time
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
		srv.Tell(toolsChanged, nil)
		synctest.Wait()
		require.Len(t, m.of("tools"), 9, "after a while without changes, the next is told at once again")
	})
}

// A change that comes while its handler runs is told, by a run that begins 250 ms after the
// last one began, or when that one has ended.
func TestChangeDuringItsHandlerIsTold(t *testing.T) {
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
			srv.Tell(toolsChanged, nil)
			time.Sleep(takes / 2)
			srv.Tell(toolsChanged, nil)
			time.Sleep(5 * time.Second)
			require.Equal(t, []time.Duration{0, max(takes, 250*time.Millisecond)}, m.of("tools"))
		})
	}
}

// Changes that wait for their time take no room from other notifications, and keep none waiting.
func TestHeldChangesTakeNoRoom(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		m := newMoments()
		h := m.handlers()
		h.MissedEvents = func(context.Context, *mcpclient.Session, mcpclient.MissedEvents) { m.note("gap") }
		serve(t, srv, mcpclient.Options{Handlers: h, Limits: mcpclient.Limits{Notifications: 1}})
		synctest.Wait()
		for range 2 {
			for _, method := range changes {
				srv.Tell(method, nil)
				synctest.Wait()
			}
		}
		time.Sleep(time.Millisecond)
		for i := range 3 {
			srv.Tell("notifications/n", map[string]any{"i": i})
			synctest.Wait()
			require.Equal(t, []time.Duration{time.Millisecond}, m.of(fmt.Sprintf(`notifications/n{"i":%d}`, i)))
		}
		require.Empty(t, m.of("gap"))
		time.Sleep(time.Second)
		for kind := range changes {
			require.Equal(t, []time.Duration{0, 250 * time.Millisecond}, m.of(kind))
		}
	})
}

// Close does not wait for a change that waits for its time, and does not tell it.
func TestCloseEndsHeldChanges(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		m := newMoments()
		s := serve(t, srv, mcpclient.Options{Handlers: m.handlers()})
		synctest.Wait()
		for range 2 {
			srv.Tell(toolsChanged, nil)
			synctest.Wait()
		}
		require.NoError(t, s.Close())
		require.Less(t, time.Since(m.start), 250*time.Millisecond)
		time.Sleep(time.Second)
		require.Len(t, m.of("tools"), 1)
	})
}
