package mcpclient_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// A server restarts during a hundred calls. Half of its refusals arrive before the recovery, half
// only after it, and one caller gives up. The client starts a single new session, and all other
// calls get a result.
func TestHundredCallsOneRecovery(t *testing.T) {
	for _, sse := range []bool{false, true} {
		t.Run(mode{mcptest.Legacy, sse}.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { hundredCalls(t, newServer(mode{mcptest.Legacy, sse})) })
		})
	}
}

func hundredCalls(t *testing.T, srv *mcptest.Server) {
	t.Helper()
	s := serve(t, srv, mcpclient.Options{})
	srv.LoseSessions()
	srv.Reset()
	old := "session-1"
	var seen atomic.Int32
	late := srv.HoldIf(func(r *mcptest.Request) bool {
		return r.Method == "tools/call" && r.Session == old && seen.Add(1) > 50
	})
	greeting := srv.Hold("initialize")

	ctx, cancel := context.WithCancel(t.Context())
	impatient := begin(ctx, s, "echo")
	synctest.Wait() // the call was refused and waits for the recovery
	require.Equal(t, mcpclient.StateRecovering, s.State())
	waiting := make([]<-chan outcome, 99)
	for i := range waiting {
		waiting[i] = begin(t.Context(), s, "echo")
	}
	synctest.Wait()
	require.Len(t, late.Arrived(), 50)
	require.Len(t, greeting.Arrived(), 1, "one recovery for all")
	cancel()
	got := <-impatient
	e := failure(t, got.err)
	require.Equal(t, mcpclient.KindCanceled, e.Kind)
	require.ErrorIs(t, got.err, context.Canceled)
	require.Equal(t, mcpclient.NotRun, e.Outcome, "the server refused the call, so it cannot have run")
	require.Zero(t, got.at)

	greeting.Release()
	synctest.Wait()
	require.Equal(t, mcpclient.StateReady, s.State(), "the caller that gave up did not end the recovery")
	late.Release()
	for _, call := range waiting {
		got := <-call
		require.NoError(t, got.err)
		require.Equal(t, "{}", text(t, got.res))
	}
	require.Equal(t, 99, srv.Executions("echo"))
	require.Equal(t, 1, srv.Count("initialize"))
	require.Equal(t, 1, srv.Count("notifications/initialized"))
	require.Zero(t, srv.Count("server/discover"), "the era is known")
	require.Zero(t, srv.Count("notifications/cancelled"), "no call is running that could be cancelled")
	now, ever := srv.Sessions()
	require.Equal(t, []int{1, 2}, []int{now, ever})
}

// forgetful makes a server lose its sessions when a tool is called, before it handles the call.
// losses is the number of calls for which this happens.
func forgetful(srv *mcptest.Server, style mcptest.RefuseStyle, losses int32) {
	var lost atomic.Int32
	srv.Refuse = style
	srv.SetIntercept(func(_ http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
		if m != nil && m.Method == "tools/call" && lost.Add(1) <= losses {
			srv.LoseSessions()
		}
		return false
	})
}

// A server restarts several times and refuses the same call after each restart. The refusals prove
// that the call did not run, so the client sends it again until the server answers it.
func TestSessionsLostAgainAndAgain(t *testing.T) {
	for _, style := range []mcptest.RefuseStyle{mcptest.Refuse404, mcptest.Refuse404Plain, mcptest.Refuse400} {
		t.Run(fmt.Sprint(style), func(t *testing.T) {
			inBubble(t, func(t *testing.T, srv *mcptest.Server) {
				s := serve(t, srv, mcpclient.Options{})
				srv.Reset()
				forgetful(srv, style, 3)
				start := time.Now()
				echoes(t, s)
				require.Equal(t, 1, srv.Executions("echo"))
				require.Equal(t, 4, srv.Count("tools/call"))
				require.Equal(t, 3, srv.Count("initialize"))
				// The first recovery starts at once. The next two start after 250 ms and 1 s, each
				// ± 20%.
				require.GreaterOrEqual(t, time.Since(start), 1000*time.Millisecond)
				require.LessOrEqual(t, time.Since(start), 1500*time.Millisecond)
			})
		})
	}
}

