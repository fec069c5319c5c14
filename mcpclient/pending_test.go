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

// The simplest parameters of each kind of server request.
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

// asking is a tool, prompt or resource that sends one server request and returns the answer as
// text.
func asking(method string, params any) mcptest.ToolFunc {
	return func(ctx context.Context, c *mcptest.Call) (jsonRaw, error) {
		answer, pending, err := c.RequestInput(ctx, "q", method, params)
		if err != nil || pending != nil {
			return pending, err
		}
		return mcptest.Text(string(answer)), nil
	}
}

// named returns the answer of a user who enters name into aForm.
func named(name string) *mcp.ElicitationResult {
	return mcpclient.AcceptElicitation(map[string]any{"name": name})
}

// slowUsers simulates users who answer a form only after a call of release. They ignore the end of
// the handler's context.
type slowUsers struct {
	mu                   sync.Mutex
	shown, busy, busiest int // guarded by mu
	free                 chan struct{}
}

func newSlowUsers() *slowUsers { return &slowUsers{free: make(chan struct{}, 1000)} }

func (p *slowUsers) form(context.Context, *mcpclient.Session, *mcpclient.FormRequest) (*mcp.ElicitationResult, error) {
	p.mu.Lock()
	p.shown++
	p.busy++
	p.busiest = max(p.busiest, p.busy)
	p.mu.Unlock()
	<-p.free
	p.mu.Lock()
	defer p.mu.Unlock()
	p.busy--
	return named("gopher"), nil
}

// release lets n users answer.
func (p *slowUsers) release(n int) {
	for range n {
		p.free <- struct{}{}
	}
	synctest.Wait()
}

// counts returns how many forms were shown so far, how many are open, and the most that were open
// at once.
func (p *slowUsers) counts() (shown, busy, busiest int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.shown, p.busy, p.busiest
}

// A handler may call a tool that sends another server request, and so on to any depth. Many
// handlers can do so concurrently without a deadlock.
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
				var all [deepest + 1]sync.WaitGroup // the handlers at each depth wait for each other, so they must all run at once
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

// A handler that never returns and ignores its context delays only its own call. The caller can
// still end that call. Close waits for the handler only until its timeout.
func TestHandlerThatNeverReturns(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		var d diary
		h := d.handlers()
		stuck := newSlowUsers()
		h.ElicitForm = stuck.form
		h.Roots = func(context.Context, *mcpclient.Session) ([]mcp.Root, error) { return nil, nil }
		add(srv, "ask", asking(elicit, aForm))
		add(srv, "roots", asking(listRoots, nil))
		link := srv.InMemory(t)
		s, err := connectTo(t.Context(), link.URL, &mcpclient.Options{
			Transport: link.Transport, Handlers: h, Timeouts: mcpclient.Timeouts{Close: 3 * time.Second},
		})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		call, other := begin(ctx, s, "ask"), begin(t.Context(), s, "ask")
		synctest.Wait()
		shown, _, _ := stuck.counts()
		require.Equal(t, 2, shown)

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
		require.Zero(t, got.at, "the call did not wait for the handler")
		stuck.release(2)
		require.Empty(t, srv.Violations(), "the server no longer waits for the answers")
	})
}

