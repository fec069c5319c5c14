package mcpclient_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// answersForm and answersURL return elicitation handlers with a fixed result.
func answersForm(res *mcp.ElicitationResult, err error) mcpclient.Handlers {
	return mcpclient.Handlers{
		ElicitForm: func(context.Context, *mcpclient.Session, *mcpclient.FormRequest) (*mcp.ElicitationResult, error) {
			return res, err
		},
	}
}

func answersURL(res *mcp.ElicitationResult, err error) mcpclient.Handlers {
	return mcpclient.Handlers{
		ElicitURL: func(context.Context, *mcpclient.Session, *mcpclient.URLRequest) (*mcp.ElicitationResult, error) {
			return res, err
		},
	}
}

// The server gets the user's decision. It gets the content only if the user accepted the form and
// the content is valid for the form.
func TestElicitationAnswers(t *testing.T) {
	withDefault := map[string]any{
		"message": "m", "requestedSchema": json.RawMessage(`{"type":"object","properties":{"name":{"type":"string","default":"Rob"}}}`),
	}
	declined := mcpclient.DeclineElicitation()
	declined.Content = map[string]any{"name": "kept back"}
	canceled := mcpclient.CancelElicitation()
	canceled.Content = map[string]any{"name": "kept back"}
	withMeta := named("Ken")
	withMeta.Meta = &mcp.Meta{AdditionalFields: map[string]any{"k": 1}}
	for name, test := range map[string]struct {
		params   map[string]any
		handlers mcpclient.Handlers
		want     string
	}{
		"accepted":                    {aForm, answersForm(named("Ken"), nil), `{"action":"accept","content":{"name":"Ken"}}`},
		"accepted, as raw JSON":       {aForm, answersForm(mcpclient.AcceptElicitation(json.RawMessage(`{"name":"K"}`)), nil), `{"action":"accept","content":{"name":"K"}}`},
		"accepted with defaults":      {withDefault, answersForm(mcpclient.AcceptElicitation(nil), nil), `{"action":"accept","content":{"name":"Rob"}}`},
		"with _meta":                  {aForm, answersForm(withMeta, nil), `{"_meta":{"k":1},"action":"accept","content":{"name":"Ken"}}`},
		"declined":                    {aForm, answersForm(declined, nil), `{"action":"decline"}`},
		"cancelled":                   {aForm, answersForm(canceled, nil), `{"action":"cancel"}`},
		"rejected":                    {aForm, answersForm(nil, mcpclient.ErrRejected), `{"action":"decline"}`},
		"rejected for a reason":       {aForm, answersForm(named("kept back"), fmt.Errorf("no time: %w", mcpclient.ErrRejected)), `{"action":"decline"}`},
		"a required field is missing": {aForm, answersForm(mcpclient.AcceptElicitation(nil), nil), `{"action":"cancel"}`},
		"a wrong type":                {aForm, answersForm(mcpclient.AcceptElicitation(map[string]any{"name": 5}), nil), `{"action":"cancel"}`},
		"not an object":               {aForm, answersForm(mcpclient.AcceptElicitation("Ken"), nil), `{"action":"cancel"}`},
		"not JSON":                    {aForm, answersForm(mcpclient.AcceptElicitation(func() {}), nil), `{"action":"cancel"}`},
		"URL accepted":                {aURL, answersURL(mcpclient.AcceptElicitation(map[string]any{"kept": "back"}), nil), `{"action":"accept"}`},
		"URL declined":                {aURL, answersURL(declined, nil), `{"action":"decline"}`},
		"URL cancelled":               {aURL, answersURL(canceled, nil), `{"action":"cancel"}`},
		"URL rejected":                {aURL, answersURL(nil, mcpclient.ErrRejected), `{"action":"decline"}`},
	} {
		t.Run(name, func(t *testing.T) {
			eachEra(t, func(t *testing.T, srv *mcptest.Server) {
				add(srv, "ask", asking(elicit, test.params))
				s := serve(t, srv, mcpclient.Options{Handlers: test.handlers})
				res, err := s.CallTool(t.Context(), "ask", nil)
				require.NoError(t, err)
				require.JSONEq(t, test.want, text(t, res))
				for _, r := range srv.Requests("") {
					require.NotContains(t, string(r.Body), "kept")
				}
			})
		})
	}
}