// If a server loses each new session at once, the call fails when its tries are used up or the
// caller's deadline expires.
func TestEndlessLossesEnd(t *testing.T) {
	for name, row := range map[string]struct {
		within time.Duration
		retry  mcpclient.Retry
		kind   mcpclient.Kind
		tries  int
	}{
		"tries":    {time.Hour, mcpclient.Retry{}, mcpclient.KindSessionLost, 4},
		"one try":  {time.Hour, mcpclient.Retry{MaxTries: 1}, mcpclient.KindSessionLost, 2},
		"deadline": {100 * time.Millisecond, mcpclient.Retry{}, mcpclient.KindCanceled, 2},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, srv *mcptest.Server) {
				s := serve(t, srv, mcpclient.Options{Retry: row.retry})
				srv.Reset()
				forgetful(srv, mcptest.Refuse404, 1000)
				ctx, cancel := context.WithTimeout(t.Context(), row.within)
				defer cancel()
				_, err := s.CallTool(ctx, "echo", nil)
				e := failure(t, err)
				require.Equal(t, row.kind, e.Kind, "%v", err)
				require.Equal(t, mcpclient.NotRun, e.Outcome)
				require.True(t, mcpclient.SafeToRepeat(err))
				require.Equal(t, row.tries, e.Tries)
				require.Equal(t, row.tries, srv.Count("tools/call"))
				require.Equal(t, row.tries-1, srv.Count("initialize"))
				srv.SetIntercept(nil)
				echoes(t, s)
				require.Equal(t, 1, srv.Executions("echo"))
			})
		})
	}
}

// A failed recovery fails only the calls that waited for it.
func TestFailedRecoveryIsTriedAgainByTheNextCall(t *testing.T) {
	for code, kind := range map[int]mcpclient.Kind{
		http.StatusTeapot: mcpclient.KindSessionLost, http.StatusForbidden: mcpclient.KindForbidden, http.StatusUnauthorized: mcpclient.KindAuthRequired,
	} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			inBubble(t, func(t *testing.T, srv *mcptest.Server) { failedRecovery(t, srv, code, kind) })
		})
	}
}

func failedRecovery(t *testing.T, srv *mcptest.Server, code int, kind mcpclient.Kind) {
	t.Helper()
	var broken atomic.Bool
	srv.Intercept = func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
		if broken.Load() && m != nil && m.Method == "initialize" {
			w.WriteHeader(code)
			return true
		}
		return false
	}
	s := serve(t, srv, mcpclient.Options{})
	srv.LoseSessions()
	broken.Store(true)
	for range 2 {
		srv.Reset()
		_, err := s.CallTool(t.Context(), "echo", nil)
		e := failure(t, err)
		require.Equal(t, kind, e.Kind, "%v", err)
		require.ErrorIs(t, err, mcpclient.ErrSessionLost)
		require.Equal(t, mcpclient.NotRun, e.Outcome)
		var status *mcpclient.HTTPError
		require.ErrorAs(t, err, &status, "the error wraps the cause of the failed recovery")
		require.Equal(t, code, status.Status)
		require.Equal(t, 1, srv.Count("initialize"), "each call tries one recovery")
	}
	broken.Store(false)
	srv.Reset()
	echoes(t, s)
	require.Equal(t, 1, srv.Count("initialize"))
}

// If the server refuses the initialize of a recovery, the client sends server/discover once, but
// does not repeat initialize.
func TestRefusedInitializeIsNotRepeated(t *testing.T) {
	for _, code := range []int{http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			inBubble(t, func(t *testing.T, srv *mcptest.Server) { failedRecovery(t, srv, code, mcpclient.KindSessionLost) })
		})
	}
}

