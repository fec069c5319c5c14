package otelmcp_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// only returns the single span with a name.
func (w *world) only(name string) *trace.Span {
	w.Helper()
	var found []*trace.Span
	for _, s := range w.spans() {
		if s.GetName() == name {
			found = append(found, s)
		}
	}
	require.Len(w, found, 1, name)
	return found[0]
}

func isError(s *trace.Span) bool {
	return s.GetStatus().GetCode() == trace.Status_STATUS_CODE_ERROR
}

// points returns the attributes of the points of a metric that have an error, by method.
func (w *world) points(metric string) map[string]string {
	w.Helper()
	w.spans()
	found := map[string]string{}
	for _, m := range w.collector.metrics {
		if m.GetName() != metric {
			continue
		}
		for _, p := range m.GetHistogram().GetDataPoints() {
			found[attribute(p.GetAttributes(), "mcp.method.name")] += attribute(p.GetAttributes(), "error.type")
		}
	}
	return found
}

// failingCall is how a tool call fails, and what its span says of it.
type failingCall struct {
	answer  func(rw http.ResponseWriter, m *mcptest.Message)
	opts    []mcpclient.CallOption
	class   string // error.type
	code    string // rpc.response.status_code
	outcome string
}

func failingCalls() map[string]failingCall {
	hang := func(http.ResponseWriter, *mcptest.Message) { time.Sleep(time.Hour) } // fake time
	return map[string]failingCall{
		"JSON-RPC error": {answer: rpcError(-32602, "no"), class: "-32602", code: "-32602", outcome: "answered"},
		"tool error": {answer: func(rw http.ResponseWriter, m *mcptest.Message) {
			mcptest.WriteJSON(rw, http.StatusOK, []byte(`{"jsonrpc":"2.0","id":`+string(m.ID)+`,"result":{"resultType":"complete","content":[],"isError":true}}`))
		}, class: "tool_error", outcome: "answered"},
		"status":      {answer: status(http.StatusInternalServerError), class: "500", outcome: "unknown"},
		"forbidden":   {answer: status(http.StatusForbidden), class: "403", outcome: "answered"},
		"no MCP":      {answer: status(http.StatusNoContent), class: "protocol", outcome: "unknown"},
		"silence":     {answer: hang, opts: []mcpclient.CallOption{mcpclient.WithTotalTimeout(time.Minute)}, class: "timeout", outcome: "unknown"},
		"no more try": {answer: status(http.StatusTooManyRequests), opts: []mcpclient.CallOption{mcpclient.WithTries(1)}, class: "429", outcome: "not run"},
	}
}

// A call that failed has the status Error, the class of the error, the code of the server, and what
// is known of whether it ran. The metric has the class as well. No text of the server is exported.
func TestFailures(t *testing.T) {
	for name, row := range failingCalls() {
		for _, era := range []mcptest.Era{mcptest.Legacy, mcptest.Modern} {
			t.Run(era.String()+" "+name, func(t *testing.T) {
				in(t, era, ways[0], func(w *world) {
					s := w.connect(w.Context(), mcpclient.Options{})
					w.forget()
					w.answer("tools/call", row.answer)
					_, err := s.CallTool(w.Context(), "echo", nil, row.opts...)
					require.Equal(w, row.class == "tool_error", err == nil, "%v", err)
					span := w.only("tools/call echo")
					require.True(w, isError(span))
					require.Empty(w, span.GetStatus().GetMessage())
					of := func(key string) string { return attribute(span.GetAttributes(), key) }
					require.Equal(w, []string{row.class, row.code, row.outcome},
						[]string{of("error.type"), of("rpc.response.status_code"), of("hawser.outcome")})
					require.Equal(w, row.class, w.points("mcp.client.operation.duration")["tools/call"])
				})
			})
		}
	}
}

// A session that could not be started has a duration with the class of its error. So has a span of
// the refused request.
func TestAFailedConnect(t *testing.T) {
	in(t, mcptest.Modern, ways[0], func(w *world) {
		w.answer("server/discover", status(http.StatusUnauthorized))
		_, err := w.tryConnect(w.Context(), mcpclient.Options{})
		require.Error(w, err)
		require.True(w, isError(w.only("server/discover")))
		require.Equal(w, map[string]string{"": "401"}, w.points("mcp.client.session.duration"))
	})
}

// The probe that a legacy server refuses is no error, in whichever way it refuses it.
func TestARefusedProbeIsNoError(t *testing.T) {
	for name, answer := range map[string]func(rw http.ResponseWriter, m *mcptest.Message){
		"method not found": rpcError(-32601, "no such method"),
		"400":              status(http.StatusBadRequest),
		"404":              status(http.StatusNotFound),
		"silence":          func(http.ResponseWriter, *mcptest.Message) { time.Sleep(time.Hour) }, // fake time
	} {
		t.Run(name, func(t *testing.T) {
			in(t, mcptest.Legacy, ways[0], func(w *world) {
				w.answer("server/discover", answer)
				w.connect(w.Context(), mcpclient.Options{})
				for _, s := range w.spans() {
					require.False(w, isError(s), s.GetName())
					require.Empty(w, attribute(s.GetAttributes(), "error.type"))
				}
			})
		})
	}
}

