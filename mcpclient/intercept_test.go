package mcpclient_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/transport"
)

type (
	outgoing = mcpclient.Outgoing
	proceed  = mcpclient.OutgoingFunc
)

// around returns an interceptor of the messages with this method.
func around(method string, f func(ctx context.Context, out *outgoing, next proceed) error) mcpclient.Interceptor {
	return mcpclient.Interceptor{Outgoing: func(next proceed) proceed {
		return func(ctx context.Context, out *outgoing) error {
			if out.Method() != method {
				return next(ctx, out)
			}
			return f(ctx, out, next)
		}
	}}
}

// intercepting returns options with interceptors.
func intercepting(list ...mcpclient.Interceptor) mcpclient.Options {
	return mcpclient.Options{Interceptors: list}
}

var errBoom = errors.New("boom")

// interceptedCall is what an interceptor does with a tool call, and what follows.
type interceptedCall struct {
	do      func(ctx context.Context, o *outgoing, next proceed) error
	opts    []mcpclient.CallOption
	ran     int
	kind    mcpclient.Kind // 0: success
	outcome mcpclient.Outcome
	safe    bool
	cause   error
	text    string // of the result
}

var interceptedCalls = map[string]interceptedCall{
	"passed on": {do: func(ctx context.Context, o *outgoing, next proceed) error { return next(ctx, o) }, ran: 1, text: "{}"},
	"refused before": {
		do:   func(context.Context, *outgoing, proceed) error { return errBoom },
		kind: mcpclient.KindRefused, outcome: mcpclient.NotRun, safe: true, cause: errBoom,
	},
	"refused after": {
		do:  func(ctx context.Context, o *outgoing, next proceed) error { return errors.Join(next(ctx, o), errBoom) },
		ran: 1, kind: mcpclient.KindRefused, outcome: mcpclient.Answered, cause: errBoom,
	},
	"refused after, idempotent": {
		do:   func(ctx context.Context, o *outgoing, next proceed) error { return errors.Join(next(ctx, o), errBoom) },
		opts: []mcpclient.CallOption{mcpclient.WithIdempotent()},
		ran:  1, kind: mcpclient.KindRefused, outcome: mcpclient.Answered, safe: true, cause: errBoom,
	},
	"twice": {
		do:  func(ctx context.Context, o *outgoing, next proceed) error { _ = next(ctx, o); return next(ctx, o) },
		ran: 1, kind: mcpclient.KindRefused, outcome: mcpclient.Answered, cause: mcpclient.ErrRunAgain,
	},
	"twice, the refusal ignored": {
		do: func(ctx context.Context, o *outgoing, next proceed) error {
			_, _ = next(ctx, o), next(ctx, o)
			return nil
		},
		ran: 1, text: "{}",
	},
	"twice, idempotent": {
		do:   func(ctx context.Context, o *outgoing, next proceed) error { _ = next(ctx, o); return next(ctx, o) },
		opts: []mcpclient.CallOption{mcpclient.WithIdempotent()}, ran: 2, text: "{}",
	},
	"twice, after an ended context": {
		do: func(ctx context.Context, o *outgoing, next proceed) error {
			ended, cancel := context.WithCancel(ctx)
			cancel()
			_ = next(ended, o) // provably did not run
			return next(ctx, o)
		},
		ran: 1, text: "{}",
	},
	"neither result nor error": {
		do:   func(context.Context, *outgoing, proceed) error { return nil },
		kind: mcpclient.KindRefused, outcome: mcpclient.NotRun, safe: true,
	},
	"result instead": {
		do: func(_ context.Context, o *outgoing, _ proceed) error {
			return o.SetResult(json.RawMessage(`{"resultType":"complete","content":[{"type":"text","text":"cached"}]}`))
		},
		text: "cached",
	},
	"result replaced": {
		do: func(ctx context.Context, o *outgoing, next proceed) error {
			_ = next(ctx, o)
			return o.SetResult(&mcpclient.CallToolResult{CallToolResult: *textResult("other")})
		},
		ran: 1, text: "other",
	},
	"result changed in place": {
		do: func(ctx context.Context, o *outgoing, next proceed) error {
			err := next(ctx, o)
			o.Result().(*mcpclient.CallToolResult).Content = textResult("changed").Content
			return err
		},
		ran: 1, text: "changed",
	},
	"result of a wrong type": {
		do: func(_ context.Context, o *outgoing, _ proceed) error {
			return o.SetResult(new(mcpclient.Page[mcpclient.Tool]))
		},
		kind: mcpclient.KindRefused, outcome: mcpclient.NotRun, safe: true,
	},
	"result that does not decode": {
		do: func(_ context.Context, o *outgoing, _ proceed) error {
			return o.SetResult(json.RawMessage(`{"content":[]} {}`))
		},
		kind: mcpclient.KindRefused, outcome: mcpclient.NotRun, safe: true,
	},
	"result that requires input": {
		do: func(_ context.Context, o *outgoing, _ proceed) error {
			return o.SetResult(json.RawMessage(`{"resultType":"input_required","requestState":"s"}`))
		},
		kind: mcpclient.KindRefused, outcome: mcpclient.NotRun, safe: true,
	},
	"changed too late": {
		do: func(ctx context.Context, o *outgoing, next proceed) error {
			_ = next(ctx, o)
			return errors.Join(o.SetMeta("a/b", 1), o.SetHeader("X-A", "1"), o.SetArguments(nil))
		},
		ran: 1, kind: mcpclient.KindRefused, outcome: mcpclient.Answered, cause: mcpclient.ErrSent,
	},
	"an ended context": {
		do: func(ctx context.Context, o *outgoing, next proceed) error {
			ctx, cancel := context.WithCancelCause(ctx)
			cancel(errBoom)
			return next(ctx, o)
		},
		kind: mcpclient.KindCanceled, outcome: mcpclient.NotRun, safe: true, cause: errBoom,
	},
	"an error of another call": {
		do: func(ctx context.Context, o *outgoing, next proceed) error {
			_ = next(ctx, o)
			return &mcpclient.Error{Kind: mcpclient.KindNotSent, Method: "tools/list", Outcome: mcpclient.NotRun, Err: errBoom}
		},
		ran: 1, kind: mcpclient.KindNotSent, outcome: mcpclient.Answered, cause: errBoom,
	},
	"another call may have run": {
		do: func(context.Context, *outgoing, proceed) error {
			return &mcpclient.Error{Kind: mcpclient.KindOutcomeUnknown, Method: "tools/call", Outcome: mcpclient.Unknown, Err: errBoom}
		},
		kind: mcpclient.KindOutcomeUnknown, outcome: mcpclient.Unknown, cause: errBoom,
	},
}

