package mcptest_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
)

// begin creates a session.
func (c *client) begin() {
	c.t.Helper()
	status, _ := c.post(hello)
	require.Equal(c.t, 200, status)
	status, _ = c.post(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	require.Equal(c.t, 202, status)
}

// asked reads the next message of a stream, which must be a server request.
func asked(t *testing.T, r *bufio.Reader) (id, message string) {
	t.Helper()
	text := next(t, r)
	var m struct {
		ID     json.RawMessage
		Method string
	}
	require.NoError(t, json.Unmarshal([]byte(text), &m))
	require.NotEmpty(t, m.ID, text)
	require.NotEmpty(t, m.Method, text)
	return string(m.ID), text
}

// A tool that requires two inputs sends a legacy client two server requests during one call.
func TestLegacyServerRequests(t *testing.T) {
	for _, a := range askers {
		t.Run(a.method, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := scripted(mcptest.Legacy, true)
				c := dial(t, srv)
				c.begin()
				request := fmt.Sprintf(`{"jsonrpc":"2.0","id":2,"method":%q,"params":{%s}}`, a.method, a.params)
				stream := bufio.NewReader(c.send(http.MethodPost, request).Body)
				for n, want := range []string{"a?", "b?"} {
					id, text := asked(t, stream)
					require.Contains(t, text, want)
					c.post(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":%s}`, id, number(n+2)))
				}
				require.Contains(t, next(t, stream), "sum 5")
				require.Equal(t, 1, srv.Executions(a.name))
				stream = bufio.NewReader(c.send(http.MethodPost, request).Body)
				id, _ := asked(t, stream)
				c.post(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"error":{"code":-1,"message":"no"}}`, id))
				require.Contains(t, next(t, stream), `"error":{"code":-1,"message":"no"}`, "the client's error becomes the tool's error")
				srv.SSE = false
				_, body := c.post(request)
				require.Contains(t, body, "no stream for a server request")
			})
		})
	}
}

// All server requests are sent before the first response arrives.
func TestConcurrentLegacyServerRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := mcptest.New(mcptest.Legacy)
		srv.SSE = true
		srv.Tools = []*mcptest.Tool{{Name: "t", Run: func(ctx context.Context, c *mcptest.Call) (json.RawMessage, error) {
			answers, pending, err := c.RequestInputs(ctx, map[string]mcptest.InputRequest{"x": {Method: "roots/list"}, "w": {Method: "ping"}})
			if err != nil || pending != nil {
				return nil, errors.Join(err, errors.New("failed"))
			}
			return mcptest.Text(string(answers["w"]) + string(answers["x"])), nil
		}}}
		c := dial(t, srv)
		c.begin()
		stream := bufio.NewReader(c.send(http.MethodPost, `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"t","arguments":{}}}`).Body)
		w, text := asked(t, stream)
		require.Contains(t, text, "ping")
		x, text := asked(t, stream)
		require.Contains(t, text, "roots/list")
		c.post(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"x":1}}`, x))
		c.post(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"w":1}}`, w))
		require.Contains(t, next(t, stream), `{\"w\":1}{\"x\":1}`)
	})
}

// A response to a cancelled server request is a violation.
func TestCancelRequest(t *testing.T) {
	srv := mcptest.New(mcptest.Legacy)
	srv.SSE = true
	srv.Tools = []*mcptest.Tool{{Name: "t", Run: func(ctx context.Context, c *mcptest.Call) (json.RawMessage, error) {
		one, answer := c.Begin("roots/list", nil)
		_, other := c.Begin("ping", nil)
		c.CancelRequest(one)
		if m, ok := <-answer; ok {
			return nil, fmt.Errorf("unexpected response: %s", m.Result)
		}
		select {
		case m := <-other:
			return mcptest.Text(string(m.Result)), nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}}}
	c := &client{t: t, link: loopback(t, srv), head: map[string]string{}}
	c.begin()
	stream := bufio.NewReader(c.send(http.MethodPost, `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"t","arguments":{}}}`).Body)
	one, _ := asked(t, stream)
	other, _ := asked(t, stream)
	require.JSONEq(t, `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":`+one+`,"reason":"cancelled by the server"}}`, next(t, stream))
	c.post(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"y":1}}`, other))
	require.Contains(t, next(t, stream), `{\"y\":1}`)
	require.Empty(t, srv.Violations())
	c.post(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{}}`, one))
	require.Len(t, srv.Violations(), 1)
}

// Server requests on the shared stream are sent, answered and cancelled in the same way.
func TestServerRequestsOnTheSharedStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := mcptest.New(mcptest.Legacy)
		c := dial(t, srv)
		_, answer := srv.Begin("ping", nil)
		_, ok := <-answer
		require.False(t, ok, "no session exists")
		c.begin()
		stream := bufio.NewReader(c.send(http.MethodGet, "").Body)
		synctest.Wait()
		id, answer := srv.Begin("roots/list", nil)
		got, _ := asked(t, stream)
		require.Equal(t, string(id), got)
		srv.CancelRequest(id)
		require.Contains(t, next(t, stream), `"requestId":`+got)
		_, ok = <-answer
		require.False(t, ok)
		_, answer = srv.Begin("roots/list", nil)
		got, _ = asked(t, stream)
		c.post(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"roots":[]}}`, got))
		require.JSONEq(t, `{"roots":[]}`, string((<-answer).Result))
	})
}

