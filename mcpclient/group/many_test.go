package group_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/authtest"
	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/mcpclient/group"
	"github.com/hawser-mcp/hawser/mcpclient/mcpconfig"
	"github.com/hawser-mcp/hawser/oauth"
)

// Fifty servers: 30 are healthy, 5 are dead, 5 are slow, 5 are behind a login, and 5 come and go.
func TestFiftyServers(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var servers []mcpconfig.Server
		add := func(kind string, make func(name string)) {
			n := 5
			if kind == "healthy" {
				n = 30
			}
			for i := range n {
				name := fmt.Sprintf("%s-%d", kind, i)
				make(name)
				servers = append(servers, entry(name))
			}
		}
		add("healthy", func(name string) { w.serve(name, newServer(mcptest.Era(len(servers)%2), "echo")) })
		add("dead", func(string) {})
		add("slow", func(name string) {
			srv := newServer(mcptest.Modern, "echo")
			srv.Intercept = func(_ http.ResponseWriter, r *http.Request, _ *mcptest.Message) bool {
				_ = mcptest.Sleep(r.Context(), 5*time.Second) // ten to connect and to list
				return false
			}
			w.serve(name, srv)
		})
		add("locked", func(name string) { w.serve(name, locked(newServer(mcptest.Legacy, "echo"))) })
		var flapping []*running
		add("flapping", func(name string) { flapping = append(flapping, w.serve(name, newServer(mcptest.Legacy, "echo"))) })

		a := &authorizer{takes: time.Minute}
		g := w.open(group.Options{ConnectTimeout: 20 * time.Second, Auth: auth(a)}, servers...)
		time.Sleep(time.Second)
		synctest.Wait()
		count := map[group.Status]int{}
		for _, s := range g.States() {
			count[s.Status]++
		}
		require.Equal(t, 5, count[group.Authorizing])
		require.Equal(t, 35, count[group.Ready])
		require.Len(t, names(g), 35)
		for _, name := range names(g) {
			took := since()
			echoes(t, g, name)
			require.Zero(t, took())
		}

		stop, flaps := make(chan struct{}), sync.WaitGroup{}
		for i, r := range flapping {
			flaps.Go(func() {
				for up := true; ; up = !up {
					select {
					case <-time.After(time.Duration(i+10) * time.Second):
					case <-stop:
						if !up {
							r.start()
						}
						return
					}
					if up {
						r.stop()
					} else {
						r.start()
					}
				}
			})
		}
		var asks sync.WaitGroup
		for _, r := range flapping { // somebody uses them, so that the group finds out
			name := strings.TrimSuffix(r.host, ".test:80")
			asks.Go(func() {
				for range 60 {
					_, _ = g.Call(t.Context(), name+"__echo", nil)
					time.Sleep(time.Second)
				}
			})
		}
		for range 60 {
			for i := range 30 {
				echoes(t, g, fmt.Sprintf("healthy-%d__echo", i))
			}
			time.Sleep(time.Second)
		}
		asks.Wait()
		close(stop)
		flaps.Wait()
		time.Sleep(2 * time.Minute)
		for _, s := range g.States() {
			kind, _, _ := strings.Cut(s.Server, "-")
			want := group.Ready
			if kind == "dead" {
				want = group.Down
			}
			require.Equal(t, want, s.Status, s.Server)
			said := w.diary.statuses(s.Server)
			switch kind {
			case "healthy", "slow":
				require.Equal(t, "connecting, ready", said)
			case "locked":
				require.Equal(t, "connecting, waiting for login, connecting, ready", said)
			case "flapping":
				require.Contains(t, said, "ready, down, connecting")
			}
		}
		require.EqualValues(t, 5, a.asked.Load())
		require.NoError(t, g.Close())
	})
}

// A hundred servers, ten of which do not answer the end of their session.
func TestCloseOfAHundredServers(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var servers []mcpconfig.Server
		for i := range 100 {
			name := fmt.Sprintf("s%d", i)
			srv := newServer(mcptest.Legacy, "echo")
			if i%10 == 0 {
				srv.Intercept = func(_ http.ResponseWriter, r *http.Request, _ *mcptest.Message) bool {
					if r.Method == http.MethodDelete {
						srv.Hang(r)
						return true
					}
					return false
				}
			}
			w.serve(name, srv)
			servers = append(servers, entry(name))
		}
		g := w.open(group.Options{}, servers...)
		require.NoError(t, g.Wait(t.Context()))
		require.Len(t, names(g), 100)
		took := since()
		require.NoError(t, g.Close())
		require.Less(t, took(), 5*time.Second)
	})
}

