package mcptest_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
)

const meta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"roots":{}},` +
	`"io.modelcontextprotocol/clientInfo":{"name":"t","version":"1"}}`

// modern returns a request and sets the mirrored headers of c.
func (c *client) modern(id int, method, name, params string) string {
	c.head["Mcp-Protocol-Version"], c.head["Mcp-Method"] = "2026-07-28", method
	delete(c.head, "Mcp-Name")
	if name != "" {
		c.head["Mcp-Name"] = name
	}
	if params != "" {
		params += ","
	}
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":%q,"params":{%s%s}}`, id, method, params, meta)
}

// result posts a modern request and returns its result.
func (c *client) result(id int, method, name, params string) map[string]json.RawMessage {
	c.t.Helper()
	status, body := c.post(c.modern(id, method, name, params))
	require.Equal(c.t, 200, status, body)
	return result(c.t, body)
}

func result(t *testing.T, body string) map[string]json.RawMessage {
	t.Helper()
	body = strings.TrimPrefix(strings.TrimSpace(body), "data: ")
	var m struct{ Result map[string]json.RawMessage }
	require.NoError(t, json.Unmarshal([]byte(body), &m))
	require.NotNil(t, m.Result, body)
	return m.Result
}

// adds is a tool that requires two numbers, one after the other.
func adds(ctx context.Context, c *mcptest.Call) (json.RawMessage, error) {
	sum := 0
	for _, key := range []string{"a", "b"} {
		answer, pending, err := c.RequestInput(ctx, key, "elicitation/create", map[string]any{"message": key + "?"})
		if err != nil || pending != nil {
			return pending, err
		}
		var a struct{ Content struct{ N int } }
		if err := json.Unmarshal(answer, &a); err != nil {
			return nil, err
		}
		sum += a.Content.N
	}
	return mcptest.Text(fmt.Sprint("sum ", sum)), nil
}

func number(n int) string { return fmt.Sprintf(`{"action":"accept","content":{"n":%d}}`, n) }

// scripted returns a server with a tool, a prompt and a resource that each require two numbers.
func scripted(era mcptest.Era, sse bool) *mcptest.Server {
	srv := mcptest.New(era)
	srv.SSE = sse
	srv.Tools = []*mcptest.Tool{{Name: "add", Run: adds}}
	srv.Prompts = []mcptest.Prompt{{Name: "add", Run: adds}}
	srv.Resources = []mcptest.Resource{{URI: "x:add", Name: "add", Run: adds}}
	return srv
}

// askers lists the requests whose results may require input.
var askers = []struct{ method, name, params string }{
	{"tools/call", "add", `"name":"add","arguments":{"x":"<&>"}`},
	{"prompts/get", "add", `"name":"add"`},
	{"resources/read", "x:add", `"uri":"x:add"`},
}

// A tool that requires two inputs, one after the other, gets both over three requests.
func TestModernInputRequests(t *testing.T) {
	for _, sse := range []bool{false, true} {
		for _, a := range askers {
			t.Run(fmt.Sprint(a.method, sse), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					srv := scripted(mcptest.Modern, sse)
					c := dial(t, srv)
					one := c.result(1, a.method, a.name, a.params)
					require.JSONEq(t, `"input_required"`, string(one["resultType"]))
					require.JSONEq(t, `{"a":{"method":"elicitation/create","params":{"message":"a?"}}}`, string(one["inputRequests"]))
					retry := func(id int, key string, n int, last map[string]json.RawMessage) map[string]json.RawMessage {
						return c.result(id, a.method, a.name, a.params+
							fmt.Sprintf(`,"inputResponses":{%q:%s},"requestState":%s`, key, number(n), last["requestState"]))
					}
					two := retry(2, "a", 2, one)
					require.JSONEq(t, `{"b":{"method":"elicitation/create","params":{"message":"b?"}}}`, string(two["inputRequests"]))
					three := retry(3, "b", 3, two)
					require.JSONEq(t, `"complete"`, string(three["resultType"]))
					require.Contains(t, string(three["content"]), "sum 5")
					require.Equal(t, 3, srv.Executions(a.name))
					require.JSONEq(t, `{"roots":{}}`, string(srv.ClientCapabilities()))
				})
			})
		}
	}
}

