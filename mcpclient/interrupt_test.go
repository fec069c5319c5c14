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

// stall makes the server stop in the middle of its reply to a method: before the headers, in a JSON
// body, in an event stream, or while it is busy.
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

// eachStage runs a test for each stage of a handshake or recovery: the request that it waits for,
// and where the reply stalls.
func eachStage(t *testing.T, methods []string, test func(t *testing.T, srv *mcptest.Server, method, where string)) {
	t.Helper()
	for _, method := range methods {
		for _, where := range []string{"headers", "body", "stream", "backoff"} {
			if method == "notifications/initialized" && where != "headers" && where != "backoff" {
				continue // the body of its reply is ignored
			}
			if method == "ping" && where == "backoff" {
				continue // the probe is not repeated
			}
			t.Run(method+"/"+where, func(t *testing.T) {
				inBubble(t, func(t *testing.T, srv *mcptest.Server) { test(t, srv, method, where) })
			})
		}
	}
}

// The context ends Connect in the middle of every reply that it waits for, and during backoff.
func TestContextEndsConnectInEveryReply(t *testing.T) {
	eachStage(t, []string{"server/discover", "initialize", "notifications/initialized"}, func(t *testing.T, srv *mcptest.Server, method, where string) {
		link := srv.InMemory(t)
		stall(srv, method, where)
		endedAfter(t, 3*time.Second, func(ctx context.Context) error {
			_, err := mcpclient.Connect(ctx, link.URL, &mcpclient.Options{Transport: link.Transport})
			return err
		})
	})
}

// recovering brings a session to a stage of its recovery.
func recovering(t *testing.T, srv *mcptest.Server, method, where string) *mcpclient.Session {
	t.Helper()
	if method == "ping" {
		srv.Refuse = mcptest.Refuse400
	}
	s := serve(t, srv, mcpclient.Options{})
	require.NoError(t, s.SetLogLevel(t.Context(), mcp.LoggingLevelError)) // which a recovery restores
	srv.LoseSessions()
	stall(srv, method, where)
	return s
}

var recoveryStages = []string{"ping", "initialize", "notifications/initialized", "logging/setLevel"}

// refusedWith returns what a refused call knows at a stage of the recovery. A 400 proves that the
// call did not run only after the ping was answered.
func refusedWith(stage string) mcpclient.Outcome {
	if stage == "ping" {
		return mcpclient.Answered
	}
	return mcpclient.NotRun
}

// A context ends a call's wait for a recovery at every stage, and the next call works.
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
		time.Sleep(time.Minute) // of fake time, so that the recovery has ended
		echoes(t, s)
		require.Equal(t, 1, srv.Executions("echo"))
	})
}

// Close ends a recovery and the calls that wait for it, at every stage and at once.
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