// fails calls the tool "ask" and checks that the server's request fails: with this error code on a
// legacy server, and with an error of this kind for the call on a modern one.
func fails(t *testing.T, srv *mcptest.Server, s *mcpclient.Session, code int64, kind mcpclient.Kind) *mcpclient.Error {
	t.Helper()
	srv.Reset()
	_, err := s.CallTool(t.Context(), "ask", nil)
	e := failure(t, err)
	require.Equal(t, 1, srv.Executions("ask"))
	if srv.Era == mcptest.Modern {
		require.Equal(t, kind, e.Kind)
		return e
	}
	var rpc *mcpclient.RPCError // the tool returns the error that it received
	require.ErrorAs(t, err, &rpc)
	require.Equal(t, code, rpc.Code)
	require.Equal(t, 1, srv.Count("response"))
	return e
}

// If a handler returns an invalid answer, the server's request fails.
func TestInvalidAnswers(t *testing.T) {
	maybe := &mcp.ElicitationResult{ElicitationResponse: mcp.ElicitationResponse{Action: "maybe"}}
	samples := func(res *mcp.CreateMessageResult) mcpclient.Handlers {
		return mcpclient.Handlers{
			Sample: func(context.Context, *mcpclient.Session, *mcpclient.SampleRequest) (*mcp.CreateMessageResult, error) {
				return res, nil
			},
		}
	}
	nameless := said("hello")
	nameless.Model = ""
	for name, test := range map[string]struct {
		method   string
		params   any
		handlers mcpclient.Handlers
	}{
		"no answer to a form":       {elicit, aForm, answersForm(nil, nil)},
		"no answer to a URL":        {elicit, aURL, answersURL(nil, nil)},
		"another action":            {elicit, aForm, answersForm(maybe, nil)},
		"no action":                 {elicit, aURL, answersURL(&mcp.ElicitationResult{}, nil)},
		"no message":                {sample, aSample, samples(nil)},
		"a message without a model": {sample, aSample, samples(nameless)},
	} {
		t.Run(name, func(t *testing.T) {
			eachEra(t, func(t *testing.T, srv *mcptest.Server) {
				add(srv, "ask", asking(test.method, test.params))
				s := serve(t, srv, mcpclient.Options{Handlers: test.handlers})
				fails(t, srv, s, mcpclient.CodeInternal, mcpclient.KindInput)
				echoes(t, s)
			})
		})
	}
}

// If the user rejects sampling, a specific error reports it. On a legacy server, the server's
// request fails with this error. On a modern server, the client's call fails with it.
func TestSamplingRejected(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		add(srv, "ask", asking(sample, aSample))
		s := serve(t, srv, mcpclient.Options{Handlers: mcpclient.Handlers{
			Sample: func(context.Context, *mcpclient.Session, *mcpclient.SampleRequest) (*mcp.CreateMessageResult, error) {
				return nil, fmt.Errorf("too expensive: %w", mcpclient.ErrRejected)
			},
		}})
		e := fails(t, srv, s, -1, mcpclient.KindInput)
		require.Equal(t, srv.Era == mcptest.Modern, errors.Is(e, mcpclient.ErrRejected), "a legacy tool continues")
		require.NotContains(t, string(srv.Requests("")[len(srv.Requests(""))-1].Body), "expensive")
	})
}

