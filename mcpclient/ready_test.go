package mcpclient_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// whenReady starts WaitReady on another goroutine. It returns the error and when it returned.
func whenReady(ctx context.Context, s *mcpclient.Session) <-chan outcome {
	done := make(chan outcome, 1)
	start := time.Now()
	go func() {
		err := s.WaitReady(ctx)
		done <- outcome{err: err, at: time.Since(start)}
	}()
	return done
}

// isReady reports whether WaitReady returns at once.
func isReady(t *testing.T, s *mcpclient.Session) bool {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := s.WaitReady(ctx)
	if err != nil {
		require.ErrorIs(t, err, context.Canceled)
	}
	return err == nil
}

// A session that is connected is ready, even if the context has ended. A closed one never is.
func TestWaitReady(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, mcpclient.Options{})
		require.True(t, isReady(t, s))
		require.NoError(t, s.Close())
		require.ErrorIs(t, s.WaitReady(t.Context()), mcpclient.ErrClosed)
		require.Equal(t, mcpclient.StateClosed, s.State())
	})
}

// loseIn makes a session need a recovery, and returns the method with which the recovery begins.
func loseIn(srv *mcptest.Server) (greeting string) {
	if srv.Era == mcptest.Legacy {
		srv.LoseSessions()
		return "initialize"
	}
	onceAt(srv, "tools/call", rpc(400, -32022, map[string]any{"supported": []string{mcp.ProtocolVersion20260728}}))
	return "server/discover"
}

// While a recovery runs, a call that needs it and WaitReady both wait. Both continue when it has
// ended.
func TestWaitReadyDuringARecovery(t *testing.T) {
	for _, fails := range []bool{false, true} {
		t.Run(map[bool]string{false: "that succeeds", true: "that fails"}[fails], func(t *testing.T) {
			eachEra(t, func(t *testing.T, srv *mcptest.Server) {
				s := serve(t, srv, mcpclient.Options{})
				greeting := srv.Hold(loseIn(srv))
				call := begin(t.Context(), s, "echo")
				synctest.Wait()
				require.Equal(t, mcpclient.StateRecovering, s.State())
				require.False(t, isReady(t, s))
				ready := whenReady(t.Context(), s)
				time.Sleep(time.Second) // fake time
				synctest.Wait()
				require.Empty(t, ready)
				require.Empty(t, call)
				if fails {
					srv.SetIntercept(func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
						if m == nil || m.Method != "initialize" && m.Method != "server/discover" {
							return false
						}
						w.WriteHeader(http.StatusForbidden)
						return true
					})
				}
				greeting.Release()
				got := <-ready
				require.NoError(t, got.err, "after a failed recovery, the next call goes to the server at once")
				require.Equal(t, time.Second, got.at)
				require.Equal(t, fails, (<-call).err != nil)
				require.Equal(t, mcpclient.StateReady, s.State())
				require.True(t, isReady(t, s))
				srv.SetIntercept(nil)
			})
		})
	}
}

// WaitReady returns the cause if its context ends first, and ErrClosed after Close.
func TestWaitReadyIsInterrupted(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, mcpclient.Options{})
		srv.Hold(loseIn(srv))
		call := begin(t.Context(), s, "echo")
		synctest.Wait()
		cause := errors.New("probe timed out")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, cause)
		defer cancel()
		got := <-whenReady(ctx, s)
		require.Equal(t, outcome{err: cause, at: time.Second}, got)
		ready := whenReady(t.Context(), s)
		synctest.Wait()
		require.NoError(t, s.Close())
		require.Equal(t, mcpclient.ErrClosed, (<-ready).err)
		require.Error(t, (<-call).err)
	})
}

// With a handler for requests of the server, the first calls of a legacy session wait for the shared
// stream, at most 2 s, and so does WaitReady. In a modern session they wait for nothing.
func TestWaitReadyUntilTheServerCanAsk(t *testing.T) {
	for name, wait := range map[string]time.Duration{"until the stream is open": time.Second, "at most 2 s": time.Hour} {
		t.Run(name, func(t *testing.T) {
			eachEra(t, func(t *testing.T, srv *mcptest.Server) {
				gate := srv.Hold(http.MethodGet)
				var d diary
				s := serve(t, srv, mcpclient.Options{Handlers: d.requestHandlers("form")})
				synctest.Wait()
				legacy := srv.Era == mcptest.Legacy
				require.Equal(t, !legacy, isReady(t, s))
				call, ready := begin(t.Context(), s, "echo"), whenReady(t.Context(), s)
				time.AfterFunc(wait, gate.Release)
				expected := time.Duration(0)
				if legacy {
					expected = min(wait, 2*time.Second)
				}
				got := <-ready
				require.NoError(t, got.err)
				require.Equal(t, expected, got.at)
				require.Equal(t, expected, (<-call).at, "a call goes out at the same moment")
				require.True(t, isReady(t, s))
			})
		})
	}
}
