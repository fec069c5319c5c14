package simulation_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/oauth"
)

// client is a program that uses a session.
type client struct {
	t       *testing.T
	h       *History
	j       *Journal
	w       *watcher
	session *mcpclient.Session
	oauth   *oauth.Client // nil without authorization

	mu       sync.Mutex            // guards the fields below
	received map[int]time.Duration // arrival time of each log message, by message number
	missed   []time.Duration
	ended    bool // the handler was notified that the shared stream of the current session has ended
	over     time.Duration
	subs     []*follower
}

// follower records what one subscription received.
type follower struct {
	agreed, ended time.Duration // negative until it happens
	received      map[int]bool
	missed        []time.Duration
}

// connect opens the session.
func (c *client) connect(w *world) error {
	opts := &mcpclient.Options{
		Transport: w.transport, Timeouts: mcpclient.Timeouts{Idle: c.h.Idle.D(), Try: c.h.Try.D()},
		Header: http.Header{secretHeader: {"secret"}}, Observer: c.w.observe, Interceptors: interceptors(c.h.Intercept),
	}
	if c.h.Handlers {
		opts.Handlers = mcpclient.Handlers{Log: c.log, MissedEvents: c.missedEvents, SessionRestored: c.restored}
	}
	if c.h.Asks {
		opts.Handlers.ElicitForm = c.elicit
	}
	var err error
	if c.h.Auth {
		if c.oauth, err = oauth.NewClient(c.h.endpoint(), &oauth.Config{Login: w.server.auth}); err != nil {
			return err
		}
		opts.Auth = c.oauth
	}
	c.session, err = mcpclient.Connect(c.t.Context(), c.h.endpoint(), opts)
	return err
}

// close closes the session and checks that Close returns in time.
func (c *client) close() {
	began := time.Now()
	c.j.logf("client", "Close")
	err := c.session.Close()
	if took := time.Since(began); took > mcpclient.DefaultCloseTimeout+slack || err != nil {
		c.j.breachf("slow Close", 0, "it took %v: %v", took, err)
	}
	c.j.mu.Lock()
	c.j.closed = c.j.now()
	c.j.mu.Unlock()
	c.j.logf("client", "closed")
}

func (c *client) log(_ context.Context, _ *mcpclient.Session, m mcpclient.LogMessage) {
	var data struct{ Seq int }
	if json.Unmarshal(m.Data, &data) != nil || data.Seq == 0 {
		return // log messages of a call have no number
	}
	c.mu.Lock()
	_, again := c.received[data.Seq]
	c.received[data.Seq] = c.j.now()
	c.mu.Unlock()
	c.j.logf("client", "receives message %d", data.Seq)
	if again {
		c.j.breachf("event delivered twice", 0, "message %d", data.Seq)
	}
}

func (c *client) missedEvents(_ context.Context, _ *mcpclient.Session, g mcpclient.MissedEvents) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.j.logf("client", "missed events: %+v", g)
	c.missed = append(c.missed, c.j.now())
	if g.Ended {
		c.ended, c.over = true, c.j.now()
	}
}

func (c *client) restored(context.Context, *mcpclient.Session, mcpclient.SessionRestored) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.j.logf("client", "session restored")
	c.missed = append(c.missed, c.j.now()) // events may be lost when the session is restored
	c.ended = false
}

// elicit plays the user. It answers the elicitations of a call as the history prescribes.
func (c *client) elicit(ctx context.Context, _ *mcpclient.Session, r *mcpclient.FormRequest) (*mcp.ElicitationResult, error) {
	var n int
	_, _ = fmt.Sscanf(r.Message, "op %d", &n) // form has created the message
	o := c.h.op(n)
	actor := fmt.Sprintf("user#%d", n)
	c.j.logf(actor, "is prompted")
	c.j.count("elicitations")
	pause := 50 * ms
	if o.Answer == "slow" {
		pause = 3 * time.Second
	}
	select {
	case <-time.After(pause + time.Duration(n*7+3)*time.Microsecond):
	case <-ctx.Done():
		c.j.logf(actor, "the prompt is cancelled")
		return nil, ctx.Err()
	}
	switch o.Answer {
	case "decline":
		return mcpclient.DeclineElicitation(), nil
	case "cancel":
		return mcpclient.CancelElicitation(), nil
	case "fail":
		return nil, errors.New("no user")
	}
	return mcpclient.AcceptElicitation(map[string]any{"n": n}), nil
}

// work makes the calls of one worker, one after the other.
func (c *client) work(worker int) {
	for i := range c.h.Ops {
		if o := &c.h.Ops[i]; o.Worker == worker {
			time.Sleep(o.Gap.D() + time.Duration(o.N*11+1)*time.Microsecond)
			c.do(o)
		}
	}
}

