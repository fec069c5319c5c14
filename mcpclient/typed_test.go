package mcpclient_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/transport"
)

// query and hits are the arguments and the result of a typed tool.
type query struct {
	Q string `json:"q"`
}

type hits struct {
	Total int64    `json:"total"`
	IDs   []uint64 `json:"ids,omitempty"`
}

// hitsSchema contains no line break, because a line break would split an event of a stream.
const hitsSchema = `{"type":"object","properties":{"total":{"type":"integer","minimum":9007199254740993},` +
	`"ids":{"type":"array","items":{"type":"integer"}}},"required":["total"]}`

// typedTools makes the server list tools with these output schemas, by tool name. A tool with ""
// has no output schema.
func typedTools(srv *mcptest.Server, outputs map[string]string) {
	var tools []jsonRaw
	for name, output := range outputs {
		definition := `{"name":"` + name + `","inputSchema":{"type":"object"}`
		if output != "" {
			definition += `,"outputSchema":` + output
		}
		tools = append(tools, jsonRaw(definition+`}`))
	}
	serveDefinitions(srv, tools)
}

// serveDefinitions answers tools/list with definitions, byte for byte.
func serveDefinitions(srv *mcptest.Server, tools []jsonRaw) {
	srv.SetIntercept(func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
		if m == nil || m.Method != "tools/list" {
			return false
		}
		result := []byte(`{"resultType":"complete","tools":[`)
		for i, tool := range tools {
			if i > 0 {
				result = append(result, ',')
			}
			result = append(result, tool...)
		}
		answerRaw(srv, w, m, append(result, `]}`...))
		return true
	})
}

// answerRaw answers with the given bytes as the result.
func answerRaw(srv *mcptest.Server, w http.ResponseWriter, m *mcptest.Message, result []byte) {
	body := `{"jsonrpc":"2.0","id":` + string(m.ID) + `,"result":` + string(result) + `}`
	if !srv.SSE {
		mcptest.WriteJSON(w, http.StatusOK, []byte(body))
		return
	}
	mcptest.StartSSE(w)
	mcptest.WriteRaw(w, "data: "+body+"\n\n")
}

// returns is a tool with a fixed result.
func returns(result string) mcptest.ToolFunc {
	return func(context.Context, *mcptest.Call) (json.RawMessage, error) { return jsonRaw(result), nil }
}

func TestTypedCall(t *testing.T) {
	eachMode(t, func(t *testing.T, srv *mcptest.Server) {
		add(srv, "search", func(_ context.Context, c *mcptest.Call) (json.RawMessage, error) {
			if string(c.Arguments) != `{"q":"gophers"}` {
				return nil, fmt.Errorf("arguments %s", c.Arguments)
			}
			return jsonRaw(`{"content":[],"structuredContent":{"total":9007199254740993,"ids":[18446744073709551615]}}`), nil
		})
		typedTools(srv, map[string]string{"search": hitsSchema, "other": ""})
		s := serve(t, srv, mcpclient.Options{})
		srv.Reset()
		for range 3 {
			out, err := mcpclient.Call[query, hits](t.Context(), s, "search", query{"gophers"})
			require.NoError(t, err)
			require.Equal(t, hits{9007199254740993, []uint64{18446744073709551615}}, out)
		}
		loose, err := mcpclient.Call[any, map[string]any](t.Context(), s, "search", query{"gophers"})
		require.NoError(t, err)
		require.Equal(t, json.Number("9007199254740993"), loose["total"])
		require.Equal(t, 1, srv.Count("tools/list"), "the list is read once")
	})
}

