package endurance_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/internal/memnet"
	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/mcpclient/group"
	"github.com/hawser-mcp/hawser/mcpclient/mcpconfig"
	"github.com/hawser-mcp/hawser/transport"
)

const (
	workers       = 2         // callers of each session, and of each member of the group
	maxConns      = 2         // connections of a session at rest: its stream, and an idle one of calls
	maxGoroutines = 12        // goroutines of a session at rest, with those of its server and executor
	maxLeft       = 128 << 10 // bytes of heap that the load may leave when everything is closed
	maxGrown      = 512 << 10 // bytes by which the heap may grow from the first rest to the last
)

// world is everything in the test.
type world struct {
	t       *testing.T
	network *memnet.Network
	book    *ledger
	sites   []*site
	callers []*caller
	group   *group.Group
	ends    []func()     // of transports
	events  atomic.Int64 // of handlers and subscriptions
	closed  bool
}

// Nothing is lost, repeated or left behind in eight hours of calls, lists, subscriptions and
// cancellations, whatever the servers do.
func TestEightHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		play(t, 1, 10*time.Minute) // fills the caches of packages
		bytes, goroutines := heap(), runtime.NumGoroutine()
		play(t, loads, length)
		if left := heap() - bytes; left > maxLeft {
			t.Errorf("%d bytes of heap are left", left)
		}
		require.Equal(t, goroutines, runtime.NumGoroutine())
	})
}

// play runs the load several times, with rests, in a new world, and closes everything.
func play(t *testing.T, times int, long time.Duration) {
	t.Helper()
	w := &world{t: t, network: memnet.New(), book: &ledger{t: t, kinds: map[string]int{}}}
	defer w.close() // even if the test fails, which must not leave goroutines behind
	w.open()
	var first usage
	for i := range times {
		w.load(uint64(i), long)
		now := w.rest()
		if i == 0 {
			first = now
		}
		if n := len(w.callers); now.goroutines > n*maxGoroutines || now.conns > n*maxConns || now.heap > first.heap+maxGrown {
			t.Errorf("held at rest number %d: %+v; at the first: %+v; %d sessions", i+1, now, first, n)
		}
	}
	w.close()
	w.book.check()
	w.report()
}

// usage is what the process holds while nothing happens.
type usage struct{ heap, goroutines, conns int }

