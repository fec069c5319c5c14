package mcpclient_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
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

// onModern runs a test in fake time with a modern server that replies with event streams.
func onModern(t *testing.T, test func(t *testing.T, srv *mcptest.Server)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, newServer(mode{mcptest.Modern, true})) })
}

// refuseOnce makes the server refuse the next request of a method with a status.
func refuseOnce(srv *mcptest.Server, method string, status int) {
	var refused atomic.Bool
	srv.SetIntercept(func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
		if m == nil || m.Method != method || refused.Swap(true) {
			return false
		}
		w.WriteHeader(status)
		return true
	})
}

type requestsOf = map[string]mcptest.InputRequest

// rounds is a tool that runs the next script at each call, and repeats the last one.
func rounds(scripts ...mcptest.ToolFunc) mcptest.ToolFunc {
	var mu sync.Mutex
	n := 0
	return func(ctx context.Context, c *mcptest.Call) (jsonRaw, error) {
		mu.Lock()
		script := scripts[min(n, len(scripts)-1)]
		n++
		mu.Unlock()
		return script(ctx, c)
	}
}

// requires is a script that returns a result that requires the input q, with a state.
func requires(q requestsOf, state string) mcptest.ToolFunc {
	return func(context.Context, *mcptest.Call) (jsonRaw, error) {
		if state == "" {
			return mcptest.InputRequired(q, nil), nil
		}
		return mcptest.InputRequired(q, json.RawMessage(state)), nil
	}
}

// The client sends the server's state back byte for byte, including its escapes.
func TestStateGoesBackByteForByte(t *testing.T) {
	for _, state := range []string{
		`""`, `"plain"`, `"a\/b\ud83d\ude00\u0000"`, `"<&>\u003c"`, `"\ud800"`, `"é\u00e9 \u2028"`, `"` + strings.Repeat(`\u0061\\`, 50_000) + `"`,
	} {
		t.Run(state[:min(len(state), 30)], func(t *testing.T) {
			for _, q := range []requestsOf{nil, {}, {"q": {Method: elicit, Params: aForm}}} {
				onModern(t, func(t *testing.T, srv *mcptest.Server) {
					srv.SSE = q != nil // covers both kinds of reply
					add(srv, "ask", rounds(requires(q, state), func(_ context.Context, c *mcptest.Call) (jsonRaw, error) {
						if string(c.State) != state || len(c.Inputs) != len(q) {
							return nil, errors.New("another state")
						}
						return mcptest.Text("done"), nil
					}))
					s := serve(t, srv, mcpclient.Options{Handlers: answersForm(named("gopher"), nil)})
					_, err := s.CallTool(t.Context(), "ask", nil)
					require.NoError(t, err)
					calls := srv.Requests("tools/call")
					require.Len(t, calls, 2)
					require.Contains(t, string(calls[1].Body), `"requestState":`+state+`,`)
				})
			}
		})
	}
}

// Each round carries the answers and the state of the previous round only.
func TestRoundsKeepNothingOfEarlierRounds(t *testing.T) {
	onModern(t, func(t *testing.T, srv *mcptest.Server) {
		var d diary
		note := func(script mcptest.ToolFunc) mcptest.ToolFunc {
			return func(ctx context.Context, c *mcptest.Call) (jsonRaw, error) {
				var keys []string
				for key := range c.Inputs {
					keys = append(keys, key)
				}
				d.notef("%s %v %s", c.Arguments, keys, c.State)
				return script(ctx, c)
			}
		}
		form := mcptest.InputRequest{Method: elicit, Params: aForm}
		add(srv, "ask", rounds(
			note(requires(requestsOf{"first": form}, `"one"`)), note(requires(requestsOf{"second": form}, "")),
			note(requires(nil, `"two"`)), note(requires(requestsOf{"third": form}, "")), note(done),
		))
		s := serve(t, srv, mcpclient.Options{Handlers: answersForm(named("gopher"), nil)})
		_, err := s.CallTool(t.Context(), "ask", map[string]any{"x": 1})
		require.NoError(t, err)
		require.Equal(t, []string{`{"x":1} [] `, `{"x":1} [first] "one"`, `{"x":1} [second] `, `{"x":1} [] "two"`, `{"x":1} [third] `}, d.take())
		for i, r := range srv.Requests("tools/call") {
			require.Equal(t, i == 1 || i == 3, strings.Contains(string(r.Body), "requestState"))
			require.Equal(t, i == 1 || i == 2 || i == 4, strings.Contains(string(r.Body), "inputResponses"))
		}
	})
}

