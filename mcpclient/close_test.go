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

// Close ends all pending calls at once.
func TestCloseEndsCalls(t *testing.T) {
	eachMode(t, func(t *testing.T, srv *mcptest.Server) {
		var d diary
		add(srv, "never", never)
		link := srv.InMemory(t)
		s := connect(t, link, mcpclient.Options{Handlers: d.handlers()})
		hangOn(srv, "tools/list")
		var calls []<-chan outcome
		for range 10 {
			calls = append(calls, begin(t.Context(), s, "never"))
		}
		list := make(chan error, 1)
		go func() {
			_, err := s.ListTools(t.Context(), nil)
			list <- err
		}()
		synctest.Wait()
		start := time.Now()
		require.NoError(t, s.Close())
		require.LessOrEqual(t, time.Since(start), 50*time.Millisecond, "no longer than draining a stream")
		for _, call := range calls {
			got := <-call
			e := failure(t, got.err)
			require.Equal(t, mcpclient.KindClosed, e.Kind, "%v", got.err)
			require.ErrorIs(t, got.err, mcpclient.ErrClosed)
			require.Equal(t, mcpclient.Unknown, e.Outcome)
			require.Zero(t, got.at)
		}
		require.True(t, mcpclient.KindOf(<-list) == mcpclient.KindClosed)
		synctest.Wait()
		notices := 0
		if s.Era() == mcpclient.EraLegacy {
			notices = 11 // the cancellations, all sent before the DELETE, because a server may wait for its handlers before it answers the DELETE
		}
		require.Equal(t, notices, srv.Count("notifications/cancelled"), "a modern server sees the closed streams")

		require.NoError(t, s.Close(), "twice")
		_, err := s.CallTool(t.Context(), "echo", nil)
		require.True(t, mcpclient.KindOf(err) == mcpclient.KindClosed, "%v", err)
		require.True(t, unsent(err))
		require.False(t, mcpclient.MayHaveRun(err))
		require.True(t, mcpclient.KindOf(s.Ping(t.Context())) == mcpclient.KindClosed)
		for _, err := range s.Tools(t.Context()) {
			require.True(t, mcpclient.KindOf(err) == mcpclient.KindClosed)
		}
	})
}

// An interrupted program cancels a call and immediately closes the session. The server gets exactly
// one cancellation, before the DELETE.
func TestCloseAfterACancellation(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		add(srv, "never", never)
		s := serve(t, srv, mcpclient.Options{})
		ctx, cancel := context.WithCancel(t.Context())
		call := begin(ctx, s, "never")
		synctest.Wait()
		cancel()
		require.Equal(t, mcpclient.KindCanceled, failure(t, (<-call).err).Kind)
		start := time.Now()
		require.NoError(t, s.Close())
		require.LessOrEqual(t, time.Since(start), 50*time.Millisecond, "no longer than draining a stream")
		require.Equal(t, []string{srv.Requests("tools/call")[0].ID}, srv.Cancelled())
		methods := srv.Methods()
		require.Equal(t, []string{"notifications/cancelled", "DELETE"}, methods[len(methods)-2:])
	})
}

// If the server does not answer the cancellation, Close waits for it during a quarter of the close
// timeout and returns no error.
func TestCloseWaitsForNoticesWithinBounds(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		add(srv, "never", never)
		s := serve(t, srv, mcpclient.Options{})
		ctx, cancel := context.WithCancel(t.Context())
		call := begin(ctx, s, "never")
		synctest.Wait()
		hold := srv.Hold("notifications/cancelled")
		cancel()
		<-call
		start := time.Now()
		require.NoError(t, s.Close())
		require.Equal(t, mcpclient.DefaultCloseTimeout/4, time.Since(start))
		require.Len(t, hold.Arrived(), 1)
		require.Equal(t, 1, srv.Count("DELETE"))
		hold.Release()
	})
}

// Close also ends calls that wait for a backoff or for a recovery.
func TestCloseEndsWaiting(t *testing.T) {
	t.Run("backoff", func(t *testing.T) {
		inBubble(t, func(t *testing.T, srv *mcptest.Server) {
			s := serve(t, srv, mcpclient.Options{})
			srv.SetIntercept(func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
				if m == nil || m.Method != "tools/call" {
					return false
				}
				w.Header().Set("Retry-After", "60")
				w.WriteHeader(http.StatusTooManyRequests)
				return true
			})
			call := begin(t.Context(), s, "echo")
			synctest.Wait()
			require.NoError(t, s.Close())
			got := <-call
			require.True(t, mcpclient.KindOf(got.err) == mcpclient.KindClosed, "%v", got.err)
			require.False(t, mcpclient.MayHaveRun(got.err), "the server refused the call")
			require.Zero(t, got.at)
		})
	})
	t.Run("recovery", func(t *testing.T) {
		inBubble(t, func(t *testing.T, srv *mcptest.Server) {
			s := serve(t, srv, mcpclient.Options{})
			srv.LoseSessions()
			srv.Hold("initialize")
			call := begin(t.Context(), s, "echo")
			synctest.Wait()
			require.NoError(t, s.Close())
			got := <-call
			require.True(t, mcpclient.KindOf(got.err) == mcpclient.KindClosed, "%v", got.err)
			require.False(t, mcpclient.MayHaveRun(got.err), "the server refused the call")
			require.Zero(t, got.at)
		})
	})
	t.Run("resumption", func(t *testing.T) {
		inBubble(t, func(t *testing.T, srv *mcptest.Server) {
			srv.Prime, srv.RetryField = true, "60000"
			add(srv, "work", func(ctx context.Context, c *mcptest.Call) (jsonRaw, error) {
				c.Cut(true)
				return never(ctx, c)
			})
			s := serve(t, srv, mcpclient.Options{})
			call := begin(t.Context(), s, "work")
			synctest.Wait()
			require.NoError(t, s.Close())
			got := <-call
			require.True(t, mcpclient.KindOf(got.err) == mcpclient.KindClosed, "%v", got.err)
			require.True(t, mcpclient.MayHaveRun(got.err))
			require.Zero(t, got.at)
		})
	})
}

