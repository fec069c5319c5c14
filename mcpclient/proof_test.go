package mcpclient_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/transport"
)

// withSharedStream returns options with a handler that needs the shared stream, so the client opens
// the stream. A server may show on the stream that it is working on a call.
func withSharedStream() mcpclient.Options {
	return mcpclient.Options{Handlers: mcpclient.Handlers{Log: func(context.Context, *mcpclient.Session, mcpclient.LogMessage) {}}}
}

// refuseFirst answers the first call of a tool with f, while the server executes that call.
func refuseFirst(srv *mcptest.Server, f func(w http.ResponseWriter, m *mcptest.Message)) {
	var calls atomic.Int32
	srv.SetIntercept(func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
		if m == nil || m.Method != "tools/call" || calls.Add(1) > 1 {
			return false
		}
		f(w, m)
		return true
	})
}

var watching = mcpclient.OnProgress(func(context.Context, mcpclient.Progress) {})

// Any message for a call, on any stream and even if invalid, shows that the server is working on
// the call. After such a message, no refusal makes the client send the call again. This also holds
// for retries in layers below the session.
func TestTracesForbidEachReplay(t *testing.T) {
	progressOf := func(params map[string]any) func(*mcptest.Server) {
		return func(srv *mcptest.Server) { srv.Notify("notifications/progress", params) }
	}
	progress := progressOf(map[string]any{"progressToken": 1, "progress": 1})
	status := func(code int, header ...string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			if len(header) > 0 {
				w.Header().Set(header[0], header[1])
			}
			w.WriteHeader(code)
		}
	}
	for name, row := range map[string]struct {
		trace func(*mcptest.Server)
		reply func(http.ResponseWriter)
	}{
		"token as a string":        {progressOf(map[string]any{"progressToken": "1", "progress": 1}), status(429)},
		"progress is not a number": {progressOf(map[string]any{"progressToken": 1, "progress": "half"}), status(429)},
		"total is not a number":    {progressOf(map[string]any{"progressToken": 1, "progress": 1, "total": []int{}}), status(429)},
		"message is not a string":  {progressOf(map[string]any{"progressToken": 1, "progress": 1, "message": 7}), status(429)},
		"404":                      {progress, status(404)},
		"redirect":                 {progress, status(307, "Location", "/mcp")},
		"id in the refusal": {func(*mcptest.Server) {}, func(w http.ResponseWriter) {
			status(429, "Content-Type", "text/event-stream")(w)
			_, _ = io.WriteString(w, "id: 1\ndata:\n\n")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, srv *mcptest.Server) {
				s := serve(t, srv, withSharedStream())
				synctest.Wait()
				refuseFirst(srv, func(w http.ResponseWriter, _ *mcptest.Message) {
					row.trace(srv)
					time.Sleep(time.Millisecond) // fake time: the message arrives before the refusal
					row.reply(w)
				})
				_, err := s.CallTool(t.Context(), "echo", nil, watching)
				require.Error(t, err)
				require.NotEqual(t, mcpclient.NotRun, mcpclient.OutcomeOf(err))
				require.Equal(t, 1, srv.Count("tools/call"))
			})
		})
	}
}

// The server may show that it is working on a call after the client has decided to resend the call
// but before the call is sent, for example during a slow header hook.
func TestTraceRightBeforeTheNextTry(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		refused := false
		opts := withSharedStream()
		opts.HeaderHook = func(context.Context, http.Header) error {
			if refused { // the hook fetches a token for the second try
				refused = false
				srv.Notify("notifications/progress", map[string]any{"progressToken": 1, "progress": 1})
				time.Sleep(time.Second)
			}
			return nil
		}
		s := serve(t, srv, opts)
		synctest.Wait()
		refuseFirst(srv, func(w http.ResponseWriter, _ *mcptest.Message) {
			refused = true
			w.WriteHeader(http.StatusTooManyRequests)
		})
		_, err := s.CallTool(t.Context(), "echo", nil, watching)
		require.Equal(t, mcpclient.Unknown, mcpclient.OutcomeOf(err), "%v", err)
		require.Equal(t, 1, srv.Count("tools/call"))
	})
}

