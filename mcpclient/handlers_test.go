package mcpclient_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// A handler that blocks does not delay calls. If the same list changes several times meanwhile, its
// handler then runs once.
func TestBlockedHandlerBlocksNoCall(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		var d diary
		block := make(chan struct{})
		h := d.handlers()
		h.ToolsChanged = func(context.Context, *mcpclient.Session) {
			d.notef("tools")
			<-block
		}
		s := serve(t, srv, mcpclient.Options{Handlers: h})
		synctest.Wait()
		for range 50 {
			srv.Notify(toolsChanged, nil)
			srv.Notify("notifications/prompts/list_changed", nil)
			synctest.Wait()
		}
		for range 20 {
			echoes(t, s)
		}
		require.Equal(t, []string{"tools"}, d.take())
		close(block)
		time.Sleep(debounce)
		synctest.Wait()
		require.Equal(t, []string{"prompts", "tools"}, d.take(), "in the order of the first change of each list")
	})
}

// When the queue is full, new notifications are dropped. The loss is reported as missed events,
// after the notifications that were kept.
func TestQueueOverflowIsReportedAsMissedEvents(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		var d diary
		block := make(chan struct{})
		h := d.handlers()
		h.Notification = func(_ context.Context, _ *mcpclient.Session, _ string, params json.RawMessage) {
			<-block
			d.notef("n %s", params)
		}
		s := serve(t, srv, mcpclient.Options{Handlers: h, Limits: mcpclient.Limits{Notifications: 3}})
		synctest.Wait()
		for i := range 10 {
			srv.Notify("notifications/n", map[string]any{"i": i})
			synctest.Wait()
		}
		echoes(t, s)
		close(block)
		synctest.Wait()
		require.Equal(t, []string{`n {"i":0}`, `n {"i":1}`, `n {"i":2}`, `n {"i":3}`, "missed 6"}, d.take())
		srv.Notify("notifications/n", map[string]any{"i": 10})
		synctest.Wait()
		require.Equal(t, []string{`n {"i":10}`}, d.take())
	})
}

// SessionRestored runs even if the queue is full.
func TestSessionRestoredIsNeverDropped(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		var d diary
		block := make(chan struct{})
		h := d.handlers()
		h.Notification = func(context.Context, *mcpclient.Session, string, json.RawMessage) { <-block }
		s := serve(t, srv, mcpclient.Options{Handlers: h, Limits: mcpclient.Limits{Notifications: 2}})
		synctest.Wait()
		for range 10 {
			srv.Notify("notifications/n", nil)
			synctest.Wait()
		}
		srv.LoseSessions()
		echoes(t, s)
		close(block)
		synctest.Wait()
		require.Contains(t, d.take(), "restored")
	})
}

// A handler may call the session, concurrently with other calls.
func TestHandlerCallsTheSession(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		var d diary
		ready := make(chan *mcpclient.Session, 1)
		s := serve(t, srv, mcpclient.Options{Handlers: mcpclient.Handlers{ToolsChanged: func(ctx context.Context, _ *mcpclient.Session) {
			s := <-ready
			for tool, err := range s.Tools(ctx) {
				d.notef("%s %v", tool.Name, err)
			}
		}}})
		ready <- s
		synctest.Wait()
		srv.Notify(toolsChanged, nil)
		synctest.Wait()
		require.Equal(t, []string{"echo <nil>"}, d.take())
	})
}

// Notifications that belong to no call but arrive on a call's stream go to the handlers' queue.
func TestNotificationsOnACallsStream(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		var d diary
		add(srv, "notify", func(_ context.Context, c *mcptest.Call) (jsonRaw, error) {
			c.Notify(toolsChanged, nil)
			c.Notify("notifications/n", map[string]any{"x": 1})
			return mcptest.Text("sent"), nil
		})
		s := serve(t, srv, mcpclient.Options{Handlers: d.handlers()})
		synctest.Wait()
		_, err := s.CallTool(t.Context(), "notify", nil)
		require.NoError(t, err)
		synctest.Wait()
		require.Equal(t, []string{"tools", `notifications/n {"x":1}`}, d.take())
	})
}

