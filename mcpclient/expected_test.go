package mcpclient_test

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// failureNotes says of each message that failed whether the session expected that.
type failureNotes struct {
	mu    sync.Mutex
	noted []string // guarded by mu
}

func (f *failureNotes) interceptor() mcpclient.Interceptor {
	return mcpclient.Interceptor{Outgoing: func(next proceed) proceed {
		return func(ctx context.Context, out *outgoing) error {
			err := next(ctx, out)
			text := "failed "
			if out.Expected(err) {
				text = "expected "
			}
			if err != nil {
				f.mu.Lock()
				defer f.mu.Unlock()
				f.noted = append(f.noted, text+out.Method())
			}
			return err
		}
	}}
}

func (f *failureNotes) take() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	noted := f.noted
	f.noted = nil
	return noted
}

// The failure of server/discover is expected exactly if the negotiation continues after it.
func TestExpectedFailuresOfTheNegotiation(t *testing.T) {
	for _, row := range evidence() {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, srv *mcptest.Server) {
				onDiscover(srv, row.answer)
				var f failureNotes
				_, err := tryConnect(t, srv.InMemory(t), intercepting(f.interceptor()))
				if row.kind != 0 {
					require.Error(t, err)
					require.Equal(t, []string{"failed server/discover"}, f.take())
					return
				}
				require.NoError(t, err)
				if row.name == "200 empty result" { // no failure of the request
					require.Empty(t, f.take())
					return
				}
				require.Equal(t, []string{"expected server/discover"}, f.take())
			})
		})
	}
}

// A pinned revision leaves the negotiation no other way, so no refusal is expected.
func TestNoRefusalOfAPinnedRevisionIsExpected(t *testing.T) {
	for _, version := range []string{"2026-07-28", "2025-11-25"} {
		inBubble(t, func(t *testing.T, srv *mcptest.Server) {
			srv.Intercept = func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
				status(http.StatusBadRequest, "")(w, m)
				return true
			}
			var f failureNotes
			opts := intercepting(f.interceptor())
			opts.ProtocolVersion = version
			_, err := tryConnect(t, srv.InMemory(t), opts)
			require.Error(t, err)
			noted := f.take()
			require.Len(t, noted, 1)
			require.Regexp(t, "^failed ", noted[0])
		})
	}
}

// A refusal of initialize is expected if another initialize or server/discover follows.
func TestExpectedRefusalsOfInitialize(t *testing.T) {
	t.Run("another revision is named", func(t *testing.T) {
		inBubble(t, func(t *testing.T, srv *mcptest.Server) {
			srv.Versions = []string{"2025-03-26"}
			onceAt(srv, "initialize", rpc(http.StatusBadRequest, -32602, map[string]any{"supported": []string{"2025-03-26"}}))
			var f failureNotes
			_, err := tryConnect(t, srv.InMemory(t), intercepting(f.interceptor()))
			require.NoError(t, err)
			require.Equal(t, []string{"expected server/discover", "expected initialize"}, f.take())
		})
	})
	t.Run("no revision is named", func(t *testing.T) {
		inBubble(t, func(t *testing.T, srv *mcptest.Server) {
			onceAt(srv, "initialize", status(http.StatusBadRequest, ""))
			var f failureNotes
			_, err := tryConnect(t, srv.InMemory(t), intercepting(f.interceptor()))
			require.NoError(t, err)
			require.Equal(t, []string{"expected server/discover", "expected initialize"}, f.take())
		})
	})
	t.Run("the last one", func(t *testing.T) {
		inBubble(t, func(t *testing.T, srv *mcptest.Server) {
			srv.Intercept = func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
				refused := m != nil && m.Method == "initialize"
				if refused {
					status(http.StatusBadRequest, "")(w, m)
				}
				return refused
			}
			var f failureNotes
			_, err := tryConnect(t, srv.InMemory(t), intercepting(f.interceptor()))
			require.Error(t, err)
			noted := f.take()
			require.Equal(t, "failed initialize", noted[len(noted)-1])
		})
	})
	t.Run("a server that became modern", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			srv := newServer(mode{mcptest.Modern, true})
			link := srv.InMemory(t)
			cache := new(mcpclient.EraCache)
			cache.Store(link.URL, mcpclient.EraLegacy)
			var f failureNotes
			opts := intercepting(f.interceptor())
			opts.EraCache = cache
			s := connect(t, link, opts)
			require.Equal(t, mcpclient.EraModern, s.Era())
			require.Equal(t, []string{"expected initialize"}, f.take())
		})
	})
}

