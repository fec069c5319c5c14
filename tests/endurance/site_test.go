package endurance_test

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
)

// site is an address with an MCP server that fails from time to time. Each restart begins with a
// new server, which knows no session.
type site struct {
	w      *world
	addr   string
	era    mcptest.Era
	sse    bool
	locked bool // requests need a token

	mu     sync.Mutex
	dice   *rand.Rand      // guarded by mu
	srv    *mcptest.Server // guarded by mu; nil while the site is down
	stop   func()          // guarded by mu
	token  int             // guarded by mu: the number of the only valid token
	calm   bool            // guarded by mu: no faults
	events map[string]int  // guarded by mu: faults and restarts so far
}

func (s *site) url() string { return "http://" + s.addr + "/mcp" }

// start serves a new server.
func (s *site) start() {
	srv := mcptest.New(s.era)
	srv.SSE, srv.EventIDs, srv.PageSize = s.sse, s.sse, 2
	srv.Tools = []*mcptest.Tool{{Name: "pay", Run: s.work}, {Name: "look", Run: s.work}, {Name: "idle"}}
	srv.Intercept = s.intercept
	stop := mcptest.Serve(s.w.t, s.w.network.Listen(s.addr), srv)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.srv, s.stop = srv, stop
}

// kill ends the server with all its connections and calls.
func (s *site) kill() {
	s.mu.Lock()
	srv, stop := s.srv, s.stop
	s.srv = nil
	s.mu.Unlock()
	stop()
	srv.Close()
	require.Empty(s.w.t, srv.Violations(), "rules that the client broke")
}

// work is the tool of a site: it records that the call ran, reports progress, and takes up to 3 s.
// Some of its streams break.
func (s *site) work(ctx context.Context, c *mcptest.Call) (json.RawMessage, error) {
	var in struct{ N, Steps int }
	if err := json.Unmarshal(c.Arguments, &in); err != nil {
		s.w.t.Errorf("arguments %s: %v", c.Arguments, err)
	}
	s.w.book.execute(in.N)
	cut := -1
	if s.draw("cut", 12) == 0 {
		cut = in.Steps / 2
	}
	for i := range in.Steps {
		c.Progress(float64(i), float64(in.Steps), "working")
		if err := mcptest.Sleep(ctx, 300*time.Millisecond); err != nil {
			return nil, err
		}
		if i == cut {
			c.Cut(in.N%2 == 0)
		}
	}
	return mcptest.Text("call " + strconv.Itoa(in.N)), nil
}

// draw returns a number below limit. It counts what as having happened if the number is 0. While
// the site is calm, it returns limit.
func (s *site) draw(what string, limit int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calm {
		return limit
	}
	n := s.dice.IntN(limit)
	if n == 0 {
		s.events[what]++
	}
	return n
}

// intercept refuses requests without the valid token, and a few others.
func (s *site) intercept(w http.ResponseWriter, r *http.Request, _ *mcptest.Message) bool {
	s.mu.Lock()
	valid := "Bearer " + strconv.Itoa(s.token)
	s.mu.Unlock()
	switch {
	case s.locked && r.Header.Get("Authorization") != valid:
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		w.WriteHeader(http.StatusUnauthorized)
	case s.draw("429", 60) == 0:
		w.Header().Set("Retry-After", "2")
		w.WriteHeader(http.StatusTooManyRequests)
	case s.draw("503", 60) == 0:
		w.WriteHeader(http.StatusServiceUnavailable)
	case s.draw("lost connection", 60) == 0:
		panic(http.ErrAbortHandler)
	default:
		return false
	}
	return true
}

// trouble causes a fault every few seconds or minutes until stop is closed. The site is up then.
func (s *site) trouble(stop <-chan struct{}) {
	for {
		s.mu.Lock()
		pause := time.Duration(s.dice.Int64N(int64(90 * time.Second)))
		s.mu.Unlock()
		select {
		case <-stop:
			return
		case <-time.After(pause):
		}
		s.fail()
	}
}

// fail causes one fault. A restart takes up to 20 s.
func (s *site) fail() {
	s.mu.Lock()
	srv, what, down := s.srv, s.dice.IntN(6), time.Duration(s.dice.Int64N(int64(20*time.Second)))
	names := []string{"restart", "lost sessions", "cut streams", "ended subscriptions", "new token", "changed list"}
	s.events[names[what]]++
	if what == 4 {
		s.token++
	}
	s.mu.Unlock()
	switch what {
	case 0:
		s.kill()
		time.Sleep(down)
		s.start()
	case 1:
		srv.LoseSessions()
	case 2:
		srv.CutSharedStreams(down < 10*time.Second)
	case 3:
		srv.EndSubscriptions()
	case 5:
		srv.Notify("notifications/tools/list_changed", nil)
		srv.Notify("notifications/resources/updated", map[string]any{"uri": "r:/x"})
	}
}

// rest turns faults off or on.
func (s *site) rest(calm bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calm = calm
	if calm && s.srv != nil {
		s.srv.Reset() // the server records every request
	}
}

// visitor is the authorizer of a session with a locked site.
type visitor struct {
	s  *site
	mu sync.Mutex
	// token is attached to each request; guarded by mu.
	token int
	// renewed is when the token was obtained; guarded by mu.
	renewed time.Time
}

// RoundTripper implements mcpclient.Authorizer.
func (v *visitor) RoundTripper(base http.RoundTripper) http.RoundTripper {
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		v.mu.Lock()
		token := v.token
		v.mu.Unlock()
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer "+strconv.Itoa(token))
		return base.RoundTrip(r)
	})
}

// Authorize implements mcpclient.Authorizer. A new token takes 200 ms.
func (v *visitor) Authorize(ctx context.Context, _ string, _ int, _ http.Header, began time.Time) error {
	v.mu.Lock()
	newer := v.renewed.After(began)
	v.mu.Unlock()
	if newer {
		return nil
	}
	if err := mcptest.Sleep(ctx, 200*time.Millisecond); err != nil {
		return err
	}
	v.s.mu.Lock()
	token := v.s.token
	v.s.events["renewed token"]++
	v.s.mu.Unlock()
	v.mu.Lock()
	defer v.mu.Unlock()
	v.token, v.renewed = token, time.Now()
	return nil
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
