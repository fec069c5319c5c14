package mcpclient_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

const (
	elicit    = "elicitation/create"
	sample    = "sampling/createMessage"
	listRoots = "roots/list"
)

// The server requests, in their simplest form.
var (
	aForm = map[string]any{
		"mode": "form", "message": "Who are you?",
		"requestedSchema": json.RawMessage(`{"type":"object","properties":{"name":{"type":"string"}},"required":["name"]}`),
	}
	aURL    = map[string]any{"mode": "url", "message": "Log in", "url": "https://login.example.com/", "elicitationId": "e-1"}
	aSample = map[string]any{
		"messages":  json.RawMessage(`[{"role":"user","content":{"type":"text","text":"Hello?"}}]`),
		"maxTokens": 10,
	}
)

// asking is a tool, or a prompt or resource, that sends one server request and returns the answer
// as its text.
func asking(method string, params any) mcptest.ToolFunc {
	return func(ctx context.Context, c *mcptest.Call) (jsonRaw, error) {
		answer, pending, err := c.RequestInput(ctx, "q", method, params)
		if err != nil || pending != nil {
			return pending, err
		}
		return mcptest.Text(string(answer)), nil
	}
}

// named is what a user enters into aForm.
func named(name string) *mcp.ElicitationResult {
	return mcpclient.AcceptElicitation(map[string]any{"name": name})
}

// people answer forms, each when it is released. They ignore the end of their contexts.
type people struct {
	mu                   sync.Mutex
	asked, busy, busiest int // guarded by mu
	free                 chan struct{}
}

func newPeople() *people { return &people{free: make(chan struct{}, 1000)} }

func (p *people) form(context.Context, *mcpclient.Session, *mcpclient.FormRequest) (*mcp.ElicitationResult, error) {
	p.mu.Lock()
	p.asked++
	p.busy++
	p.busiest = max(p.busiest, p.busy)
	p.mu.Unlock()
	<-p.free
	p.mu.Lock()
	defer p.mu.Unlock()
	p.busy--
	return named("gopher"), nil
}

// letGo releases n users.
func (p *people) letGo(n int) {
	for range n {
		p.free <- struct{}{}
	}
	synctest.Wait()
}

// counts returns how many were asked so far, are busy now, and were busy at the same time.
func (p *people) counts() (asked, busy, busiest int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked, p.busy, p.busiest
}

// A handler may call a tool that sends another server request, and so on: however many do so at the
// same time, none waits for another.
func TestHandlerCallsAToolThatAsks(t *testing.T) {
	for _, n := range []int{1, 16} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			eachEra(t, func(t *testing.T, srv *mcptest.Server) {
				const deepest = 3
				for depth := range deepest + 1 {
					add(srv, fmt.Sprint("tool", depth), asking(elicit, map[string]any{
						"message": fmt.Sprint(depth), "requestedSchema": aForm["requestedSchema"],
					}))
				}
				var all [deepest + 1]sync.WaitGroup // the handlers of a depth wait for each other: all are there at once
				for depth := range all {
					all[depth].Add(n)
				}
				s := serve(t, srv, mcpclient.Options{Handlers: mcpclient.Handlers{
					ElicitForm: func(ctx context.Context, s *mcpclient.Session, r *mcpclient.FormRequest) (*mcp.ElicitationResult, error) {
						var depth int
						if _, err := fmt.Sscan(r.Message, &depth); err != nil {
							return nil, err
						}
						all[depth].Done()
						all[depth].Wait()
						if depth == deepest {
							return named("bottom"), nil
						}
						res, err := s.CallTool(ctx, fmt.Sprint("tool", depth+1), nil)
						if err != nil {
							return nil, err
						}
						return named(res.Content[0].(mcp.TextContent).Text), nil
					},
				}})
				var calls []<-chan outcome
				for range n {
					calls = append(calls, begin(t.Context(), s, "tool0"))
				}
				for _, call := range calls {
					got := <-call
					require.NoError(t, got.err)
					require.Contains(t, text(t, got.res), "bottom")
				}
				for depth := range deepest + 1 {
					rounds := n
					if srv.Era == mcptest.Modern {
						rounds *= 2
					}
					require.Equal(t, rounds, srv.Executions(fmt.Sprint("tool", depth)))
				}
			})
		})
	}
}

