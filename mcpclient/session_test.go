package mcpclient_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// A session behaves the same in both eras and with both kinds of reply.
func TestLifeOfASession(t *testing.T) {
	eachMode(t, func(t *testing.T, srv *mcptest.Server) {
		srv.Resources = []mcptest.Resource{{URI: "file:///a b", Name: "a", Text: "alpha"}, {URI: "file:///ü", Name: "u", Text: "umlaut"}}
		srv.Prompts = []mcptest.Prompt{{Name: "ask", Text: "Tell me about "}}
		link := srv.InMemory(t)
		s, err := connectTo(t.Context(), link.URL, &mcpclient.Options{
			Transport: link.Transport, ClientInfo: mcp.Implementation{Name: "tester", Version: "3"},
		})
		require.NoError(t, err)
		introduced(t, srv, s)
		lists(t, srv, s)
		calls(t, srv, s)

		res, err := s.ReadResource(t.Context(), "file:///ü")
		require.NoError(t, err)
		require.Equal(t, "umlaut", res.Contents[0].(mcp.TextResourceContents).Text)
		prompt, err := s.GetPrompt(t.Context(), "ask", map[string]string{"topic": "gophers"})
		require.NoError(t, err)
		require.Equal(t, "Tell me about gophers", prompt.Messages[0].Content.(mcp.TextContent).Text)
		require.NoError(t, s.Ping(t.Context()))

		require.Equal(t, mcpclient.StateReady, s.State())
		require.NoError(t, s.Close())
		require.Equal(t, mcpclient.StateClosed, s.State())
		if srv.Era == mcptest.Legacy {
			require.Equal(t, 1, srv.Count("DELETE"), "the session is ended on the server")
			now, _ := srv.Sessions()
			require.Zero(t, now)
		} else {
			require.Zero(t, srv.Count("DELETE"), "the modern era has no session to end")
		}
		require.Zero(t, srv.Count("GET"), "no handler needs a shared stream")
		_, err = s.CallTool(t.Context(), "echo", nil)
		require.True(t, mcpclient.KindOf(err) == mcpclient.KindClosed, "%v", err)
	})
}

// introduced checks the server's description that a session returns.
func introduced(t *testing.T, srv *mcptest.Server, s *mcpclient.Session) {
	t.Helper()
	require.Equal(t, "mcptest", s.ServerInfo().Name)
	require.Equal(t, "Use the tools.", s.Instructions())
	require.NotNil(t, s.Capabilities().Tools)
	require.True(t, s.Capabilities().Tools.ListChanged)
	if srv.Era == mcptest.Modern {
		require.Equal(t, mcpclient.EraModern, s.Era())
		require.Equal(t, "2026-07-28", s.ProtocolVersion())
		require.Equal(t, []string{"server/discover"}, srv.Methods())
		require.JSONEq(t, `{"name":"tester","version":"3"}`, srv.Requests("server/discover")[0].Meta("io.modelcontextprotocol/clientInfo"))
		return
	}
	require.Equal(t, mcpclient.EraLegacy, s.Era())
	require.Equal(t, "2025-11-25", s.ProtocolVersion())
	require.Equal(t, []string{"server/discover", "initialize", "notifications/initialized"}, srv.Methods())
	require.Contains(t, string(srv.Requests("initialize")[0].Params), `{"name":"tester","version":"3"}`)
}

// lists checks that the session reads all pages of each list. One page has an empty string as its
// cursor.
func lists(t *testing.T, srv *mcptest.Server, s *mcpclient.Session) {
	t.Helper()
	srv.PageSize = 2
	before := srv.Tools
	var want []string
	srv.Tools = nil
	for i := range 7 {
		name := fmt.Sprintf("tool%d", i)
		want = append(want, name)
		add(srv, name, done)
	}
	srv.Reset()
	require.Equal(t, want, listed(t, s))
	require.Equal(t, 4, srv.Count("tools/list"))
	srv.Tools, srv.PageSize = before, 0

	page, err := s.ListResources(t.Context(), nil)
	require.NoError(t, err)
	require.Len(t, page.Items, 2)
	require.Nil(t, page.NextCursor)
	templates, err := s.ListResourceTemplates(t.Context(), nil)
	require.NoError(t, err)
	require.Len(t, templates.Items, 1)
	prompts, err := s.ListPrompts(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, "ask", prompts.Items[0].Name)
}