// If the recovery times out, the outcome of the refused call is still that it did not run.
func TestHangingRecoveryDoesNotChangeTheOutcome(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		var hangs atomic.Bool
		srv.Intercept = func(_ http.ResponseWriter, r *http.Request, m *mcptest.Message) bool {
			if hangs.Load() && m != nil && m.Method == "initialize" {
				srv.Hang(r)
				return true
			}
			return false
		}
		s := serve(t, srv, mcpclient.Options{})
		srv.LoseSessions()
		hangs.Store(true)
		got := <-begin(t.Context(), s, "echo")
		e := failure(t, got.err)
		require.Equal(t, mcpclient.DefaultTryTimeout, got.at)
		require.Equal(t, mcpclient.NotRun, e.Outcome, "%v", got.err)
		require.ErrorIs(t, got.err, context.DeadlineExceeded)
		require.Equal(t, mcpclient.KindSessionLost, e.Kind)
		require.Zero(t, srv.Count("notifications/cancelled"))
		hangs.Store(false)
		echoes(t, s)
	})
}

// The tool ran, its stream broke, and the session is lost when the client resumes the stream.
// Whether the tool finished cannot be known.
func TestLossOnTheResumingGetIsNotReplayed(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		add(srv, "charge", func(_ context.Context, c *mcptest.Call) (res jsonRaw, err error) {
			c.Progress(1, 2, "")
			c.Log("info", "half way")
			srv.LoseSessions()
			c.Cut(true)
			return mcptest.Text("charged"), nil
		})
		// The answer must not be written to the stream before the stream is cut.
		srv.HoldStreams = true
		charge := srv.Tools[1].Run
		release := make(chan struct{})
		srv.Tools[1].Run = func(ctx context.Context, c *mcptest.Call) (jsonRaw, error) {
			res, err := charge(ctx, c)
			<-release
			return res, err
		}
		s := serve(t, srv, mcpclient.Options{})
		_, err := s.CallTool(t.Context(), "charge", nil)
		close(release)
		e := failure(t, err)
		require.Equal(t, mcpclient.KindOutcomeUnknown, e.Kind, "%v", err)
		require.Equal(t, mcpclient.Unknown, e.Outcome)
		require.Equal(t, 1, srv.Count("GET"))
		require.NotEmpty(t, srv.Requests("GET")[0].Header.Get("Last-Event-Id"))
		require.Equal(t, 1, srv.Count("tools/call"))
		srv.HoldStreams = false
		echoes(t, s)
		require.Equal(t, 1, srv.Executions("charge"))
	})
}

// Some servers answer 400 with a JSON-RPC error for a session that they lost. If several calls get
// such an answer, the client sends one ping for all of them.
func TestRefusalBy400IsProbedOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		srv.Refuse = mcptest.Refuse400
		s := serve(t, srv, mcpclient.Options{})
		srv.LoseSessions()
		srv.Reset()
		probe := srv.Hold("ping")
		var calls []<-chan outcome
		for range 50 {
			calls = append(calls, begin(t.Context(), s, "echo"))
		}
		synctest.Wait()
		require.Equal(t, 50, srv.Count("tools/call"))
		require.Len(t, probe.Arrived(), 1)
		probe.Release()
		for _, call := range calls {
			require.NoError(t, (<-call).err)
		}
		require.Equal(t, 2, srv.Count("ping"), "one in each session")
		require.Equal(t, 1, srv.Count("initialize"))
		require.Equal(t, 50, srv.Executions("echo"))
	})
}

// If the session is still alive, a 400 with a JSON-RPC error is the answer to the call.
func TestRefusalBy400OfALiveSession(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		srv.Intercept = func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
			if m == nil || m.Method != "prompts/get" {
				return false
			}
			mcptest.WriteError(w, http.StatusBadRequest, nil, -32000, "no")
			return true
		}
		s := serve(t, srv, mcpclient.Options{})
		_, err := s.GetPrompt(t.Context(), "x", nil)
		e := failure(t, err)
		require.Equal(t, mcpclient.KindHTTP, e.Kind)
		require.Equal(t, 1, srv.Count("prompts/get"))
		require.Equal(t, 1, srv.Count("ping"))
		require.Equal(t, 1, srv.Count("initialize"), "only the first handshake")
	})
}