// If the server never answers the DELETE, Close returns after its timeout without an error.
func TestCloseIsBounded(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		var d diary
		link := srv.InMemory(t)
		s := connect(t, link, mcpclient.Options{Handlers: d.handlers()})
		synctest.Wait()
		hold := srv.Hold("DELETE")
		start := time.Now()
		require.NoError(t, s.Close())
		require.LessOrEqual(t, time.Since(start), mcpclient.DefaultCloseTimeout)
		require.Len(t, hold.Arrived(), 1)
		hold.Release()
	})
}

// Close works over a dead connection, on which no request gets a reply.
func TestCloseOverADeadLink(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		var d diary
		link := srv.InMemory(t)
		s := connect(t, link, mcpclient.Options{Handlers: d.handlers()})
		synctest.Wait()
		link.Network.SilenceAll()
		link.Network.Stall(true)
		call := begin(t.Context(), s, "echo")
		synctest.Wait()
		start := time.Now()
		require.NoError(t, s.Close())
		require.LessOrEqual(t, time.Since(start), mcpclient.DefaultCloseTimeout)
		require.True(t, mcpclient.KindOf((<-call).err) == mcpclient.KindClosed)
		link.Network.Stall(false)
		link.Network.ResetAll()
	})
}

// Close returns no error if the server refuses the DELETE, whatever the status.
func TestRefusedDelete(t *testing.T) {
	for _, code := range []int{405, 404, 400, 500, 302} {
		inBubble(t, func(t *testing.T, srv *mcptest.Server) {
			srv.Intercept = func(w http.ResponseWriter, r *http.Request, _ *mcptest.Message) bool {
				if r.Method == http.MethodDelete {
					w.Header().Set("Location", "http://elsewhere.test/")
					w.WriteHeader(code)
				}
				return r.Method == http.MethodDelete
			}
			link := srv.InMemory(t)
			s, err := connectTo(t.Context(), link.URL, &mcpclient.Options{Transport: link.Transport})
			require.NoError(t, err)
			start := time.Now()
			require.NoError(t, s.Close(), code)
			require.Zero(t, time.Since(start))
			require.Equal(t, 1, srv.Count("DELETE"), "the DELETE is not repeated")
		})
	}
}

// If a handler never returns, Close waits until its timeout and returns an error. The program has
// to end the handler.
func TestCloseWaitsForHandlers(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		block := make(chan struct{})
		link := srv.InMemory(t)
		s, err := connectTo(t.Context(), link.URL, &mcpclient.Options{
			Transport: link.Transport,
			Handlers:  mcpclient.Handlers{ToolsChanged: func(context.Context, *mcpclient.Session) { <-block }},
			Timeouts:  mcpclient.Timeouts{Close: 3 * time.Second},
		})
		require.NoError(t, err)
		synctest.Wait()
		srv.Notify(toolsChanged, nil)
		synctest.Wait()
		start := time.Now()
		require.Error(t, s.Close())
		require.Equal(t, 3*time.Second, time.Since(start))
		close(block)
	})
}

// The context of a handler ends when the session closes.
func TestHandlersContextEndsWithTheSession(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, mcpclient.Options{Handlers: mcpclient.Handlers{ToolsChanged: func(ctx context.Context, _ *mcpclient.Session) { <-ctx.Done() }}})
		synctest.Wait()
		srv.Notify(toolsChanged, nil)
		synctest.Wait()
		start := time.Now()
		require.NoError(t, s.Close())
		require.Zero(t, time.Since(start))
	})
}

// Concurrent calls of Close wait for the same result.
func TestConcurrentClose(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, mcpclient.Options{})
		hold := srv.Hold("DELETE")
		done := make(chan error, 10)
		for range 10 {
			go func() { done <- s.Close() }()
		}
		<-hold.Arrived()
		require.Empty(t, done)
		hold.Release()
		for range 10 {
			require.NoError(t, <-done)
		}
		require.Equal(t, 1, srv.Count("DELETE"))
	})
}

// A transport that the user passed in belongs to the user. It still works after the session is
// closed.
func TestSharedTransportSurvives(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		link := srv.InMemory(t)
		one := connect(t, link, mcpclient.Options{})
		two := connect(t, link, mcpclient.Options{})
		add(srv, "never", never)
		ctx, cancel := context.WithCancel(t.Context())
		hanging := begin(ctx, two, "never")
		synctest.Wait()
		require.NoError(t, one.Close())
		synctest.Wait()
		require.Empty(t, hanging)
		echoes(t, two)
		cancel()
		<-hanging
	})
}