// Invalid parameters of a retry are recorded as violations.
func TestRetryViolations(t *testing.T) {
	const args = `"name":"add","arguments":{"x":1}`
	for name, row := range map[string]struct {
		id     int
		params string // %s is the state
		broken string // "" for a valid retry
	}{
		"good":                  {2, args + `,"inputResponses":{"a":{}},"requestState":%s`, ""},
		"other order":           {2, `"arguments":{ "x": 1 },"requestState":%s,"name":"add","inputResponses":{"a":{}}`, ""},
		"nothing":               {2, args + `,"requestState":%s`, ""},
		"same id":               {1, args + `,"inputResponses":{"a":{}},"requestState":%s`, "with the id"},
		"never requested":       {2, args + `,"inputResponses":{"z":{}},"requestState":%s`, `"z" to no request`},
		"other arguments":       {2, `"name":"add","arguments":{"x":2},"inputResponses":{"a":{}},"requestState":%s`, "another request"},
		"no state":              {2, args + `,"inputResponses":{"a":{}}`, "without the requestState"},
		"changed state":         {2, args + `,"inputResponses":{"a":{}},"requestState":"mcptest.e30.00"`, "changed requestState"},
		"state of another type": {2, args + `,"inputResponses":{"a":{}},"requestState":{"s":%s}`, "not a string"},
		"null state":            {2, args + `,"requestState":null`, "not a string"},
		"list of responses":     {2, args + `,"inputResponses":[],"requestState":%s`, "not an object"},
		"invalid response":      {2, args + `,"inputResponses":{"a":"x"},"requestState":%s`, "not an object"},
	} {
		t.Run(name, func(t *testing.T) {
			srv := scripted(mcptest.Modern, false)
			c := &client{t: t, link: loopback(t, srv), head: map[string]string{}}
			state := c.result(1, "tools/call", "add", args)["requestState"]
			status, body := c.post(c.modern(row.id, "tools/call", "add", strings.Replace(row.params, "%s", string(state), 1)))
			if row.broken == "" {
				require.Equal(t, 200, status, body)
				require.Empty(t, srv.Violations())
				return
			}
			require.Len(t, srv.Violations(), 1)
			require.Contains(t, srv.Violations()[0], row.broken)
		})
	}
}

// A tool that creates its own results receives inputs and state unchanged.
func TestInputRequired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const state = `"\u00e9\/<&>\u2028"`
		srv := mcptest.New(mcptest.Modern)
		var got *mcptest.Call
		srv.Tools = []*mcptest.Tool{{Name: "t", Run: func(_ context.Context, c *mcptest.Call) (json.RawMessage, error) {
			got = c
			return mcptest.InputRequired(map[string]mcptest.InputRequest{"r": {Method: "roots/list"}}, json.RawMessage(state)), nil
		}}}
		c := dial(t, srv)
		res := c.result(1, "tools/call", "t", `"name":"t","arguments":{}`)
		require.Nil(t, got.Inputs)
		require.Nil(t, got.State)
		require.Equal(t, state, string(res["requestState"]), "byte for byte")
		require.JSONEq(t, `{"r":{"method":"roots/list"}}`, string(res["inputRequests"]))
		c.result(2, "tools/call", "t", `"name":"t","arguments":{},"inputResponses":{"r":{"roots": []}},"requestState":`+state)
		require.Equal(t, state, string(got.State))
		require.Equal(t, map[string]json.RawMessage{"r": json.RawMessage(`{"roots": []}`)}, got.Inputs)
		require.Equal(t, `{"resultType":"input_required"}`, string(mcptest.InputRequired(nil, nil)))
	})
}