// The tool ran, but its answer has the status of a refusal and is invalid, truncated, too long or
// compressed. Such an answer does not prove that the tool did not run.
func TestUnreadableRefusalsProveNothing(t *testing.T) {
	answer := rpcBody("$id", -32002, "no such row")
	long := strings.Replace(answer, "no such row", strings.Repeat("x", 70<<10), 1)
	for name, row := range map[string]wire{
		"long":       {status: 404, body: long},
		"batch":      {status: 404, body: "[" + answer + "]"},
		"BOM":        {status: 404, body: "\xef\xbb\xbf" + answer},
		"a text":     {status: 404, body: `{"jsonrpc":"2.0","id":$id,"error":"it broke"}`},
		"encoded":    {status: 404, body: answer, header: "Content-Encoding: br"},
		"two events": {status: 404, body: "event: ping\ndata: 1\n\ndata: " + answer + "\n\n", header: "Content-Type: text/event-stream"},
		"long 413":   {status: 413, body: long},
		"long 501":   {status: 501, body: long},
	} {
		t.Run(name, func(t *testing.T) {
			eachEra(t, func(t *testing.T, srv *mcptest.Server) {
				s := serve(t, srv, mcpclient.Options{})
				refuseFirst(srv, func(w http.ResponseWriter, m *mcptest.Message) {
					header, value, _ := strings.Cut(row.header, ": ")
					w.Header().Set("Content-Type", "application/json")
					if header != "" {
						w.Header().Set(header, value)
					}
					w.WriteHeader(row.status)
					_, _ = io.WriteString(w, strings.ReplaceAll(row.body, "$id", string(m.ID)))
				})
				_, err := s.CallTool(t.Context(), "echo", nil)
				require.Error(t, err)
				require.NotEqual(t, mcpclient.NotRun, mcpclient.OutcomeOf(err))
				require.Equal(t, 1, srv.Count("tools/call"))
				echoes(t, s)
			})
		})
	}
}

// retrying is a decorator that resends requests by itself and reports only the last try.
type retrying struct{ base http.RoundTripper }

func (r retrying) Close() error { return nil }

func (r retrying) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body == nil {
		return r.base.RoundTrip(req)
	}
	body, err := io.ReadAll(req.Body)
	for i := 0; i < 2 && err == nil; i++ {
		again := req.Clone(req.Context())
		again.Body, again.GetBody = io.NopCloser(bytes.NewReader(body)), nil
		resp, failure := r.base.RoundTrip(again)
		if failure == nil {
			return resp, nil
		}
		if i == 1 {
			err = fmt.Errorf("try %d: %w", i+1, failure)
		}
	}
	return nil, err
}

// A decorator that retries may report that its last try was not sent. That proves nothing about its
// earlier tries.
func TestNotSentOfADecoratorThatRetries(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		link := srv.InMemory(t)
		below := transport.NewDirect(&transport.DirectOptions{DialContext: link.Network.DialContext, NoProxy: true})
		t.Cleanup(func() { _ = below.Close() })
		link.Transport = retrying{below}
		s := connect(t, link, mcpclient.Options{Retry: mcpclient.Retry{MaxTries: -1}})
		refuseFirst(srv, func(http.ResponseWriter, *mcptest.Message) {
			link.Network.Refuse(true)
			panic(http.ErrAbortHandler)
		})
		_, err := s.CallTool(t.Context(), "echo", nil)
		e := failure(t, err)
		require.Equal(t, mcpclient.Unknown, e.Outcome, "%v", err)
		require.Equal(t, transport.MaybeSent, e.Stage)
		link.Network.Refuse(false)
	})
}

// A result with the request's ID is an answer even if it cannot be decoded: the tool has run.
func TestResultThatDoesNotDecodeIsAnAnswer(t *testing.T) {
	for _, w := range []wire{
		{status: 200, body: `{"jsonrpc":"2.0","id":$id,"result":{"content":7}}`},
		{status: 500, body: ownResult}, {status: 408, body: ownResult},
	} {
		eachEra(t, func(t *testing.T, srv *mcptest.Server) {
			s := serve(t, srv, mcpclient.Options{})
			refuseFirst(srv, func(rw http.ResponseWriter, m *mcptest.Message) { w.write(rw, m) })
			_, err := s.CallTool(t.Context(), "echo", nil)
			require.Equal(t, mcpclient.Answered, mcpclient.OutcomeOf(err), "%v", err)
		})
	}
}

