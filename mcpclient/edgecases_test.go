package mcpclient_test

import (
	"context"
	"math"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// The longest possible timeout does not overflow and does not affect other timeouts.
func TestLongestTimeoutLeavesTheOthersAlone(t *testing.T) {
	t.Run("idle", func(t *testing.T) {
		inBubble(t, func(t *testing.T, srv *mcptest.Server) {
			add(srv, "never", never)
			s := serve(t, srv, mcpclient.Options{})
			synctest.Wait()
			time.Sleep(time.Second) // fake time, so that the session's clock is not at zero
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Hour, errPatience)
			defer cancel()
			got := <-begin(ctx, s, "never", mcpclient.WithIdleTimeout(math.MaxInt64), mcpclient.WithTotalTimeout(time.Second))
			require.Equal(t, mcpclient.KindTimeout, failure(t, got.err).Kind, "%v", got.err)
			require.Equal(t, time.Second, got.at)
		})
	})
	t.Run("total", func(t *testing.T) {
		inBubble(t, func(t *testing.T, srv *mcptest.Server) {
			s := serve(t, srv, mcpclient.Options{Retry: mcpclient.Retry{MaxTries: 1}})
			hangOn(srv, "tools/list")
			time.Sleep(time.Second) // fake time, as above
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Hour, errPatience)
			defer cancel()
			start := time.Now()
			_, err := s.ListTools(ctx, nil, mcpclient.WithTotalTimeout(math.MaxInt64))
			require.Equal(t, mcpclient.KindTimeout, failure(t, err).Kind, "%v", err)
			require.Equal(t, mcpclient.DefaultTryTimeout, time.Since(start))
		})
	})
}

// A JSON-RPC error with the request's ID is the answer to the request, whatever the status and
// content type. The client does not send the request again.
func TestErrorAsAStreamUnderStatus500IsTheAnswer(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, mcpclient.Options{})
		srv.SetIntercept(func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
			if m == nil || (m.Method != "tools/call" && m.Method != "tools/list") {
				return false
			}
			w.Header().Set("Content-Type", "text/event-stream")
			w.WriteHeader(http.StatusInternalServerError)
			answer := mcptest.ErrorResponse(m.ID, &mcptest.Error{Code: -32050, Message: "out of order"})
			mcptest.WriteRaw(w, "event: message\ndata: "+string(answer)+"\n\n")
			return true
		})
		srv.Reset()
		_, callErr := s.CallTool(t.Context(), "echo", nil)
		_, listErr := s.ListTools(t.Context(), nil)
		for _, err := range []error{callErr, listErr} {
			e := failure(t, err)
			require.Equal(t, mcpclient.KindServer, e.Kind, "%v", err)
			require.Equal(t, mcpclient.Answered, e.Outcome)
			var rpc *mcpclient.RPCError
			require.ErrorAs(t, err, &rpc)
			require.EqualValues(t, -32050, rpc.Code)
		}
		require.Equal(t, []string{"tools/call", "tools/list"}, srv.Methods())
	})
}

// A session keeps the server's description in memory until the session ends, so a description of a
// megabyte is refused.
func TestHandshakeOverTheLimit(t *testing.T) {
	eachMode(t, func(t *testing.T, srv *mcptest.Server) {
		srv.Instructions = strings.Repeat("x", 1<<20)
		_, err := tryConnect(t, srv.InMemory(t), mcpclient.Options{})
		what := "body bytes"
		if srv.SSE {
			what = "event bytes"
		}
		limited(t, err, what, 1<<20)
	})
}

// A stream whose connections carry only a reconnection time counts as idle, however often it
// reconnects.
func TestPolledStreamThatBringsNothingIsIdle(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		srv.Prime = true
		add(srv, "work", func(ctx context.Context, c *mcptest.Call) (jsonRaw, error) {
			c.Cut(false)
			return never(ctx, c)
		})
		srv.Intercept = func(w http.ResponseWriter, r *http.Request, _ *mcptest.Message) bool {
			if r.Method != http.MethodGet {
				return false
			}
			mcptest.StartSSE(w)
			mcptest.WriteRaw(w, "retry: 10\n\n")
			return true
		}
		s := serve(t, srv, mcpclient.Options{})
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Hour, errPatience)
		defer cancel()
		got := <-begin(ctx, s, "work")
		idle(t, got.err)
		require.Equal(t, mcpclient.DefaultIdleTimeout, got.at)
		require.Greater(t, srv.Count("GET"), 1)
		require.Equal(t, 1, srv.Executions("work"))
	})
}

// A header hook may use another session. If the other session is closed, the session with the hook
// is not affected.
func TestHookOfAClosedSession(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		link := srv.InMemory(t)
		keys := connect(t, link, mcpclient.Options{})
		var fails atomic.Bool
		s := connect(t, link, mcpclient.Options{HeaderHook: func(ctx context.Context, _ http.Header) error {
			if fails.Load() {
				return keys.Ping(ctx)
			}
			return nil
		}})
		require.NoError(t, keys.Close())
		fails.Store(true)
		_, err := s.CallTool(t.Context(), "echo", nil)
		require.ErrorIs(t, err, mcpclient.ErrClosed, "the error wraps the cause")
		require.Equal(t, mcpclient.KindNotSent, failure(t, err).Kind, "%v", err)
		require.False(t, mcpclient.KindOf(err) == mcpclient.KindClosed)
		fails.Store(false)
		echoes(t, s)
	})
}
