package mcptest_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
)

// client sends raw HTTP requests to a server under test.
type client struct {
	t    *testing.T
	link *mcptest.Link
	head map[string]string
}

func dial(t *testing.T, srv *mcptest.Server) *client {
	t.Helper()
	return &client{t: t, link: srv.InMemory(t), head: map[string]string{}}
}

func (c *client) send(method, body string) *http.Response {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.link.URL, strings.NewReader(body))
	require.NoError(c.t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	for name, value := range c.head {
		req.Header.Set(name, value)
	}
	resp, err := c.link.Transport.RoundTrip(req)
	require.NoError(c.t, err)
	c.t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

// post sends a message and returns the status and the body.
func (c *client) post(body string) (int, string) {
	c.t.Helper()
	resp := c.send(http.MethodPost, body)
	data, err := io.ReadAll(resp.Body)
	require.NoError(c.t, err)
	require.NoError(c.t, resp.Body.Close())
	if id := resp.Header.Get("Mcp-Session-Id"); id != "" && c.head["Mcp-Protocol-Version"] == "" {
		c.head["Mcp-Session-Id"], c.head["Mcp-Protocol-Version"] = id, "2025-11-25"
	}
	return resp.StatusCode, string(data)
}

// line returns the next line of a stream that is not empty.
func line(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	for {
		text, err := r.ReadString('\n')
		require.NoError(t, err)
		if text = strings.TrimSpace(text); text != "" {
			return text
		}
	}
}

const hello = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`

func TestLegacySession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := mcptest.New(mcptest.Legacy)
		srv.Tools = []*mcptest.Tool{{Name: "echo"}}
		c := dial(t, srv)
		code, body := c.post(`{"jsonrpc":"2.0","id":0,"method":"server/discover"}`)
		require.Equal(t, 400, code, "a legacy server refuses requests without a session")
		require.Contains(t, body, "-32000")
		code, body = c.post(hello)
		require.Equal(t, 200, code)
		require.Contains(t, body, `"protocolVersion":"2025-11-25"`)
		code, body = c.post(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
		require.Equal(t, 202, code)
		require.Empty(t, body)
		_, body = c.post(`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"echo","arguments":{"a":1}}}`)
		require.Contains(t, body, `{\"a\":1}`)
		require.Equal(t, 1, srv.Executions("echo"))
		require.Equal(t, http.StatusOK, c.send(http.MethodDelete, "").StatusCode)
		code, body = c.post(`{"jsonrpc":"2.0","id":3,"method":"ping"}`)
		require.Equal(t, 404, code)
		require.Contains(t, body, `"id":null`)
		require.Equal(t, []string{"server/discover", "initialize", "notifications/initialized", "tools/call", "DELETE", "ping"}, srv.Methods())
	})
}

// A cut stream resumes after the event id, even if the tool has ended.
func TestStreamsAreReplayed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := mcptest.New(mcptest.Legacy)
		srv.SSE, srv.EventIDs = true, true
		srv.Tools = []*mcptest.Tool{{Name: "work", Run: func(_ context.Context, c *mcptest.Call) (json.RawMessage, error) {
			c.Log("info", 1)
			c.Cut(false)
			c.Log("info", 2)
			return mcptest.Text("done"), nil
		}}}
		c := dial(t, srv)
		c.post(hello)
		c.post(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
		first := bufio.NewReader(c.send(http.MethodPost, `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"work","arguments":{}}}`).Body)
		id, ok := strings.CutPrefix(line(t, first), "id: ")
		require.True(t, ok)
		require.Contains(t, line(t, first), `"data":1`)
		synctest.Wait()
		c.head["Last-Event-Id"] = id
		for range 2 { // a stream can be resumed repeatedly
			rest := bufio.NewReader(c.send(http.MethodGet, "").Body)
			line(t, rest)
			require.Contains(t, line(t, rest), `"data":2`)
			line(t, rest)
			require.Contains(t, line(t, rest), `"done"`)
		}
		c.head["Last-Event-Id"] = "nobody's-1"
		require.Equal(t, 400, c.send(http.MethodGet, "").StatusCode)
	})
}