// A legacy gateway forwards a version error from its upstream server. The client does not restart
// the session at once. It first sends server/discover.
func TestVersionErrorOfAnUpstreamServer(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, mcpclient.Options{})
		srv.SetIntercept(func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
			if m == nil || m.Method != "tools/call" {
				return false
			}
			own(200, mcpclient.CodeUnsupportedVersion, "upstream does not speak it").write(w, m)
			return true
		})
		for range 3 {
			_, err := s.CallTool(t.Context(), "echo", nil)
			require.Equal(t, mcpclient.KindServer, mcpclient.KindOf(err), "%v", err)
		}
		require.Equal(t, 1, srv.Count("initialize"))
	})
}

// The server requires input, and is rolled back to a legacy revision before it gets the answers.
// The rolled-back server no longer knows the call. The client must not resend the call without the
// answers, because the tool would start over.
func TestInputIsNotLostWithTheEra(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(mode{mcptest.Legacy, true})
		var back atomic.Bool
		onlyLegacy := wire{status: 400, body: `{"jsonrpc":"2.0","id":$id,"error":{"code":-32022,"message":"x","data":{"supported":["2025-11-25"]}}}`}
		srv.SetIntercept(func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
			switch {
			case m == nil, back.Load() && !strings.Contains(string(m.Params), "2026-07-28"):
				return false
			case back.Load():
				onlyLegacy.write(w, m)
			case m.Method == "server/discover":
				mcptest.WriteJSON(w, 200, mcptest.Result(m.ID, map[string]any{
					"supportedVersions": []string{"2026-07-28"}, "capabilities": map[string]any{"tools": map[string]any{}},
				}))
			case m.Method == "tools/call":
				back.Store(true)
				mcptest.WriteJSON(w, 200, mcptest.Result(m.ID, map[string]any{
					"resultType": "input_required", "requestState": "s", "inputRequests": map[string]any{"k": map[string]any{"method": "roots/list"}},
				}))
			default:
				return false
			}
			return true
		})
		s := serve(t, srv, mcpclient.Options{Handlers: mcpclient.Handlers{
			Roots: func(context.Context, *mcpclient.Session) ([]mcp.Root, error) { return nil, nil },
		}})
		_, err := s.CallTool(t.Context(), "echo", nil)
		require.Equal(t, mcpclient.Answered, mcpclient.OutcomeOf(err), "%v", err)
		require.Equal(t, mcpclient.EraLegacy, s.Era())
		require.Zero(t, srv.Executions("echo"))
		echoes(t, s)
	})
}

// If the caller declares a call harmless, all errors of the call say that it is safe to repeat,
// including errors about the result.
func TestHarmlessCallsAreSafeToRepeat(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		add(srv, "fail", func(context.Context, *mcptest.Call) (jsonRaw, error) {
			return jsonRaw(`{"content":[],"isError":true}`), nil
		})
		s := serve(t, srv, mcpclient.Options{})
		for _, harmless := range []bool{false, true} {
			var opts []mcpclient.CallOption
			if harmless {
				opts = append(opts, mcpclient.WithIdempotent())
			}
			_, err := mcpclient.Call[any, any](t.Context(), s, "fail", nil, opts...)
			require.Equal(t, mcpclient.KindTool, mcpclient.KindOf(err), "%v", err)
			require.Equal(t, mcpclient.Answered, mcpclient.OutcomeOf(err))
			require.Equal(t, harmless, mcpclient.SafeToRepeat(err))
		}
		_, err := s.Listen(canceledContext(t), mcpclient.Filter{ToolsChanged: true})
		require.Equal(t, mcpclient.NotRun, mcpclient.OutcomeOf(err), "%v", err)
	})
}

func canceledContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