// Sample handles requests without tools. SampleWithTools handles requests with tools, and all
// requests if Sample is not set.
func TestSampleHandlers(t *testing.T) {
	const tools = `[{"name":"t","inputSchema":{"type":"object"}}]`
	with := func(member, value string) map[string]any {
		return map[string]any{"messages": aSample["messages"], "maxTokens": 10, member: json.RawMessage(value)}
	}
	for name, test := range map[string]struct {
		params               map[string]any
		both, plain, toolish string // the handler that runs if both are set, only Sample, or only SampleWithTools
	}{
		"plain":       {aSample, "plain", "plain", "toolish"},
		"tools":       {with("tools", tools), "toolish", "", "toolish"},
		"no tools":    {with("tools", `[]`), "toolish", "", "toolish"},
		"tool choice": {with("toolChoice", `{"mode":"auto"}`), "toolish", "", "toolish"},
		"null tools":  {with("tools", `null`), "plain", "plain", "toolish"},
	} {
		t.Run(name, func(t *testing.T) {
			eachEra(t, func(t *testing.T, srv *mcptest.Server) {
				add(srv, "ask", asking(sample, test.params))
				link := srv.InMemory(t)
				answer := func(who string) func(context.Context, *mcpclient.Session, *mcpclient.SampleRequest) (*mcp.CreateMessageResult, error) {
					return func(context.Context, *mcpclient.Session, *mcpclient.SampleRequest) (*mcp.CreateMessageResult, error) {
						return said(who), nil
					}
				}
				for _, set := range []struct {
					handlers mcpclient.Handlers
					who      string
				}{
					{mcpclient.Handlers{Sample: answer("plain"), SampleWithTools: answer("toolish")}, test.both},
					{mcpclient.Handlers{Sample: answer("plain")}, test.plain},
					{mcpclient.Handlers{SampleWithTools: answer("toolish")}, test.toolish},
				} {
					s := connect(t, link, mcpclient.Options{Handlers: set.handlers})
					if set.who == "" {
						fails(t, srv, s, mcpclient.CodeInvalidParams, mcpclient.KindProtocol)
						continue
					}
					res, err := s.CallTool(t.Context(), "ask", nil)
					require.NoError(t, err)
					require.JSONEq(t, `{"role":"assistant","content":{"type":"text","text":"`+set.who+`"},"model":"m"}`, text(t, res))
				}
			})
		})
	}
}

var errSecret = errors.New("secret")

// failures lists the ways in which a handler can fail, and the error that the caller gets on a
// modern server.
var failures = map[string]struct {
	fail  func() error
	check func(t *testing.T, err error)
}{
	"error": {func() error { return fmt.Errorf("no: %w", errSecret) }, func(t *testing.T, err error) {
		t.Helper()
		require.ErrorIs(t, err, errSecret)
	}},
	"panic": {func() error { panic("secret") }, func(t *testing.T, err error) {
		t.Helper()
		var p *mcpclient.PanicError
		require.ErrorAs(t, err, &p)
		require.Equal(t, "secret", p.Value)
		require.Contains(t, string(p.Stack), "serverrequest_test.go")
	}},
	"panic with an error": {func() error { panic(errSecret) }, func(t *testing.T, err error) {
		t.Helper()
		var p *mcpclient.PanicError
		require.ErrorAs(t, err, &p)
		require.Equal(t, errSecret, p.Value)
	}},
	"Goexit": {func() error { runtime.Goexit(); return nil }, func(t *testing.T, err error) {
		t.Helper()
		require.ErrorContains(t, err, "ended its goroutine")
	}},
}

// If a handler fails, panics or ends its goroutine, only its own request fails. On a legacy server,
// the server does not get the reason. On a modern server, the caller gets the reason.
func TestFailingHandlers(t *testing.T) {
	requests := map[string]mcptest.InputRequest{
		"form": {Method: elicit, Params: aForm}, "page": {Method: elicit, Params: aURL},
		"sample": {Method: sample, Params: aSample}, "roots": {Method: listRoots},
	}
	for how, failing := range failures {
		for what, q := range requests {
			t.Run(how+" of "+what, func(t *testing.T) {
				eachEra(t, func(t *testing.T, srv *mcptest.Server) {
					add(srv, "ask", asking(q.Method, q.Params))
					s := serve(t, srv, mcpclient.Options{Handlers: allFail(failing.fail)})
					for range 20 { // more calls than the sixteen slots, to detect leaked slots
						_, err := s.CallTool(t.Context(), "ask", nil)
						e := failure(t, err)
						if srv.Era == mcptest.Modern {
							require.Equal(t, mcpclient.KindInput, e.Kind)
							require.Equal(t, mcpclient.Answered, e.Outcome)
							var in *mcpclient.InputError
							require.ErrorAs(t, err, &in)
							require.Equal(t, []string{"q", q.Method}, []string{in.Key, in.Method})
							failing.check(t, err)
							continue
						}
						var rpc *mcpclient.RPCError // the tool returns the error that it received
						require.ErrorAs(t, err, &rpc)
						require.EqualValues(t, mcpclient.CodeInternal, rpc.Code)
					}
					for _, r := range srv.Requests("") {
						require.NotContains(t, strings.ToLower(string(r.Body)), "secret")
						require.NotContains(t, string(r.Body), "panic")
						require.NotContains(t, string(r.Body), "goroutine")
					}
					require.Equal(t, 20, srv.Executions("ask"))
					echoes(t, s)
				})
			})
		}
	}
}