// If a result cannot be decoded into an Out, the error says that the tool has run.
func TestTypedCallOfUnusableResult(t *testing.T) {
	eachMode(t, func(t *testing.T, srv *mcptest.Server) {
		add(srv, "fails", returns(`{"isError":true,"content":[{"type":"text","text":"no\u001b[31m luck"}]}`))
		add(srv, "mismatch", returns(`{"content":[],"structuredContent":{"total":9007199254740992,"ids":["secret"]}}`))
		add(srv, "nothing", returns(`{"content":[{"type":"text","text":"{\"total\":9007199254740993}"}]}`))
		add(srv, "undecodable", returns(`{"content":[],"structuredContent":{"total":"secret"}}`))
		typedTools(srv, map[string]string{"fails": hitsSchema, "mismatch": hitsSchema, "nothing": hitsSchema, "undecodable": ""})
		s := serve(t, srv, mcpclient.Options{})
		for tool, want := range map[string]mcpclient.Kind{
			"fails": mcpclient.KindTool, "mismatch": mcpclient.KindProtocol,
			"nothing": mcpclient.KindProtocol, "undecodable": mcpclient.KindProtocol,
		} {
			_, err := mcpclient.Call[any, hits](t.Context(), s, tool, nil)
			e := failure(t, err)
			require.Equal(t, want, e.Kind, "%v", err)
			require.Equal(t, "tools/call", e.Method)
			require.Equal(t, transport.Answered, e.Stage)
			require.Equal(t, mcpclient.Answered, e.Outcome)
			require.NotContains(t, err.Error(), "secret")
			require.Equal(t, 1, srv.Executions(tool))
			switch tool {
			case "fails":
				var failed *mcpclient.ToolError
				require.ErrorAs(t, err, &failed)
				require.Equal(t, "tool \"fails\" failed: no\ufffd[31m luck", failed.Error())
				require.True(t, failed.Result.IsError)
			case "mismatch":
				var mismatch *mcpclient.SchemaError
				require.ErrorAs(t, err, &mismatch)
				require.ElementsMatch(t, []mcpclient.SchemaProblem{
					{Path: "/total", Reason: "is less than 9007199254740993"}, {Path: "/ids/0", Reason: "is of type string, expected integer"},
				}, mismatch.Problems)
			}
		}
	})
}

// If the client could not validate a tool's output, a typed call fails without running the tool.
func TestTypedCallDoesNotRunUnvalidated(t *testing.T) {
	eachMode(t, func(t *testing.T, srv *mcptest.Server) {
		add(srv, "remote", done)
		add(srv, "loop", done)
		typedTools(srv, map[string]string{"remote": `{"$ref":"http://127.0.0.1:1/"}`, "loop": `{"$ref":"#"}`})
		s := serve(t, srv, mcpclient.Options{})
		for _, tool := range []string{"remote", "loop"} {
			_, err := mcpclient.Call[any, any](t.Context(), s, tool, nil)
			e := failure(t, err)
			require.Equal(t, mcpclient.KindProtocol, e.Kind)
			require.Equal(t, mcpclient.NotRun, e.Outcome)
			require.True(t, unsent(err))
			_, err = s.CallTool(t.Context(), tool, nil)
			require.NoError(t, err, "CallTool does not validate, so it works")
			require.Equal(t, 1, srv.Executions(tool))
		}

		srv.SetIntercept(func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
			if m == nil || m.Method != "tools/list" {
				return false
			}
			mcptest.WriteError(w, http.StatusForbidden, m.ID, -32000, "no list")
			return true
		})
		_, err := mcpclient.Call[any, any](t.Context(), s, "echo", nil)
		require.Equal(t, "tools/list", failure(t, err).Method)
		require.Zero(t, srv.Executions("echo"))
	})
}

// If a tool is not listed, the client requests the tool list once, not for each call.
func TestTypedCallOfUnlistedTool(t *testing.T) {
	eachMode(t, func(t *testing.T, srv *mcptest.Server) {
		add(srv, "hidden", returns(`{"content":[{"type":"text","text":"{\"total\":5}"}]}`))
		typedTools(srv, map[string]string{"other": ""})
		s := serve(t, srv, mcpclient.Options{})
		srv.Reset()
		for range 3 {
			out, err := mcpclient.Call[any, hits](t.Context(), s, "hidden", nil)
			require.NoError(t, err)
			require.Equal(t, hits{Total: 5}, out)
		}
		require.Equal(t, 1, srv.Count("tools/list"))
	})
}