// A handler that never returns and ignores its context delays only its own call, which its caller
// can end. Close waits for it only within its timeout.
func TestHandlerThatNeverReturns(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		var d diary
		h := d.handlers()
		stuck := newPeople()
		h.ElicitForm = stuck.form
		h.Roots = func(context.Context, *mcpclient.Session) ([]mcp.Root, error) { return nil, nil }
		add(srv, "ask", asking(elicit, aForm))
		add(srv, "roots", asking(listRoots, nil))
		link := srv.InMemory(t)
		s, err := mcpclient.Connect(t.Context(), link.URL, &mcpclient.Options{
			Transport: link.Transport, Handlers: h, Timeouts: mcpclient.Timeouts{Close: 3 * time.Second},
		})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		call, other := begin(ctx, s, "ask"), begin(t.Context(), s, "ask")
		synctest.Wait()
		asked, _, _ := stuck.counts()
		require.Equal(t, 2, asked)

		echoes(t, s)
		res, err := s.CallTool(t.Context(), "roots", nil)
		require.NoError(t, err)
		require.JSONEq(t, `{"roots":[]}`, text(t, res))
		srv.Notify(toolsChanged, nil)
		synctest.Wait()
		require.Equal(t, []string{"tools"}, d.take())
		require.Empty(t, call)
		cancel()
		got := <-call
		require.Equal(t, mcpclient.KindCanceled, failure(t, got.err).Kind)
		require.Zero(t, got.at)
		echoes(t, s)

		start := time.Now()
		require.ErrorContains(t, s.Close(), "still running")
		require.Equal(t, 3*time.Second, time.Since(start))
		got = <-other
		require.Equal(t, mcpclient.KindClosed, failure(t, got.err).Kind)
		require.Zero(t, got.at, "it did not wait for the handler")
		stuck.letGo(2)
		require.Empty(t, srv.Violations(), "nobody waits for the answers any more")
	})
}

// seventeen are the ways in which a server asks seventeen users; ended checks the results.
var seventeen = map[string]func(t *testing.T, srv *mcptest.Server, s *mcpclient.Session) (ended func()){
	"one call": func(t *testing.T, _ *mcptest.Server, s *mcpclient.Session) func() {
		t.Helper()
		call := begin(t.Context(), s, "ask many")
		return func() {
			got := <-call
			require.NoError(t, got.err)
			require.Equal(t, "17", text(t, got.res))
		}
	},
	"many calls": func(t *testing.T, _ *mcptest.Server, s *mcpclient.Session) func() {
		t.Helper()
		var calls []<-chan outcome
		for range 17 {
			calls = append(calls, begin(t.Context(), s, "ask"))
		}
		return func() {
			for _, call := range calls {
				require.NoError(t, (<-call).err)
			}
		}
	},
	"standing stream": func(t *testing.T, srv *mcptest.Server, _ *mcpclient.Session) func() {
		t.Helper()
		var answers []<-chan *mcptest.Message
		for range 17 {
			_, answer := srv.Begin(elicit, aForm)
			answers = append(answers, answer)
		}
		return func() {
			for _, answer := range answers {
				require.JSONEq(t, `{"action":"accept","content":{"name":"gopher"}}`, string((<-answer).Result))
			}
		}
	},
}

// Of seventeen server requests at once, wherever they come from, sixteen are handled, and the last
// one as soon as one of those has been answered.
func TestSixteenHandlersRunAtOnce(t *testing.T) {
	many := make(map[string]mcptest.InputRequest)
	for i := range 17 {
		many[fmt.Sprint("q", i)] = mcptest.InputRequest{Method: elicit, Params: aForm}
	}
	for name, ask := range seventeen {
		t.Run(name, func(t *testing.T) {
			eachEra(t, func(t *testing.T, srv *mcptest.Server) {
				if srv.Era == mcptest.Modern && name == "standing stream" {
					return // it cannot ask there
				}
				add(srv, "ask", asking(elicit, aForm))
				add(srv, "ask many", func(ctx context.Context, c *mcptest.Call) (jsonRaw, error) {
					answers, pending, err := c.RequestInputs(ctx, many)
					if err != nil || pending != nil {
						return pending, err
					}
					return mcptest.Text(fmt.Sprint(len(answers))), nil
				})
				p := newPeople()
				s := serve(t, srv, mcpclient.Options{Handlers: mcpclient.Handlers{ElicitForm: p.form}})
				synctest.Wait()
				ended := ask(t, srv, s)
				synctest.Wait()
				asked, _, _ := p.counts()
				require.Equal(t, 16, asked)
				echoes(t, s)
				p.letGo(1)
				asked, busy, _ := p.counts()
				require.Equal(t, []int{17, 16}, []int{asked, busy})
				p.letGo(16)
				ended()
				asked, _, busiest := p.counts()
				require.Equal(t, []int{17, 16}, []int{asked, busiest})
			})
		})
	}
}