// What an interceptor of a tool call does decides the result of the call, and never the facts: how
// often the tool ran, and what is known of that.
func TestInterceptedCall(t *testing.T) {
	for name, row := range interceptedCalls {
		t.Run(name, func(t *testing.T) {
			eachEra(t, func(t *testing.T, srv *mcptest.Server) {
				s := serve(t, srv, intercepting(around("tools/call", row.do)))
				res, err := s.CallTool(t.Context(), "echo", nil, row.opts...)
				require.Equal(t, row.ran, srv.Executions("echo"))
				if row.kind == 0 {
					require.NoError(t, err)
					require.Equal(t, row.text, text(t, res))
					return
				}
				e := failure(t, err)
				require.Nil(t, res)
				require.Equal(t, row.kind, e.Kind, "%v", err)
				require.Equal(t, "tools/call", e.Method)
				require.Equal(t, row.outcome, e.Outcome, "%v", err)
				require.Equal(t, row.safe, mcpclient.SafeToRepeat(err), "%v", err)
				if row.cause != nil {
					require.ErrorIs(t, err, row.cause)
				}
				if row.ran == 0 && row.outcome == mcpclient.NotRun {
					require.Equal(t, transport.NotSent, e.Stage)
				}
			})
		})
	}
}

// A lost answer stays a lost answer, whatever an interceptor makes of its error.
func TestInterceptorKeepsTheOutcome(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, err error) error{
		"replaced": func(*testing.T, error) error { return errBoom },
		"wrapped":  func(_ *testing.T, err error) error { return fmt.Errorf("audit: %w", err) },
		"hidden":   func(*testing.T, error) error { return nil },
		"forged": func(*testing.T, error) error {
			return &mcpclient.Error{Kind: mcpclient.KindNotSent, Method: "tools/call", Outcome: mcpclient.NotRun}
		},
		"forged and wrapped": func(*testing.T, error) error {
			return fmt.Errorf("audit: %w", &mcpclient.Error{Kind: mcpclient.KindNotSent, Method: "tools/call", Outcome: mcpclient.NotRun})
		},
		"changed": func(_ *testing.T, err error) error {
			err.(*mcpclient.Error).Outcome = mcpclient.NotRun
			return err
		},
		"of a harmless call": func(t *testing.T, _ error) error { return failsHarmlessly(t) },
		"nil":                func(*testing.T, error) error { return (*mcpclient.Error)(nil) },
		"panic recovered":    nil,
	} {
		t.Run(name, func(t *testing.T) {
			eachEra(t, func(t *testing.T, srv *mcptest.Server) {
				s := serve(t, srv, intercepting(around("tools/call", func(ctx context.Context, o *outgoing, next proceed) (err error) {
					if change == nil {
						defer func() { _, err = recover(), errBoom }()
						return next(ctx, o)
					}
					err = next(ctx, o)
					require.Equal(t, mcpclient.Unknown, o.Outcome())
					require.ErrorIs(t, next(ctx, o), mcpclient.ErrRunAgain)
					return change(t, err)
				})))
				ran := answerCalls(srv, func(w http.ResponseWriter, m *mcptest.Message) {
					if change != nil {
						panic(http.ErrAbortHandler)
					}
					mcptest.StartSSE(w)
					progress := map[string]any{"progressToken": tokenOf(m), "progress": 1}
					mcptest.WriteRaw(w, "data: "+string(mcptest.Notification("notifications/progress", progress))+"\n\n")
				})
				_, err := s.CallTool(t.Context(), "echo", nil, mcpclient.OnProgress(func(context.Context, mcpclient.Progress) {
					panic("in the callback")
				}))
				require.Equal(t, mcpclient.Unknown, failure(t, err).Outcome, "%v", err)
				require.True(t, mcpclient.MayHaveRun(err))
				require.False(t, mcpclient.SafeToRepeat(err))
				require.False(t, mcpclient.Unreachable(err))
				require.EqualValues(t, 1, ran.Load())
			})
		})
	}
}

