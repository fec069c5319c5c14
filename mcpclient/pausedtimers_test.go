package mcpclient_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// slowly returns a handler that answers a form after d, or returns earlier if the request ends.
func slowly(d time.Duration) mcpclient.Handlers {
	return mcpclient.Handlers{
		ElicitForm: func(ctx context.Context, _ *mcpclient.Session, _ *mcpclient.FormRequest) (*mcp.ElicitationResult, error) {
			return named("gopher"), mcptest.Sleep(ctx, d)
		},
	}
}

// finish is the error and the time of return of a function that ran on another goroutine.
type finish struct {
	err error
	at  time.Duration
}

// during runs f on another goroutine.
func during(f func() error) <-chan finish {
	done := make(chan finish, 1)
	start := time.Now()
	go func() {
		err := f()
		done <- finish{err, time.Since(start)}
	}()
	return done
}

const messages = `{"messages":[{"role":"user","content":{"type":"text","text":"hi"}}]}`

// callsThatAsk adds a tool, a prompt and a resource to srv. Each of them executes run. The returned
// functions call them.
func callsThatAsk(srv *mcptest.Server, run mcptest.ToolFunc) map[string]func(ctx context.Context, s *mcpclient.Session, opts ...mcpclient.CallOption) error {
	result := func(result string) mcptest.ToolFunc {
		return func(ctx context.Context, c *mcptest.Call) (jsonRaw, error) {
			pending, err := run(ctx, c)
			if err != nil || pending != nil {
				return pending, err
			}
			return jsonRaw(result), nil
		}
	}
	add(srv, "ask", result(`{"content":[]}`))
	srv.Prompts = []mcptest.Prompt{{Name: "ask", Run: result(messages)}}
	srv.Resources = []mcptest.Resource{{URI: "file:///ask", Name: "ask", Run: result(`{"contents":[{"uri":"file:///ask","text":"hi"}]}`)}}
	return map[string]func(context.Context, *mcpclient.Session, ...mcpclient.CallOption) error{
		"tool": func(ctx context.Context, s *mcpclient.Session, opts ...mcpclient.CallOption) error {
			_, err := s.CallTool(ctx, "ask", nil, opts...)
			return err
		},
		"prompt": func(ctx context.Context, s *mcpclient.Session, opts ...mcpclient.CallOption) error {
			_, err := s.GetPrompt(ctx, "ask", nil, opts...)
			return err
		},
		"resource": func(ctx context.Context, s *mcpclient.Session, opts ...mcpclient.CallOption) error {
			_, err := s.ReadResource(ctx, "file:///ask", opts...)
			return err
		},
	}
}

// eachAsk runs a test for each method that may require input, in each era.
func eachAsk(t *testing.T, run mcptest.ToolFunc, test func(t *testing.T, srv *mcptest.Server, what string, ask func(context.Context, *mcpclient.Session, ...mcpclient.CallOption) error)) {
	t.Helper()
	for what := range callsThatAsk(newServer(mode{}), run) {
		t.Run(what, func(t *testing.T) {
			eachEra(t, func(t *testing.T, srv *mcptest.Server) { test(t, srv, what, callsThatAsk(srv, run)[what]) })
		})
	}
}

// answered sends one server request, waits for its answer, and then executes then.
func answered(then mcptest.ToolFunc) mcptest.ToolFunc {
	return func(ctx context.Context, c *mcptest.Call) (jsonRaw, error) {
		_, pending, err := c.RequestInput(ctx, "q", elicit, aForm)
		if err != nil || pending != nil {
			return pending, err
		}
		return then(ctx, c)
	}
}

// cutOff ends the stream without an answer.
func cutOff(ctx context.Context, c *mcptest.Call) (jsonRaw, error) {
	c.Cut(true)
	return never(ctx, c)
}

func nothing(context.Context, *mcptest.Call) (jsonRaw, error) { return nil, nil }

// A user who takes ten minutes to answer causes no timeout. This holds for a call with an idle
// timeout of five minutes, and for a call whose tries may take thirty seconds.
func TestSlowAnswersTimeNothingOut(t *testing.T) {
	eachAsk(t, answered(nothing), func(t *testing.T, srv *mcptest.Server, _ string, ask func(context.Context, *mcpclient.Session, ...mcpclient.CallOption) error) {
		s := serve(t, srv, mcpclient.Options{Handlers: slowly(10 * time.Minute)})
		got := <-during(func() error { return ask(t.Context(), s) })
		require.NoError(t, got.err)
		require.Equal(t, 10*time.Minute, got.at)
		require.Empty(t, srv.Cancelled())
	})
}

