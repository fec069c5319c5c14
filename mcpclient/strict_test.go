package mcpclient_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"testing"
	"testing/synctest"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// requests are all requests that need a capability of the server, with the capability.
var requests = []struct {
	capability string
	send       func(ctx context.Context, s *mcpclient.Session) error
}{
	{"tools", func(ctx context.Context, s *mcpclient.Session) error { _, err := s.ListTools(ctx, nil); return err }},
	{"tools", func(ctx context.Context, s *mcpclient.Session) error {
		_, err := s.CallTool(ctx, "echo", nil)
		return err
	}},
	{"tools", func(ctx context.Context, s *mcpclient.Session) error {
		_, err := s.Request(ctx, "tools/call", map[string]any{"name": "echo", "arguments": map[string]any{}})
		return err
	}},
	{"prompts", func(ctx context.Context, s *mcpclient.Session) error { _, err := s.ListPrompts(ctx, nil); return err }},
	{"prompts", func(ctx context.Context, s *mcpclient.Session) error {
		_, err := s.GetPrompt(ctx, "greet", nil)
		return err
	}},
	{"resources", func(ctx context.Context, s *mcpclient.Session) error { _, err := s.ListResources(ctx, nil); return err }},
	{"resources", func(ctx context.Context, s *mcpclient.Session) error {
		_, err := s.ListResourceTemplates(ctx, nil)
		return err
	}},
	{"resources", func(ctx context.Context, s *mcpclient.Session) error {
		_, err := s.ReadResource(ctx, "a://b")
		return err
	}},
	{"completions", func(ctx context.Context, s *mcpclient.Session) error {
		_, err := s.Complete(ctx, mcp.CompleteParams{Ref: mcpclient.PromptRef("greet")})
		return err
	}},
	{"logging", func(ctx context.Context, s *mcpclient.Session) error { return s.SetLogLevel(ctx, mcp.LoggingLevelInfo) }},
	{"com.example/a", func(ctx context.Context, s *mcpclient.Session) error {
		_, err := s.Request(ctx, "a/get", nil)
		return err
	}},
}

// A strict session sends no request for a capability or an extension that the server did not
// declare (2026-07-28, "Capabilities"; 2025-11-25, "Operation"). By default the server decides.
func TestStrict(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		srv.Prompts = []mcptest.Prompt{{Name: "greet"}}
		srv.Resources = []mcptest.Resource{{URI: "a://b", Name: "b"}}
		srv.Complete = func(json.RawMessage) (json.RawMessage, error) {
			return json.RawMessage(`{"completion":{"values":[]}}`), nil
		}
		add(srv, "ok", returns(`{"content":[]}`))
		all := map[string]any{
			"tools": map[string]any{}, "prompts": map[string]any{}, "resources": map[string]any{}, "completions": map[string]any{}, "logging": map[string]any{},
			"extensions": map[string]any{"com.example/a": map[string]any{}},
		}
		answers(srv, "a/get", func(*mcptest.Message) string { return `{"resultType":"complete"}` })
		for _, strict := range []bool{true, false} {
			for _, request := range requests {
				srv.Capabilities = maps.Clone(all)
				delete(srv.Capabilities, request.capability)
				if request.capability == "com.example/a" {
					delete(srv.Capabilities, "extensions")
				}
				s := serve(t, srv, mcpclient.Options{Strict: strict, Extensions: []mcpclient.Extension{{ID: "com.example/a", Names: map[string]string{"a/get": "id"}}}})
				srv.Reset()
				for _, other := range requests {
					sent := len(srv.Requests("POST"))
					err := other.send(t.Context(), s)
					if !strict || other.capability != request.capability {
						require.NoError(t, err, other.capability)
						continue
					}
					require.Equal(t, mcpclient.KindInvalid, mcpclient.KindOf(err), "%v", err)
					require.True(t, unsent(err))
					require.ErrorContains(t, err, "the server did not declare the ")
					require.ErrorContains(t, err, request.capability)
					require.Len(t, srv.Requests("POST"), sent)
				}
				require.NoError(t, s.Ping(t.Context()))
			}
		}
	})
}

