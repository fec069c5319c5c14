package otelmcp_test

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// mark is part of everything that must not be exported.
const mark = "S3CRET"

// Nothing that the user, the server or a header says in confidence is exported: arguments, results,
// texts of errors, header values, session IDs, and queries and users of URIs.
func TestNothingPrivateIsExported(t *testing.T) {
	for _, era := range []mcptest.Era{mcptest.Legacy, mcptest.Modern} {
		in(t, era, ways[0], func(w *world) {
			equip(w.srv)
			w.srv.Resources = append(w.srv.Resources, mcptest.Resource{URI: "http://" + mark + "@example.com/doc?key=" + mark + "#" + mark, Name: "doc", Text: mark})
			w.srv.Instructions = mark
			ctx := w.Context()
			w.query = "?key=" + mark
			s, err := w.tryConnect(ctx, mcpclient.Options{
				Handlers: handlers(), Header: http.Header{"Authorization": {"Bearer " + mark}},
			})
			require.NoError(w, err)
			_, err = s.CallTool(ctx, "echo", map[string]any{"password": mark}, mcpclient.WithHeader("X-Key", mark), mcpclient.WithMeta(map[string]any{"key": mark}))
			require.NoError(w, err)
			_, err = s.ReadResource(ctx, w.srv.Resources[1].URI)
			require.NoError(w, err)
			w.answer("tools/call", rpcError(-32000, mark), func(rw http.ResponseWriter, _ *mcptest.Message) {
				http.Error(rw, mark, http.StatusBadGateway)
			})
			for range 2 {
				_, err = s.CallTool(ctx, "echo", map[string]any{"password": mark})
				require.Error(w, err)
			}
			id := w.srv.Requests("tools/call")[0].Session
			require.NoError(w, s.Close())
			w.spans()
			exported := w.collector.received.String()
			require.NotContains(w, exported, mark)
			if era == mcptest.Legacy {
				require.NotEmpty(w, id)
				require.NotContains(w, exported, id)
			}
			require.Contains(w, exported, "http://example.com/doc", "the test finds nothing")
		})
	}
}

// The spans of a call have the attributes of the conventions.
func TestAttributes(t *testing.T) {
	in(t, mcptest.Legacy, ways[0], func(w *world) {
		equip(w.srv)
		s, err := w.tryConnect(w.Context(), mcpclient.Options{})
		require.NoError(w, err)
		ctx := context.Background()
		_, err = s.CallTool(ctx, "echo", nil)
		require.NoError(w, err)
		_, err = s.GetPrompt(ctx, "greet", nil)
		require.NoError(w, err)
		_, err = s.ReadResource(ctx, "file:///a")
		require.NoError(w, err)
		require.NoError(w, s.Close())
		ids := map[string]string{}
		for _, r := range w.srv.Requests("") {
			ids[r.Method] = r.ID
		}
		with := func(method string, more map[string]string) map[string]string {
			all := map[string]string{
				"mcp.method.name": method, "mcp.protocol.version": "2025-11-25", "jsonrpc.request.id": ids[method],
				"network.transport": "tcp", "network.protocol.name": "http", "server.address": "127.0.0.1", "server.port": "80",
			}
			for key, value := range more {
				all[key] = value
			}
			return all
		}
		for name, want := range map[string]map[string]string{
			"initialize":        with("initialize", nil),
			"tools/call echo":   with("tools/call", map[string]string{"gen_ai.tool.name": "echo", "gen_ai.operation.name": "execute_tool"}),
			"prompts/get greet": with("prompts/get", map[string]string{"gen_ai.prompt.name": "greet"}),
			"resources/read":    with("resources/read", map[string]string{"mcp.resource.uri": "file:///a"}),
			"DELETE": {
				"http.request.method": "DELETE", "http.response.status_code": "200", "url.full": endpoint,
				"network.protocol.version": "1.1", "server.address": "127.0.0.1", "server.port": "80",
			},
		} {
			require.Equal(w, want, all(w.only(name)), name)
		}
		require.Equal(w, map[string]string{
			"mcp.protocol.version": "2025-11-25", "network.protocol.name": "http", "server.address": "127.0.0.1", "server.port": "80",
		}, w.metricAttributes("mcp.client.session.duration", ""))
		require.Equal(w, map[string]string{
			"mcp.method.name": "resources/read", "mcp.protocol.version": "2025-11-25",
			"network.transport": "tcp", "network.protocol.name": "http", "server.address": "127.0.0.1", "server.port": "80",
		}, w.metricAttributes("mcp.client.operation.duration", "resources/read"))
	})
}

// What the caller has set in _meta stays.
func TestTheCallersContextStays(t *testing.T) {
	in(t, mcptest.Modern, ways[0], func(w *world) {
		s := w.connect(w.Context(), mcpclient.Options{})
		const own = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
		_, err := s.CallTool(w.Context(), "echo", nil, mcpclient.WithMeta(map[string]any{"traceparent": own}))
		require.NoError(w, err)
		require.Equal(w, `"`+own+`"`, w.srv.Requests("tools/call")[0].Meta("traceparent"))
	})
}

// The request of a server continues the trace in its _meta, and is linked with the call that it
// belongs to. Without a trace it is a child of the call.
func TestServerRequests(t *testing.T) {
	const remote = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for _, traced := range []bool{true, false} {
		for _, era := range []mcptest.Era{mcptest.Legacy, mcptest.Modern} {
			in(t, era, ways[0], func(w *world) {
				params := map[string]any{"message": "Milk?", "requestedSchema": json.RawMessage(`{"type":"object","properties":{}}`)}
				if traced {
					params["_meta"] = map[string]any{"traceparent": remote}
				}
				w.srv.Tools = append(w.srv.Tools, &mcptest.Tool{Name: "ask", Run: func(ctx context.Context, c *mcptest.Call) (json.RawMessage, error) {
					_, pending, err := c.RequestInput(ctx, "milk", "elicitation/create", params)
					if err != nil || pending != nil {
						return pending, err
					}
					return mcptest.Text("asked"), nil
				}})
				s := w.connect(w.Context(), mcpclient.Options{Handlers: handlers()})
				_, err := s.CallTool(w.Context(), "ask", nil)
				require.NoError(w, err)
				call, served := w.only("tools/call ask"), w.only("elicitation/create")
				require.Equal(w, "SPAN_KIND_SERVER", served.GetKind().String())
				require.False(w, isError(served))
				if !traced {
					require.Equal(w, call.GetSpanId(), served.GetParentSpanId())
					return
				}
				require.Equal(w, []byte("\xb7\xad\x6b\x71\x69\x20\x33\x31"), served.GetParentSpanId())
				require.Len(w, served.GetLinks(), 1)
				require.Equal(w, call.GetSpanId(), served.GetLinks()[0].GetSpanId())
			})
		}
	}
}
