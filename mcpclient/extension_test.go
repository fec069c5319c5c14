package mcpclient_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// apps is the extension MCP Apps as a client declares it.
var apps = mcpclient.Extension{
	ID: "io.modelcontextprotocol/ui", Settings: map[string]any{"mimeTypes": []string{"text/html;profile=mcp-app"}},
}

// An extension is declared with its settings: in initialize, or in each modern request. Without
// extensions, the capabilities have no member for them.
func TestExtensionIsDeclared(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, mcpclient.Options{Extensions: []mcpclient.Extension{apps, {ID: "com.example/other-1.a_b"}}})
		echoes(t, s)
		const declared = `{"extensions":{"com.example/other-1.a_b":{},"io.modelcontextprotocol/ui":{"mimeTypes":["text/html;profile=mcp-app"]}}}`
		require.JSONEq(t, declared, string(srv.ClientCapabilities()))
		if srv.Era == mcptest.Modern {
			for _, r := range srv.Requests("") {
				require.JSONEq(t, declared, r.Meta("io.modelcontextprotocol/clientCapabilities"), r.Method)
			}
		}
		srv.Reset()
		serve(t, srv, mcpclient.Options{})
		require.JSONEq(t, `{}`, string(srv.ClientCapabilities()))
	})
}

// An extension that older revisions do not have is not declared to a legacy server.
func TestExtensionSinceARevision(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		serve(t, srv, mcpclient.Options{Extensions: []mcpclient.Extension{{ID: "io.modelcontextprotocol/tasks", Since: "2026-07-28"}}})
		want := `{}`
		if srv.Era == mcptest.Modern {
			want = `{"extensions":{"io.modelcontextprotocol/tasks":{}}}`
		}
		require.JSONEq(t, want, string(srv.ClientCapabilities()))
	})
}

// The extensions of the server are readable, whatever types its settings have.
func TestExtensionsOfTheServer(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		srv.Capabilities = map[string]any{"extensions": map[string]any{"com.example/a": map[string]any{"n": 7}, "com.example/b": nil, "c": []any{}}}
		s := serve(t, srv, mcpclient.Options{})
		got := s.Capabilities().Extensions
		require.Len(t, got, 3)
		require.Equal(t, map[string]any{"n": 7.0}, got["com.example/a"])
		require.Contains(t, got, "com.example/b")

		srv.Capabilities = map[string]any{"tools": map[string]any{}, "extensions": []any{}}
		s = serve(t, srv, mcpclient.Options{})
		require.Empty(t, s.Capabilities().Extensions)
		require.NotNil(t, s.Capabilities().Tools)
	})
}

// What the caller does with its settings after Connect does not change what is declared.
func TestExtensionSettingsAreCopied(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		settings := map[string]any{"n": 1}
		list := []mcpclient.Extension{{ID: "com.example/a", Settings: settings}}
		s := serve(t, srv, mcpclient.Options{Extensions: list})
		settings["n"], settings["f"], list[0].ID = 2, func() {}, "other"
		srv.LoseSessions()
		echoes(t, s)
		require.JSONEq(t, `{"extensions":{"com.example/a":{"n":1}}}`, string(srv.ClientCapabilities()))
	})
}