// A strict session requests only events that the server declared, for its handlers and for
// subscriptions.
func TestStrictSubscriptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(mode{mcptest.Modern, true})
		handler := func(context.Context, *mcpclient.Session) {}
		opts := mcpclient.Options{Strict: true, Handlers: mcpclient.Handlers{ToolsChanged: handler, PromptsChanged: handler}}
		wants := mcpclient.Filter{ToolsChanged: true, PromptsChanged: true, ResourcesChanged: true, Resources: []string{"a://b"}}
		srv.Capabilities = map[string]any{"tools": map[string]any{"listChanged": true}, "resources": map[string]any{"subscribe": true}}
		s := serve(t, srv, opts)
		synctest.Wait()
		require.Equal(t, []mcptest.Filter{{ToolsListChanged: true}}, srv.Subscriptions())
		sub, err := s.Listen(t.Context(), wants)
		require.NoError(t, err)
		require.Equal(t, mcpclient.Filter{ToolsChanged: true, Resources: []string{"a://b"}}, sub.Honored())
		require.Contains(t, srv.Subscriptions(), mcptest.Filter{ToolsListChanged: true, ResourceSubscriptions: []string{"a://b"}})

		srv.Capabilities = map[string]any{"tools": map[string]any{}}
		s = serve(t, srv, opts)
		srv.Reset()
		synctest.Wait()
		_, err = s.Listen(t.Context(), wants)
		var refused *mcpclient.ListenError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, mcpclient.EndRefused, refused.Reason)
		require.Zero(t, srv.Count("subscriptions/listen"))
	})
}

// A strict session checks each try against the session state that it uses: a new generation may
// declare less.
func TestStrictAfterRecovery(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, mcpclient.Options{Strict: true})
		require.NoError(t, s.SetLogLevel(t.Context(), mcp.LoggingLevelInfo))
		echoes(t, s)
		srv.LoseSessions()
		srv.Capabilities = map[string]any{}
		srv.Reset()
		_, err := s.CallTool(t.Context(), "echo", nil)
		require.ErrorContains(t, err, "the server did not declare the capability tools")
		require.Equal(t, mcpclient.NotRun, mcpclient.OutcomeOf(err))
		synctest.Wait()
		require.Zero(t, srv.Count("logging/setLevel"))
		require.Zero(t, srv.Executions("echo"))
	})
}

// With CheckOutput, CallTool returns structured content only if it matches the tool's schema, and
// runs no tool whose schema it cannot obtain. A reported failure is returned as it is.
func TestCheckOutput(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		srv.Capabilities = map[string]any{"tools": map[string]any{}}
		const schema = `{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}`
		tool := func(name, result string) {
			srv.Tools = append(srv.Tools, &mcptest.Tool{Name: name, Output: schema, Run: returns(result)})
		}
		tool("right", `{"resultType":"complete","content":[],"structuredContent":{"n":7}}`)
		tool("wrong", `{"resultType":"complete","content":[],"structuredContent":{"n":"secret"}}`)
		tool("none", `{"resultType":"complete","content":[]}`)
		tool("fails", `{"resultType":"complete","content":[],"isError":true,"structuredContent":{"why":1}}`)
		srv.Tools = append(srv.Tools, &mcptest.Tool{Name: "broken", Output: `{"type":7}`, Run: returns(`{"content":[]}`)})
		for _, check := range []bool{true, false} {
			s := serve(t, srv, mcpclient.Options{CheckOutput: check})
			for name, want := range map[string]string{
				"right": "", "fails": "", "echo": "", "unlisted": "",
				"wrong": "/n", "none": "no structured content", "broken": `output of tool "broken"`,
			} {
				before := srv.Executions(name)
				res, err := s.CallTool(t.Context(), name, nil)
				switch {
				case name == "unlisted":
					require.Equal(t, mcpclient.KindServer, mcpclient.KindOf(err), "the server refuses it: %v", err)
				case want == "" || !check:
					require.NoError(t, err, name)
					require.Equal(t, name == "fails", res.IsError)
				default:
					require.Nil(t, res)
					require.Equal(t, mcpclient.KindProtocol, mcpclient.KindOf(err), "%v", err)
					require.ErrorContains(t, err, want)
					require.NotContains(t, err.Error(), "secret")
					require.Equal(t, name != "broken", mcpclient.MayHaveRun(err))
					require.False(t, mcpclient.SafeToRepeat(err) && name != "broken")
					var mismatch *mcpclient.SchemaError
					require.Equal(t, name == "wrong", errors.As(err, &mismatch))
				}
				ran := 1
				if name == "unlisted" || name == "broken" && check {
					ran = 0
				}
				require.Equal(t, before+ran, srv.Executions(name), name)
			}
		}
		s := serve(t, srv, mcpclient.Options{CheckOutput: true})
		_, err := s.CallTool(t.Context(), "wrong", nil, mcpclient.WithIdempotent())
		require.True(t, mcpclient.SafeToRepeat(err))
		srv.Reset()
		_, err = mcpclient.Call[any, any](t.Context(), s, "right", nil)
		require.NoError(t, err)
		require.Zero(t, srv.Count("tools/list"), "the definition is remembered")
	})
}
