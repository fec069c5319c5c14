package group_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/mcpclient/group"
	"github.com/hawser-mcp/hawser/mcpclient/mcpconfig"
	"github.com/hawser-mcp/hawser/mcpclient/toolspec"
)

func TestTwoServers(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		old := newServer(mcptest.Legacy, "read", "write")
		old.Instructions = "Read first."
		w.serve("old", old)
		w.serve("new", newServer(mcptest.Modern, "read"))
		g := w.open(group.Options{}, entry("old"), entry("new"))
		require.NoError(t, g.Wait(t.Context()))
		require.Equal(t, []string{"new__read", "old__read", "old__write"}, names(g))
		require.Equal(t, map[string]string{"new": "Use the tools.", "old": "Read first."}, g.Instructions())
		echoes(t, g, "old__write")
		echoes(t, g, "new__read")
		states := g.States()
		require.Len(t, states, 2)
		require.Equal(t, "new", states[0].Server)
		require.Equal(t, 2, states[1].Functions)
		require.Equal(t, mcpclient.EraModern, g.Session("new").Era())
		require.Nil(t, g.Session("other"))
		require.NoError(t, g.Close())
		require.Equal(t, "connecting, ready, closed", w.diary.statuses("old"))
		require.Empty(t, g.States())
		require.Empty(t, names(g))
	})
}

func TestConfigurationsThatAreRefused(t *testing.T) {
	elsewhere := entry("a")
	elsewhere.Executor = "sandbox"
	for name, c := range map[string]struct {
		servers []mcpconfig.Server
		opts    group.Options
		text    string
	}{
		"two names":    {servers: []mcpconfig.Server{entry("a"), entry("a")}, text: `group: server "a": server "a" has the same name for a model, a`},
		"executor":     {servers: []mcpconfig.Server{elsewhere}, text: `group: server "a": no transport for executor "sandbox"`},
		"prefix":       {opts: group.Options{Prefix: "mcp."}, text: `group: Prefix "mcp.": expected a letter, and then letters, digits, _ and -`},
		"first letter": {opts: group.Options{Prefix: "_"}, text: `group: Prefix "_": expected a letter, and then letters, digits, _ and -`},
		"long prefix":  {opts: group.Options{Prefix: "aaaaaaaaaaaaaaaaa"}, text: `group: Prefix "aaaaaaaaaaaaaaaaa": expected at most 16 bytes, got 17`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := group.New(c.servers, &c.opts)
			require.EqualError(t, err, c.text)
		})
	}
}

func TestDisabledAndUnsupportedServers(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		off, program := entry("off"), mcpconfig.Server{Name: "program", Other: &mcpconfig.Other{Kind: "stdio", Command: "npx"}}
		off.Disabled, off.Required = true, true
		g := w.open(group.Options{}, off, program)
		require.NoError(t, g.Wait(t.Context()), "a server that is turned off is not missed")
		require.Equal(t, "disabled", w.diary.statuses("off"))
		require.Equal(t, "unsupported", w.diary.statuses("program"))
		require.EqualError(t, state(t, g, "program").Err, "stdio servers need Options.Open")
		require.True(t, g.Reconnect("off"))
		_, err := g.Call(t.Context(), "program__x", nil)
		require.EqualError(t, err, "server program is unsupported: stdio servers need Options.Open")
		_, err = g.Call(t.Context(), "off__x", nil)
		require.EqualError(t, err, "server off is disabled")
		time.Sleep(time.Hour)
		require.True(t, g.Remove("off"))
		require.Equal(t, "disabled, closed", w.diary.statuses("off"))
	})
}

