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

// slowly is a person who answers a form after so long, unless the question is moot before.
func slowly(d time.Duration) mcpclient.Handlers {
	return mcpclient.Handlers{
		ElicitForm: func(ctx context.Context, _ *mcpclient.Session, _ *mcpclient.FormRequest) (*mcp.ElicitationResult, error) {
			return named("gopher"), mcptest.Sleep(ctx, d)
		},
	}
}

// finish is what came of something that was done on a goroutine of its own.
type finish struct {
	err error
	at  time.Duration
}

// during does something on a goroutine.
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

// callsThatAsk are a tool, a prompt and a resource of srv that do the same, and the calls that ask for them.
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

// eachAsk runs a test for a call of each method that may ask, in each era.
func eachAsk(t *testing.T, run mcptest.ToolFunc, test func(t *testing.T, srv *mcptest.Server, what string, ask func(context.Context, *mcpclient.Session, ...mcpclient.CallOption) error)) {
	t.Helper()
	for what := range callsThatAsk(newServer(mode{}), run) {
		t.Run(what, func(t *testing.T) {
			eachEra(t, func(t *testing.T, srv *mcptest.Server) { test(t, srv, what, callsThatAsk(srv, run)[what]) })
		})
	}
}

// answered asks, and then does what is left to do.
func answered(then mcptest.ToolFunc) mcptest.ToolFunc {
	return func(ctx context.Context, c *mcptest.Call) (jsonRaw, error) {
		_, pending, err := c.RequestInput(ctx, "q", elicit, aForm)
		if err != nil || pending != nil {
			return pending, err
		}
		return then(ctx, c)
	}
}

// cutOff ends a stream without its answer.
func cutOff(ctx context.Context, c *mcptest.Call) (jsonRaw, error) {
	c.Cut(true)
	return never(ctx, c)
}

func nothing(context.Context, *mcptest.Call) (jsonRaw, error) { return nil, nil }

// Who takes ten minutes to answer times no call out, neither one that may be
// idle for five minutes nor one whose tries may take thirty seconds.
func TestSlowAnswersTimeNothingOut(t *testing.T) {
	eachAsk(t, answered(nothing), func(t *testing.T, srv *mcptest.Server, _ string, ask func(context.Context, *mcpclient.Session, ...mcpclient.CallOption) error) {
		s := serve(t, srv, mcpclient.Options{Handlers: slowly(10 * time.Minute)})
		got := <-during(func() error { return ask(t.Context(), s) })
		require.NoError(t, got.err)
		require.Equal(t, 10*time.Minute, got.at)
		require.Empty(t, srv.Cancelled())
	})
}

// After the answer the clocks go on: the idle timeout anew, a try's timeout where it stood.
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
			require.Equal(t, answer+10*time.Second, got.at, "20 s were used up before")
		default:
			require.EqualValues(t, "try", timeout.What)
			require.Equal(t, answer+30*time.Second, got.at, "it is another request")
		}
	})
}

// A question on the standing stream does not say which call waits for it: the clocks of all stand still.
func TestRequestOnTheSharedStreamPausesAllTimers(t *testing.T) {
	for _, wait := range []time.Duration{time.Minute, 6 * time.Minute} { // after the answer
		t.Run(wait.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := newServer(mode{mcptest.Legacy, true})
				add(srv, "work", takes(14*time.Minute+wait))
				s := serve(t, srv, mcpclient.Options{Handlers: slowly(10 * time.Minute)})
				synctest.Wait()
				before := begin(t.Context(), s, "work")
				time.Sleep(4 * time.Minute) // of fake time, as all of it
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
				case time.Minute: // it ends fifteen minutes after its begin, five after the answer
					require.NoError(t, got.err)
				default:
					require.True(t, mcpclient.KindOf(got.err) == mcpclient.KindTimeout, "%v", got.err)
					require.Equal(t, 16*time.Minute, got.at, "six minutes after the answer")
				}
			})
		})
	}
}

// The same for tries: of a prompt that is slow, and of a list whose answer waits for a person.
func TestRequestOnTheSharedStreamPausesTries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(mode{mcptest.Legacy, true})
		srv.Prompts = []mcptest.Prompt{{Name: "slow", Run: func(ctx context.Context, _ *mcptest.Call) (jsonRaw, error) {
			return jsonRaw(messages), mcptest.Sleep(ctx, 10*time.Minute+25*time.Second)
		}}}
		s := serve(t, srv, mcpclient.Options{Handlers: slowly(10 * time.Minute)})
		synctest.Wait()
		prompt := during(func() error { _, err := s.GetPrompt(t.Context(), "slow", nil); return err })
		time.Sleep(20 * time.Second) // of fake time
		_, answer := srv.Begin(elicit, aForm)
		<-answer
		got := <-prompt
		require.NoError(t, got.err)
		require.Equal(t, 10*time.Minute+25*time.Second, got.at)
		require.Equal(t, 1, srv.Executions("slow"))
	})
}

// The total timeout and the caller's context go on while a person is asked; they
// end the call at once, and what the person is asked.
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
					outcome = mcpclient.Answered // with what it requires
				}
				require.Equal(t, outcome, e.Outcome)
				synctest.Wait()
				require.Zero(t, srv.Count("response"))
				echoes(t, s)
			})
		})
	}
}

// What a person takes is not taken from the retries: an answer that is lost
// right after is asked for again.
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
		if what == "tool" { // which is never repeated
			require.Equal(t, mcpclient.KindOutcomeUnknown, failure(t, err).Kind)
			require.Equal(t, 1, cuts)
			return
		}
		require.NoError(t, err)
		require.Equal(t, 2, cuts)
	})
}

// Nor is it if the stream breaks off while the person is still asked.
func TestAnswerTimeAfterACutDoesNotCountAgainstRetries(t *testing.T) {
	for range 10 { // whoever comes first
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

// The same while the question is on the standing stream: the call that is cut meanwhile has lost no time.
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

// A question that is moot stops no clock, whatever its handler does: one that
// the server took back, one whose call ended.
func TestEndedRequestsPauseNoTimers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(mode{mcptest.Legacy, true})
		add(srv, "never", never)
		p := newPeople() // who do not look at their context
		s := serve(t, srv, mcpclient.Options{Handlers: mcpclient.Handlers{ElicitForm: p.form}})
		synctest.Wait()
		id, _ := srv.Begin(elicit, aForm)
		synctest.Wait()
		call := begin(t.Context(), s, "never")
		time.Sleep(7 * time.Minute) // of fake time
		require.Empty(t, call)
		srv.CancelRequest(id)
		got := <-call
		require.True(t, mcpclient.KindOf(got.err) == mcpclient.KindTimeout, "%v", got.err)
		require.Equal(t, 12*time.Minute, got.at, "five minutes after the question was taken back")
		p.letGo(1)
	})
}

// Clocks stand still until the last of several questions is answered.
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

// A state without questions is waited on, ever longer, and nobody is asked.
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

// Such a wait ends with the caller's context, the total timeout, and Close.
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
					time.Sleep(time.Minute) // of fake time
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
