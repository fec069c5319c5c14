package mcpclient_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// mirrored returns a tool whose arguments region, limit and dry are mirrored in request headers.
func mirrored() *mcptest.Tool {
	return &mcptest.Tool{
		Name: "query",
		Schema: `{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"},
			"limit":{"type":"integer","x-mcp-header":"Limit"},"dry":{"type":"boolean","x-mcp-header":"Dry"},"sql":{"type":"string"}}}`,
		Mirrored: map[string]string{"Region": "region", "Limit": "limit", "Dry": "dry"},
	}
}

// modernWith returns a modern server that also has the given tools.
func modernWith(tools ...*mcptest.Tool) *mcptest.Server {
	srv := newServer(mode{mcptest.Modern, false})
	srv.Tools = append(srv.Tools, tools...)
	return srv
}

// Once a tool has been listed, the client mirrors its annotated arguments in headers. The test
// server checks each header.
func TestArgumentsAreMirrored(t *testing.T) {
	for name, args := range map[string]map[string]any{
		"plain":    {"region": "eu-west", "limit": 17, "dry": true, "sql": "select 1"},
		"absent":   {"sql": "select 1"},
		"null":     {"region": nil, "limit": nil},
		"empty":    {"region": ""},
		"unicode":  {"region": "zürich\n"},
		"sentinel": {"region": "=?base64?eA==?="},
		"spaces":   {"region": " x "},
		"largest":  {"limit": 9007199254740991},
		"smallest": {"limit": -9007199254740991},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := modernWith(mirrored())
				s := serve(t, srv, mcpclient.Options{})
				listed(t, s)
				srv.Reset()
				_, err := s.CallTool(t.Context(), "query", args)
				require.NoError(t, err)
				require.Equal(t, []string{"tools/call"}, srv.Methods())
				_, err = s.Request(t.Context(), "tools/call", map[string]any{"name": "query", "arguments": args}) // a raw request
				require.NoError(t, err)
			})
		})
	}
}

// If an argument cannot be mirrored exactly, the call fails without being sent.
func TestArgumentThatCannotBeMirrored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := modernWith(mirrored())
		s := serve(t, srv, mcpclient.Options{})
		listed(t, s)
		for _, args := range []string{`{"limit":9007199254740992}`, `{"limit":1.5}`, `{"region":["x"]}`, `{"region":{}}`} {
			_, err := s.CallTool(t.Context(), "query", jsonRaw(args))
			require.Equal(t, mcpclient.KindInvalid, failure(t, err).Kind, "%s: %v", args, err)
			require.True(t, unsent(err))
		}
		require.Zero(t, srv.Count("tools/call"))
	})
}

// If a tool was never listed or its definition changed, the headers are wrong and the server
// refuses the call. The client lists the tools once more and resends the call with the right
// headers.
func TestHeaderMismatchIsRepairedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := modernWith(mirrored())
		s := serve(t, srv, mcpclient.Options{})
		srv.Reset()
		_, err := s.CallTool(t.Context(), "query", map[string]any{"region": "eu", "limit": 1})
		require.NoError(t, err)
		require.Equal(t, []string{"tools/call", "tools/list", "tools/call"}, srv.Methods())
		require.Equal(t, "eu", srv.Requests("tools/call")[1].Header.Get("Mcp-Param-Region"))

		srv.Tools[1].Schema = `{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Zone"}}}`
		srv.Tools[1].Mirrored = map[string]string{"Zone": "region"}
		srv.Reset()
		_, err = s.CallTool(t.Context(), "query", map[string]any{"region": "eu"})
		require.NoError(t, err)
		require.Equal(t, []string{"tools/call", "tools/list", "tools/call"}, srv.Methods())
		last := srv.Requests("tools/call")[1].Header
		require.Equal(t, "eu", last.Get("Mcp-Param-Zone"))
		require.Empty(t, last.Get("Mcp-Param-Region"))
	})
}

// If a server keeps refusing the headers, the client sends no third request.
func TestHeaderMismatchForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := modernWith(mirrored())
		srv.Intercept = func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
			if m == nil || m.Method != "tools/call" {
				return false
			}
			rpc(400, -32020, nil)(w, m)
			return true
		}
		s := serve(t, srv, mcpclient.Options{})
		srv.Reset()
		_, err := s.CallTool(t.Context(), "query", nil)
		require.Equal(t, mcpclient.KindServer, failure(t, err).Kind)
		require.False(t, mcpclient.MayHaveRun(err))
		require.Equal(t, []string{"tools/call", "tools/list", "tools/call"}, srv.Methods())
	})
}