// failsHarmlessly returns the error of a call that is safe to repeat.
func failsHarmlessly(t *testing.T) error {
	t.Helper()
	srv := newServer(modes[0])
	s := serve(t, srv, mcpclient.Options{Retry: mcpclient.Retry{MaxTries: 1}})
	srv.SetIntercept(func(http.ResponseWriter, *http.Request, *mcptest.Message) bool { panic(http.ErrAbortHandler) })
	_, err := s.ListTools(t.Context(), nil)
	require.True(t, mcpclient.SafeToRepeat(err))
	return err
}

// An interceptor that leaves next running, or calls it late, cannot send the message a second time,
// and its call counts as unknown.
func TestNextOnAnotherGoroutine(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		late := make(chan error, 3)
		add(srv, "slow", takes(time.Minute))
		s := serve(t, srv, intercepting(around("tools/call", func(ctx context.Context, o *outgoing, next proceed) error {
			ctx = context.WithoutCancel(ctx)
			go func() {
				time.Sleep(time.Hour)
				late <- next(ctx, o)
			}()
			go func() { late <- next(ctx, o) }()
			time.Sleep(time.Second)
			late <- next(ctx, o) // concurrently
			return errBoom
		})))
		_, err := s.CallTool(t.Context(), "slow", nil)
		e := failure(t, err)
		require.Equal(t, mcpclient.Unknown, e.Outcome)
		require.ErrorIs(t, err, errBoom)
		require.Equal(t, mcpclient.KindRefused, e.Kind)
		require.Equal(t, mcpclient.KindRefused, mcpclient.KindOf(<-late))
		require.NoError(t, <-late)
		require.Equal(t, mcpclient.KindRefused, mcpclient.KindOf(<-late))
		require.Equal(t, 1, srv.Executions("slow"))
	})
}

// A rate limiter that gives up because the caller's context ended does not count as a refusal.
func TestInterceptorThatWaitsForTheContext(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, intercepting(around("tools/call", func(ctx context.Context, _ *outgoing, _ proceed) error {
			<-ctx.Done()
			return fmt.Errorf("rate limit: %w", ctx.Err())
		})))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := s.CallTool(ctx, "echo", nil)
		require.Equal(t, mcpclient.KindCanceled, mcpclient.KindOf(err))
		require.Equal(t, mcpclient.NotRun, mcpclient.OutcomeOf(err))
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

