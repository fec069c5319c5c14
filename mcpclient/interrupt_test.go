package mcpclient_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// stall makes the server stop in the middle of its reply to a method. where says at which point:
// before the headers, in a JSON body, in an event stream, or while the server is busy.
func stall(srv *mcptest.Server, method, where string) {
	srv.SetIntercept(func(w http.ResponseWriter, r *http.Request, m *mcptest.Message) bool {
		if m == nil || m.Method != method {
			return false
		}
		switch where {
		case "headers":
		case "body":
			w.Header().Set("Content-Type", "application/json")
			mcptest.WriteRaw(w, `{"jsonrpc":"2.0",`)
		case "stream":
			mcptest.StartSSE(w)
			mcptest.WriteRaw(w, ": one moment\n\n")
		case "backoff":
			w.Header().Set("Retry-After", "55")
			w.WriteHeader(http.StatusTooManyRequests)
			return true
		}
		srv.Hang(r)
		return true
	})
}

// eachStage runs a test for each stage of a handshake or recovery. A stage is a pair: the method
// whose reply is awaited, and the point where the reply stalls.
func eachStage(t *testing.T, methods []string, test func(t *testing.T, srv *mcptest.Server, method, where string)) {
	t.Helper()
	for _, method := range methods {
		for _, where := range []string{"headers", "body", "stream", "backoff"} {
			if method == "notifications/initialized" && where != "headers" && where != "backoff" {
				continue // the client ignores the body of the reply to this notification
			}
			if method == "ping" && where == "backoff" {
				continue // the client does not repeat server/discover
			}
			t.Run(method+"/"+where, func(t *testing.T) {
				inBubble(t, func(t *testing.T, srv *mcptest.Server) { test(t, srv, method, where) })
			})
		}
	}
}

// When the context ends, Connect returns, even in the middle of a reply and during backoff.
func TestContextEndsConnectInEveryReply(t *testing.T) {
	eachStage(t, []string{"server/discover", "initialize", "notifications/initialized"}, func(t *testing.T, srv *mcptest.Server, method, where string) {
		link := srv.InMemory(t)
		stall(srv, method, where)
		endedAfter(t, 3*time.Second, func(ctx context.Context) error {
			_, err := connectTo(ctx, link.URL, &mcpclient.Options{Transport: link.Transport})
			return err
		})
	})
}

// recovering returns a session whose recovery has reached the given stage.
func recovering(t *testing.T, srv *mcptest.Server, method, where string) *mcpclient.Session {
	t.Helper()
	if method == "ping" {
		srv.Refuse = mcptest.Refuse400
	}
	s := serve(t, srv, mcpclient.Options{})
	require.NoError(t, s.SetLogLevel(t.Context(), mcp.LoggingLevelError)) // a recovery restores this level
	srv.LoseSessions()
	stall(srv, method, where)
	return s
}

var recoveryStages = []string{"ping", "initialize", "notifications/initialized", "logging/setLevel"}

// refusedWith returns the outcome of a refused call at a stage of the recovery. A refusal with
// status 400 counts as the answer until the ping shows that the session is lost.
func refusedWith(stage string) mcpclient.Outcome {
	if stage == "ping" {
		return mcpclient.Answered
	}
	return mcpclient.NotRun
}

// If a call waits for a recovery, the call's context can end the wait at every stage. The next call
// works.
func TestContextEndsTheWaitForEveryStageOfARecovery(t *testing.T) {
	eachStage(t, recoveryStages, func(t *testing.T, srv *mcptest.Server, method, where string) {
		s := recovering(t, srv, method, where)
		e := endedAfter(t, 3*time.Second, func(ctx context.Context) error {
			_, err := s.CallTool(ctx, "echo", nil)
			return err
		})
		require.Equal(t, refusedWith(method), e.Outcome)
		require.Zero(t, srv.Executions("echo"))
		srv.SetIntercept(nil)
		time.Sleep(time.Minute) // fake time, so that the recovery has ended
		echoes(t, s)
		require.Equal(t, 1, srv.Executions("echo"))
	})
}

// At every stage, Close immediately ends the recovery and the calls that wait for it.
func TestCloseEndsEveryStageOfARecovery(t *testing.T) {
	eachStage(t, recoveryStages, func(t *testing.T, srv *mcptest.Server, method, where string) {
		s := recovering(t, srv, method, where)
		call := begin(t.Context(), s, "echo")
		synctest.Wait()
		require.Equal(t, mcpclient.StateRecovering, s.State())
		start := time.Now()
		require.NoError(t, s.Close())
		require.LessOrEqual(t, time.Since(start), 50*time.Millisecond, "no longer than a drain")
		got := <-call
		require.True(t, mcpclient.KindOf(got.err) == mcpclient.KindClosed, "%v", got.err)
		require.Equal(t, refusedWith(method), mcpclient.OutcomeOf(got.err))
		require.LessOrEqual(t, got.at, 50*time.Millisecond)
	})
}