// allFail returns handlers that all fail in the same way.
func allFail(fail func() error) mcpclient.Handlers {
	return mcpclient.Handlers{
		ElicitForm: func(context.Context, *mcpclient.Session, *mcpclient.FormRequest) (*mcp.ElicitationResult, error) {
			return named("gopher"), fail()
		},
		ElicitURL: func(context.Context, *mcpclient.Session, *mcpclient.URLRequest) (*mcp.ElicitationResult, error) {
			return mcpclient.AcceptElicitation(nil), fail()
		},
		Sample: func(context.Context, *mcpclient.Session, *mcpclient.SampleRequest) (*mcp.CreateMessageResult, error) {
			return said("hello"), fail()
		},
		Roots: func(context.Context, *mcpclient.Session) ([]mcp.Root, error) {
			return []mcp.Root{{URI: "file:///tmp"}}, fail()
		},
	}
}

// said returns a sampling result in which the model says words.
func said(words string) *mcp.CreateMessageResult {
	return &mcp.CreateMessageResult{
		SamplingMessage: mcp.SamplingMessage{Role: mcp.RoleAssistant, Content: mcp.TextContent{Type: "text", Text: words}}, Model: "m",
	}
}

// passOn lets srv handle an intercepted message and returns the answer of srv.
func passOn(t *testing.T, srv *mcptest.Server, passing *atomic.Bool, r *http.Request, m *mcptest.Message) *httptest.ResponseRecorder {
	t.Helper()
	message := map[string]any{"jsonrpc": "2.0", "id": m.ID}
	if m.Method != "" {
		message["method"], message["params"] = m.Method, m.Params
	} else {
		message["result"] = m.Result
	}
	body, err := json.Marshal(message)
	if err != nil {
		t.Error(err)
	}
	again := r.Clone(r.Context())
	again.Body = io.NopCloser(bytes.NewReader(body))
	rec := httptest.NewRecorder()
	passing.Store(true)
	srv.ServeHTTP(rec, again)
	passing.Store(false)
	return rec
}

// An answer to a server request is not safe to repeat. The client sends it once, even if it may
// have been lost.
func TestAnswersAreSentOnce(t *testing.T) {
	for name, lose := range map[string]func(w http.ResponseWriter){
		"cut": func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
		"503": func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) },
		"400": func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadRequest) },
		"JSON": func(w http.ResponseWriter) {
			mcptest.WriteJSON(w, http.StatusOK, []byte(`{"jsonrpc":"2.0","id":null}`))
		},
		"empty": func(w http.ResponseWriter) { w.WriteHeader(http.StatusNoContent) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := newServer(mode{mcptest.Legacy, true})
				add(srv, "ask", func(ctx context.Context, c *mcptest.Call) (jsonRaw, error) {
					result, err := asking(elicit, aForm)(ctx, c)
					return result, errors.Join(err, mcptest.Sleep(ctx, time.Minute))
				})
				var passing atomic.Bool
				answers := atomic.Int32{}
				srv.Intercept = func(w http.ResponseWriter, r *http.Request, m *mcptest.Message) bool {
					if m == nil || !m.IsResponse() || passing.Load() {
						return false
					}
					answers.Add(1)
					passOn(t, srv, &passing, r, m)
					lose(w)
					return true
				}
				s := serve(t, srv, mcpclient.Options{Handlers: answersForm(named("gopher"), nil)})
				res, err := s.CallTool(t.Context(), "ask", nil)
				require.NoError(t, err, "a lost answer does not affect the call")
				require.JSONEq(t, `{"action":"accept","content":{"name":"gopher"}}`, text(t, res))
				require.EqualValues(t, 1, answers.Load())
			})
		})
	}
}

// A tool runs once per round. If the server's answer is lost in a later round, neither the tool nor
// a handler runs again.
func TestLostRoundIsNotRepeated(t *testing.T) {
	onModern(t, func(t *testing.T, srv *mcptest.Server) {
		q := requestsOf{"q": {Method: elicit, Params: aForm}}
		add(srv, "ask", rounds(requires(q, `"1"`), requires(q, `"2"`), cutOff))
		var d diary
		s := serve(t, srv, mcpclient.Options{Handlers: d.requestHandlers("form")})
		_, err := s.CallTool(t.Context(), "ask", nil)
		e := failure(t, err)
		require.Equal(t, mcpclient.KindOutcomeUnknown, e.Kind)
		require.Equal(t, mcpclient.Unknown, e.Outcome)
		require.Equal(t, 3, srv.Executions("ask"))
		require.Equal(t, []string{"form", "form"}, d.take())
	})
}