// call is one call while it runs.
type call struct {
	c        *client
	o        *Op
	mu       sync.Mutex
	returned bool    // guarded by mu
	progress float64 // guarded by mu: the latest value
}

// clientNumber matches the address of the dialing end of a connection. The number in the address
// depends on the order of dials, so it can differ between runs.
var clientNumber = regexp.MustCompile(`mem client:\d+`)

// do makes one call and judges its outcome.
func (c *client) do(o *Op) {
	call := &call{c: c, o: o}
	ctx, cancel := call.context()
	defer cancel()
	actor := fmt.Sprintf("op#%d", o.N)
	c.j.logf(actor, "starts %s", o.Kind)
	began := time.Now()
	var res *mcpclient.CallToolResult
	var err error
	switch o.Kind {
	case "":
		res, err = c.session.CallTool(ctx, "t", map[string]any{"n": o.N, "x": strings.Repeat("x", o.Size)}, call.options()...)
	case "list":
		_, err = c.session.ListTools(ctx, nil, call.options()...)
	case "ping":
		err = c.session.Ping(ctx, call.options()...)
	}
	call.mu.Lock()
	call.returned = true
	call.mu.Unlock()
	took := time.Since(began)
	c.j.logf(actor, "returns after %v: %v, %v", took, mcpclient.OutcomeOf(err), clientNumber.ReplaceAllString(fmt.Sprint(err), "mem client"))
	c.w.judgeCall(o.N, err, c.h.Asks || c.h.Intercept == interceptRetries)
	c.j.judge(c.h, o, took, res, err)
}

func (k *call) context() (context.Context, context.CancelFunc) {
	ctx := context.WithValue(k.c.t.Context(), opKey{}, k.o.N)
	switch {
	case k.o.Deadline == 0:
		return ctx, func() {}
	case !k.o.Cancel:
		return context.WithTimeout(ctx, k.o.Deadline.D())
	}
	ctx, cancel := context.WithCancel(ctx)
	timer := time.AfterFunc(k.o.Deadline.D(), cancel)
	return ctx, func() {
		timer.Stop()
		cancel()
	}
}

func (k *call) options() []mcpclient.CallOption {
	opts := []mcpclient.CallOption{mcpclient.WithHeader(opHeader, fmt.Sprint(k.o.N))}
	if k.o.Total > 0 {
		opts = append(opts, mcpclient.WithTotalTimeout(k.o.Total.D()))
	}
	if k.o.Harmless {
		opts = append(opts, mcpclient.WithIdempotent())
	}
	if k.o.Progress {
		opts = append(opts, mcpclient.OnProgress(k.onProgress))
	}
	return opts
}

// onProgress checks that progress arrives in order and before the call returns.
func (k *call) onProgress(_ context.Context, p mcpclient.Progress) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.returned:
		k.c.j.breachf("progress after the return", k.o.N, "progress %v", p.Progress)
	case p.Progress < k.progress && !k.o.safe():
		k.c.j.breachf("progress out of order", k.o.N, "%v after %v", p.Progress, k.progress)
	}
	k.progress = p.Progress
}

// subscribe follows one subscription until it ends.
func (c *client) subscribe(number int, s Sub) {
	actor := fmt.Sprintf("sub#%d", number)
	f := &follower{agreed: -1, ended: -1, received: map[int]bool{}}
	c.mu.Lock()
	c.subs = append(c.subs, f)
	c.mu.Unlock()
	time.Sleep(s.At.D() + time.Duration(number*13+2)*time.Microsecond)
	l, err := c.session.Listen(c.t.Context(), mcpclient.Filter{Resources: []string{"r:/x/"}})
	if err != nil {
		if c.j.logf(actor, "Listen: %v", err); c.h.only() && c.h.CloseAt == 0 {
			c.j.breachf("expected success", 0, "Listen: %v", err)
		}
		return
	}
	if s.End > 0 {
		defer time.AfterFunc(s.End.D(), func() { _ = l.Close() }).Stop()
	}
	c.mu.Lock()
	f.agreed = c.j.now()
	c.mu.Unlock()
	c.j.logf(actor, "agreed")
	for e := range l.Events() {
		c.mu.Lock()
		c.j.logf(actor, "event %d %s", e.Kind, e.URI) // without the reason: if two causes coincide, the session may report either
		var n int
		if e.Kind == mcpclient.ListenMissedEvents {
			f.missed = append(f.missed, c.j.now())
		} else if _, err := fmt.Sscanf(e.URI, "r:/x/%d", &n); err == nil {
			f.received[n] = true
		}
		c.mu.Unlock()
	}
	c.mu.Lock()
	f.ended = c.j.now()
	c.mu.Unlock()
	c.j.logf(actor, "ended: %v", l.Err())
}
