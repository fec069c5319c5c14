package mcpclient_test

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

const (
	chaosWorkers = 8
	chaosSteps   = 60               // per worker
	chaosBound   = 10 * time.Minute // every call returns within this time
)

// TestChaos injects every kind of server and network fault at the same time while calls run. It
// checks the promises of the session: no tool runs twice, every reported outcome is true, every
// call returns, the session recovers, and Close ends everything in time. The faults depend only on
// the seed. The same seed usually reproduces a failure, but not always, because the scheduler
// chooses the order of goroutines.
func TestChaos(t *testing.T) {
	for _, m := range modes {
		for seed := range uint64(4) {
			t.Run(fmt.Sprintf("%v/seed %d", m, seed), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { newChaos(t, m, seed).run() })
			})
		}
	}
}

// chaos is one run of the test.
type chaos struct {
	t    *testing.T
	seed uint64
	srv  *mcptest.Server
	link *mcptest.Link
	s    *mcpclient.Session
	on   atomic.Bool // whether faults are injected
	last atomic.Int64

	mu    sync.Mutex
	ran   map[int64]int // number of executions, by call number
	seen  map[string]int
	kinds map[mcpclient.Kind]int
}

func newChaos(t *testing.T, m mode, seed uint64) *chaos {
	t.Helper()
	c := &chaos{
		t: t, seed: seed, srv: newServer(m),
		ran: make(map[int64]int), seen: make(map[string]int), kinds: make(map[mcpclient.Kind]int),
	}
	c.srv.EventIDs = seed%2 == 0
	c.srv.Prime = seed%3 == 0
	c.srv.HoldStreams = seed%4 == 3
	c.srv.Refuse = mcptest.RefuseStyle(seed % 3)
	add(c.srv, "count", c.tool)
	c.srv.Intercept = c.intercept
	c.link = c.srv.InMemory(t)
	c.s = connect(t, c.link, mcpclient.Options{
		Timeouts: mcpclient.Timeouts{Idle: 20 * time.Second, Try: 10 * time.Second},
		Handlers: mcpclient.Handlers{
			ToolsChanged: func(ctx context.Context, s *mcpclient.Session) { _, _ = s.ListTools(ctx, nil) },
			Log:          func(context.Context, *mcpclient.Session, mcpclient.LogMessage) {},
		},
	})
	return c
}

func (c *chaos) run() {
	c.round(c.work)
	start := time.Now()
	for n := 0; ; n++ { // the session recovers by itself
		_, err := c.s.CallTool(c.t.Context(), "echo", nil)
		if err == nil {
			break
		}
		require.Less(c.t, time.Since(start), time.Minute, "seed %d: %d calls after the chaos failed, the last with %v", c.seed, n, err)
		time.Sleep(time.Second)
	}
	c.round(func(w uint64) { // one more round, during which the session is closed
		if w > 0 {
			c.work(w)
			return
		}
		time.Sleep(5 * time.Second)
		start := time.Now()
		if err := c.s.Close(); err != nil || time.Since(start) > mcpclient.DefaultCloseTimeout {
			c.t.Errorf("seed %d: Close took %v: %v", c.seed, time.Since(start), err)
		}
	})
	_, err := c.s.CallTool(c.t.Context(), "echo", nil)
	require.True(c.t, mcpclient.KindOf(err) == mcpclient.KindClosed, "%v", err)
	c.t.Logf("seed %d: %d calls, outcomes %v", c.seed, c.last.Load(), c.kinds)
}

// round runs the workers while faults occur. Then it stops the faults and waits until everything
// works again.
func (c *chaos) round(work func(w uint64)) {
	c.on.Store(true)
	stop := make(chan struct{})
	var workers, trouble sync.WaitGroup
	for w := range uint64(chaosWorkers) {
		workers.Go(func() { work(w) })
	}
	trouble.Go(func() { c.trouble(stop) })
	workers.Wait()
	c.on.Store(false)
	close(stop)
	trouble.Wait()
	c.link.Network.Refuse(false)
	c.link.Network.Stall(false)
	c.link.Network.ResetAll() // a connection that was made silent would stay silent
}

// trouble disturbs the network and makes the server forget sessions.
func (c *chaos) trouble(stop <-chan struct{}) {
	dice := rand.New(rand.NewPCG(c.seed, 1<<32))
	net := c.link.Network
	well := func() { net.Refuse(false); net.Stall(false) }
	troubles := []func(){
		net.CutAll, net.ResetAll, net.SilenceAll, c.srv.LoseSessions, c.srv.LoseSessions, c.srv.EndSubscriptions, well, well,
		func() { net.Refuse(true) }, func() { net.Stall(true) }, func() { c.srv.CutSharedStreams(dice.IntN(2) == 0) },
		func() { c.srv.Notify("notifications/tools/list_changed", nil) },
	}
	for {
		select {
		case <-stop:
			return
		case <-time.After(time.Duration(dice.Int64N(int64(3 * time.Second)))):
		}
		troubles[dice.IntN(len(troubles))]()
	}
}

