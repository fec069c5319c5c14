package mcpclient_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// requestHandlers returns the handlers for the server requests named in which. The diary records
// which handlers run.
func (d *diary) requestHandlers(which ...string) (h mcpclient.Handlers) {
	for _, name := range which {
		switch name {
		case "form":
			h.ElicitForm = func(context.Context, *mcpclient.Session, *mcpclient.FormRequest) (*mcp.ElicitationResult, error) {
				d.notef("form")
				return named("gopher"), nil
			}
		case "url":
			h.ElicitURL = func(_ context.Context, _ *mcpclient.Session, r *mcpclient.URLRequest) (*mcp.ElicitationResult, error) {
				d.notef("url %s", r.URL)
				return mcpclient.AcceptElicitation(nil), nil
			}
		case "sample":
			h.Sample = func(context.Context, *mcpclient.Session, *mcpclient.SampleRequest) (*mcp.CreateMessageResult, error) {
				d.notef("sample")
				return said("hello"), nil
			}
		case "tools":
			h.SampleWithTools = func(context.Context, *mcpclient.Session, *mcpclient.SampleRequest) (*mcp.CreateMessageResult, error) {
				d.notef("tools")
				return said("hello"), nil
			}
		case "roots":
			h.Roots = func(context.Context, *mcpclient.Session) ([]mcp.Root, error) {
				d.notef("roots")
				return []mcp.Root{{URI: "file:///home/gopher", Name: "home"}}, nil
			}
		}
	}
	return h
}

// The client declares exactly the capabilities for which it has handlers.
func TestDeclaredCapabilities(t *testing.T) {
	for _, test := range []struct {
		set            []string
		legacy, modern string
	}{
		{nil, `{}`, `{}`},
		{[]string{"form"}, `{"elicitation":{"form":{}}}`, ``},
		{[]string{"url"}, `{"elicitation":{"url":{}}}`, ``},
		{[]string{"form", "url"}, `{"elicitation":{"form":{},"url":{}}}`, ``},
		{[]string{"sample"}, `{"sampling":{}}`, ``},
		{[]string{"tools"}, `{"sampling":{"tools":{}}}`, ``},
		{[]string{"sample", "tools"}, `{"sampling":{"tools":{}}}`, ``},
		{[]string{"roots"}, `{"roots":{"listChanged":true}}`, `{"roots":{}}`},
		{
			[]string{"form", "url", "sample", "tools", "roots"},
			`{"elicitation":{"form":{},"url":{}},"sampling":{"tools":{}},"roots":{"listChanged":true}}`,
			`{"elicitation":{"form":{},"url":{}},"sampling":{"tools":{}},"roots":{}}`,
		},
	} {
		eachMode(t, func(t *testing.T, srv *mcptest.Server) {
			want := test.legacy
			if srv.Era == mcptest.Modern && test.modern != "" {
				want = test.modern
			}
			var d diary
			s := serve(t, srv, mcpclient.Options{Handlers: d.requestHandlers(test.set...)})
			require.JSONEq(t, want, string(srv.ClientCapabilities()), "%v, connecting", test.set)
			echoes(t, s)
			require.JSONEq(t, want, string(srv.ClientCapabilities()), "%v, calling", test.set)
			require.Empty(t, d.take())
		})
	}
}

// The client declares no capability for handlers of notifications.
func TestListenersDeclareNoCapability(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		var d diary
		h := d.handlers()
		h.ElicitationComplete = func(context.Context, *mcpclient.Session, string) {}
		serve(t, srv, mcpclient.Options{Handlers: h})
		require.JSONEq(t, `{}`, string(srv.ClientCapabilities()))
	})
}

// After a recovery, the client declares the same capabilities in the new session.
func TestCapabilitiesAreDeclaredAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		var d diary
		s := serve(t, srv, mcpclient.Options{Handlers: d.requestHandlers("form", "roots")})
		srv.LoseSessions()
		srv.Reset()
		echoes(t, s)
		var params struct {
			Capabilities json.RawMessage `json:"capabilities"`
		}
		require.NoError(t, json.Unmarshal(srv.Requests("initialize")[0].Params, &params))
		require.JSONEq(t, `{"elicitation":{"form":{}},"roots":{"listChanged":true}}`, string(params.Capabilities))
	})
}

