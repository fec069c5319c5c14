package interop_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/mcpclient"
)

// sessionID returns the ID of the latest session.
func (f *front) sessionID(t *testing.T) string {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	id := ""
	for _, r := range f.requests {
		if r.method == "initialize" && r.given != "" {
			id = r.given
		}
	}
	require.NotEmpty(t, id)
	return id
}

// thirdParty sends a request with the given session ID from another HTTP client and returns the
// status.
func (f *front) thirdParty(t *testing.T, method, session, body string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(limit(t), method, f.url, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Mcp-Session-Id", session)
	req.Header.Set("Mcp-Protocol-Version", "2025-11-25")
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	transport := &http.Transport{DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp.StatusCode
}

const callers = 8

// losses are the ways in which a server loses a session without breaking connections.
var losses = map[string]func(t *testing.T, p peer, w *world, f *front){
	"deleted": func(t *testing.T, _ peer, _ *world, f *front) {
		require.Less(t, f.thirdParty(t, http.MethodDelete, f.sessionID(t), ""), 300)
	},
	"replaced": func(_ *testing.T, p peer, w *world, f *front) { f.swap(p.start(w)) },
}

// Concurrent calls in a lost session succeed after a single new initialize. Each tool runs once.
func TestSessionLost(t *testing.T) {
	for name, lose := range losses {
		t.Run(name, func(t *testing.T) {
			each(t, legacy, func(t *testing.T, p peer, w *world, f *front) {
				restored := make(chan mcpclient.SessionRestored, 8)
				s := connect(t, f, &mcpclient.Options{Handlers: mcpclient.Handlers{
					SessionRestored: func(_ context.Context, _ *mcpclient.Session, r mcpclient.SessionRestored) { restored <- r },
				}})
				requireEcho(t, s)
				require.Equal(t, 1, f.count(called("initialize")))
				lose(t, p, w, f)
				var group sync.WaitGroup
				for range callers {
					group.Go(func() {
						_, err := s.CallTool(limit(t), "echo", map[string]any{"text": "again"})
						require.NoError(t, err)
					})
				}
				group.Wait()
				require.Equal(t, 2, f.count(called("initialize")))
				require.Len(t, w.runs, 1+callers)
				require.Equal(t, mcpclient.SessionRestored{Era: p.era, ProtocolVersion: p.version}, receive(t, restored, "SessionRestored"))
				require.Empty(t, restored)
			})
		})
	}
}

// When the shared stream ends, the client reopens it without waiting for a call and receives the
// next change. If the server reports that the session is lost, the client starts a new one. mcp-go
// does not report this, because its GET accepts any session ID.
func TestSharedStreamRecovers(t *testing.T) {
	each(t, legacy, func(t *testing.T, p peer, w *world, f *front) {
		changed := make(chan struct{}, 8)
		connect(t, f, &mcpclient.Options{Handlers: mcpclient.Handlers{ToolsChanged: func(context.Context, *mcpclient.Session) { changed <- struct{}{} }}})
		first := f.await(t, shared(p))
		f.swap(p.start(w))
		f.cut(first)
		f.await(t, func(r *request) bool { return r != first && shared(p)(r) })
		f.peer.addTool("late")
		receive(t, changed, "tools/list_changed on the new stream")
		initialized := 2
		if p.takesAnySession {
			initialized = 1
		}
		require.Equal(t, initialized, f.count(called("initialize")))
	})
}

// cut breaks the connection on which a request arrived.
func (f *front) cut(r *request) { _ = r.conn.Close() }

// A restart of the server breaks every connection. The next request succeeds: in the legacy era
// after one new initialize, in the modern era without one.
func TestRestart(t *testing.T) {
	each(t, nil, func(t *testing.T, p peer, w *world, f *front) {
		s := connect(t, f, nil)
		requireEcho(t, s)
		f.restart(t, p.start(w))
		// List the tools first: a tool call could hit the closing connection, and the client must
		// not retry such a call.
		page, err := s.ListTools(limit(t), nil)
		require.NoError(t, err)
		require.NotEmpty(t, page.Items)
		requireEcho(t, s)
		if legacy(p) {
			require.Equal(t, 2, f.count(called("initialize")))
			return
		}
		require.Zero(t, f.count(called("initialize")))
		require.Equal(t, 1, f.count(called("server/discover")))
	})
}

// If the server stores events, the client resumes a cut stream. The call continues, no event is
// lost, and the tool runs once.
func TestResume(t *testing.T) {
	each(t, func(p peer) bool { return p.resumes }, func(t *testing.T, _ peer, w *world, f *front) {
		s := connect(t, f, nil)
		var got []float64
		first, ended := make(chan struct{}), make(chan struct{})
		var (
			answer *mcpclient.CallToolResult
			failed error
		)
		ctx := limit(t)
		go func() {
			result, err := s.CallTool(ctx, "pause", nil, mcpclient.OnProgress(func(_ context.Context, p mcpclient.Progress) {
				if got = append(got, p.Progress); len(got) == 1 {
					close(first)
				}
			}))
			answer, failed = result, err
			close(ended)
		}()
		receive(t, first, "progress")
		f.cut(f.await(t, called("tools/call")))
		f.await(t, func(r *request) bool { return r.verb == http.MethodGet && r.cursor != "" })
		close(w.proceed) // the tool continues after the stream has been resumed
		receive(t, ended, "the end of the call")
		require.NoError(t, failed)
		require.Equal(t, "done", text(t, answer))
		require.Equal(t, []float64{1, 2}, got)
		require.Len(t, w.runs, 1)
		require.Equal(t, 1, f.count(called("tools/call")))
	})
}
