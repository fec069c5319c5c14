package group_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/internal/memnet"
	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/mcpclient/group"
	"github.com/hawser-mcp/hawser/mcpclient/mcpconfig"
	"github.com/hawser-mcp/hawser/mcpclient/toolspec"
	"github.com/hawser-mcp/hawser/transport"
)

// world is a network in memory with MCP servers, in fake time.
type world struct {
	t         *testing.T
	network   *memnet.Network
	transport transport.Transport
	diary     diary
}

// inWorld runs a test in a bubble. At its end, no connection may be left open.
func inWorld(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, network: memnet.New()}
		w.transport = transport.NewDirect(&transport.DirectOptions{DialContext: w.network.DialContext, NoProxy: true})
		t.Cleanup(func() {
			_ = w.transport.Close() // always returns nil
			mcptest.CheckClosed(t, w.network)
		})
		test(t, w)
	})
}

// entry returns the configuration of a server with this name, which need not exist.
func entry(name string) mcpconfig.Server {
	return mcpconfig.Server{Name: name, URL: "http://" + name + ".test/mcp"}
}

// newServer returns a server with these tools, which echo their arguments.
func newServer(era mcptest.Era, tools ...string) *mcptest.Server {
	srv := mcptest.New(era)
	srv.SSE = true
	for _, tool := range tools {
		srv.Tools = append(srv.Tools, &mcptest.Tool{Name: tool})
	}
	return srv
}

// running is a server that can be killed and started again.
type running struct {
	*mcptest.Server
	w    *world
	host string
	stop func()
}

// serve serves srv at the address of entry(name).
func (w *world) serve(name string, srv *mcptest.Server) *running {
	r := &running{Server: srv, w: w, host: name + ".test:80"}
	w.t.Cleanup(func() {
		r.kill()
		srv.Close()
		require.Empty(w.t, srv.Violations())
	})
	r.start()
	return r
}

func (r *running) start() { r.startWith(r.Server) }

// startWith serves another handler at the same address.
func (r *running) startWith(h http.Handler) {
	r.stop = sync.OnceFunc(mcptest.Serve(r.w.t, r.w.network.Listen(r.host), h))
}

// kill ends the server's connections and frees its address.
func (r *running) kill() {
	r.stop()
	synctest.Wait() // the client has noticed
}

// open opens a group whose events go to the diary. The group is closed at the end of the test.
func (w *world) open(opts group.Options, servers ...mcpconfig.Server) *group.Group {
	w.t.Helper()
	opts.Transports = map[string]http.RoundTripper{"": w.transport}
	if opts.Observer == nil {
		opts.Observer = w.diary.observe
	}
	g, err := group.New(servers, &opts)
	require.NoError(w.t, err)
	w.t.Cleanup(func() { require.NoError(w.t, g.Close()) })
	return g
}

// diary records the events of a group.
type diary struct {
	mu     sync.Mutex
	events []group.Event
}

func (d *diary) observe(_ context.Context, e group.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.events = append(d.events, e)
}

// of returns the events of one type.
func of[E group.Event](d *diary) (found []E) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range d.events {
		if e, ok := e.(E); ok {
			found = append(found, e)
		}
	}
	return found
}

// statuses returns what a server did, in words.
func (d *diary) statuses(server string) string {
	var words []string
	for _, e := range of[group.StateChanged](d) {
		if e.State.Server == server {
			words = append(words, e.State.Status.String())
		}
	}
	return strings.Join(words, ", ")
}

// state returns the state of a server.
func state(t *testing.T, g *group.Group, server string) group.State {
	t.Helper()
	for _, s := range g.States() {
		if s.Server == server {
			return s
		}
	}
	require.Fail(t, "no such server", server)
	return group.State{}
}

// names returns the names of the functions.
func names(g *group.Group) []string {
	functions, _ := g.Functions()
	return namesOf(functions)
}

func namesOf(functions []toolspec.Function) []string {
	list := make([]string, 0, len(functions))
	for _, f := range functions {
		list = append(list, f.Name)
	}
	return list
}

// echoes checks that a call of a tool without Run works.
func echoes(t *testing.T, g *group.Group, function string) {
	t.Helper()
	res, err := g.Call(t.Context(), function, []byte(`{"still":"alive"}`))
	require.NoError(t, err)
	require.JSONEq(t, `{"still":"alive"}`, res.Text())
}

// notMade checks that err is a CallError and returns it.
func notMade(t *testing.T, err error) *group.CallError {
	t.Helper()
	var e *group.CallError
	require.ErrorAs(t, err, &e)
	require.Equal(t, mcpclient.NotRun, mcpclient.OutcomeOf(err))
	require.False(t, mcpclient.MayHaveRun(err))
	return e
}

type ctx = context.Context

// since returns a function that returns how much fake time has passed.
func since() func() time.Duration {
	start := time.Now()
	return func() time.Duration { return time.Since(start) }
}

// never is a tool that runs until its context ends.
func never(ctx context.Context, _ *mcptest.Call) (json.RawMessage, error) {
	<-ctx.Done()
	return nil, fmt.Errorf("the call was cancelled: %w", context.Cause(ctx))
}
