package mcpclient_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// everything returns an interceptor of all messages that calls f with each of them, before it is
// sent. f runs on one goroutine at a time.
func everything(f func(out *outgoing)) mcpclient.Interceptor {
	var mu sync.Mutex
	return mcpclient.Interceptor{Outgoing: func(next proceed) proceed {
		return func(ctx context.Context, out *outgoing) error {
			mu.Lock()
			f(out)
			mu.Unlock()
			return next(ctx, out)
		}
	}}
}

// An interceptor changes the arguments, _meta and headers of a call. Headers that mirror arguments
// follow, and the values of the protocol cannot be changed.
func TestInterceptorChangesTheMessage(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		srv.Tools[0].Mirrored = map[string]string{"City": "city"}
		srv.Tools[0].Schema = `{"type":"object","properties":{"city":{"type":"string","x-mcp-header":"City"}}}`
		s := serve(t, srv, intercepting(around("tools/call", func(ctx context.Context, o *outgoing, next proceed) error {
			require.JSONEq(t, `{"city":"Bonn"}`, string(o.Arguments()))
			require.Equal(t, `"zero"`, string(o.Meta("traceparent")))
			require.Nil(t, o.Meta("none"))
			require.NoError(t, o.SetArguments(map[string]any{"city": "Oslo"}))
			require.ErrorContains(t, o.SetArguments("Oslo"), "must be a JSON object")
			require.NoError(t, o.SetHeader("x-audit", "6"))
			require.NoError(t, o.SetHeader("X-Audit", "7"))
			require.Error(t, o.SetHeader("Mcp-Session-Id", "x"))
			require.NoError(t, o.SetMeta("traceparent", "one"))
			require.NoError(t, o.SetMeta("traceparent", `t"w`))
			require.NoError(t, o.SetMeta("n", 1))
			require.ErrorContains(t, o.SetMeta("progressToken", 1), "set by the protocol")
			require.Error(t, o.SetMeta("f", func() {}))
			return next(ctx, o)
		})))
		listed(t, s)
		meta := mcpclient.WithMeta(map[string]any{"a": map[string]any{"b": 1}, "traceparent": "zero"})
		for _, call := range []func() (any, error){
			func() (any, error) {
				return s.CallTool(t.Context(), "echo", map[string]any{"city": "Bonn"}, meta)
			},
			func() (any, error) {
				params := json.RawMessage(`{ "more":[1], "arguments":{"city":"Bonn"}, "name":"echo" }`)
				return s.Request(t.Context(), "tools/call", params, meta)
			},
		} {
			_, err := call()
			require.NoError(t, err)
			last := srv.Requests("tools/call")[srv.Count("tools/call")-1]
			require.Equal(t, "7", last.Header.Get("X-Audit"))
			if srv.Era == mcptest.Modern {
				require.Equal(t, "Oslo", last.Header.Get("Mcp-Param-City"))
			}
			var params struct {
				Name      string
				Arguments json.RawMessage
			}
			require.NoError(t, json.Unmarshal(last.Params, &params))
			require.Equal(t, "echo", params.Name)
			require.JSONEq(t, `{"city":"Oslo"}`, string(params.Arguments))
			require.Equal(t, `"t\"w"`, last.Meta("traceparent"))
			require.Equal(t, `{"b":1}`, last.Meta("a"))
			require.Equal(t, `1`, last.Meta("n"))
			require.Equal(t, 1, strings.Count(string(last.Body), "traceparent"))
		}
		require.Contains(t, string(srv.Requests("tools/call")[1].Params), `"more":[1]`)
	})
}