// work makes the calls of one worker.
func (c *chaos) work(w uint64) {
	dice := rand.New(rand.NewPCG(c.seed, w))
	for step := 0; step < chaosSteps && c.s.State() != mcpclient.StateClosed; step++ {
		time.Sleep(time.Duration(dice.Int64N(int64(500 * time.Millisecond))))
		ctx, cancel := context.WithCancel(c.t.Context())
		if dice.IntN(4) == 0 {
			time.AfterFunc(time.Duration(dice.Int64N(int64(4*time.Second))), cancel)
		}
		start := time.Now()
		switch what := dice.IntN(10); what {
		case 0:
			_, err := c.s.ListTools(ctx, nil)
			c.checkKind("tools/list", err)
		case 1:
			c.checkKind("ping", c.s.Ping(ctx))
		default:
			c.call(ctx)
		}
		cancel()
		if took := time.Since(start); took > chaosBound {
			c.t.Errorf("seed %d: a call took %v", c.seed, took)
		}
	}
}

// call calls the tool with a unique number and checks that the reported outcome agrees with how
// often the tool ran.
func (c *chaos) call(ctx context.Context) {
	n := c.last.Add(1)
	res, err := c.s.CallTool(ctx, "count", map[string]any{"n": n}, mcpclient.OnProgress(func(context.Context, mcpclient.Progress) {}))
	c.checkKind("tools/call", err)
	c.mu.Lock()
	ran := c.ran[n]
	c.mu.Unlock()
	switch {
	case ran > 1:
		c.t.Errorf("seed %d: call %d ran %d times; %v", c.seed, n, ran, err)
	case err == nil && (res.IsError || ran != 1):
		c.t.Errorf("seed %d: call %d succeeded and ran %d times", c.seed, n, ran)
	case err != nil && !mcpclient.MayHaveRun(err) && mcpclient.KindOf(err) != mcpclient.KindServer && ran != 0:
		c.t.Errorf("seed %d: call %d ran, although its error says that it did not: %v", c.seed, n, err)
	}
}

// checkKind checks that a call's error has a kind that the method allows, and counts the kind.
func (c *chaos) checkKind(method string, err error) {
	kind := mcpclient.KindOf(err)
	if err != nil && (kind == 0 || kind == mcpclient.KindOutcomeUnknown && method != "tools/call" ||
		kind == mcpclient.KindUnanswered && method == "tools/call") {
		c.t.Errorf("seed %d: %s failed with %v (%v)", c.seed, method, err, kind)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kinds[kind]++
}

// chance returns a number below limit. The number depends on the seed, the purpose (what), and the
// number of earlier calls for that purpose.
func (c *chaos) chance(what string, limit int) int {
	c.mu.Lock()
	c.seen[what]++
	again := c.seen[what]
	c.mu.Unlock()
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, c.seed, what, again)
	return rand.New(rand.NewPCG(h.Sum64(), 0)).IntN(limit)
}

// execute counts one execution of the call with these arguments, and returns the call's number.
func (c *chaos) execute(args json.RawMessage) int64 {
	var in struct{ N int64 }
	if err := json.Unmarshal(args, &in); err != nil {
		c.t.Errorf("seed %d: arguments %s", c.seed, args)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ran[in.N]++
	return in.N
}

// tool takes some time and reports progress. Sometimes its stream breaks.
func (c *chaos) tool(ctx context.Context, call *mcptest.Call) (json.RawMessage, error) {
	n := c.execute(call.Arguments)
	fate := c.chance(fmt.Sprint("tool ", n), 10)
	for i := range fate {
		call.Progress(float64(i), 10, "working")
		call.Log("info", "working")
		if err := mcptest.Sleep(ctx, 300*time.Millisecond); err != nil {
			return nil, err
		}
		if c.on.Load() && fate > 6 && i == fate/2 {
			call.Cut(n%2 == 0)
		}
	}
	return mcptest.Text("done"), nil
}

// intercept sends wrong answers to some requests, before or after the request has run.
func (c *chaos) intercept(w http.ResponseWriter, r *http.Request, m *mcptest.Message) bool {
	if !c.on.Load() {
		return false
	}
	what := r.Method
	if m != nil {
		what = m.Method + string(m.ID)
	}
	fate := c.chance(what, 60)
	switch {
	case m == nil:
	case m.Method == "tools/call" && fate < 12 && fate%2 == 0:
		var params struct{ Arguments json.RawMessage }
		if err := json.Unmarshal(m.Params, &params); err != nil {
			c.t.Errorf("seed %d: parameters %s", c.seed, m.Params)
		}
		c.execute(params.Arguments) // the tool ran, but the reply hides that
	case !m.IsRequest() && (fate == 2 || fate == 3 || fate == 8 || fate == 10):
		return false // the client trusts a status that accepts a notification
	}
	return c.misbehave(w, r, fate)
}

// misbehave injects the fault with the number fate. Faults with an even number below 12 may occur
// after the tool ran. The other faults refuse the request, so the tool did not run.
func (c *chaos) misbehave(w http.ResponseWriter, r *http.Request, fate int) bool {
	switch fate {
	case 0, 1:
		w.WriteHeader(http.StatusServiceUnavailable)
	case 2, 3:
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<html>Bad gateway, good manners</html>")
	case 4, 5:
		panic(http.ErrAbortHandler)
	case 6, 7:
		c.srv.Hang(r)
	case 8:
		w.WriteHeader(http.StatusAccepted)
	case 9:
		http.Error(w, "no such session", http.StatusNotFound)
	case 10:
		mcptest.StartSSE(w)
		mcptest.WriteRaw(w, "data: {\"jsonrpc\":")
		panic(http.ErrAbortHandler)
	case 11:
		mcptest.WriteError(w, http.StatusBadRequest, nil, mcptest.CodeBadRequest, "no")
	case 13:
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
	default:
		return false
	}
	return true
}