// If the server refuses a round because of the revision, the headers or an overload, the client
// resends the round with the same answers. The handlers do not run again.
func TestRefusedRoundIsSentAgain(t *testing.T) {
	for name, refuse := range map[string]func(w http.ResponseWriter, m *mcptest.Message){
		"version": func(w http.ResponseWriter, m *mcptest.Message) {
			rpc(400, -32022, map[string]any{"supported": []string{"2026-07-28"}})(w, m)
		},
		"headers":  func(w http.ResponseWriter, m *mcptest.Message) { rpc(400, -32020, nil)(w, m) },
		"overload": func(w http.ResponseWriter, _ *mcptest.Message) { w.WriteHeader(http.StatusTooManyRequests) },
	} {
		t.Run(name, func(t *testing.T) {
			onModern(t, func(t *testing.T, srv *mcptest.Server) {
				add(srv, "ask", rounds(requires(requestsOf{"q": {Method: elicit, Params: aForm}}, `"1"`), done))
				calls := 0
				srv.Intercept = func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
					if m.Method != "tools/call" {
						return false
					}
					if calls++; calls == 2 {
						refuse(w, m)
						return true
					}
					return false
				}
				var d diary
				s := serve(t, srv, mcpclient.Options{Handlers: d.requestHandlers("form")})
				_, err := s.CallTool(t.Context(), "ask", nil)
				require.NoError(t, err)
				require.Equal(t, 2, srv.Executions("ask"))
				require.Equal(t, []string{"form"}, d.take())
				sent := srv.Requests("tools/call")
				require.Len(t, sent, 3)
				const input = `"inputResponses":{"q":{"action":"accept","content":{"name":"gopher"}}},"requestState":"1"`
				require.Contains(t, string(sent[1].Body), input)
				require.Contains(t, string(sent[2].Body), input)
				require.NotEqual(t, sent[1].ID, sent[2].ID)
			})
		})
	}
}

// The client refuses server requests during a handshake, because handlers have no session yet. This
// holds for the first handshake and for one that replaces a lost session.
func TestServerRequestDuringTheHandshake(t *testing.T) {
	for _, when := range []string{"connecting", "recovery"} {
		t.Run(when, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := newServer(mode{mcptest.Legacy, true})
				var ask, passing atomic.Bool
				answers := make(chan *mcptest.Message, 2)
				srv.Intercept = func(w http.ResponseWriter, r *http.Request, m *mcptest.Message) bool {
					switch {
					case passing.Load() || m == nil:
						return false
					case m.IsResponse():
						answers <- m
						w.WriteHeader(http.StatusAccepted)
						return true
					case m.Method == "initialize" && ask.Load():
						rec := passOn(t, srv, &passing, r, m)
						w.Header().Set("Mcp-Session-Id", rec.Header().Get("Mcp-Session-Id"))
						mcptest.StartSSE(w)
						mcptest.WriteRaw(w, "data: {\"jsonrpc\":\"2.0\",\"id\":\"early\",\"method\":\"roots/list\"}\n\n")
						select {
						case m := <-answers: // the handshake waits for the client's answer
							answers <- m
							mcptest.WriteRaw(w, rec.Body.String())
						case <-r.Context().Done():
						}
						return true
					}
					return false
				}
				var d diary
				h := mcpclient.Handlers{Roots: func(ctx context.Context, s *mcpclient.Session) ([]mcp.Root, error) {
					d.notef("called")
					return nil, s.Ping(ctx) // waits for the handshake, which waits for the handler
				}}
				ask.Store(when == "connecting")
				s := serve(t, srv, mcpclient.Options{Handlers: h, ProtocolVersion: "2025-11-25"})
				if when == "recovery" {
					ask.Store(true)
					srv.LoseSessions()
				}
				_, err := s.CallTool(t.Context(), "echo", nil, mcpclient.WithTotalTimeout(time.Hour))
				require.NoError(t, err)
				require.Empty(t, d.take(), "no handler ran")
				require.Len(t, answers, 1)
				m := <-answers
				require.Equal(t, `"early"`, string(m.ID))
				require.NotNil(t, m.Error)
				require.EqualValues(t, -32600, m.Error.Code)
			})
		})
	}
}