// Streams that Close ends, open or not, are no errors. Neither are subscriptions that this side
// ends.
func TestAStreamEndedByCloseIsNoError(t *testing.T) {
	for _, era := range []mcptest.Era{mcptest.Legacy, mcptest.Modern} {
		for _, withhold := range []bool{false, true} {
			in(t, era, ways[0], func(w *world) {
				w.srv.WithholdAck = withhold
				s, err := w.tryConnect(w.Context(), mcpclient.Options{Handlers: handlers()})
				require.NoError(w, err)
				waiting := make(chan struct{})
				go func() {
					defer close(waiting)
					_, _ = s.Listen(w.Context(), mcpclient.Filter{ToolsChanged: true})
				}()
				synctest.Wait()
				require.NoError(w, s.Close())
				<-waiting
				for _, span := range w.spans() {
					require.False(w, isError(span), span.GetName())
				}
				require.Equal(w, map[string]string{"": ""}, w.points("mcp.client.session.duration"))
			})
		}
	}
}

// The spans of a stream do not last as long as the stream: they end when the server has accepted it.
func TestSpansOfAStreamEndWhenItIsOpen(t *testing.T) {
	for _, era := range []mcptest.Era{mcptest.Legacy, mcptest.Modern} {
		in(t, era, ways[0], func(w *world) {
			w.turn(func(ctx context.Context) {
				s := w.connect(ctx, mcpclient.Options{})
				w.forget()
				sub, err := s.Listen(ctx, mcpclient.Filter{ToolsChanged: true})
				require.NoError(w, err)
				w.Cleanup(func() { require.NoError(w, sub.Close()) })
			})
			want := "GET client http.response.status_code=200\nagent turn internal\n"
			if era == mcptest.Modern {
				want = "agent turn internal\n  subscriptions/listen client\n    POST client http.response.status_code=200\n"
			}
			require.Equal(w, want, tree(w.spans()))
		})
	}
}

// A handler that rejects a request is no error. One that fails is.
func TestEndsOfServerRequests(t *testing.T) {
	for err, class := range map[error]string{mcpclient.ErrRejected: "", context.Canceled: "canceled", io.ErrNoProgress: "_OTHER"} {
		in(t, mcptest.Legacy, ways[0], func(w *world) {
			w.srv.Tools = append(w.srv.Tools, &mcptest.Tool{Name: "ask", Run: func(ctx context.Context, c *mcptest.Call) (json.RawMessage, error) {
				_, err := c.SendRequest(ctx, "sampling/createMessage", map[string]any{"messages": []any{}, "maxTokens": 1})
				return mcptest.Text("asked"), err
			}})
			s := w.connect(w.Context(), mcpclient.Options{Handlers: mcpclient.Handlers{
				Sample: func(context.Context, *mcpclient.Session, *mcpclient.SampleRequest) (*mcp.CreateMessageResult, error) {
					return nil, err
				},
			}})
			_, callErr := s.CallTool(w.Context(), "ask", nil)
			require.NoError(w, callErr)
			span := w.only("sampling/createMessage")
			require.Equal(w, class != "", isError(span))
			require.Equal(w, class, attribute(span.GetAttributes(), "error.type"))
		})
	}
}

// A recovery that finds the session alive is no error, and replaced nothing. One that fails is an
// error, and so is the call that needed it.
func TestEndsOfRecoveries(t *testing.T) {
	unclear := func(rw http.ResponseWriter, _ *mcptest.Message) {
		mcptest.WriteError(rw, http.StatusNotFound, nil, -32601, "no")
	}
	t.Run("alive", func(t *testing.T) {
		in(t, mcptest.Legacy, ways[0], func(w *world) {
			s := w.connect(w.Context(), mcpclient.Options{})
			w.answer("tools/call", unclear)
			_, err := s.CallTool(w.Context(), "echo", nil)
			require.Error(w, err)
			span := w.only("hawser.recovery")
			require.False(w, isError(span))
			require.Equal(w, "false", attribute(span.GetAttributes(), "hawser.recovery.replaced"))
		})
	})
	t.Run("failed", func(t *testing.T) {
		in(t, mcptest.Legacy, ways[0], func(w *world) {
			s := w.connect(w.Context(), mcpclient.Options{})
			w.srv.LoseSessions()
			w.answer("initialize", status(http.StatusForbidden))
			_, err := s.CallTool(w.Context(), "echo", nil)
			require.Equal(w, mcpclient.KindForbidden, mcpclient.KindOf(err))
			span := w.only("hawser.recovery")
			require.True(w, isError(span))
			require.Equal(w, "403", attribute(span.GetAttributes(), "error.type"))
			require.Equal(w, "403", attribute(w.only("tools/call echo").GetAttributes(), "error.type"))
		})
	})
}

// A panic of another interceptor ends the span with an error, and nothing of its value is exported.
func TestAPanicEndsTheSpan(t *testing.T) {
	in(t, mcptest.Legacy, ways[0], func(w *world) {
		opts := mcpclient.Options{}
		s := w.connect(w.Context(), opts)
		require.NoError(w, s.Ping(w.Context()))
		w.panics = true
		s = w.connect(w.Context(), opts)
		require.PanicsWithValue(w, mark, func() { _, _ = s.CallTool(context.Background(), "echo", nil) })
		span := w.only("tools/call echo")
		require.True(w, isError(span))
		require.Empty(w, span.GetEvents())
		require.NotContains(w, w.collector.received.String(), mark)
	})
}