// An interceptor sees what is sent, by whom and where, and how it ended. Printing shows no argument.
func TestInterceptorSeesTheMessage(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		seen := false
		s := serve(t, srv, intercepting(around("tools/call", func(ctx context.Context, o *outgoing, next proceed) error {
			require.Equal(t, []any{"echo", false, false, false, true}, []any{o.Name(), o.Notification(), o.Answer(), o.Stream(), o.Repeatable()})
			require.Equal(t, mcpclient.OriginCaller, o.Origin())
			require.Equal(t, []any{0, int64(0), mcpclient.NotRun, nil}, []any{o.Tries(), o.ID(), o.Outcome(), o.Result()})
			require.NotEmpty(t, o.ProtocolVersion())
			require.Contains(t, o.Endpoint(), "http://")
			require.JSONEq(t, `{"name":"echo","arguments":{"a":"secret"}}`, string(o.Params()))
			require.Equal(t, "mcpclient.Outgoing(tools/call)", fmt.Sprint(o))
			err := next(ctx, o)
			require.Equal(t, []any{2, mcpclient.Unknown}, []any{o.Tries(), o.Outcome()}) // the 503 may have run it
			require.Positive(t, o.ID())
			seen = true
			return err
		})))
		refuseOnce(srv, "tools/call", http.StatusServiceUnavailable)
		res, err := s.CallTool(t.Context(), "echo", map[string]any{"a": "secret"}, mcpclient.WithIdempotent())
		require.NoError(t, err)
		require.JSONEq(t, `{"a":"secret"}`, text(t, res))
		require.True(t, seen)
	})
}

// Everything that carries a message is intercepted, and says why it is sent.
func TestOriginOfMessages(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		var got []string
		opts := intercepting(everything(func(o *outgoing) {
			line := o.Method()
			for text, is := range map[string]bool{" notification": o.Notification(), " answer": o.Answer(), " stream": o.Stream()} {
				if is {
					line += text
				}
			}
			got = append(got, line+[]string{" caller", " session", " negotiation"}[o.Origin()])
		}))
		opts.Handlers = answersForm(named("Ken"), nil)
		opts.Handlers.ToolsChanged = func(context.Context, *mcpclient.Session) {}
		opts.Handlers.Roots = theseRoots
		add(srv, "ask", asking(elicit, aForm))
		add(srv, "never", never)
		s := serve(t, srv, opts)
		time.Sleep(time.Second)
		_, err := s.CallTool(t.Context(), "ask", nil)
		require.NoError(t, err)
		require.NoError(t, s.RootsChanged(t.Context()))
		_, err = s.CallTool(t.Context(), "never", nil, mcpclient.WithTotalTimeout(time.Second))
		require.Equal(t, mcpclient.KindTimeout, mcpclient.KindOf(err))
		time.Sleep(time.Second)
		synctest.Wait()
		want := []string{"server/discover negotiation", "subscriptions/listen stream session", "tools/call caller", "tools/call caller"}
		if srv.Era == mcptest.Legacy {
			want = []string{
				"server/discover negotiation", "initialize negotiation", "notifications/initialized notification negotiation",
				"tools/call caller", "elicitation/create answer session", "notifications/roots/list_changed notification caller",
				"tools/call caller", "notifications/cancelled notification session",
			}
		}
		require.Equal(t, want, got)
	})
}

func theseRoots(context.Context, *mcpclient.Session) ([]mcp.Root, error) { return nil, nil }

// The headers of a call also go on the GETs that resume its stream: a token for this call would
// otherwise be missing there.
func TestHeadersOfACallGoOnItsResumingGETs(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		add(srv, "work", cutter(srv, 2, true))
		s := serve(t, srv, intercepting(around("tools/call", func(ctx context.Context, o *outgoing, next proceed) error {
			require.NoError(t, o.SetHeader("X-Audit", "7"))
			return next(ctx, o)
		})))
		_, err := s.CallTool(t.Context(), "work", nil, mcpclient.WithHeader("X-Token", "t"), mcpclient.OnProgress(func(context.Context, mcpclient.Progress) {}))
		require.NoError(t, err)
		require.Equal(t, 2, srv.Count("GET"))
		for _, r := range append(srv.Requests("GET"), srv.Requests("tools/call")...) {
			require.Equal(t, "t", r.Header.Get("X-Token"))
			require.Equal(t, "7", r.Header.Get("X-Audit"))
		}
		for _, r := range append(srv.Requests("initialize"), srv.Requests("DELETE")...) {
			require.Empty(t, r.Header.Get("X-Token"))
		}
	})
}

// A list has the very page that interceptors see. What they take out of it is not returned.
func TestInterceptorOfAList(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		add(srv, "hidden", done)
		var seen *mcpclient.Page[mcpclient.Tool]
		runs := 1
		s := serve(t, srv, intercepting(around("tools/list", func(ctx context.Context, o *outgoing, next proceed) (err error) {
			for range runs {
				err = next(ctx, o)
			}
			seen = o.Result().(*mcpclient.Page[mcpclient.Tool])
			require.Len(t, seen.Items, 2)
			seen.Items = seen.Items[:1]
			return err
		})))
		for runs = range 3 {
			if runs == 0 {
				continue
			}
			page, err := s.ListTools(t.Context(), nil)
			require.NoError(t, err)
			require.Same(t, seen, page)
			require.Len(t, page.Items, 1)
		}
		require.Equal(t, 3, srv.Count("tools/list"))
	})
}