// Each round is a separate request with a new ID and a new progress token. Progress with the new
// token is delivered. Everything else in the request stays the same.
func TestEachRoundIsARequest(t *testing.T) {
	onModern(t, func(t *testing.T, srv *mcptest.Server) {
		round := 0
		add(srv, "ask", func(ctx context.Context, c *mcptest.Call) (jsonRaw, error) {
			round++
			c.Progress(float64(round), 9, "")
			return asking(elicit, aForm)(ctx, c)
		})
		tool := srv.Tools[1]
		tool.Schema = `{"type":"object","properties":{"where":{"type":"string","x-mcp-header":"Where"}}}`
		tool.Mirrored = map[string]string{"Where": "where"}
		s := serve(t, srv, mcpclient.Options{Handlers: answersForm(named("gopher"), nil)})
		listed(t, s)
		var updates []float64
		args := map[string]any{"where": "here", "n": json.Number("9007199254740993")}
		_, err := s.CallTool(t.Context(), "ask", args, mcpclient.WithHeader("X-Own", "mine"), mcpclient.WithMeta(map[string]any{"k": "v"}),
			mcpclient.OnProgress(func(_ context.Context, p mcpclient.Progress) { updates = append(updates, p.Progress) }))
		require.NoError(t, err)
		require.Equal(t, []float64{1, 2}, updates)
		calls := srv.Requests("tools/call")
		require.Len(t, calls, 2)
		require.NotEqual(t, calls[0].ID, calls[1].ID)
		require.NotEmpty(t, calls[0].Meta("progressToken"))
		require.NotEmpty(t, calls[1].Meta("progressToken"))
		require.NotEqual(t, calls[0].Meta("progressToken"), calls[1].Meta("progressToken"))
		require.Equal(t, `"v"`, calls[1].Meta("k"))
		calls[0].Header.Del("Content-Length")
		calls[1].Header.Del("Content-Length")
		require.Equal(t, calls[0].Header, calls[1].Header)
		require.Equal(t, "here", calls[1].Header.Get("Mcp-Param-Where"))
		require.Contains(t, string(calls[1].Params), `"n":9007199254740993`)
	})
}

// A call has at most sixteen rounds, or the number that the options set.
func TestInputRoundsHaveALimit(t *testing.T) {
	for _, test := range []struct{ option, asks, limit int }{
		{0, 16, 0}, {0, 17, 16}, {0, 1000, 16}, {2, 2, 0}, {2, 3, 2}, {-1, 40, 0},
	} {
		for _, alone := range []bool{false, true} {
			t.Run(fmt.Sprintf("%+v %v", test, alone), func(t *testing.T) {
				onModern(t, func(t *testing.T, srv *mcptest.Server) {
					left, calls := test.asks, 0
					add(srv, "ask", func(context.Context, *mcptest.Call) (jsonRaw, error) {
						if left--; left < 0 {
							return mcptest.Text("done"), nil
						}
						if alone {
							return mcptest.InputRequired(nil, json.RawMessage(`"s"`)), nil
						}
						return mcptest.InputRequired(requestsOf{"q": {Method: listRoots}}, nil), nil
					})
					s := serve(t, srv, mcpclient.Options{Limits: mcpclient.Limits{InputRounds: test.option}, Handlers: mcpclient.Handlers{
						Roots: func(context.Context, *mcpclient.Session) ([]mcp.Root, error) { calls++; return nil, nil },
					}})
					_, err := s.CallTool(t.Context(), "ask", nil)
					want := test.asks
					if test.limit == 0 {
						require.NoError(t, err)
						require.Equal(t, test.asks+1, srv.Executions("ask"))
					} else {
						e := failure(t, err)
						require.Equal(t, mcpclient.KindLimit, e.Kind)
						var limit *mcpclient.LimitError
						require.ErrorAs(t, err, &limit)
						require.EqualValues(t, test.limit, limit.Limit)
						require.Equal(t, test.limit+1, srv.Executions("ask"))
						require.Equal(t, test.limit+1, e.Tries)
						want = test.limit
					}
					if alone {
						want = 0
					}
					require.Equal(t, want, calls, "no handler runs in vain")
				})
			})
		}
	}
}