// heap returns the bytes in use after a collection.
func heap() int {
	for range 3 { // each collection frees more of what pools hold
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// site starts a site.
func (w *world) site(era mcptest.Era, sse, locked bool) *site {
	n := len(w.sites)
	s := &site{
		w: w, addr: fmt.Sprintf("127.0.0.1:%d", 9000+n), era: era, sse: sse, locked: locked,
		dice: rand.New(rand.NewPCG(uint64(n), 1)), events: map[string]int{},
	}
	w.sites = append(w.sites, s)
	s.start()
	return s
}

// open starts the sites, connects the sessions and the group.
func (w *world) open() {
	direct := transport.NewDirect(&transport.DirectOptions{DialContext: w.network.DialContext, NoProxy: true})
	each, stopEach := mcptest.OpenAgent(w.t, w.network, false)
	shared, stopShared := mcptest.OpenAgent(w.t, w.network, true)
	w.ends = []func(){func() { _ = direct.Close() }, stopEach, stopShared}
	for _, era := range []mcptest.Era{mcptest.Legacy, mcptest.Modern} {
		w.connect(w.site(era, true, true), direct)
		w.connect(w.site(era, false, false), direct)
		w.connect(w.site(era, true, false), each)
		w.connect(w.site(era, true, true), shared)
	}
	w.openGroup(direct)
}

func (w *world) connect(s *site, over http.RoundTripper) {
	opts := &mcpclient.Options{
		Transport: over, KeepAlive: time.Minute,
		Handlers: mcpclient.Handlers{ToolsChanged: func(context.Context, *mcpclient.Session) { w.events.Add(1) }},
	}
	if s.locked {
		opts.Auth = &visitor{s: s}
	}
	s.rest(true)
	session, err := mcpclient.Connect(w.t.Context(), s.url(), opts)
	require.NoError(w.t, err)
	c := &caller{w: w, session: session}
	c.call = func(ctx context.Context, tool string, args json.RawMessage, opts ...mcpclient.CallOption) (*mcpclient.CallToolResult, error) {
		return session.CallTool(ctx, tool, args, opts...)
	}
	w.callers = append(w.callers, c)
}

// openGroup connects a group of four sites.
func (w *world) openGroup(direct http.RoundTripper) {
	var servers []mcpconfig.Server
	at := map[string]*site{}
	for i := range 4 {
		s := w.site(mcptest.Era(i%2), true, i > 1)
		s.rest(true)
		name := fmt.Sprintf("s%d", i)
		at[name], servers = s, append(servers, mcpconfig.Server{Name: name, URL: s.url()})
		w.callers = append(w.callers, &caller{w: w, call: func(ctx context.Context, tool string, args json.RawMessage,
			opts ...mcpclient.CallOption,
		) (*mcpclient.CallToolResult, error) {
			return w.group.Call(ctx, name+"__"+tool, args, opts...)
		}})
	}
	var err error
	w.group, err = group.New(servers, &group.Options{
		Transports: map[string]http.RoundTripper{"": direct},
		Auth: func(_ context.Context, s *mcpconfig.Server) (mcpclient.Authorizer, func() error, error) {
			return &visitor{s: at[s.Name]}, nil, nil
		},
	})
	require.NoError(w.t, err)
	require.NoError(w.t, w.group.Wait(w.t.Context()))
}

// load runs all callers for some time while the sites fail.
func (w *world) load(seed uint64, long time.Duration) {
	until, stop := time.Now().Add(long), make(chan struct{})
	var calling, failing sync.WaitGroup
	for _, s := range w.sites {
		s.rest(false)
		failing.Go(func() { s.trouble(stop) })
	}
	for i, c := range w.callers {
		for n := range workers {
			dice := rand.New(rand.NewPCG(seed, uint64(i*workers+n)))
			calling.Go(func() { c.work(dice, until) })
		}
	}
	calling.Wait()
	close(stop)
	failing.Wait()
	for _, s := range w.sites {
		s.rest(true)
	}
}

// rest waits until everything works again and idle connections are closed. It returns what is held
// then.
func (w *world) rest() usage {
	time.Sleep(5 * time.Minute)
	for i, c := range w.callers {
		n := w.book.begin(false)
		_, err := c.call(w.t.Context(), "pay", fmt.Appendf(nil, `{"n":%d}`, n))
		w.book.end(n, err)
		require.NoError(w.t, err, "caller %d does not recover", i)
	}
	for _, s := range w.group.States() {
		require.Equal(w.t, group.Ready, s.Status, s.Server)
	}
	time.Sleep(5 * time.Minute)
	synctest.Wait()
	for _, s := range w.sites {
		s.rest(true)
	}
	return usage{heap(), runtime.NumGoroutine(), w.network.Conns()}
}

// close closes everything, once. No connection may be left.
func (w *world) close() {
	if w.closed {
		return
	}
	w.closed = true
	for _, c := range w.callers {
		if c.session == nil {
			continue
		}
		require.NoError(w.t, c.session.Close())
		_, err := c.call(w.t.Context(), "idle", nil)
		require.Equal(w.t, mcpclient.KindClosed, mcpclient.KindOf(err), "%v", err)
		require.Equal(w.t, mcpclient.StateClosed, c.session.State())
	}
	if w.group != nil {
		require.NoError(w.t, w.group.Close())
	}
	for _, end := range w.ends {
		end()
	}
	for _, s := range w.sites {
		s.kill()
	}
	mcptest.CheckClosed(w.t, w.network)
}

// report logs the outcomes. Everything that the test is about must have happened.
func (w *world) report() {
	faults := map[string]int{}
	for _, s := range w.sites {
		for what, n := range s.events {
			faults[what] += n
		}
	}
	w.t.Logf("%d tool calls; outcomes %v; faults %v; %d events", w.book.calls, w.book.kinds, faults, w.events.Load())
	for _, what := range []string{
		"restart", "lost sessions", "cut streams", "ended subscriptions", "new token", "renewed token", "changed list",
		"429", "503", "lost connection", "cut",
	} {
		require.Positive(w.t, faults[what], what)
	}
	for _, kind := range []string{"success", mcpclient.KindCanceled.String(), mcpclient.KindOutcomeUnknown.String()} {
		require.Positive(w.t, w.book.kinds[kind], kind)
	}
	require.Positive(w.t, w.events.Load())
}