// Connect refuses an invalid extension before it sends anything.
func TestInvalidExtensions(t *testing.T) {
	resolve := func(context.Context, *mcpclient.Session, mcpclient.ClaimedResult) (json.RawMessage, error) {
		return nil, nil
	}
	handler := func(context.Context, *mcpclient.Session, json.RawMessage) {}
	claim := func(method, resultType string) []mcpclient.Claim {
		return []mcpclient.Claim{{Method: method, ResultType: resultType, Resolve: resolve}}
	}
	type handlers = map[string]func(context.Context, *mcpclient.Session, json.RawMessage)
	valid := mcpclient.Extension{
		ID: "com.example/a", Claims: claim("tools/call", "task"), Names: map[string]string{"a/get": "id"}, Notifications: handlers{"notifications/a": handler},
	}
	for want, list := range map[string][]mcpclient.Extension{
		`extension "com.example/a" is listed twice`:                                           {{ID: "com.example/a"}, {ID: "com.example/a"}},
		`unknown protocol version "2026"`:                                                     {{ID: "com.example/a", Since: "2026"}},
		`settings: must be a JSON object, got array`:                                          {{ID: "com.example/a", Settings: []int{}}},
		`settings: must be a JSON object, got string`:                                         {{ID: "com.example/a", Settings: "x"}},
		`settings: json: unsupported type: func()`:                                            {{ID: "com.example/a", Settings: func() {}}},
		`the result type "complete" belongs to the protocol itself`:                           {{ID: "com.example/a", Claims: claim("tools/call", "complete")}},
		`the result type "" belongs to the protocol itself`:                                   {{ID: "com.example/a", Claims: claim("tools/call", "")}},
		`the result type "input_required" belongs`:                                            {{ID: "com.example/a", Claims: claim("tools/call", "input_required")}},
		`results of "tools/list" cannot have other types`:                                     {{ID: "com.example/a", Claims: claim("tools/list", "task")}},
		`results of "" cannot have other types`:                                               {{ID: "com.example/a", Claims: claim("", "task")}},
		`"tools/call" is not a request of an extension`:                                       {{ID: "com.example/a", Names: map[string]string{"tools/call": "name"}}},
		`"notifications/a" is not a request of an extension`:                                  {{ID: "com.example/a", Names: map[string]string{"notifications/a": "id"}}},
		`no parameter for "a/get"`:                                                            {{ID: "com.example/a", Names: map[string]string{"a/get": ""}}},
		`"notifications/message" is not a notification of an extension`:                       {{ID: "com.example/a", Notifications: handlers{"notifications/message": handler}}},
		`"" is not a notification of an extension`:                                            {{ID: "com.example/a", Notifications: handlers{"": handler}}},
		`the handler of "notifications/a" is nil`:                                             {{ID: "com.example/a", Notifications: handlers{"notifications/a": nil}}},
		`the result type "task" of tools/call is already added by extension "com.example/a"`:  {valid, {ID: "com.example/b", Claims: claim("tools/call", "task")}},
		`the name of a/get is already added by extension "com.example/a"`:                     {valid, {ID: "com.example/b", Names: map[string]string{"a/get": "id"}}},
		`the notification notifications/a is already added by extension "com.example/a"`:      {valid, {ID: "com.example/b", Notifications: handlers{"notifications/a": handler}}},
		`extension "com.example/": an identifier is a prefix and a name, such as "com.exampl`: {{ID: "com.example/"}},
		`extension "": an identifier is a prefix and a name, such as "com.example/name"`:      {{}},
		`extension "tasks": an identifier is a prefix and a name`:                             {{ID: "tasks"}},
		`extension "/tasks": an identifier is a prefix and a name`:                            {{ID: "/tasks"}},
		`extension "com..example/a": an identifier is a prefix and a name`:                    {{ID: "com..example/a"}},
		`extension "com.1example/a": an identifier is a prefix and a name`:                    {{ID: "com.1example/a"}},
		`extension "com.example-/a": an identifier is a prefix and a name`:                    {{ID: "com.example-/a"}},
		`extension "com.ex_ample/a": an identifier is a prefix and a name`:                    {{ID: "com.ex_ample/a"}},
		`extension "com.example/a/b": an identifier is a prefix and a name`:                   {{ID: "com.example/a/b"}},
		`extension "com.example/-a": an identifier is a prefix and a name`:                    {{ID: "com.example/-a"}},
		`extension "com.example/a.": an identifier is a prefix and a name`:                    {{ID: "com.example/a."}},
		`extension "com.example/ä": an identifier is a prefix and a name`:                     {{ID: "com.example/ä"}},
		`extension "com.example/a b": an identifier is a prefix and a name`:                   {{ID: "com.example/a b"}},
	} {
		_, err := mcpclient.Connect(t.Context(), "http://127.0.0.1:1/mcp", &mcpclient.Options{Extensions: list})
		require.Equal(t, mcpclient.KindInvalid, mcpclient.KindOf(err), "%v", err)
		require.True(t, unsent(err))
		require.ErrorContains(t, err, want)
	}
	synctest.Test(t, func(t *testing.T) {
		serve(t, newServer(mode{mcptest.Modern, false}), mcpclient.Options{Extensions: []mcpclient.Extension{valid, {ID: "a/b"}, {ID: "x1-y.z/B-2_c.d"}}})
	})
}

// answers lets the server answer a method with a result, in either era.
func answers(srv *mcptest.Server, method string, result func(m *mcptest.Message) string) {
	srv.SetIntercept(func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
		if m == nil || m.Method != method {
			return false
		}
		mcptest.WriteJSON(w, http.StatusOK, mcptest.Result(m.ID, json.RawMessage(result(m))))
		return true
	})
}

// Mcp-Name mirrors the parameter that names what a request of an extension is about (SEP-2663,
// "Streamable HTTP: Routing Headers"). A parameter that is missing or not a string is not mirrored:
// the server reports it.
func TestExtensionNames(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		answers(srv, "tasks/get", func(*mcptest.Message) string { return `{"resultType":"complete","status":"working"}` })
		s := serve(t, srv, mcpclient.Options{Extensions: []mcpclient.Extension{{ID: "io.modelcontextprotocol/tasks", Names: map[string]string{"tasks/get": "taskId"}}}})
		for _, test := range []struct {
			params any
			want   []string
		}{
			{map[string]any{"taskId": "a-1"}, []string{"a-1"}},
			{map[string]any{"taskId": "a/b ü"}, []string{"=?base64?YS9iIMO8?="}},
			{json.RawMessage(`{"name":"x","taskId":"1","taskId":"2","_meta":{"taskId":"3"}}`), []string{"2"}},
			{map[string]any{"taskId": ""}, []string{""}},
			{map[string]any{"taskId": 7}, nil},
			{map[string]any{"taskId": nil}, nil},
			{map[string]any{"task": "a"}, nil},
			{nil, nil},
		} {
			srv.Reset()
			result, err := s.Request(t.Context(), "tasks/get", test.params)
			require.NoError(t, err)
			require.JSONEq(t, `{"resultType":"complete","status":"working"}`, string(result))
			got := srv.Requests("tasks/get")[0].Header.Values("Mcp-Name")
			if srv.Era == mcptest.Legacy {
				require.Empty(t, got)
			} else {
				require.Equal(t, test.want, got, "%v", test.params)
			}
		}
	})
}

