package peers_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/mcpclient/group"
	"github.com/hawser-mcp/hawser/mcpclient/mcpconfig"
	"github.com/hawser-mcp/hawser/mcpclient/toolspec"
	"github.com/hawser-mcp/hawser/tests/peers/peer"
	"github.com/hawser-mcp/hawser/transport/executor"
)

// groupPrograms are eight programs of npm packages, of both eras, with and without sessions. All
// have the tool "echo", and the first two have "wait".
var groupPrograms = []string{
	"fastmcp", "TypeScript SDK", "TypeScript SDK, stateless", "@hono/mcp", "fastify-mcp, stateful", "mcp-lite, stateful", "mcp-use", "tmcp",
}

// A group has eight third-party servers. Two of them are killed, one during a call, and return
// later. The calls to the others succeed meanwhile, each state is told, the functions stay, and the
// interrupted call is not repeated.
func TestGroupOfServers(t *testing.T) {
	peer.RequireInstalled(t)
	for _, w := range allWays {
		if w.name == "direct" || w.name == "codex" {
			t.Run(w.name, func(t *testing.T) { newParty(t, w).survives() })
		}
	}
}

// party is a group with its servers.
type party struct {
	*testing.T
	servers []*visit // in the order of groupPrograms
	group   *group.Group
	states  chan group.State // every change of a state
}

func newParty(t *testing.T, w way) *party {
	t.Helper()
	p := &party{T: t, states: make(chan group.State, 1024)}
	var servers []mcpconfig.Server
	for _, name := range groupPrograms {
		program := npmServers[slices.IndexFunc(npmServers, func(p serverProgram) bool { return p.name == name })]
		v := startProgram(t, &program)
		p.servers = append(p.servers, v)
		servers = append(servers, mcpconfig.Server{Name: name, URL: v.server.URL})
	}
	g, err := group.New(servers, &group.Options{
		Transports: map[string]http.RoundTripper{"": w.open(t)},
		MinBackoff: 100 * time.Millisecond, MaxBackoff: time.Second,
		Observer: func(_ context.Context, e group.Event) {
			if changed, ok := e.(group.StateChanged); ok {
				p.states <- changed.State
			}
		},
	})
	p.must(err)
	t.Cleanup(func() { _ = g.Close() })
	p.group = g
	return p
}