// All input requests of a result are answered before the call is sent again. Each answer has the
// key of its request, whatever the keys are and in whatever order the handlers return.
func TestAnswersHaveTheKeysOfTheRequests(t *testing.T) {
	keys := []string{"", "a", "a\"b\\", "ключ", "<&>", "\u0000", "__proto__", strings.Repeat("k", 5000)}
	onModern(t, func(t *testing.T, srv *mcptest.Server) {
		q := make(requestsOf)
		for i, key := range keys {
			q[key] = mcptest.InputRequest{Method: elicit, Params: map[string]any{"message": fmt.Sprint(i), "requestedSchema": aForm["requestedSchema"]}}
		}
		q["roots"], q["sample"] = mcptest.InputRequest{Method: listRoots}, mcptest.InputRequest{Method: sample, Params: aSample}
		var got map[string]json.RawMessage
		add(srv, "ask", rounds(requires(q, `"s"`), func(_ context.Context, c *mcptest.Call) (jsonRaw, error) {
			got = c.Inputs
			return mcptest.Text("done"), nil
		}))
		var d diary
		h := d.requestHandlers("sample", "roots")
		h.ElicitForm = func(ctx context.Context, _ *mcpclient.Session, r *mcpclient.FormRequest) (*mcp.ElicitationResult, error) {
			wait, err := time.ParseDuration(r.Message + "m")
			if err != nil {
				return nil, err
			}
			return named("no. " + r.Message), mcptest.Sleep(ctx, time.Hour-wait) // the first handler answers last
		}
		s := serve(t, srv, mcpclient.Options{Handlers: h})
		start := time.Now()
		_, err := s.CallTool(t.Context(), "ask", nil)
		require.NoError(t, err)
		require.Equal(t, time.Hour, time.Since(start), "the handlers run concurrently")
		require.Equal(t, 2, srv.Executions("ask"))
		require.Len(t, got, len(q))
		for i, key := range keys {
			require.JSONEq(t, fmt.Sprintf(`{"action":"accept","content":{"name":"no. %d"}}`, i), string(got[key]))
		}
		require.JSONEq(t, `{"roots":[{"uri":"file:///home/gopher","name":"home"}]}`, string(got["roots"]))
		require.JSONEq(t, `{"role":"assistant","content":{"type":"text","text":"hello"},"model":"m"}`, string(got["sample"]))
	})
}