func TestWaitIsAboutRequiredServers(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.serve("up", newServer(mcptest.Legacy))
		slow := newServer(mcptest.Legacy)
		gate := slow.Hold("initialize")
		w.serve("slow", slow)
		up, dead, late := entry("up"), entry("dead"), entry("slow")
		up.Required, dead.Required, late.Required = true, true, true
		g := w.open(group.Options{MinBackoff: time.Hour, MaxBackoff: time.Hour}, up, dead, late, entry("optional"))
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		took := since()
		err := g.Wait(ctx)
		require.Equal(t, 2*time.Second, took())
		require.ErrorContains(t, err, "group: required server dead is down: ")
		require.ErrorContains(t, err, "group: required server slow is connecting: context deadline exceeded")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotContains(t, err.Error(), "optional")
		gate.Release()
		require.True(t, g.Remove("dead"))
		require.NoError(t, g.Wait(t.Context()))
		require.Equal(t, 2*time.Second, took())
	})
}

// A server that is tried again in the background does not hold up Wait, unless it is required.
func TestWaitDoesNotWaitForLaterTries(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		srv := w.serve("s", newServer(mcptest.Legacy))
		srv.kill()
		g := w.open(group.Options{}, entry("s"))
		require.NoError(t, g.Wait(t.Context()))
		srv.startWith(http.HandlerFunc(hangs))
		time.Sleep(2 * time.Second)
		require.Equal(t, group.Connecting, state(t, g, "s").Status)
		took := since()
		require.NoError(t, g.Wait(t.Context()))
		require.Zero(t, took())
	})
}

func TestWaitAfterClose(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.serve("s", newServer(mcptest.Legacy, "echo"))
		g := w.open(group.Options{}, entry("s"))
		require.NoError(t, g.Close())
		require.NoError(t, g.Close())
		require.NoError(t, g.Wait(t.Context()))
		require.ErrorIs(t, g.Add(entry("t")), mcpclient.ErrClosed)
		require.False(t, g.Remove("s"))
		_, err := g.Call(t.Context(), "s__echo", nil)
		require.Equal(t, mcpclient.KindClosed, mcpclient.KindOf(err))
		require.False(t, mcpclient.MayHaveRun(err))
	})
}

// Calls in flight may have run. Calls that still wait have not.
func TestRemoveEndsCalls(t *testing.T) {
	for name, remove := range map[string]func(g *group.Group){
		"Remove": func(g *group.Group) { g.Remove("s"); g.Remove("slow") },
		"Close":  func(g *group.Group) { _ = g.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				srv := newServer(mcptest.Legacy)
				srv.Tools = append(srv.Tools, &mcptest.Tool{Name: "never", Run: never})
				w.serve("s", srv)
				slow := newServer(mcptest.Modern, "echo")
				slow.Hold("server/discover")
				w.serve("slow", slow)
				g := w.open(group.Options{}, entry("s"), entry("slow"))
				call := func(function string) <-chan error {
					done := make(chan error, 1)
					go func() {
						_, err := g.Call(context.WithoutCancel(t.Context()), function, nil)
						done <- err
					}()
					return done
				}
				inFlight, waiting := call("s__never"), call("slow__echo")
				synctest.Wait()
				require.Equal(t, 1, srv.Executions("never"))
				remove(g)
				err := <-inFlight
				require.Equal(t, mcpclient.KindClosed, mcpclient.KindOf(err))
				require.True(t, mcpclient.MayHaveRun(err))
				err = <-waiting
				require.Equal(t, mcpclient.KindClosed, mcpclient.KindOf(err))
				require.EqualError(t, notMade(t, err), "server slow is closed")
			})
		})
	}
}

func TestAddAndRemove(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.serve("a", newServer(mcptest.Legacy, "echo"))
		b := w.serve("b", newServer(mcptest.Legacy, "echo"))
		g := w.open(group.Options{}, entry("a"))
		require.NoError(t, g.Wait(t.Context()))
		_, first := g.Functions()
		require.NoError(t, g.Add(entry("b")))
		require.ErrorContains(t, g.Add(entry("b")), "has the same name for a model")
		require.NoError(t, g.Wait(t.Context()))
		_, second := g.Functions()
		require.NotEqual(t, first, second)
		echoes(t, g, "b__echo")
		require.True(t, g.Remove("b"))
		require.False(t, g.Remove("b"))
		_, third := g.Functions()
		require.NotEqual(t, second, third)
		require.Equal(t, []string{"a__echo"}, names(g))
		now, _ := b.Sessions()
		require.Zero(t, now, "the session is deleted")
		require.NoError(t, g.Add(entry("b")))
		require.NoError(t, g.Wait(t.Context()))
		require.Equal(t, "connecting, ready, closed, connecting, ready", w.diary.statuses("b"))
	})
}