// If the client did not declare the capability for a request, or cannot decode the request, it
// refuses the request without calling a handler.
func TestRefusedServerRequests(t *testing.T) {
	type object = map[string]any
	const method, params = mcpclient.CodeMethodNotFound, mcpclient.CodeInvalidParams
	withTools := object{"messages": aSample["messages"], "maxTokens": 1, "tools": json.RawMessage(`[{"name":"t","inputSchema":{"type":"object"}}]`)}
	all := []string{"form", "url", "sample", "tools", "roots"}
	for name, test := range map[string]struct {
		set    []string
		method string
		params any
		code   int64
	}{
		"form, nothing declared":      {nil, elicit, aForm, method},
		"form, all else declared":     {[]string{"sample", "tools", "roots"}, elicit, aForm, method},
		"sample, all else declared":   {[]string{"form", "url", "roots"}, sample, aSample, method},
		"roots, all else declared":    {[]string{"form", "url", "sample", "tools"}, listRoots, nil, method},
		"unknown method":              {all, "tasks/create", object{}, method},
		"a client's method":           {all, "tools/call", object{"name": "echo"}, method},
		"form, url declared":          {[]string{"url"}, elicit, aForm, params},
		"no mode, url declared":       {[]string{"url"}, elicit, object{"message": "m", "requestedSchema": aForm["requestedSchema"]}, params},
		"url, form declared":          {[]string{"form"}, elicit, aURL, params},
		"tools not declared":          {[]string{"sample"}, sample, withTools, params},
		"unknown mode":                {all, elicit, object{"mode": "hologram", "message": "m", "url": "https://a.example"}, params},
		"form without schema":         {all, elicit, object{"message": "m"}, params},
		"nested form":                 {all, elicit, object{"message": "m", "requestedSchema": json.RawMessage(`{"type":"object","properties":{"a":{"type":"object"}}}`)}, params},
		"URL mode without url":        {all, elicit, object{"mode": "url", "message": "m"}, params},
		"URL that is not safe":        {all, elicit, object{"mode": "url", "message": "m", "url": "javascript:alert(1)"}, params},
		"URL with a user":             {all, elicit, object{"mode": "url", "message": "m", "url": "https://bank.example@evil.example/"}, params},
		"elicitation without params":  {all, elicit, nil, params},
		"elicitation, params a list":  {all, elicit, []int{1}, params},
		"sampling without params":     {all, sample, nil, params},
		"sampling, messages a string": {all, sample, object{"messages": "hello", "maxTokens": 1}, params},
	} {
		t.Run(name, func(t *testing.T) {
			eachEra(t, func(t *testing.T, srv *mcptest.Server) {
				add(srv, "ask", asking(test.method, test.params))
				var d diary
				s := serve(t, srv, mcpclient.Options{Handlers: d.requestHandlers(test.set...)})
				e := fails(t, srv, s, test.code, mcpclient.KindProtocol)
				require.Empty(t, d.take(), "no handler ran")
				require.Equal(t, mcpclient.Answered, e.Outcome)
				echoes(t, s)
			})
		})
	}
}

// If one of a modern server's input requests is not allowed, the client calls no handler for the
// others either, because the call cannot continue.
func TestOneRequestThatIsNotAllowed(t *testing.T) {
	onModern(t, func(t *testing.T, srv *mcptest.Server) {
		add(srv, "ask", func(context.Context, *mcptest.Call) (jsonRaw, error) {
			return mcptest.InputRequired(map[string]mcptest.InputRequest{
				"a": {Method: elicit, Params: aForm}, "b": {Method: listRoots}, "c": {Method: sample, Params: aSample},
			}, nil), nil
		})
		var d diary
		s := serve(t, srv, mcpclient.Options{Handlers: d.requestHandlers("form", "sample")})
		e := fails(t, srv, s, 0, mcpclient.KindProtocol)
		require.Empty(t, d.take())
		var in *mcpclient.InputError
		require.ErrorAs(t, e, &in)
		require.Equal(t, []string{"b", listRoots}, []string{in.Key, in.Method})
	})
}