// A legacy session receives updates of the resources to which it has subscribed, and of their
// sub-resources.
func TestLegacySubscriptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := mcptest.New(mcptest.Legacy)
		c := dial(t, srv)
		require.Empty(t, srv.Subscribed())
		c.begin()
		stream := bufio.NewReader(c.send(http.MethodGet, "").Body)
		ask := func(method, uri string) string {
			_, body := c.post(fmt.Sprintf(`{"jsonrpc":"2.0","id":3,"method":"resources/%s","params":{"uri":%q}}`, method, uri))
			return body
		}
		for _, uri := range []string{"x:c", "x:a/", "x:b"} {
			require.JSONEq(t, `{"jsonrpc":"2.0","id":3,"result":{}}`, ask("subscribe", uri))
		}
		require.Equal(t, []string{"x:a/", "x:b", "x:c"}, srv.Subscribed())
		require.JSONEq(t, `{"jsonrpc":"2.0","id":3,"result":{}}`, ask("unsubscribe", "x:b"))
		require.Equal(t, []string{"x:a/", "x:c"}, srv.Subscribed())
		for _, uri := range []string{"x:b", "x:a/1", "x:a", "x:c"} {
			srv.Notify("notifications/resources/updated", map[string]any{"uri": uri})
		}
		require.Contains(t, next(t, stream), `"x:a/1"`)
		require.Contains(t, next(t, stream), `"x:c"`)
		require.Equal(t, 202, c.send(http.MethodPost, `{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}`).StatusCode)
		require.Equal(t, 1, srv.Count("notifications/roots/list_changed"))
		srv.CanSubscribe = false
		require.Contains(t, ask("subscribe", "x:d"), "-32601")
	})
}

// Legacy sessions have completions, templates, and capabilities in both directions.
func TestLegacyFeatures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := mcptest.New(mcptest.Legacy)
		c := dial(t, srv)
		require.Nil(t, srv.ClientCapabilities())
		_, body := c.post(hello)
		require.JSONEq(t, `{"tools":{"listChanged":true},"prompts":{"listChanged":true},"logging":{},
			"resources":{"listChanged":true,"subscribe":true}}`, string(result(t, body)["capabilities"]))
		require.JSONEq(t, `{}`, string(srv.ClientCapabilities()))
		c.post(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
		const complete = `{"jsonrpc":"2.0","id":3,"method":"completion/complete","params":` +
			`{"ref":{"type":"ref/resource","uri":"x:{y}"},"argument":{"name":"y","value":""}}}`
		_, body = c.post(complete)
		require.Contains(t, body, "-32601")
		srv.Complete = func(json.RawMessage) (json.RawMessage, error) { return nil, &mcptest.Error{Code: -5, Message: "no"} }
		_, body = c.post(complete)
		require.Contains(t, body, `"error":{"code":-5,"message":"no"}`)
		const templates = `{"jsonrpc":"2.0","id":4,"method":"resources/templates/list"}`
		_, body = c.post(templates)
		require.JSONEq(t, `[{"uriTemplate":"file:///{path}","name":"files"}]`, string(result(t, body)["resourceTemplates"]))
		srv.Templates = []mcptest.Template{{URITemplate: "x:{y}", Name: "x", MIMEType: "text/plain"}}
		_, body = c.post(templates)
		require.JSONEq(t, `[{"uriTemplate":"x:{y}","name":"x","mimeType":"text/plain"}]`, string(result(t, body)["resourceTemplates"]))
	})
}

// Requests of the other era and incomplete requests are recorded as violations.
func TestLegacyRequestViolations(t *testing.T) {
	for name, body := range map[string]string{
		"inputs":    `{"jsonrpc":"2.0","id":2,"method":"tools/list","params":{"inputResponses":{}}}`,
		"state":     `{"jsonrpc":"2.0","id":2,"method":"tools/list","params":{"requestState":"s"}}`,
		"subscribe": `{"jsonrpc":"2.0","id":2,"method":"resources/subscribe","params":{}}`,
		"complete":  `{"jsonrpc":"2.0","id":2,"method":"completion/complete","params":{"ref":{"type":"ref/prompt"}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			srv := mcptest.New(mcptest.Legacy)
			srv.Complete = func(json.RawMessage) (json.RawMessage, error) { return json.RawMessage(`{}`), nil }
			c := &client{t: t, link: loopback(t, srv), head: map[string]string{}}
			c.begin()
			require.Empty(t, srv.Violations())
			c.post(body)
			require.Len(t, srv.Violations(), 1)
		})
	}
}
