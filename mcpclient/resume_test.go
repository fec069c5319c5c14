package mcpclient_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// cutter is a tool that reports progress, cuts its stream, and continues once the stream is
// resumed.
func cutter(srv *mcptest.Server, cuts int, abort bool) mcptest.ToolFunc {
	return func(ctx context.Context, c *mcptest.Call) (jsonRaw, error) {
		for i := range cuts {
			gets := srv.Hold("GET")
			c.Progress(float64(i), float64(cuts), "")
			c.Cut(abort)
			select {
			case <-gets.Arrived():
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			}
			gets.Release()
		}
		return mcptest.Text("whole"), nil
	}
}

// If a stream is cut after an event with an ID, the client resumes the stream after that event. The
// tool runs once, and none of its messages is lost or delivered twice.
func TestCutStreamIsResumed(t *testing.T) {
	for name, abort := range map[string]bool{"aborted": true, "ended by the server": false} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, srv *mcptest.Server) {
				add(srv, "work", cutter(srv, 3, abort))
				s := serve(t, srv, mcpclient.Options{})
				var progress []float64
				res, err := s.CallTool(t.Context(), "work", nil, mcpclient.OnProgress(func(_ context.Context, p mcpclient.Progress) {
					progress = append(progress, p.Progress)
				}))
				require.NoError(t, err)
				require.Equal(t, "whole", text(t, res))
				require.Equal(t, []float64{0, 1, 2}, progress)
				require.Equal(t, 1, srv.Executions("work"))
				require.Equal(t, 1, srv.Count("tools/call"))
				require.Equal(t, 3, srv.Count("GET"))
				for _, get := range srv.Requests("GET") {
					require.Equal(t, "session-1", get.Session)
				}
			})
		})
	}
}

// Without an event ID there is nothing to resume from.
func TestCutStreamWithoutIDsIsNotResumed(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		srv.EventIDs = false
		add(srv, "work", cutter(srv, 1, true))
		s := serve(t, srv, mcpclient.Options{})
		_, err := s.CallTool(t.Context(), "work", nil, mcpclient.OnProgress(func(context.Context, mcpclient.Progress) {}))
		e := failure(t, err)
		require.Equal(t, mcpclient.KindOutcomeUnknown, e.Kind)
		require.Equal(t, mcpclient.Unknown, e.Outcome)
		require.Zero(t, srv.Count("GET"))
		require.Equal(t, 1, srv.Executions("work"))
	})
}

// A modern stream is never resumed, even if its events have IDs.
func TestModernStreamIsNeverResumed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(mode{mcptest.Modern, true})
		add(srv, "work", func(ctx context.Context, c *mcptest.Call) (jsonRaw, error) {
			c.Raw("id: 17\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\"}\n\n")
			c.Cut(true)
			<-ctx.Done()
			return nil, ctx.Err()
		})
		s := serve(t, srv, mcpclient.Options{})
		_, err := s.CallTool(t.Context(), "work", nil)
		require.Equal(t, mcpclient.KindOutcomeUnknown, failure(t, err).Kind)
		require.Equal(t, 1, srv.Executions("work"))
		require.Zero(t, srv.Count("GET"))
	})
}

// If a server closes its streams so that the client polls, the client polls no sooner than the
// server requested. A connection without events does not change the cursor (the last event ID).
func TestPolledStreamKeepsItsCursor(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		srv.Prime, srv.RetryField = true, "3000"
		polls := 0
		answered := make(chan struct{})
		add(srv, "work", func(_ context.Context, c *mcptest.Call) (jsonRaw, error) {
			c.Cut(false)
			<-answered
			return mcptest.Text("polled"), nil
		})
		srv.Intercept = func(w http.ResponseWriter, r *http.Request, _ *mcptest.Message) bool {
			if r.Method != http.MethodGet {
				return false
			}
			polls++
			if polls <= 5 {
				mcptest.StartSSE(w) // sends no event
				return true
			}
			close(answered)
			return false
		}
		s := serve(t, srv, mcpclient.Options{})
		srv.Reset()
		got := <-begin(t.Context(), s, "work")
		require.NoError(t, got.err)
		require.Equal(t, "polled", text(t, got.res))
		require.GreaterOrEqual(t, got.at, 6*3*time.Second, "never sooner than the server asked")
		require.LessOrEqual(t, got.at, time.Minute, "a stream without new events is polled less often, within reason")
		gets := srv.Requests("GET")
		require.Len(t, gets, 6)
		first := gets[0].Header.Get("Last-Event-Id")
		require.NotEmpty(t, first)
		for _, get := range gets {
			require.Equal(t, first, get.Header.Get("Last-Event-Id"))
		}
		require.Equal(t, 1, srv.Executions("work"))
	})
}

// If the server requests a reconnection time of years, the client waits a minute.
func TestAbsurdRetryIsClamped(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		srv.Prime, srv.RetryField = true, "99999999999"
		add(srv, "work", func(ctx context.Context, c *mcptest.Call) (jsonRaw, error) {
			c.Cut(false)
			return mcptest.Text("late"), mcptest.Sleep(ctx, time.Second)
		})
		s := serve(t, srv, mcpclient.Options{})
		got := <-begin(t.Context(), s, "work")
		require.NoError(t, got.err)
		require.Equal(t, time.Minute, got.at)
	})
}

// If four consecutive GETs fail to resume the stream, the outcome of the call is unknown.
func TestResumingGivesUp(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		srv.Prime = true
		add(srv, "work", func(ctx context.Context, c *mcptest.Call) (jsonRaw, error) {
			c.Cut(false)
			return never(ctx, c)
		})
		srv.Intercept = func(w http.ResponseWriter, r *http.Request, _ *mcptest.Message) bool {
			if r.Method == http.MethodGet {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
			return r.Method == http.MethodGet
		}
		s := serve(t, srv, mcpclient.Options{})
		_, err := s.CallTool(t.Context(), "work", nil)
		require.Equal(t, mcpclient.KindOutcomeUnknown, failure(t, err).Kind)
		require.Equal(t, 4, srv.Count("GET"))
		require.Equal(t, 1, srv.Executions("work"))
		echoes(t, s)
	})
}

// A list whose stream is lost is requested again.
func TestCutListIsRepeated(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		srv.EventIDs = false
		cut := true
		srv.Intercept = func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
			if m == nil || m.Method != "tools/list" || !cut {
				return false
			}
			cut = false
			mcptest.StartSSE(w)
			panic(http.ErrAbortHandler)
		}
		s := serve(t, srv, mcpclient.Options{})
		require.Equal(t, []string{"echo"}, listed(t, s))
		require.Equal(t, 2, srv.Count("tools/list"))
		ids := srv.Requests("tools/list")
		require.NotEqual(t, ids[0].ID, ids[1].ID, "a new try is a new request")
	})
}