// An invalid input_required result is a protocol error.
func TestBadInputRequired(t *testing.T) {
	many := make(requestsOf)
	for i := range 1001 {
		many[fmt.Sprint(i)] = mcptest.InputRequest{Method: listRoots}
	}
	tooMany, err := json.Marshal(many)
	require.NoError(t, err)
	delete(many, "0")
	enough, err := json.Marshal(many)
	require.NoError(t, err)
	for name, test := range map[string]struct {
		members string
		kind    mcpclient.Kind
	}{
		"neither":            {``, mcpclient.KindProtocol},
		"nulls":              {`,"inputRequests":null,"requestState":null`, mcpclient.KindProtocol},
		"no requests":        {`,"inputRequests":{}`, mcpclient.KindProtocol},
		"requests as a list": {`,"inputRequests":[{"method":"roots/list"}]`, mcpclient.KindProtocol},
		"a request as text":  {`,"inputRequests":{"q":"roots/list"}`, mcpclient.KindProtocol},
		"no method":          {`,"inputRequests":{"q":{"params":{}}}`, mcpclient.KindProtocol},
		"method as a number": {`,"inputRequests":{"q":{"method":5}}`, mcpclient.KindProtocol},
		"one of two is bad":  {`,"inputRequests":{"a":{"method":"roots/list"},"q":null}`, mcpclient.KindProtocol},
		"state as a number":  {`,"requestState":5`, mcpclient.KindProtocol},
		"state as an object": {`,"requestState":{},"inputRequests":{"q":{"method":"roots/list"}}`, mcpclient.KindProtocol},
		"too many requests":  {`,"inputRequests":` + string(tooMany), mcpclient.KindLimit},
		"as many as allowed": {`,"inputRequests":` + string(enough), 0},
	} {
		t.Run(name, func(t *testing.T) {
			onModern(t, func(t *testing.T, srv *mcptest.Server) {
				calls := atomic.Int32{}
				add(srv, "ask", rounds(func(context.Context, *mcptest.Call) (jsonRaw, error) {
					return jsonRaw(`{"resultType":"input_required"` + test.members + `}`), nil
				}, done))
				s := serve(t, srv, mcpclient.Options{Handlers: mcpclient.Handlers{
					Roots: func(context.Context, *mcpclient.Session) ([]mcp.Root, error) { calls.Add(1); return nil, nil },
				}})
				_, err := s.CallTool(t.Context(), "ask", nil)
				if test.kind == 0 {
					require.NoError(t, err)
					require.EqualValues(t, 1000, calls.Load())
					return
				}
				require.Equal(t, test.kind, failure(t, err).Kind)
				require.Equal(t, 1, srv.Executions("ask"))
				require.Zero(t, calls.Load())
				echoes(t, s)
			})
		})
	}
}

// An input_required result is invalid for methods that do not allow it, and the client calls no
// handler.
func TestInputRequiredElsewhere(t *testing.T) {
	for method, do := range map[string]func(ctx context.Context, s *mcpclient.Session) error{
		"tools/list":     func(ctx context.Context, s *mcpclient.Session) error { _, err := s.ListTools(ctx, nil); return err },
		"prompts/list":   func(ctx context.Context, s *mcpclient.Session) error { _, err := s.ListPrompts(ctx, nil); return err },
		"resources/list": func(ctx context.Context, s *mcpclient.Session) error { _, err := s.ListResources(ctx, nil); return err },
		"resources/templates/list": func(ctx context.Context, s *mcpclient.Session) error {
			_, err := s.ListResourceTemplates(ctx, nil)
			return err
		},
		"server/discover": func(ctx context.Context, s *mcpclient.Session) error { return s.Ping(ctx) },
	} {
		t.Run(method, func(t *testing.T) {
			onModern(t, func(t *testing.T, srv *mcptest.Server) {
				var d diary
				s := serve(t, srv, mcpclient.Options{Handlers: d.requestHandlers("roots")})
				srv.Reset()
				srv.SetIntercept(func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
					if m == nil || m.Method != method {
						return false
					}
					mcptest.WriteJSON(w, http.StatusOK, mcptest.Result(m.ID, mcptest.InputRequired(requestsOf{"q": {Method: listRoots}}, jsonRaw(`"s"`))))
					return true
				})
				require.Equal(t, mcpclient.KindProtocol, failure(t, do(t.Context(), s)).Kind)
				require.Empty(t, d.take())
				require.Equal(t, 1, srv.Count(method))
				echoes(t, s)
			})
		})
	}
}