// An interceptor may provide a list, for example from a cache: the session learns from it which
// arguments to mirror into headers. It does not believe it that a tool may run twice.
func TestListFromAnInterceptor(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		srv.Tools[0].Mirrored = map[string]string{"City": "city"}
		tool := `{"name":"echo","annotations":{"idempotentHint":true},` +
			`"inputSchema":{"type":"object","properties":{"city":{"type":"string","x-mcp-header":"City"}}}}`
		opts := intercepting(around("tools/list", func(_ context.Context, o *outgoing, _ proceed) error {
			require.Nil(t, o.Result())
			return o.SetResult(json.RawMessage(`{"resultType":"complete","tools":[` + tool + `,{"name":5}]}`))
		}))
		opts.TrustToolHints = true
		s := serve(t, srv, opts)
		page, err := s.ListTools(t.Context(), nil)
		require.NoError(t, err)
		require.Len(t, page.Items, 1)
		require.Len(t, page.Invalid, 1)
		require.Zero(t, srv.Count("tools/list"))
		_, err = s.CallTool(t.Context(), "echo", map[string]any{"city": "Oslo"})
		require.NoError(t, err)
		require.Equal(t, 1, srv.Count("tools/call"))
		ran := answerCalls(srv, func(http.ResponseWriter, *mcptest.Message) { panic(http.ErrAbortHandler) })
		_, err = s.CallTool(t.Context(), "echo", map[string]any{"city": "Oslo"})
		require.Equal(t, mcpclient.Unknown, failure(t, err).Outcome)
		require.False(t, mcpclient.SafeToRepeat(err))
		require.EqualValues(t, 1, ran.Load())
	})
}

// A hint that an interceptor writes into the server's list does not make a tool run twice.
func TestHintsOfAnInterceptorAreNotTrusted(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		opts := intercepting(around("tools/list", func(ctx context.Context, o *outgoing, next proceed) error {
			err := next(ctx, o)
			yes := true
			page := o.Result().(*mcpclient.Page[mcpclient.Tool])
			page.Items[0].Annotations.IdempotentHint = &yes
			changed := *page
			return errors.Join(err, o.SetResult(&changed))
		}))
		opts.TrustToolHints = true
		s := serve(t, srv, opts)
		listed(t, s)
		ran := answerCalls(srv, func(http.ResponseWriter, *mcptest.Message) { panic(http.ErrAbortHandler) })
		_, err := s.CallTool(t.Context(), "echo", nil)
		require.Equal(t, mcpclient.Unknown, failure(t, err).Outcome)
		require.EqualValues(t, 1, ran.Load())
	})
}

// A call that is safe to repeat may be started over, with its progress and its rounds of input.
func TestCallIsStartedOver(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		add(srv, "ask", func(ctx context.Context, c *mcptest.Call) (jsonRaw, error) {
			c.Progress(1, 1, "")
			return asking(elicit, aForm)(ctx, c)
		})
		opts := intercepting(around("tools/call", func(ctx context.Context, o *outgoing, next proceed) error {
			return errors.Join(next(ctx, o), next(ctx, o))
		}))
		opts.Handlers = answersForm(named("Ken"), nil)
		s := serve(t, srv, opts)
		progress := 0
		res, err := s.CallTool(t.Context(), "ask", nil, mcpclient.WithIdempotent(), mcpclient.OnProgress(func(context.Context, mcpclient.Progress) { progress++ }))
		require.NoError(t, err)
		require.JSONEq(t, `{"action":"accept","content":{"name":"Ken"}}`, text(t, res))
		calls := srv.Requests("tools/call")
		require.NotEqual(t, calls[0].Meta("progressToken"), calls[len(calls)-1].Meta("progressToken"))
		if srv.Era == mcptest.Modern {
			require.Len(t, calls, 4)
			require.NotContains(t, string(calls[2].Params), "inputResponses")
		}
		require.Equal(t, len(calls), progress)
	})
}