// If a busy server refuses the ping, the client learns nothing about the session and must keep it.
func TestRefusedProbeOfABusyServerKeepsTheSession(t *testing.T) {
	for _, code := range []int{http.StatusServiceUnavailable, http.StatusTooManyRequests, http.StatusUnauthorized} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			inBubble(t, func(t *testing.T, srv *mcptest.Server) {
				srv.Intercept = func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
					switch {
					case m != nil && m.Method == "prompts/get":
						mcptest.WriteError(w, http.StatusBadRequest, nil, -32000, "no")
					case m != nil && m.Method == "ping":
						w.WriteHeader(code)
					default:
						return false
					}
					return true
				}
				s := serve(t, srv, mcpclient.Options{})
				_, err := s.GetPrompt(t.Context(), "x", nil)
				require.Equal(t, mcpclient.KindHTTP, failure(t, err).Kind)
				require.Equal(t, 1, srv.Count("initialize"), "the session was not replaced")
			})
		})
	}
}

// With SessionLossFail, the session recovers, but the call that detected the loss fails. The caller
// has to repeat it.
func TestSessionLossFail(t *testing.T) {
	for _, style := range []mcptest.RefuseStyle{mcptest.Refuse404, mcptest.Refuse400} {
		t.Run(fmt.Sprint(style), func(t *testing.T) {
			inBubble(t, func(t *testing.T, srv *mcptest.Server) {
				srv.Refuse = style
				s := serve(t, srv, mcpclient.Options{SessionLoss: mcpclient.SessionLossFail})
				srv.LoseSessions()
				_, err := s.CallTool(t.Context(), "echo", nil)
				e := failure(t, err)
				require.Equal(t, mcpclient.KindSessionLost, e.Kind)
				require.ErrorIs(t, err, mcpclient.ErrSessionLost)
				require.Equal(t, mcpclient.NotRun, e.Outcome)
				require.Zero(t, srv.Executions("echo"))
				require.Equal(t, 2, srv.Count("initialize"))
				echoes(t, s)
				require.Equal(t, 2, srv.Count("initialize"))
			})
		})
	}
}

// A recovery restores the settings of the old session and calls SessionRestored.
func TestRecoveryRestoresAndReports(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		var mu sync.Mutex
		var delivered []string
		note := func(text string) {
			mu.Lock()
			defer mu.Unlock()
			delivered = append(delivered, text)
		}
		s := serve(t, srv, mcpclient.Options{Handlers: mcpclient.Handlers{
			ToolsChanged: func(context.Context, *mcpclient.Session) { note("tools") },
			SessionRestored: func(_ context.Context, _ *mcpclient.Session, r mcpclient.SessionRestored) {
				note("restored " + r.Era.String() + " " + r.ProtocolVersion)
			},
		}})
		require.NoError(t, s.SetLogLevel(t.Context(), mcp.LoggingLevelError))
		synctest.Wait()
		require.Equal(t, 1, srv.Count("GET"))
		srv.LoseSessions()
		srv.Reset()
		echoes(t, s)
		synctest.Wait()
		require.Equal(t, "error", srv.Level())
		require.Equal(t, 1, srv.Count("logging/setLevel"))
		require.Equal(t, 1, srv.Count("GET"), "the shared stream is opened in the new session")
		require.Equal(t, "session-2", srv.Requests("GET")[0].Session)
		srv.Notify("notifications/tools/list_changed", nil)
		synctest.Wait()
		require.Equal(t, []string{"restored legacy 2025-11-25", "tools"}, delivered)
	})
}

// A log level that was never set is not restored.
func TestRecoveryRestoresOnlyWhatWasSet(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, mcpclient.Options{})
		srv.LoseSessions()
		echoes(t, s)
		synctest.Wait()
		require.Zero(t, srv.Count("logging/setLevel"))
		require.Zero(t, srv.Count("GET"))
	})
}

// A recovery does not disturb calls that the server is still running in the old session.
func TestRecoveryLeavesRunningCallsAlone(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		release := make(chan struct{})
		add(srv, "slow", func(context.Context, *mcptest.Call) (jsonRaw, error) {
			<-release
			return mcptest.Text("late"), nil
		})
		s := serve(t, srv, mcpclient.Options{})
		slow := begin(t.Context(), s, "slow")
		synctest.Wait()
		srv.LoseSessions()
		echoes(t, s)
		close(release)
		got := <-slow
		require.NoError(t, got.err)
		require.Equal(t, "late", text(t, got.res))
		require.Equal(t, 1, srv.Executions("slow"))
	})
}