// seventeen lists the ways in which a server can send seventeen requests at once. Each returns a
// function that checks the results.
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
	"shared stream": func(t *testing.T, srv *mcptest.Server, _ *mcpclient.Session) func() {
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

// If a server sends seventeen concurrent requests, on any streams, sixteen are handled at once. The
// seventeenth is handled as soon as one of the others is answered.
func TestSixteenHandlersRunAtOnce(t *testing.T) {
	many := make(map[string]mcptest.InputRequest)
	for i := range 17 {
		many[fmt.Sprint("q", i)] = mcptest.InputRequest{Method: elicit, Params: aForm}
	}
	for name, ask := range seventeen {
		t.Run(name, func(t *testing.T) {
			eachEra(t, func(t *testing.T, srv *mcptest.Server) {
				if srv.Era == mcptest.Modern && name == "shared stream" {
					return // a modern server sends no requests on the shared stream
				}
				add(srv, "ask", asking(elicit, aForm))
				add(srv, "ask many", func(ctx context.Context, c *mcptest.Call) (jsonRaw, error) {
					answers, pending, err := c.RequestInputs(ctx, many)
					if err != nil || pending != nil {
						return pending, err
					}
					return mcptest.Text(fmt.Sprint(len(answers))), nil
				})
				p := newSlowUsers()
				s := serve(t, srv, mcpclient.Options{Handlers: mcpclient.Handlers{ElicitForm: p.form}})
				synctest.Wait()
				ended := ask(t, srv, s)
				synctest.Wait()
				shown, _, _ := p.counts()
				require.Equal(t, 16, shown)
				echoes(t, s)
				p.release(1)
				shown, busy, _ := p.counts()
				require.Equal(t, []int{17, 16}, []int{shown, busy})
				p.release(16)
				ended()
				shown, _, busiest := p.counts()
				require.Equal(t, []int{17, 16}, []int{shown, busiest})
			})
		})
	}
}

// While sixteen handlers run, a ping is answered and a request without a handler is refused, on the
// shared stream and on the stream of a call.
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
		p := newSlowUsers()
		s := serve(t, srv, mcpclient.Options{Handlers: mcpclient.Handlers{ElicitForm: p.form}})
		synctest.Wait()
		var calls []<-chan outcome
		for range 16 {
			calls = append(calls, begin(t.Context(), s, "ask"))
		}
		synctest.Wait()
		shown, busy, _ := p.counts()
		require.Equal(t, []int{16, 16}, []int{shown, busy})
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
		p.release(16)
		for _, call := range calls {
			require.NoError(t, (<-call).err)
		}
	})
}

// A request that waits for one of the sixteen slots also pauses the timers of its call.
func TestTimersArePausedWhileARequestWaitsForASlot(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		add(srv, "ask", asking(elicit, aForm))
		p := newSlowUsers()
		s := serve(t, srv, mcpclient.Options{Handlers: mcpclient.Handlers{ElicitForm: p.form}})
		var calls []<-chan outcome
		for range 17 {
			calls = append(calls, begin(t.Context(), s, "ask"))
		}
		time.Sleep(10 * time.Minute) // fake time
		p.release(17)
		for _, call := range calls {
			got := <-call
			require.NoError(t, got.err)
			require.Equal(t, 10*time.Minute, got.at)
		}
	})
}

// waiting returns handlers that answer only after their request has ended.
func waiting(running chan<- struct{}) mcpclient.Handlers {
	return mcpclient.Handlers{
		ElicitForm: func(ctx context.Context, _ *mcpclient.Session, _ *mcpclient.FormRequest) (*mcp.ElicitationResult, error) {
			running <- struct{}{}
			<-ctx.Done()
			running <- struct{}{}
			return named("too late"), nil
		},
	}
}

// waitingRequest is a server request that is waiting for its answer.
type waitingRequest struct {
	srv    *mcptest.Server
	s      *mcpclient.Session
	call   *mcptest.Call // the call of the tool that sent the request
	id     json.RawMessage
	cancel context.CancelFunc
	finish chan struct{} // lets the tool return
}

// endings lists the ways in which a server request ends.
var endings = map[string]func(t *testing.T, x *waitingRequest){
	"request cancelled": func(_ *testing.T, x *waitingRequest) { x.call.CancelRequest(x.id) },
	"answered without":  func(_ *testing.T, x *waitingRequest) { close(x.finish) },
	"call cancelled":    func(_ *testing.T, x *waitingRequest) { x.cancel() },
	"closed":            func(t *testing.T, x *waitingRequest) { t.Helper(); require.NoError(t, x.s.Close()) },
	"shared, cancelled": func(_ *testing.T, x *waitingRequest) { x.srv.CancelRequest(x.id) },
	"shared, closed":    func(t *testing.T, x *waitingRequest) { t.Helper(); require.NoError(t, x.s.Close()) },
	"shared, recovery":  func(t *testing.T, x *waitingRequest) { t.Helper(); x.srv.LoseSessions(); echoes(t, x.s) },
}