// While sixteen users think, a ping is answered and a request without a handler is refused, on the
// shared stream and on that of a call.
func TestPingWhileSixteenHandlersRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(mode{mcptest.Legacy, true})
		add(srv, "ask", asking(elicit, aForm))
		add(srv, "ping", func(ctx context.Context, c *mcptest.Call) (jsonRaw, error) {
			pong, err := c.SendRequest(ctx, "ping", nil)
			if err != nil {
				return nil, err
			}
			return mcptest.Text(string(pong.Result)), nil
		})
		p := newPeople()
		s := serve(t, srv, mcpclient.Options{Handlers: mcpclient.Handlers{ElicitForm: p.form}})
		synctest.Wait()
		var calls []<-chan outcome
		for range 16 {
			calls = append(calls, begin(t.Context(), s, "ask"))
		}
		synctest.Wait()
		asked, busy, _ := p.counts()
		require.Equal(t, []int{16, 16}, []int{asked, busy})
		start := time.Now()
		pong, err := srv.SendRequest("ping", nil)
		require.NoError(t, err)
		require.Equal(t, "{}", string(pong.Result))
		no, err := srv.SendRequest(listRoots, nil)
		require.NoError(t, err)
		require.EqualValues(t, mcpclient.CodeMethodNotFound, no.Error.Code)
		res, err := s.CallTool(t.Context(), "ping", nil)
		require.NoError(t, err)
		require.Equal(t, "{}", text(t, res))
		require.Zero(t, time.Since(start))
		p.letGo(16)
		for _, call := range calls {
			require.NoError(t, (<-call).err)
		}
	})
}

// A request that waits for one of the sixteen slots pauses the timers of its call, too.
func TestTimersArePausedWhileARequestWaitsForASlot(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		add(srv, "ask", asking(elicit, aForm))
		p := newPeople()
		s := serve(t, srv, mcpclient.Options{Handlers: mcpclient.Handlers{ElicitForm: p.form}})
		var calls []<-chan outcome
		for range 17 {
			calls = append(calls, begin(t.Context(), s, "ask"))
		}
		time.Sleep(10 * time.Minute) // of fake time
		p.letGo(17)
		for _, call := range calls {
			got := <-call
			require.NoError(t, got.err)
			require.Equal(t, 10*time.Minute, got.at)
		}
	})
}

// waiting is a user who answers after the request has ended, which is too late.
func waiting(asked chan<- struct{}) mcpclient.Handlers {
	return mcpclient.Handlers{
		ElicitForm: func(ctx context.Context, _ *mcpclient.Session, _ *mcpclient.FormRequest) (*mcp.ElicitationResult, error) {
			asked <- struct{}{}
			<-ctx.Done()
			asked <- struct{}{}
			return named("too late"), nil
		},
	}
}

// waitingQuestion is a server request that waits for its answer.
type waitingQuestion struct {
	srv    *mcptest.Server
	s      *mcpclient.Session
	ask    *mcptest.Call // where the call's tool stands
	id     json.RawMessage
	cancel context.CancelFunc
	finish chan struct{} // lets the tool return
}