// The client leaves out tools with invalid annotations and keeps the others. This rule applies only
// to the modern era; older servers do not know the annotation.
func TestInvalidAnnotationsLeaveTheToolOut(t *testing.T) {
	property := func(p string) string { return `{"type":"object","properties":{"a":` + p + `}}` }
	invalid := []string{
		property(`{"type":"string","x-mcp-header":""}`),
		property(`{"type":"string","x-mcp-header":7}`),
		property(`{"type":"string","x-mcp-header":"a b"}`),
		property(`{"type":"string","x-mcp-header":"a\r\nb"}`),
		property(`{"type":"number","x-mcp-header":"A"}`),
		property(`{"type":"object","x-mcp-header":"A"}`),
		property(`{"type":["string","null"],"x-mcp-header":"A"}`),
		property(`{"x-mcp-header":"A"}`),
		property(`{"type":"array","items":{"type":"string","x-mcp-header":"A"}}`),
		property(`{"anyOf":[{"type":"string","x-mcp-header":"A"}]}`),
		property(`{"type":"string","\u0078-mcp-header":"a b"}`),
		`{"type":"object","properties":{"a":{"type":"string","x-mcp-header":"A"},"b":{"type":"string","x-mcp-header":"a"}}}`,
		`{"type":"object","x-mcp-header":"A"}`,
		`{"type":"object","$defs":{"x":{"type":"string","x-mcp-header":"A"}}}`,
		`{"type":"object","if":{"properties":{"a":{"type":"string","x-mcp-header":"A"}}}}`,
	}
	valid := []string{
		property(`{"type":"object","properties":{"b":{"type":"boolean","x-mcp-header":"A"}}}`),
		property(`{"type":"string","description":"no x-mcp-header"}`),
	}
	for _, era := range []mcptest.Era{mcptest.Modern, mcptest.Legacy} {
		t.Run(era.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := newServer(mode{era, false})
				want := []string{"echo"}
				for i, schema := range append(invalid[:len(invalid):len(invalid)], valid...) {
					name := fmt.Sprint("tool", i)
					srv.Tools = append(srv.Tools, &mcptest.Tool{Name: name, Schema: schema})
					if era == mcptest.Legacy || i >= len(invalid) {
						want = append(want, name)
					}
				}
				require.Equal(t, want, listed(t, serve(t, srv, mcpclient.Options{})))
			})
		})
	}
}

// If the server lists a tool as read-only or idempotent, the client repeats its calls only if the
// options trust the server's hints.
func TestToolHintsNeedTrust(t *testing.T) {
	for _, hint := range []string{"readOnlyHint", "idempotentHint", "openWorldHint"} {
		for _, trust := range []bool{false, true} {
			t.Run(fmt.Sprint(hint, trust), func(t *testing.T) {
				eachEra(t, func(t *testing.T, srv *mcptest.Server) {
					srv.Tools = append(srv.Tools, &mcptest.Tool{Name: "read", Annotations: map[string]any{hint: true}})
					s := serve(t, srv, mcpclient.Options{TrustToolHints: trust})
					listed(t, s)
					breakOnce(srv, "tools/call")
					_, err := s.CallTool(t.Context(), "read", nil)
					if trust && hint != "openWorldHint" {
						require.NoError(t, err)
						require.Equal(t, 2, srv.Count("tools/call"))
						return
					}
					require.Equal(t, mcpclient.KindOutcomeUnknown, failure(t, err).Kind)
					require.Equal(t, 1, srv.Count("tools/call"))
				})
			})
		}
	}
}

// With WithIdempotent, the caller declares that a call may be repeated.
func TestWithIdempotent(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, mcpclient.Options{})
		breakOnce(srv, "tools/call")
		_, err := s.CallTool(t.Context(), "echo", nil, mcpclient.WithIdempotent())
		require.NoError(t, err)
		breakOnce(srv, "tools/list")
		_, err = s.Request(t.Context(), "tools/list", nil)
		require.Equal(t, mcpclient.KindOutcomeUnknown, failure(t, err).Kind, "a raw request is assumed to have side effects")
		breakOnce(srv, "tools/list")
		_, err = s.Request(t.Context(), "tools/list", nil, mcpclient.WithIdempotent())
		require.NoError(t, err)
	})
}

// breakOnce makes the server lose the answer to the next request of a method.
func breakOnce(srv *mcptest.Server, method string) {
	var broken atomic.Bool
	srv.SetIntercept(func(_ http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
		if m == nil || m.Method != method || broken.Swap(true) {
			return false
		}
		panic(http.ErrAbortHandler)
	})
}

// Names that must be encoded in a header arrive unchanged.
func TestOddNamesInHeaders(t *testing.T) {
	names := []string{"ü", " x ", "=?base64?eA==?=", "a\tb", "日本語", strings.Repeat("n", 1000)}
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(mode{mcptest.Modern, true})
		for _, name := range names {
			add(srv, name, done)
			srv.Resources = append(srv.Resources, mcptest.Resource{URI: name, Text: name})
			srv.Prompts = append(srv.Prompts, mcptest.Prompt{Name: name})
		}
		s := serve(t, srv, mcpclient.Options{})
		for _, name := range names {
			_, err := s.CallTool(t.Context(), name, nil)
			require.NoError(t, err)
			_, err = s.ReadResource(t.Context(), name)
			require.NoError(t, err)
			_, err = s.GetPrompt(t.Context(), name, nil)
			require.NoError(t, err)
		}
	})
}
