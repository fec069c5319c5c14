package mcpclient_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/transport"
)

const task = `{"resultType":"task","taskId":"7","status":"working","content":[]}`

type resolver = func(ctx context.Context, s *mcpclient.Session, r mcpclient.ClaimedResult) (json.RawMessage, error)

// tasks returns an extension whose results of this type resolve gets.
func tasks(resolve resolver) mcpclient.Extension {
	return mcpclient.Extension{
		ID: "io.modelcontextprotocol/tasks", Since: "2026-07-28", Names: map[string]string{"tasks/get": "taskId"},
		Claims: []mcpclient.Claim{
			{Method: "tools/call", ResultType: "task", Resolve: resolve}, {Method: "prompts/get", ResultType: "task", Resolve: resolve},
			{Method: "resources/read", ResultType: "task", Resolve: resolve}, {Method: "tasks/list", ResultType: "tasks"},
		},
	}
}

// starts runs a test in fake time with a modern server whose tool "start" becomes a task.
func starts(t *testing.T, test func(t *testing.T, srv *mcptest.Server, connect func(resolver, ...func(*mcpclient.Options)) *mcpclient.Session)) {
	t.Helper()
	for _, m := range modes[2:] {
		t.Run(m.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := newServer(m)
				add(srv, "start", returns(task))
				test(t, srv, func(resolve resolver, change ...func(*mcpclient.Options)) *mcpclient.Session {
					opts := mcpclient.Options{Extensions: []mcpclient.Extension{tasks(resolve)}}
					for _, f := range change {
						f(&opts)
					}
					return serve(t, srv, opts)
				})
			})
		})
	}
}

// An extension makes the tool's result of its own kind of result. It may ask the server for as long
// as it needs: no timeout for silence applies. Its requests carry the headers of the call.
func TestClaimIsResolved(t *testing.T) {
	starts(t, func(t *testing.T, srv *mcptest.Server, connect func(resolver, ...func(*mcpclient.Options)) *mcpclient.Session) {
		polls := 0
		answers(srv, "tasks/get", func(*mcptest.Message) string {
			if polls++; polls < 3 {
				return `{"resultType":"complete","status":"working"}`
			}
			return `{"resultType":"complete","status":"completed","result":{"content":[{"type":"text","text":"done at last"}],"structuredContent":{"n":9007199254740993}}}`
		})
		type key struct{}
		resolve := func(ctx context.Context, s *mcpclient.Session, r mcpclient.ClaimedResult) (json.RawMessage, error) {
			require.Equal(t, "tools/call", r.Method)
			require.Equal(t, "start", r.Name)
			require.JSONEq(t, task, string(r.Raw))
			require.Equal(t, "value", ctx.Value(key{}))
			var seed struct {
				TaskID string `json:"taskId"`
			}
			require.NoError(t, json.Unmarshal(r.Raw, &seed))
			for {
				time.Sleep(time.Hour)
				raw, err := s.Request(ctx, "tasks/get", seed, append(r.Options, mcpclient.WithIdempotent())...)
				if err != nil {
					return nil, err
				}
				var state struct{ Result json.RawMessage }
				if err := json.Unmarshal(raw, &state); err != nil || state.Result != nil {
					return state.Result, err
				}
			}
		}
		s := connect(resolve)
		ctx := context.WithValue(t.Context(), key{}, "value")
		res, err := s.CallTool(ctx, "start", nil, mcpclient.WithHeader("X-Shard", "3"), mcpclient.WithRawResult())
		require.NoError(t, err)
		require.Equal(t, "done at last", res.Text())
		require.Equal(t, `{"n":9007199254740993}`, string(res.StructuredContent()))
		require.Contains(t, string(res.Raw), "done at last")
		require.True(t, res.ResultType.IsComplete())
		for _, r := range srv.Requests("tasks/get") {
			require.Equal(t, "3", r.Header.Get("X-Shard"))
			require.Equal(t, "7", r.Header.Get("Mcp-Name"))
		}
		require.Equal(t, 3, polls)
		require.Equal(t, 1, srv.Executions("start"))

		polls = 2
		out, err := mcpclient.Call[any, map[string]json.Number](ctx, s, "start", nil)
		require.NoError(t, err)
		require.Equal(t, json.Number("9007199254740993"), out["n"])
	})
}