// After the answer, the timers resume: the idle timeout starts again, and a try's timeout continues
// where it was paused.
func TestTimersResumeAfterTheAnswer(t *testing.T) {
	silent := func(ctx context.Context, c *mcptest.Call) (jsonRaw, error) {
		if c.Inputs == nil {
			if err := mcptest.Sleep(ctx, 20*time.Second); err != nil {
				return nil, err
			}
		}
		return answered(never)(ctx, c)
	}
	eachAsk(t, silent, func(t *testing.T, srv *mcptest.Server, what string, ask func(context.Context, *mcpclient.Session, ...mcpclient.CallOption) error) {
		s := serve(t, srv, mcpclient.Options{Handlers: slowly(10 * time.Minute)})
		got := <-during(func() error { return ask(t.Context(), s) })
		e := failure(t, got.err)
		require.Equal(t, mcpclient.KindTimeout, e.Kind)
		var timeout *mcpclient.TimeoutError
		require.ErrorAs(t, e, &timeout)
		const answer = 10*time.Minute + 20*time.Second
		switch {
		case what == "tool":
			require.EqualValues(t, "idle", timeout.What)
			require.Equal(t, answer+5*time.Minute, got.at)
			require.Equal(t, mcpclient.Unknown, e.Outcome)
		case srv.Era == mcptest.Legacy:
			require.EqualValues(t, "try", timeout.What)
			require.Equal(t, answer+10*time.Second, got.at, "the try had already used 20 s")
		default:
			require.EqualValues(t, "try", timeout.What)
			require.Equal(t, answer+30*time.Second, got.at, "the retry is another request")
		}
	})
}

// A server request on the shared stream does not say which call waits for it, so the timers of all
// calls are paused.
func TestRequestOnTheSharedStreamPausesAllTimers(t *testing.T) {
	for _, wait := range []time.Duration{time.Minute, 6 * time.Minute} { // how long the tool takes after the answer
		t.Run(wait.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := newServer(mode{mcptest.Legacy, true})
				add(srv, "work", takes(14*time.Minute+wait))
				s := serve(t, srv, mcpclient.Options{Handlers: slowly(10 * time.Minute)})
				synctest.Wait()
				before := begin(t.Context(), s, "work")
				time.Sleep(4 * time.Minute) // fake time, like all sleeps here
				_, answer := srv.Begin(elicit, aForm)
				synctest.Wait()
				amid := begin(t.Context(), s, "work", mcpclient.WithIdleTimeout(6*time.Minute))
				m := <-answer
				require.JSONEq(t, `{"action":"accept","content":{"name":"gopher"}}`, string(m.Result))
				got := <-before
				if wait == time.Minute {
					require.NoError(t, got.err)
					require.Equal(t, 15*time.Minute, got.at)
				} else {
					require.True(t, mcpclient.KindOf(got.err) == mcpclient.KindTimeout, "%v", got.err)
					require.Equal(t, 19*time.Minute, got.at, "five minutes after the answer")
				}
				got = <-amid
				switch wait {
				case time.Minute: // 15 minutes passed until the answer, but the idle timeout of five minutes was paused
					require.NoError(t, got.err)
				default:
					require.True(t, mcpclient.KindOf(got.err) == mcpclient.KindTimeout, "%v", got.err)
					require.Equal(t, 16*time.Minute, got.at, "six minutes after the answer")
				}
			})
		})
	}
}

// A server request on the shared stream also pauses the timeouts of tries: those of a slow prompt,
// and of a list whose answer depends on a user.
func TestRequestOnTheSharedStreamPausesTries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(mode{mcptest.Legacy, true})
		srv.Prompts = []mcptest.Prompt{{Name: "slow", Run: func(ctx context.Context, _ *mcptest.Call) (jsonRaw, error) {
			return jsonRaw(messages), mcptest.Sleep(ctx, 10*time.Minute+25*time.Second)
		}}}
		s := serve(t, srv, mcpclient.Options{Handlers: slowly(10 * time.Minute)})
		synctest.Wait()
		prompt := during(func() error { _, err := s.GetPrompt(t.Context(), "slow", nil); return err })
		time.Sleep(20 * time.Second) // fake time
		_, answer := srv.Begin(elicit, aForm)
		<-answer
		got := <-prompt
		require.NoError(t, got.err)
		require.Equal(t, 10*time.Minute+25*time.Second, got.at)
		require.Equal(t, 1, srv.Executions("slow"))
	})
}

