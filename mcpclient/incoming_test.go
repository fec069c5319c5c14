package mcpclient_test

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

type received = func(ctx context.Context, in *mcpclient.Incoming, next mcpclient.IncomingFunc) (json.RawMessage, error)

// receiving returns an interceptor of what arrives.
func receiving(f received) mcpclient.Interceptor {
	return mcpclient.Interceptor{Incoming: func(next mcpclient.IncomingFunc) mcpclient.IncomingFunc {
		return func(ctx context.Context, in *mcpclient.Incoming) (json.RawMessage, error) { return f(ctx, in, next) }
	}}
}

// answersInstead returns an interceptor that answers instead of the handler.
func answersInstead(answer string, err error) received {
	return func(context.Context, *mcpclient.Incoming, mcpclient.IncomingFunc) (json.RawMessage, error) {
		if answer == "" {
			return nil, err
		}
		return json.RawMessage(answer), err
	}
}

// An interceptor answers a server request, or changes it or its answer, like a handler: a rejection
// declines, and the content of a form must be valid for the form of the server.
func TestInterceptedServerRequest(t *testing.T) {
	sampleAnswer := `{"model":"m","role":"assistant","content":{"type":"text","text":"Hi."}}`
	for name, row := range map[string]struct {
		do     received
		method string
		params map[string]any
		want   string
	}{
		"passed on": {
			func(ctx context.Context, in *mcpclient.Incoming, next mcpclient.IncomingFunc) (json.RawMessage, error) {
				return next(context.WithValue(ctx, passedKey{}, "v"), in)
			}, elicit, aForm, `{"action":"accept","content":{"name":"Ken v"}}`,
		},
		"rejected":                  {answersInstead("", mcpclient.ErrRejected), elicit, aForm, `{"action":"decline"}`},
		"answered":                  {answersInstead(`{"action":"accept","content":{"name":"Rob"}}`, nil), elicit, aForm, `{"action":"accept","content":{"name":"Rob"}}`},
		"answered with defaults":    {answersInstead(`{"action":"accept"}`, nil), elicit, aForm, `{"action":"cancel"}`},
		"answered, but not valid":   {answersInstead(`{"action":"accept","content":{"name":5}}`, nil), elicit, aForm, `{"action":"cancel"}`},
		"answered with other names": {answersInstead(`{"action":"decline","content":{"name":"kept"},"x":1}`, nil), elicit, aForm, `{"action":"decline"}`},
		"URL rejected":              {answersInstead("", mcpclient.ErrRejected), elicit, aURL, `{"action":"decline"}`},
		"answer changed in place": {
			func(ctx context.Context, in *mcpclient.Incoming, next mcpclient.IncomingFunc) (json.RawMessage, error) {
				answer, err := next(ctx, in)
				_, value, _ := bytes.Cut(answer, []byte(`"name":`))
				copy(value, "12345") // in place of "Ken"
				return answer, err
			}, elicit, aForm, `{"action":"cancel"}`,
		},
		"the form was replaced": {
			func(ctx context.Context, in *mcpclient.Incoming, next mcpclient.IncomingFunc) (json.RawMessage, error) {
				in.SetParams(json.RawMessage(`{"message":"m","requestedSchema":{"type":"object","properties":{}}}`))
				_, err := next(ctx, in)
				return json.RawMessage(`{"action":"accept","content":{}}`), err
			}, elicit, aForm, `{"action":"cancel"}`,
		},
		"sample answered": {answersInstead(sampleAnswer, nil), sample, aSample, sampleAnswer},
		"roots answered":  {answersInstead(`{"roots":[{"uri":"file:///a"}],"x":1}`, nil), "roots/list", nil, `{"roots":[{"uri":"file:///a"}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			eachEra(t, func(t *testing.T, srv *mcptest.Server) {
				add(srv, "ask", asking(row.method, row.params))
				s := serve(t, srv, interceptedHandlers(row.do))
				res, err := s.CallTool(t.Context(), "ask", nil)
				require.NoError(t, err)
				require.JSONEq(t, row.want, text(t, res))
			})
		})
	}
}

// interceptedHandlers returns options with a handler for each server request. The form handler
// enters Ken, and the value that the interceptor passed on.
func interceptedHandlers(do received) mcpclient.Options {
	opts := intercepting(receiving(do))
	opts.Handlers = mcpclient.Handlers{
		ElicitForm: func(ctx context.Context, _ *mcpclient.Session, _ *mcpclient.FormRequest) (*mcp.ElicitationResult, error) {
			value, _ := ctx.Value(passedKey{}).(string)
			return named(strings.TrimSpace("Ken " + value)), nil
		},
		ElicitURL: func(context.Context, *mcpclient.Session, *mcpclient.URLRequest) (*mcp.ElicitationResult, error) {
			return mcpclient.AcceptElicitation(nil), nil
		},
		Sample: func(context.Context, *mcpclient.Session, *mcpclient.SampleRequest) (*mcp.CreateMessageResult, error) {
			return nil, errBoom
		},
		Roots: theseRoots,
	}
	return opts
}

// An interceptor that fails, panics or answers nothing fails only that request. The server does not
// learn why.
func TestInterceptorFailsAServerRequest(t *testing.T) {
	panics := func(context.Context, *mcpclient.Incoming, mcpclient.IncomingFunc) (json.RawMessage, error) {
		panic("secret")
	}
	badParams := func(ctx context.Context, in *mcpclient.Incoming, next mcpclient.IncomingFunc) (json.RawMessage, error) {
		in.SetParams(json.RawMessage(`{"secret":1}`))
		return next(ctx, in)
	}
	for name, row := range map[string]struct {
		do     received
		method string
		params map[string]any
		code   int64
	}{
		"error":                  {answersInstead("", errBoom), elicit, aForm, mcpclient.CodeInternal},
		"neither":                {answersInstead("", nil), elicit, aForm, mcpclient.CodeInternal},
		"not JSON":               {answersInstead("secret", nil), elicit, aForm, mcpclient.CodeInternal},
		"unknown action":         {answersInstead(`{"action":"secret"}`, nil), elicit, aForm, mcpclient.CodeInternal},
		"panic":                  {panics, elicit, aForm, mcpclient.CodeInternal},
		"invalid new params":     {badParams, elicit, aForm, mcpclient.CodeInternal},
		"sample rejected":        {answersInstead("", mcpclient.ErrRejected), sample, aSample, -1},
		"sample without model":   {answersInstead(`{"role":"assistant","content":{"type":"text","text":"secret"}}`, nil), sample, aSample, mcpclient.CodeInternal},
		"roots that are no file": {answersInstead(`{"roots":[{"uri":"https://secret"}]}`, nil), "roots/list", nil, mcpclient.CodeInternal},
	} {
		t.Run(name, func(t *testing.T) {
			eachEra(t, func(t *testing.T, srv *mcptest.Server) {
				add(srv, "ask", asking(row.method, row.params))
				s := serve(t, srv, interceptedHandlers(row.do))
				fails(t, srv, s, row.code, mcpclient.KindInput)
				for _, r := range srv.Requests("") {
					require.NotContains(t, string(r.Body), "secret")
				}
				echoes(t, s)
			})
		})
	}
}

// The URL elicitations that an error requires pass through the interceptors, too.
func TestInterceptorOfARequiredURL(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		add(srv, "pay", requiresURLs(page("1", "https://one.example/")))
		asked := 0
		opts := interceptedHandlers(func(_ context.Context, in *mcpclient.Incoming, _ mcpclient.IncomingFunc) (json.RawMessage, error) {
			require.Equal(t, elicit, in.Method())
			asked++
			return nil, mcpclient.ErrRejected
		})
		opts.Handlers.ElicitURL = func(context.Context, *mcpclient.Session, *mcpclient.URLRequest) (*mcp.ElicitationResult, error) {
			panic("the handler is not called")
		}
		s := serve(t, srv, opts)
		_, err := s.CallTool(t.Context(), "pay", nil)
		require.Equal(t, mcpclient.KindServer, mcpclient.KindOf(err))
		require.Equal(t, 1, asked)
	})
}

// Notifications pass through the interceptors if a handler receives them. An interceptor may change
// or drop one. If it panics, the notification is lost, but not the program.
func TestInterceptedNotifications(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		var seen, got []string
		opts := intercepting(receiving(func(ctx context.Context, in *mcpclient.Incoming, next mcpclient.IncomingFunc) (json.RawMessage, error) {
			require.True(t, in.Notification())
			require.Contains(t, in.Endpoint(), "http://")
			seen = append(seen, in.Method())
			switch {
			case strings.Contains(string(in.Params()), "drop"):
				return nil, errBoom
			case strings.Contains(string(in.Params()), "panic"):
				panic("mine")
			}
			in.SetParams(json.RawMessage(strings.ReplaceAll(string(in.Params()), "secret", "***")))
			return next(ctx, in)
		}))
		note := func(text string) { got = append(got, text) }
		opts.Handlers = mcpclient.Handlers{
			ToolsChanged: func(context.Context, *mcpclient.Session) { note("changed") },
			Log:          func(_ context.Context, _ *mcpclient.Session, m mcpclient.LogMessage) { note("log " + string(m.Data)) },
			Notification: func(_ context.Context, _ *mcpclient.Session, method string, params json.RawMessage) {
				note(method + " " + string(params))
			},
		}
		s := serve(t, srv, opts)
		add(srv, "log", func(_ context.Context, c *mcptest.Call) (jsonRaw, error) {
			c.Log("info", "secret of the call")
			return mcptest.Text("done"), nil
		})
		time.Sleep(time.Second)
		srv.Notify("notifications/tools/list_changed", map[string]any{})
		srv.Notify("notifications/message", map[string]any{"level": "info", "data": "secret"})
		srv.Notify("notifications/x", map[string]any{"a": "secret"})
		srv.Notify("notifications/x", map[string]any{"a": "drop"})
		srv.Notify("notifications/x", map[string]any{"a": "panic"})
		srv.Notify("notifications/prompts/list_changed", nil) // no handler
		time.Sleep(time.Second)
		synctest.Wait()
		_, err := s.CallTool(t.Context(), "log", nil)
		require.NoError(t, err)
		require.Equal(t, []string{"changed", `log "***"`, `notifications/x {"a":"***"}`, `log "*** of the call"`}, got)
		require.Equal(t, []string{
			"notifications/tools/list_changed", "notifications/message", "notifications/x", "notifications/x", "notifications/x", "notifications/message",
		}, seen)
	})
}