// A server is killed and started again. A tool with side effects is never sent twice, and the group
// comes back.
func TestKillAndRestart(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		srv := newServer(mcptest.Legacy)
		var ran sync.Map // by payment
		srv.Tools = []*mcptest.Tool{{Name: "pay", Run: func(ctx context.Context, c *mcptest.Call) (json.RawMessage, error) {
			n, _ := ran.LoadOrStore(string(c.Arguments), new(atomic.Int64))
			n.(*atomic.Int64).Add(1)
			return mcptest.Text("paid"), mcptest.Sleep(ctx, 300*time.Millisecond)
		}}}
		r := w.serve("s", srv)
		g := w.open(group.Options{MaxBackoff: 2 * time.Second}, entry("s"))
		require.NoError(t, g.Wait(t.Context()))

		stop := make(chan struct{})
		var killer, callers sync.WaitGroup
		killer.Go(func() {
			for i := range 1000 {
				select {
				case <-stop:
					return
				case <-time.After(time.Duration(700+137*(i%7)) * time.Millisecond):
				}
				r.stop()
				time.Sleep(time.Duration(100+531*(i%11)) * time.Millisecond)
				r.start()
			}
		})
		var paid, unknown, refused atomic.Int64
		for worker := range 8 {
			callers.Go(func() {
				for i := range 50 {
					args := fmt.Sprintf(`{"payment":"%d-%d"}`, worker, i)
					_, err := g.Call(t.Context(), "s__pay", json.RawMessage(args))
					times := int64(0)
					if n, ok := ran.Load(args); ok {
						times = n.(*atomic.Int64).Load()
					}
					switch {
					case err == nil:
						paid.Add(1)
						require.EqualValues(t, 1, times)
					case mcpclient.MayHaveRun(err):
						unknown.Add(1)
						require.LessOrEqual(t, times, int64(1))
					default:
						refused.Add(1)
						require.Zero(t, times, "%v", err)
					}
					time.Sleep(50 * time.Millisecond)
				}
			})
		}
		callers.Wait()
		close(stop)
		killer.Wait()
		time.Sleep(10 * time.Second)
		require.Positive(t, paid.Load())
		require.Positive(t, unknown.Load())
		require.Positive(t, refused.Load())
		require.Equal(t, []string{"s__pay"}, names(g))
		require.Equal(t, group.Ready, state(t, g, "s").Status)
		_, err := g.Call(t.Context(), "s__pay", json.RawMessage(`{"payment":"last"}`))
		require.NoError(t, err)
	})
}

// user logs in with a browser, which takes a while.
type user struct {
	world *authtest.World
	takes time.Duration
	asked atomic.Int64
	ended atomic.Int64 // logins whose context ended
}

func (u *user) Login(ctx context.Context, flow oauth.Flow) error {
	u.asked.Add(1)
	page, err := flow.AuthorizationURL(ctx, "http://127.0.0.1:7777/cb")
	if err != nil {
		return err
	}
	if err := mcptest.Sleep(ctx, u.takes); err != nil {
		u.ended.Add(1)
		return err
	}
	callback, err := u.world.Visit(ctx, page)
	if err != nil {
		return err
	}
	return flow.Complete(ctx, callback)
}

// A login with OAuth takes a minute, and a try ten seconds.
func TestALoginWithOAuth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := authtest.New(t)
		srv := newServer(mcptest.Legacy, "echo")
		defer srv.Close()
		w.Resource.Change(func(s *authtest.ResourceScript) { s.Handler = srv })
		u := &user{world: w, takes: time.Minute}
		var opened, closed atomic.Int64
		var d diary
		g, err := group.New([]mcpconfig.Server{{Name: "s", URL: w.Resource.URL}}, &group.Options{
			Transports: map[string]http.RoundTripper{"": w.Transport}, Observer: d.observe,
			Auth: func(_ context.Context, s *mcpconfig.Server) (mcpclient.Authorizer, func() error, error) {
				client, err := oauth.NewClient(s.URL, &oauth.Config{Login: u})
				if err != nil {
					return nil, nil, err
				}
				opened.Add(1)
				return client, func() error { closed.Add(1); return client.Close() }, nil
			},
		})
		require.NoError(t, err)
		time.Sleep(30 * time.Second)
		require.Equal(t, group.Authorizing, g.States()[0].Status)
		time.Sleep(31 * time.Second)
		require.Equal(t, "connecting, waiting for login, connecting, ready", d.statuses("s"))
		require.EqualValues(t, 1, u.asked.Load())
		require.Zero(t, u.ended.Load())
		echoes(t, g, "s__echo")
		require.NoError(t, g.Close())
		require.EqualValues(t, 1, opened.Load())
		require.EqualValues(t, 1, closed.Load(), "released")
	})
}

// The authorizer of a try that failed is released at once, and its error is that of the try.
func TestAuthorizersAreReleased(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var opened, released atomic.Int64
		fails := errors.New("no client ID")
		own := entry("own")
		own.Header = http.Header{"Authorization": {"Bearer own"}}
		off := entry("off")
		off.OAuth = &mcpconfig.OAuth{Off: true}
		g := w.open(group.Options{MinBackoff: time.Hour, MaxBackoff: time.Hour, Auth: func(_ context.Context, s *mcpconfig.Server) (mcpclient.Authorizer, func() error, error) {
			opened.Add(1)
			if s.Name == "bad" {
				return nil, nil, fails
			}
			return &authorizer{}, func() error { released.Add(1); return nil }, nil
		}}, entry("dead"), entry("bad"), own, off)
		require.NoError(t, g.Wait(t.Context()))
		require.EqualValues(t, 2, opened.Load(), "servers that authorize themselves are not asked for")
		require.EqualValues(t, 1, released.Load())
		require.ErrorIs(t, state(t, g, "bad").Err, fails)
	})
}

// A panic in a function of the options is an error of the try.
func TestAPanicOfTheOptions(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.serve("good", newServer(mcptest.Legacy, "echo"))
		g := w.open(group.Options{Session: func(s *mcpconfig.Server, _ *mcpclient.Options) {
			if s.Name == "bad" {
				panic("oops")
			}
		}}, entry("bad"), entry("good"))
		require.NoError(t, g.Wait(t.Context()))
		require.ErrorContains(t, state(t, g, "bad").Err, "panicked: oops")
		echoes(t, g, "good__echo")
	})
}
