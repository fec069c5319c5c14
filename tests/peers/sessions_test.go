package peers_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/tests/peers/peer"
	"github.com/hawser-mcp/hawser/transport"
)

// A session behaves the same over every route, in both eras, and with replies in JSON or event
// streams. All sessions of a route use the same transport.
func TestSessionsWorkOverEveryRoute(t *testing.T) {
	peer.RequireInstalled(t)
	for _, w := range allWays {
		t.Run(w.name, func(t *testing.T) {
			rt := w.open(t)
			for _, era := range []mcptest.Era{mcptest.Legacy, mcptest.Modern} {
				for _, sse := range []bool{false, true} {
					t.Run(fmt.Sprintf("%v SSE=%v", era, sse), func(t *testing.T) {
						l := newLife(t, rt, era, sse)
						l.lists()
						l.calls()
						l.elicits()
						l.subscriptions()
						l.cancels()
						l.hundredCalls()
						l.ends()
					})
				}
			}
		})
	}
}

// life is a session and its server.
type life struct {
	*testing.T
	srv     *mcptest.Server
	s       *mcpclient.Session
	entered chan struct{} // receives a value when "never" starts
	left    chan struct{} // receives a value when "never" is cancelled
}

func newLife(t *testing.T, rt transport.Transport, era mcptest.Era, sse bool) *life {
	t.Helper()
	srv := mcptest.New(era)
	srv.SSE, srv.EventIDs = sse, true
	l := &life{T: t, srv: srv, entered: make(chan struct{}, 1), left: make(chan struct{}, 1)}
	srv.Tools = []*mcptest.Tool{{Name: "echo"}, {Name: "work", Run: work}, {Name: "never", Run: l.never}, {Name: "ask", Run: l.ask}}
	var err error
	l.s, err = mcpclient.Connect(t.Context(), srv.Loopback(t).URL, &mcpclient.Options{
		Transport: rt,
		Handlers: mcpclient.Handlers{
			ElicitForm: func(context.Context, *mcpclient.Session, *mcpclient.FormRequest) (*mcp.ElicitationResult, error) {
				return mcpclient.AcceptElicitation(map[string]any{"name": "Ada"}), nil
			},
		},
	})
	l.must(err)
	t.Cleanup(func() { _ = l.s.Close() })
	return l
}

func (l *life) must(err error) {
	l.Helper()
	if err != nil {
		l.Fatal(err)
	}
}

// equal compares two values in printed form.
func (l *life) equal(what string, got, want any) {
	l.Helper()
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		l.Fatalf("%s: got %s, expected %s", what, g, w)
	}
}

const workSteps = 3

func work(_ context.Context, c *mcptest.Call) (json.RawMessage, error) {
	for i := range workSteps {
		c.Progress(float64(i), workSteps, "")
	}
	return mcptest.Text("worked"), nil
}

func (l *life) never(ctx context.Context, _ *mcptest.Call) (json.RawMessage, error) {
	l.entered <- struct{}{}
	<-ctx.Done()
	l.left <- struct{}{}
	return nil, errors.New("cancelled")
}

// ask elicits a name. A legacy server sends the elicitation on the stream of the call, or on the
// shared stream if its replies are JSON. A modern server returns a result that requires input.
func (l *life) ask(ctx context.Context, c *mcptest.Call) (json.RawMessage, error) {
	params := map[string]any{"message": "Your name?", "requestedSchema": map[string]any{
		"type": "object", "properties": map[string]any{"name": map[string]any{"type": "string"}},
	}}
	var answer json.RawMessage
	if l.srv.Era == mcptest.Legacy && !l.srv.SSE {
		m, err := l.srv.SendRequest("elicitation/create", params)
		if err != nil {
			return nil, err
		}
		answer = m.Result
	} else {
		var pending json.RawMessage
		var err error
		if answer, pending, err = c.RequestInput(ctx, "name", "elicitation/create", params); pending != nil || err != nil {
			return pending, err
		}
	}
	var form struct{ Content struct{ Name string } }
	err := json.Unmarshal(answer, &form)
	return mcptest.Text("Hello " + form.Content.Name), err
}

func (l *life) lists() {
	l.Helper()
	l.srv.PageSize = 3
	var names []string
	for tool, err := range l.s.Tools(l.Context()) {
		l.must(err)
		names = append(names, tool.Name)
	}
	l.equal("tools", names, []string{"echo", "work", "never", "ask"})
	l.equal("pages", l.srv.Count("tools/list"), 2)
}

func textOf(r *mcpclient.CallToolResult) string {
	if r == nil || len(r.Content) != 1 {
		return ""
	}
	content, _ := r.Content[0].(mcp.TextContent)
	return content.Text
}