// mootness are the ways in which a server request ends.
var mootness = map[string]func(t *testing.T, x *waitingQuestion){
	"taken back":         func(_ *testing.T, x *waitingQuestion) { x.ask.CancelRequest(x.id) },
	"answered without":   func(_ *testing.T, x *waitingQuestion) { close(x.finish) },
	"cancelled":          func(_ *testing.T, x *waitingQuestion) { x.cancel() },
	"closed":             func(t *testing.T, x *waitingQuestion) { t.Helper(); require.NoError(t, x.s.Close()) },
	"standing, back":     func(_ *testing.T, x *waitingQuestion) { x.srv.CancelRequest(x.id) },
	"standing, closed":   func(t *testing.T, x *waitingQuestion) { t.Helper(); require.NoError(t, x.s.Close()) },
	"standing, recovery": func(t *testing.T, x *waitingQuestion) { t.Helper(); x.srv.LoseSessions(); echoes(t, x.s) },
}

// When a server request ends, the context of its handler ends and its answer is not sent: the
// server cancelled it, or answered the call without it, or the call, the session or the server
// session ended.
func TestEndedRequestsAreNotAnswered(t *testing.T) {
	for name, moot := range mootness {
		for _, hold := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " ", hold), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					srv := newServer(mode{mcptest.Legacy, true})
					srv.HoldStreams = hold
					x := waitingQuestion{srv: srv, finish: make(chan struct{})}
					asked := make(chan struct{}, 2)
					standing := strings.HasPrefix(name, "standing")
					add(srv, "ask", func(ctx context.Context, c *mcptest.Call) (jsonRaw, error) {
						if !standing {
							x.ask = c
							x.id, _ = c.Begin(elicit, aForm)
						}
						select {
						case <-x.finish:
							return mcptest.Text("done"), nil
						case <-ctx.Done():
							return nil, ctx.Err()
						}
					})
					x.s = serve(t, srv, mcpclient.Options{Handlers: waiting(asked)})
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					x.cancel = cancel
					call := begin(ctx, x.s, "ask")
					synctest.Wait()
					if standing {
						x.id, _ = srv.Begin(elicit, aForm)
					}
					<-asked
					require.Empty(t, asked)
					moot(t, &x)
					start := time.Now()
					<-asked
					require.LessOrEqual(t, time.Since(start), 50*time.Millisecond, "the handler's context ended")
					synctest.Wait()
					require.Zero(t, srv.Count("response"))
					if name != "answered without" {
						close(x.finish)
					}
					<-call
					time.Sleep(time.Second) // of fake time
					require.Zero(t, srv.Count("response"))
				})
			})
		}
	}
}

// A request in a replaced session is cancelled by its ID there.
func TestCancelledInALaterSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(mode{mcptest.Legacy, true})
		asked := make(chan struct{}, 2)
		s := serve(t, srv, mcpclient.Options{Handlers: waiting(asked)})
		synctest.Wait()
		srv.LoseSessions()
		echoes(t, s)
		synctest.Wait()
		id, _ := srv.Begin(elicit, aForm)
		<-asked
		srv.CancelRequest(id)
		start := time.Now()
		<-asked
		require.Zero(t, time.Since(start))
		synctest.Wait()
		require.Zero(t, srv.Count("response"))
	})
}

// A request that comes twice, on whatever stream, is handled once and answered once.
func TestSameServerRequestTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(mode{mcptest.Legacy, true})
		add(srv, "ask", func(ctx context.Context, c *mcptest.Call) (jsonRaw, error) {
			id, answer := c.Begin(elicit, aForm)
			form, err := json.Marshal(aForm)
			if err != nil {
				return nil, err
			}
			for range 20 { // more than there are slots
				c.Raw(fmt.Sprintf("data: {\"jsonrpc\":\"2.0\",\"id\":%s,\"method\":%q,\"params\":%s}\n\n", id, elicit, form))
			}
			select {
			case m := <-answer:
				return mcptest.Text(string(m.Result)), nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		})
		p := newPeople()
		s := serve(t, srv, mcpclient.Options{Handlers: mcpclient.Handlers{ElicitForm: p.form}})
		call := begin(t.Context(), s, "ask")
		synctest.Wait()
		asked, _, _ := p.counts()
		require.Equal(t, 1, asked)
		p.letGo(1)
		require.NoError(t, (<-call).err)
		asked, _, _ = p.counts()
		require.Equal(t, 1, asked)
		require.Equal(t, 1, srv.Count("response"))
	})
}