// Progress that has another token or cannot be decoded is ignored.
func TestProgressOfAnotherCall(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		add(srv, "confused", func(_ context.Context, c *mcptest.Call) (jsonRaw, error) {
			for _, params := range []string{
				`{"progressToken":999,"progress":1}`, `{"progressToken":"x","progress":1}`, `{"progress":1}`, `{}`,
				`{"progressToken":` + string(c.Meta["progressToken"]) + `,"progress":"x"}`,
			} {
				c.Notify("notifications/progress", json.RawMessage(params))
			}
			c.Raw("data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\"}\n\n")
			c.Progress(7, 8, "mine")
			return mcptest.Text("done"), nil
		})
		s := serve(t, srv, mcpclient.Options{})
		var got []mcpclient.Progress
		_, err := s.CallTool(t.Context(), "confused", nil, mcpclient.OnProgress(func(_ context.Context, p mcpclient.Progress) { got = append(got, p) }))
		require.NoError(t, err)
		require.Equal(t, []mcpclient.Progress{{Progress: 7, Total: 8, HasTotal: true, Message: "mine"}}, got)
	})
}

// Requests of a legacy server are answered on other goroutines while the call continues. The answer
// to a ping is an empty result. The answer to a request for an undeclared capability is "method not
// found".
func TestServerRequests(t *testing.T) {
	for _, where := range []string{"call", "shared stream"} {
		t.Run(where, func(t *testing.T) {
			inBubble(t, func(t *testing.T, srv *mcptest.Server) {
				ask := func(ctx context.Context, c *mcptest.Call, method string) (*mcptest.Message, error) {
					if where == "call" {
						return c.SendRequest(ctx, method, map[string]any{"x": 1})
					}
					return srv.SendRequest(method, map[string]any{"x": 1})
				}
				add(srv, "ask", func(ctx context.Context, c *mcptest.Call) (jsonRaw, error) {
					pong, err := ask(ctx, c, "ping")
					if err != nil {
						return nil, err
					}
					refusal, err := ask(ctx, c, "roots/list")
					if err != nil {
						return nil, err
					}
					return mcptest.Text(fmt.Sprintf("%s %d", pong.Result, refusal.Error.Code)), nil
				})
				var d diary
				s := serve(t, srv, mcpclient.Options{Handlers: d.handlers()})
				synctest.Wait()
				res, err := s.CallTool(t.Context(), "ask", nil)
				require.NoError(t, err)
				require.Equal(t, "{} -32601", text(t, res))
				for _, r := range srv.Requests("response") {
					require.Equal(t, "session-1", r.Session)
				}
				require.Empty(t, d.take())
			})
		})
	}
}

// A modern server must not send requests. If it sends one, it gets no answer and the call fails.
func TestModernServerMustNotSendRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(mode{mcptest.Modern, true})
		add(srv, "ask", func(ctx context.Context, c *mcptest.Call) (jsonRaw, error) {
			_, err := c.SendRequest(ctx, "ping", nil)
			return nil, err
		})
		s := serve(t, srv, mcpclient.Options{})
		_, err := s.CallTool(t.Context(), "ask", nil)
		e := failure(t, err)
		require.Equal(t, mcpclient.KindProtocol, e.Kind)
		require.Equal(t, mcpclient.Unknown, e.Outcome)
		require.Zero(t, srv.Count("response"))
		echoes(t, s)
	})
}