// Context values and deadlines that interceptors add reach the request; a detached context outlives
// the caller's.
func TestInterceptorsContext(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		opts := intercepting(around("tools/call", func(ctx context.Context, o *outgoing, next proceed) error {
			bounded, cancel := context.WithTimeout(context.WithValue(context.WithoutCancel(ctx), passedKey{}, "v"), time.Minute)
			defer cancel()
			return next(bounded, o)
		}))
		var seen []any
		opts.HeaderHook = func(ctx context.Context, _ http.Header) error {
			seen = append(seen, ctx.Value(passedKey{}))
			return nil
		}
		add(srv, "slow", takes(time.Second))
		add(srv, "never", never)
		s := serve(t, srv, opts)
		seen = nil
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err := s.CallTool(ctx, "slow", nil)
		require.NoError(t, err)
		require.Equal(t, []any{"v"}, seen)
		_, err = s.CallTool(t.Context(), "never", nil)
		require.Equal(t, mcpclient.KindCanceled, mcpclient.KindOf(err))
		require.Equal(t, mcpclient.Unknown, mcpclient.OutcomeOf(err))
	})
}

// A panic of an interceptor reaches the caller. In the session's own work it becomes an error.
func TestInterceptorPanics(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, intercepting(around("tools/call", func(context.Context, *outgoing, proceed) error { panic("mine") })))
		require.PanicsWithValue(t, "mine", func() { _, _ = s.CallTool(t.Context(), "echo", nil) })
		require.NoError(t, s.Ping(t.Context()))

		negotiation := mcpclient.Interceptor{Outgoing: func(next proceed) proceed {
			return func(ctx context.Context, out *outgoing) error {
				if out.Origin() == mcpclient.OriginNegotiation {
					panic("in the handshake")
				}
				return next(ctx, out)
			}
		}}
		_, err := tryConnect(t, srv.InMemory(t), intercepting(negotiation))
		var p *mcpclient.PanicError
		require.ErrorAs(t, err, &p)
		require.Equal(t, "in the handshake", p.Value)
		require.Contains(t, err.Error(), "an interceptor panicked: in the handshake")
		require.Equal(t, mcpclient.KindRefused, mcpclient.KindOf(err))
	})
}

// A function that wraps something into nothing fails Connect.
func TestInterceptorThatReturnsNil(t *testing.T) {
	for name, in := range map[string]mcpclient.Interceptor{
		"Outgoing": {Outgoing: func(proceed) proceed { return nil }},
		"Incoming": {Incoming: func(mcpclient.IncomingFunc) mcpclient.IncomingFunc { return nil }},
		"Recovery": {Recovery: func(mcpclient.RecoveryFunc) mcpclient.RecoveryFunc { return nil }},
	} {
		_, err := mcpclient.Connect(t.Context(), "http://127.0.0.1:1", &mcpclient.Options{Interceptors: []mcpclient.Interceptor{{}, in}})
		require.Equal(t, mcpclient.KindInvalid, mcpclient.KindOf(err))
		require.ErrorContains(t, err, "function "+name+" of Interceptors[1] returned nil")
	}
}

// The first interceptor is the outermost.
func TestInterceptorsAreNested(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		var trace []string
		named := func(name string) mcpclient.Interceptor {
			return around("tools/call", func(ctx context.Context, o *outgoing, next proceed) error {
				trace = append(trace, name+" sends")
				defer func() { trace = append(trace, name+" has "+o.Outcome().String()) }()
				return next(ctx, o)
			})
		}
		s := serve(t, srv, intercepting(named("outer"), mcpclient.Interceptor{}, named("inner")))
		echoes(t, s)
		require.Equal(t, []string{"outer sends", "inner sends", "inner has answered", "outer has answered"}, trace)
	})
}

// textResult returns a result with one text.
func textResult(text string) *mcp.CallToolResult { return mcp.NewToolResultText(text) }

// tokenOf returns the progress token of a request.
func tokenOf(m *mcptest.Message) json.RawMessage {
	var params struct {
		Meta struct {
			Token json.RawMessage `json:"progressToken"`
		} `json:"_meta"`
	}
	_ = json.Unmarshal(m.Params, &params)
	return params.Meta.Token
}