// Prompts and resources have claims as well. A result is resolved once, and what a handler answered
// before comes first.
func TestClaimsOfOtherMethods(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(mode{mcptest.Modern, true})
		var resolved []string
		s := serve(t, srv, mcpclient.Options{Extensions: []mcpclient.Extension{tasks(
			func(_ context.Context, _ *mcpclient.Session, r mcpclient.ClaimedResult) (json.RawMessage, error) {
				resolved = append(resolved, r.Method+" "+r.Name)
				return json.RawMessage(`{"messages":[],"contents":[{"uri":"a://b","text":"late"}]}`), nil
			})}})
		answers(srv, "prompts/get", func(*mcptest.Message) string { return task })
		_, err := s.GetPrompt(t.Context(), "greet", nil)
		require.NoError(t, err)
		answers(srv, "resources/read", func(*mcptest.Message) string { return task })
		res, err := s.ReadResource(t.Context(), "a://b")
		require.NoError(t, err)
		require.Len(t, res.Contents, 1)
		require.Equal(t, []string{"prompts/get greet", "resources/read a://b"}, resolved)
		answers(srv, "tasks/list", func(*mcptest.Message) string { return `{"resultType":"tasks","list":[]}` })
		raw, err := s.Request(t.Context(), "tasks/list", nil)
		require.NoError(t, err)
		require.JSONEq(t, `{"resultType":"tasks","list":[]}`, string(raw))
	})
}

// The caller may take the result as it is: with WithoutResolving, or by a raw request.
func TestClaimIsLeftToTheCaller(t *testing.T) {
	starts(t, func(t *testing.T, _ *mcptest.Server, connect func(resolver, ...func(*mcpclient.Options)) *mcpclient.Session) {
		resolve := func(context.Context, *mcpclient.Session, mcpclient.ClaimedResult) (json.RawMessage, error) {
			t.Error("resolved")
			return nil, errors.New("resolved")
		}
		for _, resolve := range []resolver{resolve, nil} {
			s := connect(resolve, func(o *mcpclient.Options) { o.CheckOutput = true })
			res, err := s.CallTool(t.Context(), "start", nil, mcpclient.WithoutResolving())
			require.NoError(t, err)
			require.EqualValues(t, "task", res.ResultType)
			require.JSONEq(t, task, string(res.Raw))
			raw, err := s.Request(t.Context(), "tools/call", map[string]any{"name": "start", "arguments": map[string]any{}})
			require.NoError(t, err)
			require.JSONEq(t, task, string(raw))
			_, err = mcpclient.Call[any, any](t.Context(), s, "start", nil, mcpclient.WithoutResolving())
			require.Equal(t, mcpclient.KindProtocol, mcpclient.KindOf(err))
			require.Equal(t, mcpclient.Unknown, mcpclient.OutcomeOf(err))
			require.ErrorContains(t, err, "use CallTool")
			res, err = s.CallTool(t.Context(), "echo", nil, mcpclient.WithoutResolving())
			require.NoError(t, err)
			require.JSONEq(t, `{}`, text(t, res))
		}
		_, err := connect(nil).CallTool(t.Context(), "start", nil)
		require.Equal(t, mcpclient.KindProtocol, mcpclient.KindOf(err))
		require.Equal(t, mcpclient.Unknown, mcpclient.OutcomeOf(err))
		require.ErrorContains(t, err, `unknown resultType "task": the extension does not resolve it; use WithoutResolving`)
	})
}