// A server that sends requests without reading the answers delays no other call, and the call
// itself can still be canceled.
func TestFloodOfServerRequests(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		add(srv, "flood", func(ctx context.Context, c *mcptest.Call) (jsonRaw, error) {
			for range 100 {
				c.Begin("ping", nil)
			}
			return never(ctx, c)
		})
		answers := srv.HoldIf(func(r *mcptest.Request) bool { return r.Method == "response" })
		s := serve(t, srv, mcpclient.Options{})
		ctx, cancel := context.WithCancel(t.Context())
		flood := begin(ctx, s, "flood")
		synctest.Wait()
		require.Len(t, answers.Arrived(), 16, "at most 16 at once")
		echoes(t, s)
		cancel()
		got := <-flood
		require.Equal(t, mcpclient.KindCanceled, failure(t, got.err).Kind)
		require.Zero(t, got.at)
		time.Sleep(time.Minute) // fake time: the answers that the server does not read time out
		synctest.Wait()
		answers.Release()
	})
}

// The data of a log message can be any JSON value. A log message without data is ignored.
func TestOddLogMessages(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		add(srv, "log", func(_ context.Context, c *mcptest.Call) (jsonRaw, error) {
			c.Raw("data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\"}\n\n")
			c.Notify("notifications/message", json.RawMessage(`[1]`))
			c.Notify("notifications/message", json.RawMessage(`{"level":5,"data":1}`))
			c.Notify("notifications/message", json.RawMessage(`{"level":"info","logger":null,"data":{"deep":[`+strings.Repeat("[", 50)+strings.Repeat("]", 50)+`]}}`))
			return mcptest.Text("logged"), nil
		})
		var d diary
		s := serve(t, srv, mcpclient.Options{Handlers: d.handlers()})
		_, err := s.CallTool(t.Context(), "log", nil)
		require.NoError(t, err)
		got := d.take()
		require.Len(t, got, 1)
		require.Contains(t, got[0], `log {"deep"`)
	})
}

// A slow progress callback delays the call's own stream and nothing else, even if the call's
// progress arrives on the shared stream.
func TestSlowProgressCallbackBlocksNoOtherStream(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		var d diary
		token := make(chan json.RawMessage, 1)
		add(srv, "work", func(_ context.Context, c *mcptest.Call) (jsonRaw, error) {
			token <- c.Meta["progressToken"]
			c.Progress(1, 2, "")
			return mcptest.Text("worked"), nil
		})
		s := serve(t, srv, mcpclient.Options{Handlers: d.handlers()})
		synctest.Wait()
		block := make(chan struct{})
		work := begin(t.Context(), s, "work", mcpclient.OnProgress(func(context.Context, mcpclient.Progress) { <-block }))
		synctest.Wait()
		srv.Notify("notifications/progress", map[string]any{"progressToken": <-token, "progress": 2})
		srv.Notify(toolsChanged, nil)
		synctest.Wait()
		require.Equal(t, []string{"tools"}, d.take())
		require.Empty(t, work, "the callback is still running")
		close(block)
		got := <-work
		require.NoError(t, got.err)
		require.Equal(t, "worked", text(t, got.res))
	})
}

// A call whose callback does not return does not prevent Close from canceling the other calls on
// the server.
func TestCloseDoesNotDependOnACallback(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		add(srv, "never", never)
		add(srv, "talk", func(ctx context.Context, c *mcptest.Call) (jsonRaw, error) {
			c.Progress(1, 2, "")
			return never(ctx, c)
		})
		s := serve(t, srv, mcpclient.Options{})
		block := make(chan struct{})
		stuck := begin(t.Context(), s, "talk", mcpclient.OnProgress(func(context.Context, mcpclient.Progress) { <-block }))
		synctest.Wait()
		other := begin(t.Context(), s, "never")
		synctest.Wait()
		calls := srv.Requests("tools/call")
		require.Len(t, calls, 2)
		start := time.Now()
		require.NoError(t, s.Close())
		require.LessOrEqual(t, time.Since(start), mcpclient.DefaultCloseTimeout)
		require.Contains(t, srv.Cancelled(), calls[1].ID)
		require.Equal(t, mcpclient.KindClosed, failure(t, (<-other).err).Kind)
		require.Empty(t, stuck)
		close(block)
		require.Equal(t, mcpclient.KindClosed, failure(t, (<-stuck).err).Kind)
	})
}