// While a handler runs, the call's total timeout and the deadline of the caller's context are not
// paused. When one of them expires, the call and the handler end at once.
func TestServerRequestsAreBounded(t *testing.T) {
	for _, how := range []string{"total timeout", "context", "deadline"} {
		t.Run(how, func(t *testing.T) {
			eachAsk(t, answered(nothing), func(t *testing.T, srv *mcptest.Server, _ string, ask func(context.Context, *mcpclient.Session, ...mcpclient.CallOption) error) {
				gone := make(chan time.Duration, 1)
				start := time.Now()
				s := serve(t, srv, mcpclient.Options{Handlers: mcpclient.Handlers{
					ElicitForm: func(ctx context.Context, _ *mcpclient.Session, _ *mcpclient.FormRequest) (*mcp.ElicitationResult, error) {
						<-ctx.Done()
						gone <- time.Since(start)
						return named("too late"), nil
					},
				}})
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				var opts []mcpclient.CallOption
				kind := mcpclient.KindCanceled
				switch how {
				case "total timeout":
					opts, kind = append(opts, mcpclient.WithTotalTimeout(7*time.Minute)), mcpclient.KindTimeout
				case "context":
					time.AfterFunc(7*time.Minute, func() { cancel(errors.New("the user left")) })
				case "deadline":
					deadline, stop := context.WithTimeout(ctx, 7*time.Minute)
					defer stop()
					ctx = deadline
				}
				got := <-during(func() error { return ask(ctx, s, opts...) })
				e := failure(t, got.err)
				require.Equal(t, kind, e.Kind)
				require.Equal(t, 7*time.Minute, got.at)
				require.Equal(t, 7*time.Minute, <-gone)
				outcome := mcpclient.Unknown
				if srv.Era == mcptest.Modern {
					outcome = mcpclient.Answered // the server's answer was the request for input
				}
				require.Equal(t, outcome, e.Outcome)
				synctest.Wait()
				require.Zero(t, srv.Count("response"))
				echoes(t, s)
			})
		})
	}
}

// The time that a handler takes does not count against the time limit for retries. If the
// connection breaks right after a slow handler, the request is retried.
func TestAnswerTimeDoesNotCountAgainstRetries(t *testing.T) {
	cuts := 0
	cut := answered(func(ctx context.Context, c *mcptest.Call) (jsonRaw, error) {
		if cuts++; cuts%2 == 1 {
			return cutOff(ctx, c)
		}
		return nil, nil
	})
	eachAsk(t, cut, func(t *testing.T, srv *mcptest.Server, what string, ask func(context.Context, *mcpclient.Session, ...mcpclient.CallOption) error) {
		cuts = 0
		s := serve(t, srv, mcpclient.Options{Handlers: slowly(10 * time.Minute)})
		err := ask(t.Context(), s)
		if what == "tool" { // tool calls are never repeated
			require.Equal(t, mcpclient.KindOutcomeUnknown, failure(t, err).Kind)
			require.Equal(t, 1, cuts)
			return
		}
		require.NoError(t, err)
		require.Equal(t, 2, cuts)
	})
}

// The handler's time does not count against retries even if the stream breaks while the handler is
// still running.
func TestAnswerTimeAfterACutDoesNotCountAgainstRetries(t *testing.T) {
	for range 10 { // goroutines run in any order
		synctest.Test(t, func(t *testing.T) {
			srv := newServer(mode{mcptest.Legacy, true})
			tries := 0
			srv.Prompts = []mcptest.Prompt{{Name: "ask", Run: func(ctx context.Context, c *mcptest.Call) (jsonRaw, error) {
				if tries++; tries > 1 {
					return jsonRaw(messages), nil
				}
				c.Begin(elicit, aForm)
				if err := mcptest.Sleep(ctx, 9*time.Minute); err != nil {
					return nil, err
				}
				return cutOff(ctx, c)
			}}}
			s := serve(t, srv, mcpclient.Options{Handlers: slowly(10 * time.Minute)})
			got := <-during(func() error { _, err := s.GetPrompt(t.Context(), "ask", nil); return err })
			require.NoError(t, got.err)
			require.Less(t, got.at, 9*time.Minute+time.Second)
			require.Equal(t, 2, tries)
		})
	}
}

// The time of a handler for a request on the shared stream does not count against retries either: a
// call whose stream breaks meanwhile keeps all of its time.
func TestAnswerTimeOnTheSharedStreamDoesNotCountAgainstRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(mode{mcptest.Legacy, true})
		tries := 0
		srv.Prompts = []mcptest.Prompt{{Name: "slow", Run: func(ctx context.Context, c *mcptest.Call) (jsonRaw, error) {
			if tries++; tries == 1 {
				if err := mcptest.Sleep(ctx, 9*time.Minute); err != nil {
					return nil, err
				}
				return cutOff(ctx, c)
			}
			return jsonRaw(messages), nil
		}}}
		s := serve(t, srv, mcpclient.Options{Handlers: slowly(10 * time.Minute)})
		synctest.Wait()
		_, answer := srv.Begin(elicit, aForm)
		synctest.Wait()
		prompt := during(func() error { _, err := s.GetPrompt(t.Context(), "slow", nil); return err })
		got := <-prompt
		require.NoError(t, got.err)
		require.Less(t, got.at, 9*time.Minute+time.Second)
		require.Equal(t, 2, tries)
		<-answer
	})
}

