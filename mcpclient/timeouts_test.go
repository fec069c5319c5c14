package mcpclient_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/transport"
)

var errPatience = errors.New("out of patience")

// endedAfter runs f with a context that ends after d. It checks that f returns at exactly that
// time, with an error that wraps both the context's error and its cause, and returns that error.
func endedAfter(t *testing.T, d time.Duration, f func(ctx context.Context) error) *mcpclient.Error {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), d, errPatience)
	defer cancel()
	start := time.Now()
	err := f(ctx)
	require.Equal(t, d, time.Since(start), "%v", err)
	e := failure(t, err)
	require.Equal(t, mcpclient.KindCanceled, e.Kind, "%v", err)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorIs(t, err, errPatience)
	return e
}

// hangOn makes the server never answer a method.
func hangOn(srv *mcptest.Server, method string) {
	srv.SetIntercept(func(_ http.ResponseWriter, r *http.Request, m *mcptest.Message) bool {
		if m != nil && m.Method == method {
			srv.Hang(r)
			return true
		}
		return false
	})
}

// When the caller's context ends, Connect returns at every stage and leaves no session behind.
func TestContextEndsConnect(t *testing.T) {
	const patience = 3 * time.Second
	for _, stage := range []string{"dial", "server/discover", "initialize", "notifications/initialized"} {
		t.Run(stage, func(t *testing.T) {
			inBubble(t, func(t *testing.T, srv *mcptest.Server) {
				link := srv.InMemory(t)
				hangOn(srv, stage)
				link.Network.Stall(stage == "dial")
				e := endedAfter(t, patience, func(ctx context.Context) error {
					_, err := connectTo(ctx, link.URL, &mcpclient.Options{Transport: link.Transport})
					return err
				})
				require.Contains(t, e.Method, "connect")
				require.Equal(t, stage == "dial" && direct(), unsent(e))
				link.Network.Stall(false)
			})
		})
	}
}

// Connect is bounded even if its context never ends.
func TestConnectIsBounded(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		link := srv.InMemory(t)
		hangOn(srv, "server/discover")
		start := time.Now()
		_, err := tryConnect(t, link, mcpclient.Options{})
		require.Equal(t, 10*time.Second, time.Since(start), "then one initialize decides")
		require.Equal(t, 1, srv.Count("initialize"))
		if srv.Era == mcptest.Modern {
			require.True(t, mcpclient.KindOf(err) == mcpclient.KindTimeout, "%v", err)
			return
		}
		require.NoError(t, err)
	})
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		srv.Intercept = func(http.ResponseWriter, *http.Request, *mcptest.Message) bool {
			time.Sleep(time.Hour)
			return true
		}
		start := time.Now()
		_, err := tryConnect(t, srv.InMemory(t), mcpclient.Options{})
		require.Equal(t, 10*time.Second+mcpclient.DefaultTryTimeout, time.Since(start))
		require.True(t, mcpclient.KindOf(err) == mcpclient.KindTimeout, "%v", err)
	})
}

// hangs lists the ways in which a tool call can wait for ever. The key says what the call is
// waiting for.
func hangs() map[string]func(*mcptest.Server, *mcptest.Link) {
	return map[string]func(*mcptest.Server, *mcptest.Link){
		"dial": func(_ *mcptest.Server, link *mcptest.Link) {
			link.Network.Stall(true)
			link.Network.ResetAll()
			synctest.Wait() // both sides have noticed
		},
		"waiting for headers": func(srv *mcptest.Server, _ *mcptest.Link) { hangOn(srv, "tools/call") },
		"dead link":           func(_ *mcptest.Server, link *mcptest.Link) { link.Network.SilenceAll() },
		"reading a stream": func(srv *mcptest.Server, _ *mcptest.Link) {
			srv.SetIntercept(func(w http.ResponseWriter, r *http.Request, m *mcptest.Message) bool {
				if m == nil || m.Method != "tools/call" {
					return false
				}
				mcptest.StartSSE(w)
				srv.Hang(r)
				return true
			})
		},
		"reading a body": func(srv *mcptest.Server, _ *mcptest.Link) {
			srv.SetIntercept(func(w http.ResponseWriter, r *http.Request, m *mcptest.Message) bool {
				if m == nil || m.Method != "tools/call" {
					return false
				}
				w.Header().Set("Content-Type", "application/json")
				mcptest.WriteRaw(w, "{")
				srv.Hang(r)
				return true
			})
		},
		"backoff": func(srv *mcptest.Server, _ *mcptest.Link) {
			srv.SetIntercept(func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
				if m == nil || m.Method != "tools/call" {
					return false
				}
				w.Header().Set("Retry-After", "50")
				w.WriteHeader(http.StatusTooManyRequests)
				return true
			})
		},
	}
}