func (l *life) calls() {
	l.Helper()
	got, err := l.s.CallTool(l.Context(), "echo", map[string]any{"ü": 1})
	l.must(err)
	l.equal("echo", textOf(got), `{"ü":1}`)
	var steps []float64
	got, err = l.s.CallTool(l.Context(), "work", nil, mcpclient.OnProgress(func(_ context.Context, p mcpclient.Progress) {
		steps = append(steps, p.Progress)
	}))
	l.must(err)
	l.equal("work", textOf(got), "worked")
	if l.srv.SSE {
		l.equal("progress", steps, []float64{0, 1, 2})
	}
	l.must(l.s.Ping(l.Context()))
}

func (l *life) elicits() {
	l.Helper()
	got, err := l.s.CallTool(l.Context(), "ask", nil)
	l.must(err)
	l.equal("ask", textOf(got), "Hello Ada")
}

// subscriptions cuts the stream of a subscription. A legacy stream resumes after the last event. A
// modern stream starts again, and the subscription reports missed events.
func (l *life) subscriptions() {
	l.Helper()
	sub, err := l.s.Listen(l.Context(), mcpclient.Filter{ToolsChanged: true, PromptsChanged: true})
	l.must(err)
	next, stop := iter.Pull(sub.Events())
	defer stop()
	event := func() mcpclient.ListenEventKind {
		ev, _ := next()
		return ev.Kind
	}
	l.srv.Notify("notifications/tools/list_changed", nil)
	l.equal("event", event(), mcpclient.ListenToolsChanged)
	again := l.srv.Hold("GET")
	l.srv.CutSharedStreams(true)
	if l.srv.Era == mcptest.Modern {
		l.equal("event", event(), mcpclient.ListenMissedEvents)
		l.srv.Notify("notifications/prompts/list_changed", nil)
		l.equal("event", event(), mcpclient.ListenPromptsChanged)
	} else {
		request := within(l.T, again.Arrived(), "the GET that resumes the stream")
		l.srv.Notify("notifications/prompts/list_changed", nil) // sent while no stream is open
		again.Release()
		l.equal("event", event(), mcpclient.ListenPromptsChanged)
		if request.Header.Get("Last-Event-Id") == "" {
			l.Error("the stream was reopened without a cursor")
		}
	}
	l.must(sub.Close())
}

var errPatience = errors.New("the caller gave up")

// cancels cancels a call. The call returns immediately, and the context of the tool ends.
func (l *life) cancels() {
	l.Helper()
	ctx, cancel := context.WithCancelCause(l.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := l.s.CallTool(ctx, "never", nil)
		failed <- err
	}()
	<-l.entered
	cancel(errPatience)
	if err := <-failed; !errors.Is(err, errPatience) || mcpclient.KindOf(err) != mcpclient.KindCanceled {
		l.Fatalf("cancelled call: %v", err)
	}
	<-l.left
	l.equal("executions of never", l.srv.Executions("never"), 1)
}

// hundredCalls makes a hundred calls to a server that has lost its sessions. The server refuses all
// of the calls. Then the client starts one new session and sends all of the calls again.
func (l *life) hundredCalls() {
	l.Helper()
	const calls = 100
	l.srv.LoseSessions()
	l.srv.Reset()
	arrived, initialize := make(chan struct{}, 2*calls), l.srv.Hold("initialize")
	l.srv.HoldIf(func(r *mcptest.Request) bool {
		if r.Method == "tools/call" {
			arrived <- struct{}{}
		}
		return false // only observes the message and does not hold it
	})
	results := make(chan error, calls)
	for i := range calls {
		go func() {
			want := fmt.Sprintf(`{"n":%d}`, i)
			got, err := l.s.CallTool(l.Context(), "echo", json.RawMessage(want))
			if err == nil && textOf(got) != want {
				err = fmt.Errorf("echo returned %q, expected %q", textOf(got), want)
			}
			results <- err
		}()
	}
	for range calls {
		within(l.T, arrived, "a call")
	}
	initialize.Release()
	var failed []error
	for range calls {
		if err := <-results; err != nil {
			failed = append(failed, err)
		}
	}
	l.must(errors.Join(failed...))
	l.equal("executions of echo", l.srv.Executions("echo"), calls)
	begun := 0
	if l.srv.Era == mcptest.Legacy {
		begun = 1
	}
	l.equal("initialize", l.srv.Count("initialize"), begun)
	l.equal("calls, including refused ones", l.srv.Count("tools/call"), calls*(1+begun))
}

func (l *life) ends() {
	l.Helper()
	l.must(l.s.Close())
	deletes, sessions := 0, 0
	if l.srv.Era == mcptest.Legacy {
		deletes = 1
	}
	now, _ := l.srv.Sessions()
	l.equal("DELETE", l.srv.Count("DELETE"), deletes)
	l.equal("sessions", now, sessions)
	if _, err := l.s.CallTool(l.Context(), "echo", nil); mcpclient.KindOf(err) != mcpclient.KindClosed {
		l.Errorf("call after Close: %v", err)
	}
}