// The session expects that its pings are refused, that notifications/initialized is, and that a
// modern server has no subscriptions for its handlers. A user's ping and subscription are not
// expected to fail.
func TestExpectedRefusalsInASession(t *testing.T) {
	t.Run("ping", func(t *testing.T) {
		inBubble(t, func(t *testing.T, srv *mcptest.Server) {
			var f failureNotes
			opts := intercepting(f.interceptor())
			opts.KeepAlive = time.Minute
			serve(t, srv, opts)
			f.take()
			srv.LoseSessions()
			time.Sleep(90 * time.Second) // fake time
			require.Contains(t, f.take(), "expected ping")
		})
	})
	t.Run("ping of the user", func(t *testing.T) {
		inBubble(t, func(t *testing.T, srv *mcptest.Server) {
			var f failureNotes
			s := serve(t, srv, intercepting(f.interceptor()))
			f.take()
			onceAt(srv, "ping", rpc(http.StatusOK, -32603, nil))
			require.Error(t, s.Ping(t.Context()))
			require.Equal(t, []string{"failed ping"}, slices.DeleteFunc(f.take(), func(line string) bool { return line == "expected ping" }))
		})
	})
	t.Run("initialized", func(t *testing.T) {
		inBubble(t, func(t *testing.T, srv *mcptest.Server) {
			onceAt(srv, "notifications/initialized", withStatus(http.StatusBadRequest))
			var f failureNotes
			serve(t, srv, intercepting(f.interceptor()))
			require.Equal(t, []string{"expected server/discover", "expected notifications/initialized"}, f.take())
		})
	})
	t.Run("listen", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			srv := newServer(mode{mcptest.Modern, true})
			srv.Intercept = func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
				refused := m != nil && m.Method == "subscriptions/listen"
				if refused {
					rpc(http.StatusNotFound, -32601, nil)(w, m)
				}
				return refused
			}
			var f failureNotes
			opts := intercepting(f.interceptor())
			opts.Handlers.ToolsChanged = func(context.Context, *mcpclient.Session) {}
			s := serve(t, srv, opts)
			synctest.Wait()
			require.Equal(t, []string{"expected subscriptions/listen"}, f.take())
			_, err := s.Listen(t.Context(), mcpclient.Filter{ToolsChanged: true})
			require.Error(t, err)
			require.Equal(t, []string{"failed subscriptions/listen"}, f.take())
		})
	})
}

// An interceptor of recoveries can tell a session that is alive from a recovery that failed.
func TestInterceptorSeesThatASessionIsAlive(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		var ends []error
		s := serve(t, srv, intercepting(aroundRecovery(func(ctx context.Context, r *mcpclient.Recovery, next mcpclient.RecoveryFunc) error {
			err := next(ctx, r)
			ends = append(ends, err)
			return err
		})))
		onceAt(srv, "tools/call", status(http.StatusNotFound, `{"jsonrpc":"2.0","id":null,"error":{"code":-32601,"message":"no"}}`))
		_, err := s.CallTool(t.Context(), "echo", nil)
		require.Error(t, err)
		require.Len(t, ends, 1)
		require.ErrorIs(t, ends[0], mcpclient.ErrSessionAlive)
	})
}