// If a handler fails, the call ends at once and the contexts of the other handlers end.
func TestOneFailedRequestEndsTheCall(t *testing.T) {
	onModern(t, func(t *testing.T, srv *mcptest.Server) {
		q := requestsOf{"roots": {Method: listRoots}}
		for i := range 20 { // more requests than the sixteen slots
			q[fmt.Sprint(i)] = mcptest.InputRequest{Method: elicit, Params: aForm}
		}
		add(srv, "ask", requires(q, `"s"`))
		errNo := errors.New("no roots today")
		ends, calls := make(chan time.Duration, 20), atomic.Int32{}
		block := make(chan struct{})
		start := time.Now()
		s := serve(t, srv, mcpclient.Options{Handlers: mcpclient.Handlers{
			Roots: func(ctx context.Context, _ *mcpclient.Session) ([]mcp.Root, error) {
				return nil, errors.Join(errNo, mcptest.Sleep(ctx, time.Hour))
			},
			ElicitForm: func(ctx context.Context, _ *mcpclient.Session, _ *mcpclient.FormRequest) (*mcp.ElicitationResult, error) {
				if n := calls.Add(1); n <= 5 {
					return named("gopher"), nil // frees a slot for the roots request
				}
				<-ctx.Done()
				ends <- time.Since(start)
				<-block // a slow handler
				return named("gopher"), nil
			},
		}})
		defer close(block)
		start = time.Now()
		got := <-begin(t.Context(), s, "ask")
		e := failure(t, got.err)
		require.Equal(t, mcpclient.KindInput, e.Kind)
		require.ErrorIs(t, e, errNo)
		require.Equal(t, time.Hour, got.at)
		var in *mcpclient.InputError
		require.ErrorAs(t, e, &in)
		require.Equal(t, "roots", in.Key)
		synctest.Wait()
		require.Len(t, ends, 15)
		for range 15 {
			require.Equal(t, time.Hour, <-ends)
		}
		require.Equal(t, 1, srv.Executions("ask"))
		echoes(t, s)
	})
}

// A handler that fails ends the call even while other requests wait for one of the sixteen slots.
func TestFailedRequestWhileOthersWaitForASlot(t *testing.T) {
	onModern(t, func(t *testing.T, srv *mcptest.Server) {
		q := requestsOf{"!": {Method: listRoots}} // sorts first, so it is handled first
		for i := range 20 {
			q[fmt.Sprint(i)] = mcptest.InputRequest{Method: elicit, Params: aForm}
		}
		add(srv, "ask", requires(q, `"s"`))
		errNo := errors.New("no roots today")
		p := newSlowUsers()
		defer p.release(20)
		s := serve(t, srv, mcpclient.Options{Handlers: mcpclient.Handlers{
			Roots:      func(context.Context, *mcpclient.Session) ([]mcp.Root, error) { return nil, errNo },
			ElicitForm: p.form,
		}})
		got := <-begin(t.Context(), s, "ask")
		require.ErrorIs(t, got.err, errNo)
		require.Zero(t, got.at)
	})
}

// With WithManualInput, the caller gets the required input requests, and no handler is called.
// WithInput continues the call, round after round. It works even in another session, and after the
// input was stored as JSON.
func TestManualInput(t *testing.T) {
	const state = `"a\/b\ud83d\ude00\u0000"`
	script := func() mcptest.ToolFunc {
		return rounds(
			requires(requestsOf{"b": {Method: elicit, Params: aForm}, "a": {Method: listRoots}}, state), requires(requestsOf{"c": {Method: sample, Params: aSample}}, ""),
			requires(nil, state), func(_ context.Context, c *mcptest.Call) (jsonRaw, error) {
				if string(c.State) != state || c.Inputs != nil {
					return nil, errors.New("another state")
				}
				return nil, nil
			},
		)
	}
	answers := []map[string]any{
		{"a": &mcp.ListRootsResult{Roots: []mcp.Root{{URI: "file:///a"}}}, "b": named("gopher")},
		{"c": json.RawMessage(` {"role":"assistant","content":{"type":"text","text":"hi"},"model":"m"} `)}, nil,
	}
	for _, what := range []string{"tool", "prompt", "resource"} {
		t.Run(what, func(t *testing.T) {
			onModern(t, func(t *testing.T, srv *mcptest.Server) {
				callsThatAsk(srv, script())
				link := srv.InMemory(t)
				var d diary
				opts := []mcpclient.CallOption{mcpclient.WithManualInput()}
				var keys []string
				for round := range 4 {
					s := connect(t, link, mcpclient.Options{Handlers: d.requestHandlers("form", "url", "sample", "tools", "roots")})
					in := askManually(t, s, what, opts...)
					if round == 3 {
						require.Nil(t, in)
						break
					}
					data, err := json.Marshal(in)
					require.NoError(t, err)
					again := new(mcpclient.InputRequired)
					require.NoError(t, json.Unmarshal(data, again))
					for _, q := range again.Requests {
						keys = append(keys, q.Key+" "+q.Method)
					}
					opts = []mcpclient.CallOption{mcpclient.WithManualInput(), mcpclient.WithInput(again, answers[round])}
				}
				require.Equal(t, []string{"a roots/list", "b " + elicit, "c " + sample}, keys)
				require.Empty(t, d.take(), "no handler ran")
				var bodies []string
				for _, r := range append(append(srv.Requests("tools/call"), srv.Requests("prompts/get")...), srv.Requests("resources/read")...) {
					bodies = append(bodies, string(r.Body))
				}
				require.Len(t, bodies, 4)
				require.Contains(t, bodies[1], `"inputResponses":{"a":{"roots":[{"uri":"file:///a"}]},"b":{"action":"accept","content":{"name":"gopher"}}},"requestState":`+state)
				require.Contains(t, bodies[2], `"inputResponses":{"c":{"role":"assistant","content":{"type":"text","text":"hi"},"model":"m"}}`)
				require.NotContains(t, bodies[2], "requestState")
			})
		})
	}
}