// When a server request ends, the context of its handler ends, and the handler's answer is not
// sent. A server request ends when the server cancels it, when the server answers the call without
// waiting for it, and when the call, the session or the server session ends.
func TestEndedRequestsAreNotAnswered(t *testing.T) {
	for name, end := range endings {
		for _, hold := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " ", hold), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					srv := newServer(mode{mcptest.Legacy, true})
					srv.HoldStreams = hold
					x := waitingRequest{srv: srv, finish: make(chan struct{})}
					running := make(chan struct{}, 2)
					shared := strings.HasPrefix(name, "shared")
					add(srv, "ask", func(ctx context.Context, c *mcptest.Call) (jsonRaw, error) {
						if !shared {
							x.call = c
							x.id, _ = c.Begin(elicit, aForm)
						}
						select {
						case <-x.finish:
							return mcptest.Text("done"), nil
						case <-ctx.Done():
							return nil, ctx.Err()
						}
					})
					x.s = serve(t, srv, mcpclient.Options{Handlers: waiting(running)})
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					x.cancel = cancel
					call := begin(ctx, x.s, "ask")
					synctest.Wait()
					if shared {
						x.id, _ = srv.Begin(elicit, aForm)
					}
					<-running
					require.Empty(t, running)
					end(t, &x)
					start := time.Now()
					<-running
					require.LessOrEqual(t, time.Since(start), 50*time.Millisecond, "the handler's context ended")
					synctest.Wait()
					require.Zero(t, srv.Count("response"))
					if name != "answered without" {
						close(x.finish)
					}
					<-call
					time.Sleep(time.Second) // fake time
					require.Zero(t, srv.Count("response"))
				})
			})
		}
	}
}

// After a lost session was replaced, the server can still cancel a request in the new session.
func TestCancelledInALaterSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(mode{mcptest.Legacy, true})
		running := make(chan struct{}, 2)
		s := serve(t, srv, mcpclient.Options{Handlers: waiting(running)})
		synctest.Wait()
		srv.LoseSessions()
		echoes(t, s)
		synctest.Wait()
		id, _ := srv.Begin(elicit, aForm)
		<-running
		srv.CancelRequest(id)
		start := time.Now()
		<-running
		require.Zero(t, time.Since(start))
		synctest.Wait()
		require.Zero(t, srv.Count("response"))
	})
}

// A server request that arrives twice, on the same stream or on two, is handled once and answered
// once.
func TestSameServerRequestTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(mode{mcptest.Legacy, true})
		add(srv, "ask", func(ctx context.Context, c *mcptest.Call) (jsonRaw, error) {
			id, answer := c.Begin(elicit, aForm)
			form, err := json.Marshal(aForm)
			if err != nil {
				return nil, err
			}
			for range 20 { // more requests than the sixteen slots
				c.Raw(fmt.Sprintf("data: {\"jsonrpc\":\"2.0\",\"id\":%s,\"method\":%q,\"params\":%s}\n\n", id, elicit, form))
			}
			select {
			case m := <-answer:
				return mcptest.Text(string(m.Result)), nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		})
		p := newSlowUsers()
		s := serve(t, srv, mcpclient.Options{Handlers: mcpclient.Handlers{ElicitForm: p.form}})
		call := begin(t.Context(), s, "ask")
		synctest.Wait()
		shown, _, _ := p.counts()
		require.Equal(t, 1, shown)
		p.release(1)
		require.NoError(t, (<-call).err)
		shown, _, _ = p.counts()
		require.Equal(t, 1, shown)
		require.Equal(t, 1, srv.Count("response"))
	})
}