// A server request that was cancelled, or whose call has ended, pauses no timers, even if its
// handler is still running.
func TestEndedRequestsPauseNoTimers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(mode{mcptest.Legacy, true})
		add(srv, "never", never)
		p := newSlowUsers() // these handlers ignore their context
		s := serve(t, srv, mcpclient.Options{Handlers: mcpclient.Handlers{ElicitForm: p.form}})
		synctest.Wait()
		id, _ := srv.Begin(elicit, aForm)
		synctest.Wait()
		call := begin(t.Context(), s, "never")
		time.Sleep(7 * time.Minute) // fake time
		require.Empty(t, call)
		srv.CancelRequest(id)
		got := <-call
		require.True(t, mcpclient.KindOf(got.err) == mcpclient.KindTimeout, "%v", got.err)
		require.Equal(t, 12*time.Minute, got.at, "five minutes after the request was cancelled")
		p.release(1)
	})
}

// If a call has several server requests, its timers are paused until all of them are answered.
func TestTimersArePausedForAllRequests(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		many := make(map[string]mcptest.InputRequest)
		for i := range 3 {
			many[fmt.Sprint(i)] = mcptest.InputRequest{Method: elicit, Params: map[string]any{
				"message": fmt.Sprint(i), "requestedSchema": aForm["requestedSchema"],
			}}
		}
		add(srv, "ask", func(ctx context.Context, c *mcptest.Call) (jsonRaw, error) {
			_, pending, err := c.RequestInputs(ctx, many)
			if err != nil || pending != nil {
				return pending, err
			}
			return never(ctx, c)
		})
		s := serve(t, srv, mcpclient.Options{Handlers: mcpclient.Handlers{
			ElicitForm: func(ctx context.Context, _ *mcpclient.Session, r *mcpclient.FormRequest) (*mcp.ElicitationResult, error) {
				d, err := time.ParseDuration(r.Message + "0m") // at once, ten minutes, twenty minutes
				return named("gopher"), errors.Join(err, mcptest.Sleep(ctx, d))
			},
		}})
		got := <-begin(t.Context(), s, "ask")
		require.True(t, mcpclient.KindOf(got.err) == mcpclient.KindTimeout, "%v", got.err)
		require.Equal(t, 25*time.Minute, got.at)
	})
}

// If the server sends a state without requests, the client retries at growing intervals and calls
// no handler.
func TestStateWithoutRequestsIsPaced(t *testing.T) {
	onModern(t, func(t *testing.T, srv *mcptest.Server) {
		var at []time.Duration
		start := time.Now()
		add(srv, "busy", func(context.Context, *mcptest.Call) (jsonRaw, error) {
			if at = append(at, time.Since(start)); len(at) == 6 {
				return mcptest.Text("done"), nil
			}
			return mcptest.InputRequired(nil, json.RawMessage(`"later"`)), nil
		})
		s := serve(t, srv, mcpclient.Options{})
		start = time.Now()
		_, err := s.CallTool(t.Context(), "busy", nil)
		require.NoError(t, err)
		require.Len(t, at, 6)
		for i, want := 1, 250*time.Millisecond; i < len(at); i, want = i+1, 2*want {
			require.InDelta(t, want, at[i]-at[i-1], float64(want)/4, "pause %d", i)
		}
	})
}

// If a state comes without requests, the wait before the retry ends when the caller's context ends,
// when the total timeout expires, or on Close.
func TestStateWithoutRequestsIsBounded(t *testing.T) {
	for how, kind := range map[string]mcpclient.Kind{
		"context": mcpclient.KindCanceled, "total": mcpclient.KindTimeout, "close": mcpclient.KindClosed,
	} {
		t.Run(how, func(t *testing.T) {
			onModern(t, func(t *testing.T, srv *mcptest.Server) {
				add(srv, "busy", requires(nil, `"later"`))
				s := serve(t, srv, mcpclient.Options{Limits: mcpclient.Limits{InputRounds: -1}})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				var opts []mcpclient.CallOption
				if how == "total" {
					opts = append(opts, mcpclient.WithTotalTimeout(time.Minute))
				}
				call := begin(ctx, s, "busy", opts...)
				if how != "total" {
					time.Sleep(time.Minute) // fake time
				}
				switch how {
				case "context":
					cancel()
				case "close":
					require.NoError(t, s.Close())
				}
				got := <-call
				e := failure(t, got.err)
				require.Equal(t, kind, e.Kind)
				require.Equal(t, time.Minute, got.at)
				require.Equal(t, mcpclient.Answered, e.Outcome)
			})
		})
	}
}