// askManually makes the call named what from callsThatAsk and returns the input that the call
// requires.
func askManually(t *testing.T, s *mcpclient.Session, what string, opts ...mcpclient.CallOption) *mcpclient.InputRequired {
	t.Helper()
	switch what {
	case "tool":
		res, err := s.CallTool(t.Context(), "ask", nil, opts...)
		require.NoError(t, err)
		return res.Input
	case "prompt":
		res, err := s.GetPrompt(t.Context(), "ask", nil, opts...)
		require.NoError(t, err)
		return res.Input
	}
	res, err := s.ReadResource(t.Context(), "file:///ask", opts...)
	require.NoError(t, err)
	return res.Input
}

// If a call has WithInput but not WithManualInput, handlers answer later rounds.
func TestHandlersContinueAfterWithInput(t *testing.T) {
	onModern(t, func(t *testing.T, srv *mcptest.Server) {
		add(srv, "ask", rounds(requires(requestsOf{"a": {Method: listRoots}}, `"1"`), requires(requestsOf{"b": {Method: elicit, Params: aForm}}, `"2"`), done))
		var d diary
		s := serve(t, srv, mcpclient.Options{Handlers: d.requestHandlers("form")})
		in := askManually(t, s, "tool", mcpclient.WithManualInput())
		require.Nil(t, askManually(t, s, "tool", mcpclient.WithInput(in, map[string]any{"a": map[string]any{"roots": []any{}}})))
		require.Equal(t, []string{"form"}, d.take())
		calls := srv.Requests("tools/call")
		require.Contains(t, string(calls[2].Body), `"inputResponses":{"b":{"action":"accept","content":{"name":"gopher"}}},"requestState":"2"`)
	})
}