// A typed call uses the newest tool definition, and concurrent callers share the compiled schema.
func TestTypedCallFollowsTheList(t *testing.T) {
	eachMode(t, func(t *testing.T, srv *mcptest.Server) {
		add(srv, "n", returns(`{"content":[],"structuredContent":7}`))
		typedTools(srv, map[string]string{"n": `{"type":"integer"}`})
		s := serve(t, srv, mcpclient.Options{})
		listed(t, s)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				out, err := mcpclient.Call[any, int](t.Context(), s, "n", nil)
				if err != nil || out != 7 {
					t.Error(out, err)
				}
			})
		}
		wg.Wait()
		typedTools(srv, map[string]string{"n": `{"type":"string"}`})
		listed(t, s)
		_, err := mcpclient.Call[any, int](t.Context(), s, "n", nil)
		require.ErrorAs(t, err, new(*mcpclient.SchemaError))
		typedTools(srv, map[string]string{"n": ""})
		listed(t, s)
		_, err = mcpclient.Call[any, int](t.Context(), s, "n", nil)
		require.NoError(t, err)
	})
}

func TestTypedCallWithManualInput(t *testing.T) {
	eachMode(t, func(t *testing.T, srv *mcptest.Server) {
		if srv.Era == mcptest.Legacy {
			return // legacy results never require input
		}
		add(srv, "asks", returns(`{"resultType":"input_required","inputRequests":{"a":{"method":"roots/list"}}}`))
		typedTools(srv, map[string]string{"asks": ""})
		s := serve(t, srv, mcpclient.Options{})
		_, err := mcpclient.Call[any, any](t.Context(), s, "asks", nil, mcpclient.WithManualInput())
		require.Equal(t, mcpclient.KindInput, failure(t, err).Kind)
		require.ErrorContains(t, err, "CallTool")
	})
}

func result(t *testing.T, text string) *mcpclient.CallToolResult {
	t.Helper()
	res := new(mcpclient.CallToolResult)
	require.NoError(t, json.Unmarshal([]byte(text), res))
	return res
}

func TestDecode(t *testing.T) {
	structured := result(t, `{"content":[{"type":"text","text":"x"}],"structuredContent":{"total":9007199254740993}}`)
	want := hits{Total: 9007199254740993}

	out, err := mcpclient.Decode[hits](structured)
	require.NoError(t, err)
	require.Equal(t, want, out)
	pointer, err := mcpclient.Decode[*hits](structured)
	require.NoError(t, err)
	require.Equal(t, &want, pointer)
	loose, err := mcpclient.Decode[any](structured)
	require.NoError(t, err)
	require.Equal(t, map[string]any{"total": json.Number("9007199254740993")}, loose)
	raw, err := mcpclient.Decode[json.RawMessage](structured)
	require.NoError(t, err)
	require.Equal(t, `{"total":9007199254740993}`, string(raw))
	raw[0] = 'x'
	require.Equal(t, byte('{'), structured.RawStructuredContent[0], "the result keeps its own bytes")

	text := result(t, `{"isError":true,"content":[{"type":"text","text":"{\"total\":9007199254740993}"},{"type":"new"}]}`)
	out, err = mcpclient.Decode[hits](text)
	require.NoError(t, err)
	require.Equal(t, want, out)
	plain, err := mcpclient.Decode[string](text)
	require.NoError(t, err)
	require.Equal(t, `{"total":9007199254740993}`, plain)
	quoted, err := mcpclient.Decode[string](result(t, `{"content":[],"structuredContent":"a"}`))
	require.NoError(t, err)
	require.Equal(t, "a", quoted)
	null, err := mcpclient.Decode[*hits](result(t, `{"content":[],"structuredContent":null}`))
	require.NoError(t, err)
	require.Nil(t, null)
}