func (p *party) must(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

func (p *party) survives() {
	ctx, cancel := context.WithTimeout(p.Context(), time.Minute)
	defer cancel()
	p.must(p.group.Wait(ctx))
	for _, s := range p.group.States() {
		if s.Status != group.Ready || s.Functions == 0 {
			p.Fatalf("%s is %v with %d functions: %v", s.Server, s.Status, s.Functions, s.Err)
		}
	}
	p.echo(groupPrograms...)
	functions, before := p.group.Functions()

	const first, second = 0, 1
	interrupted := make(chan error, 1)
	go func() {
		_, err := p.call(p.Context(), groupPrograms[first], "wait", map[string]any{"ms": 600_000})
		interrupted <- err
	}()
	p.servers[first].server.WaitLog("started wait", 1)
	p.servers[first].server.Kill()
	p.servers[second].server.Kill()

	err := within(p.T, interrupted, "the end of the call whose server was killed")
	if mcpclient.OutcomeOf(err) != mcpclient.Unknown {
		p.Errorf("the call whose server was killed: %v", err)
	}
	if text := toolspec.AnswerOf(nil, err, 0).Text; !strings.Contains(text, "may have run") {
		p.Errorf("the model is told: %s", text)
	}
	if _, err := p.call(p.Context(), groupPrograms[second], "echo", map[string]any{"text": "x"}); err == nil {
		p.Error("the call of a killed server succeeded")
	}
	p.await(group.Down, groupPrograms[first], groupPrograms[second])
	p.echo(groupPrograms[second+1:]...)
	if now, after := p.group.Functions(); after != before || len(now) != len(functions) {
		p.Errorf("%d functions in version %d became %d in version %d", len(functions), before, len(now), after)
	}

	p.servers[first].server.Restart()
	p.servers[second].server.Restart()
	p.await(group.Ready, groupPrograms[first], groupPrograms[second])
	p.echo(groupPrograms...)
	if log := p.servers[first].server.Log(); strings.Contains(log, "started wait") {
		p.Error("the interrupted call was repeated")
	}
	p.must(p.group.Close())
	p.await(group.Closed, groupPrograms...)
}

// await waits until each of the servers has had the status since the last await.
func (p *party) await(want group.Status, servers ...string) {
	p.Helper()
	missing := slices.Clone(servers)
	for len(missing) > 0 {
		s := within(p.T, p.states, "the state "+want.String()+" of "+strings.Join(missing, ", "))
		if s.Status == want {
			missing = slices.DeleteFunc(missing, func(name string) bool { return name == s.Server })
		}
	}
}

// echo calls the tool echo of each of the servers.
func (p *party) echo(servers ...string) {
	p.Helper()
	for _, server := range servers {
		result, err := p.call(p.Context(), server, "echo", map[string]any{"text": "hello ü"})
		if answer := toolspec.AnswerOf(result, err, 0); answer.IsError || answer.Text != "hello ü" {
			p.Errorf("%s: %s", server, answer.Text)
		}
	}
}

// call calls a tool by the name of its function.
func (p *party) call(ctx context.Context, server, tool string, args map[string]any) (*mcpclient.CallToolResult, error) {
	encoded, err := json.Marshal(args)
	if err != nil {
		return nil, err
	}
	return p.group.Call(ctx, toolspec.Name(server, tool), encoded)
}

// Servers that are down, slow or locked cost the others nothing, over every network.
func TestGroupWithBadServers(t *testing.T) {
	peer.RequireInstalled(t)
	first, second := peer.StartEverything(t), peer.StartEverything(t)
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // then the server notices that the client leaves
		<-r.Context().Done()
	}))
	t.Cleanup(slow.Close)
	locked := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	t.Cleanup(locked.Close)
	dead := httptest.NewServer(nil)
	dead.Close()
	servers := []mcpconfig.Server{
		{Name: "first", URL: first.URL}, {Name: "second", URL: second.URL},
		{Name: "slow", URL: slow.URL}, {Name: "locked", URL: locked.URL}, {Name: "dead", URL: dead.URL},
	}
	for _, w := range allWays {
		t.Run(w.name, func(t *testing.T) {
			rt := w.open(t)
			began := time.Now()
			g, err := group.New(servers, &group.Options{Transports: map[string]http.RoundTripper{"": rt}})
			if err != nil {
				t.Fatal(err)
			}
			defer g.Close()
			for _, server := range []string{"first", "second"} {
				result, err := g.Call(t.Context(), toolspec.Name(server, "echo"), json.RawMessage(`{"message": "hello"}`))
				if answer := toolspec.AnswerOf(result, err, 0); answer.Text != "Echo: hello" {
					t.Errorf("%s: %s", server, answer.Text)
				}
			}
			t.Logf("both good servers answered after %v", time.Since(began))
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			if err := g.Wait(ctx); err != nil {
				t.Error(err)
			}
			t.Logf("Wait returned after %v", time.Since(began))
			want := map[string]group.Status{
				"first": group.Ready, "second": group.Ready, "slow": group.Connecting, "locked": group.NeedsAuth, "dead": group.Down,
			}
			for _, s := range g.States() {
				if s.Status != want[s.Server] {
					t.Errorf("%s is %v, expected %v: %v", s.Server, s.Status, want[s.Server], s.Err)
				}
			}
		})
	}
}

// A group of 80 servers, each with its stream of notifications, shares one codex.
func TestLargeGroupThroughCodex(t *testing.T) {
	peer.RequireInstalled(t)
	const count = 80
	for name, opts := range map[string]*executor.Options{"a link for each exchange": nil, "one link": {Shared: true}} {
		t.Run(name, func(t *testing.T) {
			var servers []mcpconfig.Server
			for i := range count {
				srv := mcptest.New(mcptest.Era(i % 2))
				srv.Tools = []*mcptest.Tool{{Name: "echo"}}
				servers = append(servers, mcpconfig.Server{Name: fmt.Sprintf("server%d", i), URL: srv.Loopback(t).URL, Required: true})
			}
			rt := openExecutor(t, peer.StartCodex(t, manyAtOnce...).URL, opts)
			began := time.Now()
			g, err := group.New(servers, &group.Options{Transports: map[string]http.RoundTripper{"": rt}, ConnectTimeout: time.Minute})
			if err != nil {
				t.Fatal(err)
			}
			defer g.Close()
			if err := g.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			t.Logf("ready after %v", time.Since(began))
			var calls sync.WaitGroup
			for i := range servers {
				calls.Go(func() {
					if _, err := g.Call(t.Context(), toolspec.Name(servers[i].Name, "echo"), nil); err != nil {
						t.Errorf("%s: %v", servers[i].Name, err)
					}
				})
			}
			calls.Wait()
			t.Logf("called all after %v", time.Since(began))
		})
	}
}