// Methods that 2026-07-28 removed and requests without _meta are violations.
func TestModernViolations(t *testing.T) {
	for name, row := range map[string]struct {
		send   func(c *client) (int, string)
		status int
		broken int
	}{
		"ping":        {func(c *client) (int, string) { return c.post(c.modern(1, "ping", "", "")) }, 404, 1},
		"setLevel":    {func(c *client) (int, string) { return c.post(c.modern(1, "logging/setLevel", "", `"level":"info"`)) }, 404, 1},
		"subscribe":   {func(c *client) (int, string) { return c.post(c.modern(1, "resources/subscribe", "", `"uri":"x:"`)) }, 404, 1},
		"unsubscribe": {func(c *client) (int, string) { return c.post(c.modern(1, "resources/unsubscribe", "", `"uri":"x:"`)) }, 404, 1},
		"initialized": {func(c *client) (int, string) { return c.post(`{"jsonrpc":"2.0","method":"notifications/initialized"}`) }, 202, 1},
		"roots": {func(c *client) (int, string) {
			return c.post(`{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}`)
		}, 202, 1},
		"cancelled":            {func(c *client) (int, string) { return c.post(`{"jsonrpc":"2.0","method":"notifications/cancelled"}`) }, 202, 1},
		"another notification": {func(c *client) (int, string) { return c.post(`{"jsonrpc":"2.0","method":"notifications/x"}`) }, 202, 0},
		"initialize":           {func(c *client) (int, string) { return c.post(hello) }, 404, 0},
		"no _meta": {func(c *client) (int, string) {
			return c.post(`{"jsonrpc":"2.0","id":7,"method":"tools/list","params":{}}`)
		}, 400, 3},
		"no client information": {func(c *client) (int, string) {
			return c.post(strings.Replace(c.modern(1, "tools/list", "", ""), "clientInfo", "x", 1))
		}, 200, 1},
		"state in a list":       {func(c *client) (int, string) { return c.post(c.modern(1, "tools/list", "", `"requestState":"s"`)) }, 400, 1},
		"state in a raw method": {func(c *client) (int, string) { return c.post(c.modern(1, "x/y", "", `"requestState":"s"`)) }, 404, 0},
	} {
		t.Run(name, func(t *testing.T) {
			srv := mcptest.New(mcptest.Modern)
			c := &client{t: t, link: loopback(t, srv), head: map[string]string{}}
			status, body := row.send(c)
			require.Equal(t, row.status, status, body)
			require.Len(t, srv.Violations(), row.broken, srv.Violations())
		})
	}
}

// open opens a subscription and returns its stream.
func (c *client) open(id int, filter string) *bufio.Reader {
	c.t.Helper()
	resp := c.send(http.MethodPost, c.modern(id, "subscriptions/listen", "", `"notifications":`+filter))
	require.Equal(c.t, 200, resp.StatusCode)
	return bufio.NewReader(resp.Body)
}

// next returns the next message of an event stream.
func next(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	text, ok := strings.CutPrefix(line(t, r), "data: ")
	require.True(t, ok, text)
	return text
}

func TestSubscriptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := mcptest.New(mcptest.Modern)
		c := dial(t, srv)
		one := c.open(1, `{"toolsListChanged":true,"resourceSubscriptions":["file:///d/","file:///f"]}`)
		require.JSONEq(t, `{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{"notifications":
			{"toolsListChanged":true,"resourceSubscriptions":["file:///d/","file:///f"]},"_meta":{"io.modelcontextprotocol/subscriptionId":1}}}`, next(t, one))
		srv.Honor = func(requested mcptest.Filter) mcptest.Filter {
			return mcptest.Filter{ResourceSubscriptions: requested.ResourceSubscriptions[:1]}
		}
		two := c.open(2, `{"toolsListChanged":true,"resourceSubscriptions":["file:///f","file:///g"]}`)
		require.Contains(t, next(t, two), `"notifications":{"resourceSubscriptions":["file:///f"]}`)
		synctest.Wait()
		require.Equal(t, []mcptest.Filter{
			{ToolsListChanged: true, ResourceSubscriptions: []string{"file:///d/", "file:///f"}},
			{ResourceSubscriptions: []string{"file:///f"}},
		}, srv.Subscriptions())
		params := map[string]any{"uri": "file:///d/e", "_meta": map[string]any{"a": 1}}
		srv.Notify("notifications/resources/updated", params)
		require.Equal(t, map[string]any{"uri": "file:///d/e", "_meta": map[string]any{"a": 1}}, params)
		srv.Notify("notifications/tools/list_changed", nil)
		srv.Notify("notifications/resources/updated", map[string]any{"uri": "file:///g"})
		srv.Notify("notifications/prompts/list_changed", nil)
		srv.Notify("notifications/resources/updated", map[string]any{"uri": "file:///f"})
		require.JSONEq(t, `{"jsonrpc":"2.0","method":"notifications/resources/updated","params":
			{"uri":"file:///d/e","_meta":{"a":1,"io.modelcontextprotocol/subscriptionId":1}}}`, next(t, one))
		require.Contains(t, next(t, one), "tools/list_changed")
		require.Contains(t, next(t, one), `"uri":"file:///f"`)
		require.Contains(t, next(t, two), `"uri":"file:///f"`)
		srv.CancelSubscriptions()
		require.JSONEq(t, `{"jsonrpc":"2.0","method":"notifications/cancelled","params":
			{"requestId":2,"_meta":{"io.modelcontextprotocol/subscriptionId":2}}}`, next(t, two))
		require.Contains(t, next(t, one), `"requestId":1`)
		for _, r := range []*bufio.Reader{one, two} {
			rest, err := io.ReadAll(r)
			require.NoError(t, err)
			require.Empty(t, strings.TrimSpace(string(rest)))
		}
		synctest.Wait()
		require.Empty(t, srv.Subscriptions())
	})
}

// Acknowledge sends a withheld acknowledgment. A server without resource subscriptions honors no
// resourceSubscriptions.
func TestAcknowledge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := mcptest.New(mcptest.Modern)
		srv.WithholdAck, srv.CanSubscribe = true, false
		c := dial(t, srv)
		stream := c.open(1, `{"promptsListChanged":true,"resourceSubscriptions":["file:///f"]}`)
		synctest.Wait()
		require.Equal(t, []mcptest.Filter{{PromptsListChanged: true}}, srv.Subscriptions())
		srv.Acknowledge()
		srv.Acknowledge()
		srv.EndSubscriptions()
		require.Contains(t, next(t, stream), `"notifications":{"promptsListChanged":true}`)
		require.Contains(t, next(t, stream), `"resultType":"complete"`, "acknowledged once")
	})
}

// The server declares the capabilities of its features.
func TestModernCapabilities(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := mcptest.New(mcptest.Modern)
		srv.Complete = func(params json.RawMessage) (json.RawMessage, error) {
			require.Contains(t, string(params), `"value":"py"`)
			return json.RawMessage(`{"completion":{"values":["python"]}}`), nil
		}
		c := dial(t, srv)
		var capabilities map[string]map[string]bool
		require.NoError(t, json.Unmarshal(c.result(1, "server/discover", "", "")["capabilities"], &capabilities))
		require.Equal(t, []string{"completions", "logging", "prompts", "resources", "tools"}, slices.Sorted(maps.Keys(capabilities)))
		require.Equal(t, map[string]bool{"listChanged": true, "subscribe": true}, capabilities["resources"])
		const params = `"ref":{"type":"ref/prompt","name":"p"},"argument":{"name":"language","value":"py"}`
		res := c.result(2, "completion/complete", "", params)
		require.JSONEq(t, `"complete"`, string(res["resultType"]))
		require.JSONEq(t, `{"values":["python"]}`, string(res["completion"]))
		srv.Complete, srv.CanSubscribe = nil, false
		status, body := c.post(c.modern(3, "completion/complete", "", params))
		require.Equal(t, 404, status)
		require.Contains(t, body, "-32601")
		require.NoError(t, json.Unmarshal(c.result(4, "server/discover", "", "")["capabilities"], &capabilities))
		require.Equal(t, map[string]bool{"listChanged": true}, capabilities["resources"])
	})
}