// onSubscription checks that a notification of an extension on the stream of a subscription goes to
// its handler, and that other unknown ones are ignored there.
func onSubscription(t *testing.T, srv *mcptest.Server, extension mcpclient.Extension, got *[]string) {
	t.Helper()
	srv.SetIntercept(func(w http.ResponseWriter, r *http.Request, m *mcptest.Message) bool {
		if m == nil || m.Method != "subscriptions/listen" {
			return false
		}
		meta := map[string]any{"io.modelcontextprotocol/subscriptionId": m.ID}
		w.Header().Set("Content-Type", "text/event-stream")
		for _, message := range [][]byte{
			mcptest.Notification("notifications/subscriptions/acknowledged", map[string]any{"_meta": meta, "notifications": map[string]any{"toolsListChanged": true}}),
			mcptest.Notification("notifications/b", map[string]any{"_meta": meta}),
			mcptest.Notification("notifications/a", map[string]any{"_meta": meta, "n": 4}),
		} {
			_, _ = fmt.Fprintf(w, "data: %s\n\n", message)
		}
		w.(http.Flusher).Flush()
		srv.Hang(r)
		return true
	})
	*got = nil
	s := serve(t, srv, mcpclient.Options{Extensions: []mcpclient.Extension{extension}})
	_, err := s.Listen(t.Context(), mcpclient.Filter{ToolsChanged: true})
	require.NoError(t, err)
	synctest.Wait()
	require.Len(t, *got, 1)
	require.Contains(t, (*got)[0], `"n":4`)
}

// A notification of an extension goes to its handler, in order with the others, and not to
// Handlers.Notification. A legacy session opens its shared stream for it.
func TestExtensionNotifications(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		var got []string
		extension := mcpclient.Extension{ID: "com.example/a", Notifications: map[string]func(context.Context, *mcpclient.Session, json.RawMessage){
			"notifications/a": func(_ context.Context, _ *mcpclient.Session, params json.RawMessage) {
				got = append(got, "a "+string(params))
			},
		}}
		add(srv, "notifies", func(_ context.Context, c *mcptest.Call) (json.RawMessage, error) {
			c.Notify("notifications/a", map[string]any{"n": 1})
			c.Notify("notifications/b", map[string]any{"n": 2})
			c.Notify("notifications/a", nil)
			return mcptest.Text("told"), nil
		})
		other := func(_ context.Context, _ *mcpclient.Session, method string, params json.RawMessage) {
			got = append(got, method+" "+string(params))
		}
		tell := func(opts mcpclient.Options) []string {
			got = nil
			s := serve(t, srv, opts)
			synctest.Wait()
			_, err := s.CallTool(t.Context(), "notifies", nil)
			require.NoError(t, err)
			synctest.Wait()
			require.NoError(t, s.Close()) // so that one session appends at a time
			return got
		}
		both := mcpclient.Options{Extensions: []mcpclient.Extension{extension}, Handlers: mcpclient.Handlers{Notification: other}}
		require.Equal(t, []string{`a {"n":1}`, `notifications/b {"n":2}`, `a `}, tell(both))
		require.Equal(t, []string{`a {"n":1}`, `a `}, tell(mcpclient.Options{Extensions: []mcpclient.Extension{extension}}))
		both.Strict = true // the server has not declared the extension
		require.Equal(t, []string{`notifications/a {"n":1}`, `notifications/b {"n":2}`, `notifications/a `}, tell(both))
		if srv.Era == mcptest.Modern {
			onSubscription(t, srv, extension, &got)
			return
		}

		got = nil
		srv.Reset()
		serve(t, srv, mcpclient.Options{Extensions: []mcpclient.Extension{extension}})
		synctest.Wait()
		require.Equal(t, 1, srv.Count("GET"))
		srv.Notify("notifications/a", map[string]any{"n": 3})
		synctest.Wait()
		require.Equal(t, `a {"n":3}`, got[len(got)-1])
		extension.Since = "2026-07-28"
		srv.Reset()
		serve(t, srv, mcpclient.Options{Extensions: []mcpclient.Extension{extension}})
		synctest.Wait()
		require.Zero(t, srv.Count("GET"))
	})
}