// The client does not send answers that do not match the input requests.
func TestInputThatCannotBeSent(t *testing.T) {
	required := func(keys ...string) *mcpclient.InputRequired {
		in := &mcpclient.InputRequired{State: json.RawMessage(`"s"`)}
		for _, key := range keys {
			in.Requests = append(in.Requests, mcpclient.InputRequest{Key: key, Method: listRoots})
		}
		return in
	}
	one := map[string]any{}
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, mcpclient.Options{})
		srv.Reset()
		for name, option := range map[string]mcpclient.CallOption{
			"no input":              mcpclient.WithInput(nil, map[string]any{}),
			"no answers":            mcpclient.WithInput(required("a"), nil),
			"one missing":           mcpclient.WithInput(required("a", "b"), map[string]any{"a": one}),
			"one too many":          mcpclient.WithInput(required("a"), map[string]any{"a": one, "b": one}),
			"other key":             mcpclient.WithInput(required("a"), map[string]any{"b": one}),
			"nil answer":            mcpclient.WithInput(required("a"), map[string]any{"a": nil}),
			"nil pointer":           mcpclient.WithInput(required("a"), map[string]any{"a": (*mcp.ElicitationResult)(nil)}),
			"not an object":         mcpclient.WithInput(required("a"), map[string]any{"a": []int{1}}),
			"not JSON":              mcpclient.WithInput(required("a"), map[string]any{"a": func() {}}),
			"bad JSON":              mcpclient.WithInput(required("a"), map[string]any{"a": json.RawMessage(`{"a"`)}),
			"state is not a string": mcpclient.WithInput(&mcpclient.InputRequired{State: json.RawMessage(`{"a":1}`)}, nil),
			"state with a suffix":   mcpclient.WithInput(&mcpclient.InputRequired{State: json.RawMessage(`"a","b":1`)}, nil),
		} {
			for _, do := range []func() error{
				func() error { _, err := s.CallTool(t.Context(), "echo", nil, option); return err },
				func() error { _, err := s.GetPrompt(t.Context(), "p", nil, option); return err },
				func() error { _, err := s.ReadResource(t.Context(), "file:///r", option); return err },
			} {
				e := failure(t, do())
				require.Equal(t, mcpclient.KindInvalid, e.Kind, name)
				require.True(t, unsent(e), name)
			}
		}
		require.Empty(t, srv.Methods())
	})
}

// A raw request returns the server's result unchanged, even if the result requires input.
func TestRawRequestIsNotAnswered(t *testing.T) {
	onModern(t, func(t *testing.T, srv *mcptest.Server) {
		var d diary
		add(srv, "ask", requires(requestsOf{"a": {Method: listRoots}}, `"\/"`))
		s := serve(t, srv, mcpclient.Options{Handlers: d.requestHandlers("roots")})
		res, err := s.Request(t.Context(), "tools/call", map[string]any{"name": "ask", "arguments": map[string]any{}})
		require.NoError(t, err)
		require.JSONEq(t, `{"resultType":"input_required","inputRequests":{"a":{"method":"roots/list"}},"requestState":"/"}`, string(res))
		require.Contains(t, string(res), `"\/"`)
		require.Empty(t, d.take())
		require.Equal(t, 1, srv.Executions("ask"))
	})
}

// Concurrent calls that require input each get their own answers.
func TestAnswersStayWithTheirCall(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		add(srv, "ask", func(ctx context.Context, c *mcptest.Call) (jsonRaw, error) {
			var all []string
			for round := range 3 { // the server reports a violation if another call's state arrives; see RequestInputs
				answer, pending, err := c.RequestInput(ctx, fmt.Sprint("q", round), elicit, map[string]any{
					"message": string(c.Arguments), "requestedSchema": aForm["requestedSchema"],
				})
				if err != nil || pending != nil {
					return pending, err
				}
				all = append(all, string(answer))
			}
			return mcptest.Text(strings.Join(all, "")), nil
		})
		s := serve(t, srv, mcpclient.Options{Handlers: mcpclient.Handlers{
			ElicitForm: func(ctx context.Context, _ *mcpclient.Session, r *mcpclient.FormRequest) (*mcp.ElicitationResult, error) {
				var args struct{ N int }
				err := json.Unmarshal([]byte(r.Message), &args)
				return named(r.Message), errors.Join(err, mcptest.Sleep(ctx, time.Duration(args.N%7)*time.Second))
			},
		}})
		var wg sync.WaitGroup
		for n := range 40 {
			wg.Go(func() {
				args := fmt.Sprintf(`{"N":%d}`, n)
				res, err := s.CallTool(t.Context(), "ask", json.RawMessage(args))
				if err != nil {
					t.Error(err)
					return
				}
				answer, _ := json.Marshal(map[string]any{"action": "accept", "content": map[string]any{"name": args}})
				if got := res.Content[0].(mcp.TextContent).Text; got != strings.Repeat(string(answer), 3) {
					t.Errorf("%s got %s", args, got)
				}
			})
		}
		wg.Wait()
		require.Empty(t, srv.Violations())
	})
}
