package mcpclient_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

const completeMethod = "completion/complete"

// completes makes the server answer completion/complete with the given result.
func completes(srv *mcptest.Server, result string) {
	srv.SetIntercept(func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
		if m == nil || m.Method != completeMethod {
			return false
		}
		mcptest.WriteJSON(w, http.StatusOK, mcptest.Result(m.ID, json.RawMessage(result)))
		return true
	})
}

// sentParams returns the parameters of the last completion request, without _meta.
func sentParams(t *testing.T, srv *mcptest.Server) string {
	t.Helper()
	requests := srv.Requests(completeMethod)
	require.NotEmpty(t, requests)
	var params map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(requests[len(requests)-1].Params, &params))
	delete(params, "_meta")
	data, err := json.Marshal(params)
	require.NoError(t, err)
	return string(data)
}

func argument(name, value string) mcp.CompleteArgument {
	return mcp.CompleteArgument{Name: name, Value: value}
}

func TestComplete(t *testing.T) {
	eachMode(t, func(t *testing.T, srv *mcptest.Server) {
		completes(srv, `{"resultType":"complete","_meta":{"big":9007199254740993},"future":{},
			"completion":{"values":["python","pytorch"],"total":10,"hasMore":true,"future":1}}`)
		s := serve(t, srv, mcpclient.Options{})
		params := mcp.CompleteParams{
			Ref: mcpclient.PromptRef("code \"review\""), Argument: argument("language", "py\n"),
			Context: mcp.CompleteContext{Arguments: map[string]string{"b": "2", "a": "<1>"}},
		}
		got, err := s.Complete(t.Context(), params)
		require.NoError(t, err)
		require.Equal(t, mcp.Completion{Values: []string{"python", "pytorch"}, Total: 10, HasMore: true}, got.Completion)
		require.True(t, got.HasTotal)
		require.Equal(t, json.RawMessage("9007199254740993"), got.Meta.AdditionalFields["big"])
		require.Equal(t, mcp.ResultTypeComplete, got.ResultType)
		require.JSONEq(t, `{"ref":{"type":"ref/prompt","name":"code \"review\""},"argument":{"name":"language","value":"py\n"},
			"context":{"arguments":{"a":"<1>","b":"2"}}}`, sentParams(t, srv))
		require.Equal(t, map[string]string{"b": "2", "a": "<1>"}, params.Context.Arguments)
	})
}

func TestCompleteReferences(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		completes(srv, `{"completion":{"values":[]}}`)
		s := serve(t, srv, mcpclient.Options{})
		const prompt, resource = `{"name":"p","type":"ref/prompt"}`, `{"type":"ref/resource","uri":"file:///{p}"}`
		for _, tt := range []struct {
			ref  any
			want string
		}{
			{mcpclient.PromptRef("p"), prompt},
			{mcp.PromptReference{Name: "p"}, prompt},
			{&mcp.PromptReference{Name: "p"}, prompt},
			{mcpclient.TemplateRef("file:///{p}"), resource},
			{mcp.ResourceReference{URI: "file:///{p}"}, resource},
			{&mcp.ResourceReference{Type: "ref/resource", URI: "file:///{p}"}, resource},
		} {
			got, err := s.Complete(t.Context(), mcp.CompleteParams{Ref: tt.ref, Argument: argument("a", "")})
			require.NoError(t, err)
			require.Equal(t, []string{}, got.Completion.Values)
			require.JSONEq(t, `{"ref":`+tt.want+`,"argument":{"name":"a","value":""}}`, sentParams(t, srv))
		}
		srv.Reset()
		for _, ref := range []any{
			nil, "p", map[string]any{"type": "ref/prompt", "name": "p"}, (*mcp.PromptReference)(nil), (*mcp.ResourceReference)(nil),
			mcp.PromptReference{Type: "ref/resource", Name: "p"}, mcp.ResourceReference{Type: "ref/prompt", URI: "u"}, mcpclient.PromptRef(""),
		} {
			_, err := s.Complete(t.Context(), mcp.CompleteParams{Ref: ref, Argument: argument("a", "")})
			require.Equal(t, mcpclient.KindInvalid, failure(t, err).Kind, "%#v", ref)
			require.True(t, unsent(err))
		}
		require.Zero(t, srv.Count(completeMethod))
	})
}