// When the caller's context ends, the call returns, whatever it is waiting for.
func TestContextEndsACall(t *testing.T) {
	const patience = 3 * time.Second
	for name, arrange := range hangs() {
		t.Run(name, func(t *testing.T) {
			eachEra(t, func(t *testing.T, srv *mcptest.Server) {
				link := srv.InMemory(t)
				s := connect(t, link, mcpclient.Options{})
				synctest.Wait() // the connections are idle
				arrange(srv, link)
				e := endedAfter(t, patience, func(ctx context.Context) error {
					_, err := s.CallTool(ctx, "echo", nil)
					return err
				})
				unsent := name == "dial" && direct()
				require.Equal(t, unsent, e.Stage == transport.NotSent)
				outcome := mcpclient.Unknown
				if unsent || name == "backoff" {
					outcome = mcpclient.NotRun
				}
				require.Equal(t, outcome, e.Outcome, "%v", e)
				srv.SetIntercept(nil)
				link.Network.Stall(false)
				link.Network.ResetAll()
				synctest.Wait()
				echoes(t, s)
			})
		})
	}
}

// If the body of an error response never ends, the client stops reading it after 5 s. The call
// fails with the HTTP status.
func TestEndlessErrorBodyIsBounded(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		srv.SetIntercept(func(w http.ResponseWriter, r *http.Request, m *mcptest.Message) bool {
			if m == nil || m.Method != "tools/call" {
				return false
			}
			w.WriteHeader(http.StatusTeapot)
			mcptest.WriteRaw(w, "short and stout")
			srv.Hang(r)
			return true
		})
		s := serve(t, srv, mcpclient.Options{})
		start := time.Now()
		_, err := s.CallTool(t.Context(), "echo", nil)
		require.Equal(t, 5*time.Second, time.Since(start))
		var status *mcpclient.HTTPError
		require.ErrorAs(t, err, &status)
		require.Equal(t, "short and stout", status.Preview)
	})
}

// When a call's context ends, the call stops waiting for a recovery or a new tool list.
func TestContextEndsTheWaitForARepair(t *testing.T) {
	t.Run("recovery", func(t *testing.T) {
		inBubble(t, func(t *testing.T, srv *mcptest.Server) {
			s := serve(t, srv, mcpclient.Options{})
			srv.LoseSessions()
			hold := srv.Hold("initialize")
			e := endedAfter(t, 3*time.Second, func(ctx context.Context) error {
				_, err := s.CallTool(ctx, "echo", nil)
				return err
			})
			require.Equal(t, mcpclient.NotRun, e.Outcome)
			hold.Release()
			echoes(t, s)
		})
	})
	t.Run("fresh tool list", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			srv := newServer(mode{mcptest.Modern, true})
			srv.Tools = append(srv.Tools, &mcptest.Tool{Name: "mirrored", Mirrored: map[string]string{"Region": "region"}})
			s := serve(t, srv, mcpclient.Options{})
			hold := srv.Hold("tools/list")
			e := endedAfter(t, 3*time.Second, func(ctx context.Context) error {
				_, err := s.CallTool(ctx, "mirrored", map[string]string{"region": "eu"})
				return err
			})
			require.Equal(t, mcpclient.NotRun, e.Outcome)
			hold.Release()
			echoes(t, s)
		})
	})
}

// Servers that answer with JSON send their headers only when the tool has finished. The client
// waits for the headers until the idle timeout, which the caller can change or disable for each
// call.
func TestToolWhoseHeadersComeLate(t *testing.T) {
	for _, era := range []mcptest.Era{mcptest.Legacy, mcptest.Modern} {
		for _, row := range []struct {
			takes time.Duration
			opts  []mcpclient.CallOption
			works bool
		}{
			{4*time.Minute + 59*time.Second, nil, true},
			{5*time.Minute + time.Second, nil, false},
			{3 * time.Hour, []mcpclient.CallOption{mcpclient.WithIdleTimeout(-1)}, true},
			{9 * time.Minute, []mcpclient.CallOption{mcpclient.WithIdleTimeout(10 * time.Minute)}, true},
			{2 * time.Minute, []mcpclient.CallOption{mcpclient.WithIdleTimeout(time.Minute)}, false},
		} {
			t.Run(fmt.Sprintf("%s %v %v", era, row.takes, row.works), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					srv := newServer(mode{era, false})
					add(srv, "slow", takes(row.takes))
					s := serve(t, srv, mcpclient.Options{})
					got := <-begin(t.Context(), s, "slow", row.opts...)
					if row.works {
						require.NoError(t, got.err)
						require.Equal(t, row.takes, got.at)
						return
					}
					idle(t, got.err)
					require.Equal(t, 1, srv.Executions("slow"))
				})
			})
		}
	}
}

// idle checks that err reports an idle timeout and that the call may have run.
func idle(t *testing.T, err error) {
	t.Helper()
	e := failure(t, err)
	require.Equal(t, mcpclient.KindTimeout, e.Kind, "%v", err)
	require.True(t, mcpclient.KindOf(err) == mcpclient.KindTimeout)
	require.Equal(t, mcpclient.Unknown, e.Outcome)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	var timeout *mcpclient.TimeoutError
	require.ErrorAs(t, err, &timeout)
	require.EqualValues(t, "idle", timeout.What)
}