// calls checks tool calls and their options.
func calls(t *testing.T, srv *mcptest.Server, s *mcpclient.Session) {
	t.Helper()
	args := map[string]any{"n": 1}
	res, err := s.CallTool(t.Context(), "echo", args, mcpclient.WithHeader("X-Trace", "t1"), mcpclient.WithRawResult(),
		mcpclient.WithMeta(map[string]any{"tenant": "a"}))
	require.NoError(t, err)
	require.JSONEq(t, `{"n":1}`, text(t, res))
	require.NotEmpty(t, res.Raw)
	require.True(t, json.Valid(res.Raw))
	require.Equal(t, map[string]any{"n": 1}, args)
	got := srv.Requests("tools/call")[0]
	require.Equal(t, "t1", got.Header.Get("X-Trace"))
	require.Equal(t, `"a"`, got.Meta("tenant"))

	_, err = s.CallTool(t.Context(), "echo", nil)
	require.NoError(t, err)
	require.Empty(t, srv.Requests("tools/call")[1].Header.Get("X-Trace"), "a header of one call is not sent with others")

	raw, err := s.Request(t.Context(), "tools/call", map[string]any{"name": "echo", "arguments": map[string]any{"big": 9007199254740993}})
	require.NoError(t, err)
	require.Contains(t, string(raw), `9007199254740993`)
	_, err = s.Request(t.Context(), "no/such", nil)
	var rpc *mcpclient.RPCError
	require.ErrorAs(t, err, &rpc)
	require.EqualValues(t, mcpclient.CodeMethodNotFound, rpc.Code)
	require.Equal(t, mcpclient.KindServer, mcpclient.KindOf(err))
	require.Equal(t, 3, srv.Executions("echo"))
}

// Progress and log messages of a call are delivered in order, on the call's goroutine, before the
// call returns. A JSON reply cannot carry them.
func TestProgressAndLogComeBeforeTheResult(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		add(srv, "work", func(_ context.Context, c *mcptest.Call) (json.RawMessage, error) {
			for i := range 3 {
				c.Progress(float64(i), 3, fmt.Sprintf("step %d", i))
				c.Log("info", map[string]any{"step": i})
			}
			return mcptest.Text("worked"), nil
		})
		type key struct{}
		var story []string
		s := serve(t, srv, mcpclient.Options{Handlers: mcpclient.Handlers{Log: func(ctx context.Context, _ *mcpclient.Session, m mcpclient.LogMessage) {
			require.Equal(t, "mine", ctx.Value(key{}), "the handler has the call's context")
			require.Equal(t, "work", m.Logger)
			story = append(story, string(m.Level)+string(m.Data))
		}}})
		require.NoError(t, s.SetLogLevel(t.Context(), mcp.LoggingLevelInfo))
		ctx := context.WithValue(t.Context(), key{}, "mine")
		res, err := s.CallTool(ctx, "work", nil, mcpclient.OnProgress(func(ctx context.Context, p mcpclient.Progress) {
			require.Equal(t, "mine", ctx.Value(key{}))
			require.True(t, p.HasTotal)
			story = append(story, p.Message)
		}))
		story = append(story, "returned")
		require.NoError(t, err)
		require.Equal(t, "worked", text(t, res))
		require.Equal(t, []string{
			"step 0", `info{"step":0}`, "step 1", `info{"step":1}`, "step 2", `info{"step":2}`, "returned",
		}, story)
		if srv.Era == mcptest.Legacy {
			require.Equal(t, "info", srv.Level())
		} else {
			require.Equal(t, `"info"`, srv.Requests("tools/call")[0].Meta("io.modelcontextprotocol/logLevel"))
		}
	})
}

// If a tool fails, its result says so. The call returns no error.
func TestToolErrorIsAResult(t *testing.T) {
	eachMode(t, func(t *testing.T, srv *mcptest.Server) {
		add(srv, "fail", func(context.Context, *mcptest.Call) (json.RawMessage, error) {
			return json.RawMessage(`{"isError":true,"content":[{"type":"text","text":"no luck"}]}`), nil
		})
		s := serve(t, srv, mcpclient.Options{})
		res, err := s.CallTool(t.Context(), "fail", nil)
		require.NoError(t, err)
		require.True(t, res.IsError)
		require.Equal(t, "no luck", text(t, res))
	})
}

// A session also works over the loopback interface, in real time.
func TestLifeOverLoopback(t *testing.T) {
	for _, m := range modes {
		t.Run(m.String(), func(t *testing.T) {
			srv := newServer(m)
			s := connect(t, srv.Loopback(t), mcpclient.Options{})
			require.Equal(t, []string{"echo"}, listed(t, s))
			echoes(t, s)
		})
	}
}