// An event comes before its effect can be seen, and a panic of the observer has no effect.
func TestAnEventComesBeforeItsEffect(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		srv := w.serve("s", newServer(mcptest.Legacy, "a"))
		var g *group.Group
		var seen []string
		var mu sync.Mutex
		var log bytes.Buffer
		observe := func(_ context.Context, e group.Event) {
			mu.Lock()
			defer mu.Unlock()
			var status group.Status
			if g != nil {
				for _, s := range g.States() { // works, since no lock is held, although an observer must not do it
					status = s.Status
				}
			}
			switch e := e.(type) {
			case group.StateChanged:
				seen = append(seen, fmt.Sprintf("%v after %v: %v", e.State.Status, e.Before, status))
			case group.FunctionsChanged:
				seen = append(seen, fmt.Sprintf("added %v: %v", e.Added, len(names(g))))
			}
			panic("observer")
		}
		mu.Lock()
		g = w.open(group.Options{Lazy: true, Observer: func(ctx context.Context, e group.Event) {
			if s, ok := e.(group.StateChanged); !ok || s.Before != 0 {
				observe(ctx, e)
			}
		}, Logger: slog.New(slog.NewTextHandler(&log, nil))}, entry("s"))
		mu.Unlock()
		require.NoError(t, g.Wait(t.Context()))
		require.NoError(t, g.Close())
		require.Equal(t, []string{
			"connecting after idle: idle", "added [s__a]: 0", "ready after connecting: connecting", "closed after ready: ready",
		}, seen)
		require.Contains(t, log.String(), "an observer panicked")
		require.Contains(t, log.String(), `msg="server is ready" server=s`)
		_ = srv
	})
}

// Functions, Add, Remove and Call from sixteen goroutines, while servers come and go.
func TestConcurrentUse(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var servers []mcpconfig.Server
		for i := range 4 {
			name := fmt.Sprintf("s%d", i)
			w.serve(name, newServer(mcptest.Era(i%2), "echo"))
			servers = append(servers, entry(name))
		}
		g := w.open(group.Options{Debounce: -1}, servers...)
		var wg sync.WaitGroup
		var ok atomic.Int64
		for i := range 16 {
			wg.Go(func() {
				s := servers[i%4]
				for n := range 30 {
					switch (i/4 + n) % 4 {
					case 0:
						g.Remove(s.Name)
					case 1:
						_ = g.Add(s)
						g.Reconnect(s.Name)
					case 2:
						if _, err := g.Call(t.Context(), s.Name+"__echo", nil); err == nil {
							ok.Add(1)
						}
					default:
						functions, _ := g.Functions()
						g.States()
						g.Session(s.Name)
						_, _, _ = toolspec.Anthropic.Encode(functions)
					}
					time.Sleep(time.Duration(i+1) * time.Millisecond)
				}
			})
		}
		wg.Wait()
		require.Positive(t, ok.Load())
		for _, s := range servers {
			_ = g.Add(s)
		}
		require.NoError(t, g.Wait(t.Context()))
		require.Len(t, names(g), 4)
	})
}

// Printing a Group shows no configuration.
func TestAGroupPrintsItsName(t *testing.T) {
	s := entry("s")
	s.Header, s.Disabled = http.Header{"Authorization": {"secret"}}, true
	g, err := group.New([]mcpconfig.Server{s}, nil)
	require.NoError(t, err)
	defer g.Close()
	encoded, err := json.Marshal(g)
	require.NoError(t, err)
	require.Equal(t, `"group.Group"`, string(encoded))
	require.Equal(t, "group.Group", fmt.Sprintf("%+v", g))
}