// Progress keeps a call alive. A call may take half an hour with progress each minute, but ends
// after five minutes without events. The total timeout applies in any case.
func TestProgressKeepsACallAlive(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		add(srv, "long", func(ctx context.Context, c *mcptest.Call) (jsonRaw, error) {
			for i := range 30 {
				if err := mcptest.Sleep(ctx, time.Minute); err != nil {
					return nil, err
				}
				c.Progress(float64(i+1), 30, "")
			}
			return mcptest.Text("long"), nil
		})
		add(srv, "stuck", func(ctx context.Context, c *mcptest.Call) (jsonRaw, error) {
			if err := mcptest.Sleep(ctx, 2*time.Minute); err != nil {
				return nil, err
			}
			c.Progress(1, 2, "")
			return never(ctx, c)
		})
		s := serve(t, srv, mcpclient.Options{})
		watched := mcpclient.OnProgress(func(context.Context, mcpclient.Progress) {})
		got := <-begin(t.Context(), s, "long", watched)
		require.NoError(t, got.err)
		require.Equal(t, 30*time.Minute, got.at)

		got = <-begin(t.Context(), s, "stuck", watched)
		idle(t, got.err)
		require.Equal(t, 7*time.Minute, got.at)

		got = <-begin(t.Context(), s, "long", watched, mcpclient.WithTotalTimeout(10*time.Minute))
		require.Equal(t, mcpclient.KindTimeout, mcpclient.KindOf(got.err))
		var timeout *mcpclient.TimeoutError
		require.ErrorAs(t, got.err, &timeout)
		require.Equal(t, mcpclient.TimeoutError{What: mcpclient.TimeoutTotal, After: 10 * time.Minute}, *timeout)
		require.Equal(t, 10*time.Minute, got.at)
		echoes(t, s)
	})
}

// The total timeout bounds the whole call, whatever the call is waiting for.
func TestTotalTimeoutBoundsEverything(t *testing.T) {
	const total = 5 * time.Second
	check := func(t *testing.T, err error, start time.Time, want mcpclient.Outcome) {
		t.Helper()
		e := failure(t, err)
		require.LessOrEqual(t, time.Since(start), total)
		require.Equal(t, want, e.Outcome, "%v", err)
	}
	t.Run("list", func(t *testing.T) {
		eachEra(t, func(t *testing.T, srv *mcptest.Server) {
			s := serve(t, srv, mcpclient.Options{})
			hangOn(srv, "tools/list")
			start := time.Now()
			_, err := s.ListTools(t.Context(), nil, mcpclient.WithTotalTimeout(total))
			require.True(t, mcpclient.KindOf(err) == mcpclient.KindTimeout, "%v", err)
			require.Equal(t, total, time.Since(start))
			check(t, err, start, mcpclient.Unknown)
		})
	})
	t.Run("recovery", func(t *testing.T) {
		inBubble(t, func(t *testing.T, srv *mcptest.Server) {
			s := serve(t, srv, mcpclient.Options{})
			srv.LoseSessions()
			hold := srv.Hold("initialize")
			start := time.Now()
			_, err := s.CallTool(t.Context(), "echo", nil, mcpclient.WithTotalTimeout(total))
			require.True(t, mcpclient.KindOf(err) == mcpclient.KindTimeout, "%v", err)
			require.Equal(t, total, time.Since(start))
			check(t, err, start, mcpclient.NotRun)
			hold.Release()
			echoes(t, s)
		})
	})
	t.Run("backoff", func(t *testing.T) {
		eachEra(t, func(t *testing.T, srv *mcptest.Server) {
			var busy atomic.Bool
			srv.SetIntercept(func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
				if !busy.Load() || m == nil || m.Method != "tools/call" {
					return false
				}
				w.Header().Set("Retry-After", "50")
				w.WriteHeader(http.StatusTooManyRequests)
				return true
			})
			s := serve(t, srv, mcpclient.Options{})
			busy.Store(true)
			start := time.Now()
			_, err := s.CallTool(t.Context(), "echo", nil, mcpclient.WithTotalTimeout(total))
			check(t, err, start, mcpclient.NotRun)
			require.Equal(t, 1, srv.Count("tools/call"))
			busy.Store(false)
			echoes(t, s)
		})
	})
}

// If a server keeps every stream open after the answer, calls still return at once, and the client
// closes the connections.
func TestAnsweredStreamsThatStayOpen(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		srv.HoldStreams = true
		link := srv.InMemory(t)
		s := connect(t, link, mcpclient.Options{})
		for range 100 {
			start := time.Now()
			echoes(t, s)
			if mcptest.Way() != "agent" { // with an agent, each stream uses a link, and without a free link the next call waits until a stream is drained
				require.Zero(t, time.Since(start))
			}
		}
		time.Sleep(time.Minute) // fake time
		synctest.Wait()
		require.LessOrEqual(t, link.Network.Conns(), 1, "abandoned streams do not accumulate")
	})
}