// Each rule that a legacy client breaks is recorded as a violation.
func TestLegacyViolations(t *testing.T) {
	for name, breakRule := range map[string]func(c *client){
		"version header":          func(c *client) { c.head["Mcp-Protocol-Version"] = "2025-06-18" },
		"mirrored headers":        func(c *client) { c.head["Mcp-Method"] = "ping" },
		"accept":                  func(c *client) { c.head["Accept"] = "application/json" },
		"content type":            func(c *client) { c.head["Content-Type"] = "text/plain" },
		"not initialized":         func(*client) {},
		"an unexpected response":  func(c *client) { c.post(`{"jsonrpc":"2.0","id":"x","result":{}}`) },
		"cancelled without an id": func(c *client) { c.post(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{}}`) },
	} {
		t.Run(name, func(t *testing.T) {
			srv := mcptest.New(mcptest.Legacy)
			c := &client{t: t, link: loopback(t, srv), head: map[string]string{}}
			c.post(hello)
			breakRule(c)
			c.post(`{"jsonrpc":"2.0","id":2,"method":"tools/list"}`)
			require.NotEmpty(t, srv.Violations())
		})
	}
}

// loopback serves without failing the test for violations, which these tests provoke.
func loopback(t *testing.T, srv *mcptest.Server) *mcptest.Link {
	t.Helper()
	return srv.Loopback(quiet{t})
}

type quiet struct{ testing.TB }

func (quiet) Errorf(string, ...any) {}

// A modern server checks _meta and the mirrored headers, and reports what is wrong.
func TestModernChecks(t *testing.T) {
	const call = `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"t","arguments":{"r":"é"},` + meta + `}}`
	good := map[string]string{"Mcp-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "t", "Mcp-Param-R": "=?base64?w6k=?="}
	for name, row := range map[string]struct {
		header, value string // one header that differs
		body          string
		status        int
		code          string
	}{
		"good":              {body: call, status: 200},
		"no version header": {"Mcp-Protocol-Version", "", call, 400, "-32020"},
		"other version":     {"Mcp-Protocol-Version", "2025-11-25", call, 400, "-32020"},
		"other method":      {"Mcp-Method", "tools/list", call, 400, "-32020"},
		"other name":        {"Mcp-Name", "T", call, 400, "-32020"},
		"other argument":    {"Mcp-Param-R", "e", call, 400, "-32020"},
		"additional header": {"Mcp-Param-X", "e", call, 400, "-32020"},
		"unknown version": {"Mcp-Protocol-Version", "2099-01-01", strings.Replace(call, "2026-07-28", "2099-01-01", 1),
			400, `"supported":["2026-07-28"]`},
		"initialize": {body: hello, status: 404, code: "-32601"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := mcptest.New(mcptest.Modern)
				srv.Tools = []*mcptest.Tool{{Name: "t", Mirrored: map[string]string{"R": "r"}}}
				c := dial(t, srv)
				for k, v := range good {
					c.head[k] = v
				}
				if row.header != "" {
					c.head[row.header] = row.value
				}
				status, body := c.post(row.body)
				require.Equal(t, row.status, status, body)
				require.Contains(t, body, row.code)
				if row.status == 200 {
					require.Contains(t, body, `"resultType":"complete"`)
				} else {
					require.Zero(t, srv.Executions("t"))
				}
			})
		})
	}
}

// A gate holds requests until it is released.
func TestGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := mcptest.New(mcptest.Legacy)
		c := dial(t, srv)
		gate := srv.Hold("initialize")
		status := make(chan int)
		go func() { code, _ := c.post(hello); status <- code }()
		require.Equal(t, "1", (<-gate.Arrived()).ID)
		synctest.Wait()
		select {
		case <-status:
			t.Fatal("a request passed a closed gate")
		default:
		}
		gate.Release()
		require.Equal(t, 200, <-status)
	})
}