func TestCompleteContextNeedsALaterRevision(t *testing.T) {
	for version, sent := range map[string]bool{"2025-03-26": false, "2025-06-18": true, "2025-11-25": true} {
		inBubble(t, func(t *testing.T, srv *mcptest.Server) {
			srv.Versions = []string{version}
			completes(srv, `{"completion":{"values":["a"]}}`)
			s := serve(t, srv, mcpclient.Options{})
			require.Equal(t, version, s.ProtocolVersion())
			_, err := s.Complete(t.Context(), mcp.CompleteParams{
				Ref: mcpclient.PromptRef("p"), Argument: argument("a", ""), Context: mcp.CompleteContext{Arguments: map[string]string{"x": "y"}},
			})
			require.NoError(t, err)
			require.Equal(t, sent, strings.Contains(sentParams(t, srv), `"context"`), version)
		})
	}
}

func TestCompleteResults(t *testing.T) {
	many := make([]string, 101)
	for i := range many {
		many[i] = fmt.Sprint("v", i)
	}
	values, err := json.Marshal(many)
	require.NoError(t, err)
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, mcpclient.Options{})
		for _, tt := range []struct {
			result   string
			want     mcp.Completion
			hasTotal bool
		}{
			{`{}`, mcp.Completion{Values: []string{}}, false},
			{`{"completion":null}`, mcp.Completion{Values: []string{}}, false},
			{`{"completion":{}}`, mcp.Completion{Values: []string{}}, false},
			{`{"completion":{"values":null,"total":null,"hasMore":null}}`, mcp.Completion{Values: []string{}}, false},
			{`{"completion":{"values":["é\u0000"],"total":0}}`, mcp.Completion{Values: []string{"é\x00"}}, true},
			{`{"completion":{"values":[],"total":2.0}}`, mcp.Completion{Values: []string{}, Total: 2}, true},
			{`{"completion":{"values":[],"total":-1}}`, mcp.Completion{Values: []string{}}, false},
			{`{"completion":{"hasMore":false,"total":101,"values":` + string(values) + `}}`,
				mcp.Completion{Values: many[:100], Total: 101, HasMore: true}, true},
			{`{"completion":{"values":` + string(values) + `,"hasMore":false}}`, mcp.Completion{Values: many[:100], HasMore: true}, false},
		} {
			completes(srv, tt.result)
			got, err := s.Complete(t.Context(), mcp.CompleteParams{Ref: mcpclient.PromptRef("p"), Argument: argument("a", "")})
			require.NoError(t, err, tt.result)
			require.Equal(t, tt.want, got.Completion, tt.result)
			require.Equal(t, tt.hasTotal, got.HasTotal, tt.result)
		}
		for _, result := range []string{
			`[]`, `null`, `{"completion":[]}`, `{"completion":{"values":{}}}`, `{"completion":{"values":[1]}}`, `{"completion":{"values":[null]}}`,
			`{"completion":{"values":[],"total":"1"}}`, `{"completion":{"values":[],"hasMore":1}}`,
		} {
			completes(srv, result)
			_, err := s.Complete(t.Context(), mcp.CompleteParams{Ref: mcpclient.PromptRef("p"), Argument: argument("a", "")})
			require.Equal(t, mcpclient.KindProtocol, failure(t, err).Kind, result)
		}
	})
}

// A completion request is safe to repeat, so the client repeats it after a lost answer. It does not
// repeat a refused one.
func TestCompleteIsRepeated(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, mcpclient.Options{})
		tries := 0
		srv.SetIntercept(func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
			if m == nil || m.Method != completeMethod {
				return false
			}
			if tries++; tries == 1 {
				w.WriteHeader(http.StatusServiceUnavailable)
				return true
			}
			mcptest.WriteJSON(w, http.StatusOK, mcptest.Result(m.ID, json.RawMessage(`{"completion":{"values":["a"]}}`)))
			return true
		})
		params := mcp.CompleteParams{Ref: mcpclient.TemplateRef("x:{a}"), Argument: argument("a", "")}
		got, err := s.Complete(t.Context(), params)
		require.NoError(t, err)
		require.Equal(t, []string{"a"}, got.Completion.Values)
		require.Equal(t, 2, srv.Count(completeMethod))

		srv.Reset()
		srv.SetIntercept(func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
			if m == nil || m.Method != completeMethod {
				return false
			}
			mcptest.WriteError(w, http.StatusOK, m.ID, mcpclient.CodeInvalidParams, "no such template")
			return true
		})
		_, err = s.Complete(t.Context(), params)
		require.Equal(t, mcpclient.KindServer, failure(t, err).Kind)
		require.Equal(t, 1, srv.Count(completeMethod))
	})
}