func TestDecodeRefuses(t *testing.T) {
	_, err := mcpclient.Decode[any](nil)
	require.Error(t, err)
	for _, text := range []string{
		`{"content":[]}`,
		`{"content":[{"type":"text","text":"1"},{"type":"text","text":"2"}]}`,
		`{"content":[{"type":"text","text":"{} {}"}]}`,
		`{"content":[{"type":"text","text":"{}]"}]}`,
		`{"content":[{"type":"text","text":""}]}`,
		`{"content":[],"structuredContent":[]}`,
		`{"content":[],"structuredContent":{"total":1.5}}`,
		`{"content":[],"structuredContent":{"total":9223372036854775808}}`,
	} {
		out, err := mcpclient.Decode[hits](result(t, text))
		require.Error(t, err, text)
		require.Zero(t, out)
	}
}

func TestSchemaOfArguments(t *testing.T) {
	tool := new(mcpclient.Tool)
	require.NoError(t, json.Unmarshal([]byte(`{"name":"t","inputSchema":{"type":"object","required":["q"],
		"properties":{"q":{"type":"string"},"n":{"enum":[9007199254740993]}}}}`), tool))
	args := map[string]any{"q": "x", "n": int64(9007199254740993)}
	require.NoError(t, tool.CheckArguments(args))
	require.NoError(t, tool.CheckArguments(query{"x"}))
	require.NoError(t, tool.CheckArguments(jsonRaw(`{"q":"x"}`)))
	for _, bad := range []any{nil, map[string]any(nil), map[string]any{}, map[string]any{"q": 1}, map[string]any{"q": "", "n": int64(9007199254740992)}} {
		require.ErrorAs(t, tool.CheckArguments(bad), new(*mcpclient.SchemaError), "%v", bad)
	}
	for _, no := range []any{[]int{1}, "text", func() {}} {
		err := tool.CheckArguments(no)
		require.Error(t, err)
		require.NotErrorAs(t, err, new(*mcpclient.SchemaError))
	}
	tool.RawInputSchema = jsonRaw(`{"$ref":"file:///etc/hostname"}`)
	require.ErrorContains(t, tool.CheckArguments(nil), "outside the document")
}

func TestTextOfSchemaErrors(t *testing.T) {
	e := &mcpclient.SchemaError{}
	for i := range 5 {
		e.Problems = append(e.Problems, mcpclient.SchemaProblem{Path: fmt.Sprint("/", i), Reason: "is wrong"})
	}
	require.Equal(t, "does not match the schema: /0 is wrong; /1 is wrong; /2 is wrong and 2 more", e.Error())
	failed := &mcpclient.ToolError{Tool: "t\x07" + strings.Repeat("x", 1000), Result: result(t, `{"content":[{"type":"text","text":"`+strings.Repeat("ü\\n", 1000)+`"}]}`)}
	require.Less(t, len([]rune(failed.Error())), 300)
	require.NotContains(t, failed.Error(), "\n")
	require.NotContains(t, failed.Error(), `\a`)
	require.Equal(t, `tool "t" failed`, (&mcpclient.ToolError{Tool: "t"}).Error())
}

// BenchmarkCheckArguments measures CheckArguments after the first call, which compiles the schema.
func BenchmarkCheckArguments(b *testing.B) {
	tool := new(mcpclient.Tool)
	tool.RawInputSchema = jsonRaw(`{"type":"object","required":["q"],"properties":{"q":{"type":"string"},"n":{"type":"integer"}}}`)
	b.ReportAllocs()
	for b.Loop() {
		if err := tool.CheckArguments(jsonRaw(`{"q":"x","n":1}`)); err != nil {
			b.Fatal(err)
		}
	}
}