// A type that no extension claims for the method is refused, and the tool may still run. The same
// holds in a strict session if the server did not declare the extension.
func TestUnclaimedResultType(t *testing.T) {
	starts(t, func(t *testing.T, srv *mcptest.Server, connect func(resolver, ...func(*mcpclient.Options)) *mcpclient.Session) {
		complete := func(context.Context, *mcpclient.Session, mcpclient.ClaimedResult) (json.RawMessage, error) {
			return json.RawMessage(`{"content":[]}`), nil
		}
		refused := func(s *mcpclient.Session) {
			t.Helper()
			for _, opts := range [][]mcpclient.CallOption{nil, {mcpclient.WithoutResolving()}} {
				_, err := s.CallTool(t.Context(), "start", nil, opts...)
				require.Equal(t, mcpclient.KindProtocol, mcpclient.KindOf(err))
				require.Equal(t, mcpclient.Unknown, mcpclient.OutcomeOf(err))
				require.ErrorContains(t, err, `unknown resultType "task"`)
			}
			_, err := s.Request(t.Context(), "tools/call", map[string]any{"name": "start", "arguments": map[string]any{}})
			require.Equal(t, mcpclient.Unknown, mcpclient.OutcomeOf(err))
			require.ErrorContains(t, err, `unknown resultType "task"`)
		}
		refused(connect(complete, func(o *mcpclient.Options) { o.Extensions = nil }))
		refused(connect(complete, func(o *mcpclient.Options) { o.Extensions[0].Claims[0].ResultType = "other" }))
		refused(connect(complete, func(o *mcpclient.Options) { o.Extensions[0].Claims = o.Extensions[0].Claims[1:] }))
		strict := func(o *mcpclient.Options) { o.Strict = true }
		refused(connect(complete, strict))
		srv.Capabilities = map[string]any{"tools": map[string]any{}, "extensions": map[string]any{"io.modelcontextprotocol/tasks": map[string]any{}}}
		_, err := connect(complete, strict).CallTool(t.Context(), "start", nil)
		require.NoError(t, err)
	})
}

// Results of a legacy server have no type: what it sends as resultType is ignored, also by a session
// with a claim for it.
func TestLegacyResultsHaveNoType(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		srv.Tools = append(srv.Tools, &mcptest.Tool{Name: "typed", Output: `{"type":"object"}`, Run: returns(`{"resultType":"task","content":[]}`)})
		extension := tasks(func(context.Context, *mcpclient.Session, mcpclient.ClaimedResult) (json.RawMessage, error) {
			return nil, errors.New("resolved")
		})
		extension.Since = ""
		s := serve(t, srv, mcpclient.Options{Extensions: []mcpclient.Extension{extension}})
		for _, opts := range [][]mcpclient.CallOption{nil, {mcpclient.WithoutResolving()}} {
			res, err := s.CallTool(t.Context(), "typed", nil, opts...)
			require.NoError(t, err)
			require.Empty(t, res.Content)
		}
		s = serve(t, srv, mcpclient.Options{Extensions: []mcpclient.Extension{extension}, CheckOutput: true})
		_, err := s.CallTool(t.Context(), "typed", nil, mcpclient.WithoutResolving())
		require.ErrorContains(t, err, "no structured content") // the type does not skip the check
	})
}

