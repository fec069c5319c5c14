package mcpclient_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// aroundRecovery returns an interceptor of recoveries.
func aroundRecovery(f func(ctx context.Context, r *mcpclient.Recovery, next mcpclient.RecoveryFunc) error) mcpclient.Interceptor {
	return mcpclient.Interceptor{Recovery: func(next mcpclient.RecoveryFunc) mcpclient.RecoveryFunc {
		return func(ctx context.Context, r *mcpclient.Recovery) error { return f(ctx, r, next) }
	}}
}

// An interceptor wraps a recovery once for all calls that wait for it. The handshake has its
// context, and calls that wait are known by theirs.
func TestInterceptedRecovery(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		var mu sync.Mutex
		var waits, handshakes []any
		runs := 0
		opts := intercepting(aroundRecovery(func(ctx context.Context, r *mcpclient.Recovery, next mcpclient.RecoveryFunc) error {
			runs++
			require.Equal(t, []any{uint64(1), false}, []any{r.Generation, r.Doubted})
			r.OnWait(func(ctx context.Context) {
				mu.Lock()
				defer mu.Unlock()
				waits = append(waits, ctx.Value(passedKey{}))
			})
			ctx, cancel := context.WithTimeout(context.WithValue(ctx, passedKey{}, "recovery"), time.Minute)
			defer cancel()
			err := next(ctx, r)
			require.ErrorIs(t, next(ctx, r), mcpclient.ErrRunAgain)
			return err
		}), mcpclient.Interceptor{Outgoing: func(next proceed) proceed {
			return func(ctx context.Context, out *outgoing) error {
				if out.Origin() == mcpclient.OriginNegotiation && ctx.Value(passedKey{}) != nil {
					handshakes = append(handshakes, out.Method())
				}
				return next(ctx, out)
			}
		}})
		s := serve(t, srv, opts)
		srv.LoseSessions()
		gate := srv.Hold("initialize")
		var calls sync.WaitGroup
		for _, value := range []string{"call", "call"} {
			calls.Go(func() {
				_, err := s.CallTool(context.WithValue(t.Context(), passedKey{}, value), "echo", nil)
				require.NoError(t, err)
			})
		}
		<-gate.Arrived()
		time.Sleep(time.Second)
		gate.Release()
		calls.Wait()
		require.Equal(t, 1, runs)
		require.Equal(t, []any{"call", "call"}, waits)
		require.Equal(t, []any{"initialize", "notifications/initialized"}, handshakes)
		require.Equal(t, 2, srv.Executions("echo"))
	})
}

// An interceptor that fails a recovery fails the calls that need it, and leaves no session behind on
// the server. The next call tries again.
func TestInterceptorFailsARecovery(t *testing.T) {
	for name, fail := range map[string]func(ctx context.Context, r *mcpclient.Recovery, next mcpclient.RecoveryFunc) error{
		"before": func(context.Context, *mcpclient.Recovery, mcpclient.RecoveryFunc) error { return errBoom },
		"after": func(ctx context.Context, r *mcpclient.Recovery, next mcpclient.RecoveryFunc) error {
			require.NoError(t, next(ctx, r))
			return errBoom
		},
		"nothing": func(context.Context, *mcpclient.Recovery, mcpclient.RecoveryFunc) error { return nil },
		"panic":   func(context.Context, *mcpclient.Recovery, mcpclient.RecoveryFunc) error { panic("mine") },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, srv *mcptest.Server) {
				failing := true
				s := serve(t, srv, intercepting(aroundRecovery(func(ctx context.Context, r *mcpclient.Recovery, next mcpclient.RecoveryFunc) error {
					if failing {
						return fail(ctx, r, next)
					}
					return next(ctx, r)
				})))
				srv.LoseSessions()
				_, err := s.CallTool(t.Context(), "echo", nil)
				e := failure(t, err)
				require.Equal(t, mcpclient.KindSessionLost, e.Kind, "%v", err)
				require.Equal(t, mcpclient.NotRun, e.Outcome)
				if name == "before" || name == "after" {
					require.ErrorIs(t, err, errBoom)
				}
				now, _ := srv.Sessions()
				require.Zero(t, now, "a session is left on the server")
				failing = false
				echoes(t, s)
			})
		})
	}
}

// Whether the session is lost, and so whether a tool ran, is decided by the server's reply to a
// ping. What interceptors make of that reply decides nothing.
func TestInterceptorsCannotForgeALostSession(t *testing.T) {
	forged := &mcpclient.Error{
		Kind: mcpclient.KindHTTP, Method: "ping", Outcome: mcpclient.NotRun,
		Err: &mcpclient.HTTPError{Status: http.StatusNotFound, Preview: "unknown session"},
	}
	for name, ping := range map[string]func(ctx context.Context, o *outgoing, next proceed) error{
		"refused": func(context.Context, *outgoing, proceed) error { return errBoom },
		"forged":  func(context.Context, *outgoing, proceed) error { return forged },
		"forged for the old session only": func(ctx context.Context, o *outgoing, next proceed) error {
			if err := next(ctx, o); err != nil {
				return err
			}
			return forged
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, srv *mcptest.Server) {
				pings := 0
				s := serve(t, srv, intercepting(around("ping", func(ctx context.Context, o *outgoing, next proceed) error {
					if pings++; pings > 1 && strings.HasSuffix(name, "only") {
						return next(ctx, o)
					}
					return ping(ctx, o, next)
				})))
				// The tool runs, and fails in a way that looks like a lost session.
				ran := answerCalls(srv, func(w http.ResponseWriter, _ *mcptest.Message) {
					mcptest.WriteError(w, http.StatusBadRequest, nil, mcptest.CodeBadRequest, "no such session of the payment")
				})
				_, err := s.CallTool(t.Context(), "echo", nil)
				require.Equal(t, mcpclient.Answered, failure(t, err).Outcome, "%v", err)
				require.EqualValues(t, 1, ran.Load())
			})
		})
	}
}