// Whatever fails while a result is resolved, the tool may have run: the server accepted the call.
func TestClaimThatFails(t *testing.T) {
	starts(t, func(t *testing.T, srv *mcptest.Server, connect func(resolver, ...func(*mcpclient.Options)) *mcpclient.Session) {
		cause := errors.New("no luck")
		own := func(kind mcpclient.Kind, outcome mcpclient.Outcome) error {
			return &mcpclient.Error{Kind: kind, Method: "tasks/get", Outcome: outcome, Err: cause}
		}
		for _, test := range []struct {
			result  string
			err     error
			kind    mcpclient.Kind
			outcome mcpclient.Outcome
		}{
			{"", cause, mcpclient.KindProtocol, mcpclient.Unknown},
			{"", own(mcpclient.KindServer, mcpclient.Answered), mcpclient.KindServer, mcpclient.Answered},
			{"", own(mcpclient.KindHTTP, mcpclient.Unknown), mcpclient.KindHTTP, mcpclient.Unknown},
			{"", own(mcpclient.KindNotSent, mcpclient.NotRun), mcpclient.KindOutcomeUnknown, mcpclient.Unknown},
			{"", own(mcpclient.KindAuthRequired, mcpclient.NotRun), mcpclient.KindAuthRequired, mcpclient.Unknown},
			{"", own(mcpclient.KindInvalid, mcpclient.NotRun), mcpclient.KindProtocol, mcpclient.Unknown},
			{"", nil, mcpclient.KindProtocol, mcpclient.Unknown},
			{"[]", nil, mcpclient.KindProtocol, mcpclient.Unknown},
			{`{"content":[]`, nil, mcpclient.KindProtocol, mcpclient.Unknown},
			{`{"content":[]} {}`, nil, mcpclient.KindProtocol, mcpclient.Unknown},
			{task, nil, mcpclient.KindProtocol, mcpclient.Unknown},
			{`{"resultType":"input_required","requestState":"s"}`, nil, mcpclient.KindProtocol, mcpclient.Unknown},
		} {
			s := connect(func(context.Context, *mcpclient.Session, mcpclient.ClaimedResult) (json.RawMessage, error) {
				return json.RawMessage(test.result), test.err
			})
			for _, opts := range [][]mcpclient.CallOption{nil, {mcpclient.WithIdempotent()}} {
				before := srv.Executions("start")
				res, err := s.CallTool(t.Context(), "start", nil, opts...)
				require.Nil(t, res)
				kind := test.kind
				if kind == mcpclient.KindOutcomeUnknown && opts != nil {
					kind = mcpclient.KindUnanswered
				}
				require.Equal(t, kind, mcpclient.KindOf(err), "%v", err)
				require.Equal(t, test.outcome, mcpclient.OutcomeOf(err), "%v", err)
				require.Equal(t, opts != nil, mcpclient.SafeToRepeat(err))
				require.False(t, mcpclient.Unreachable(err))
				require.ErrorContains(t, err, `mcp tools/call: `)
				require.ErrorContains(t, err, `resolve the result of type "task"`)
				require.Equal(t, before+1, srv.Executions("start"))
				if test.err != nil {
					require.ErrorIs(t, err, cause)
				}
			}
		}
	})
}

// The end of the call ends the work of the extension: its context, its total timeout, or Close.
func TestClaimEndsWithTheCall(t *testing.T) {
	starts(t, func(t *testing.T, _ *mcptest.Server, connect func(resolver, ...func(*mcpclient.Options)) *mcpclient.Session) {
		resolve := func(ctx context.Context, _ *mcpclient.Session, _ mcpclient.ClaimedResult) (json.RawMessage, error) {
			<-ctx.Done()
			return nil, context.Cause(ctx)
		}
		s := connect(resolve)
		check := func(err error, kind mcpclient.Kind) {
			t.Helper()
			require.Equal(t, kind, mcpclient.KindOf(err), "%v", err)
			require.Equal(t, mcpclient.Unknown, mcpclient.OutcomeOf(err))
			var e *mcpclient.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, transport.Answered, e.Stage)
		}
		start := time.Now()
		_, err := s.CallTool(t.Context(), "start", nil, mcpclient.WithTotalTimeout(time.Hour))
		check(err, mcpclient.KindTimeout)
		require.Equal(t, time.Hour, time.Since(start).Round(time.Second))

		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		_, err = s.CallTool(ctx, "start", nil)
		check(err, mcpclient.KindCanceled)
		require.ErrorIs(t, err, context.DeadlineExceeded)

		call := begin(t.Context(), s, "start")
		synctest.Wait()
		require.NoError(t, s.Close())
		err = (<-call).err
		check(err, mcpclient.KindClosed)
		require.ErrorIs(t, err, mcpclient.ErrClosed)
	})
}
