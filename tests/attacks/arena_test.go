// Package attacks_test plays attacks on an MCP session with authorization: by hostile resources,
// authorization servers and third parties. SECURITY.md lists the attacks and their tests.
package attacks_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hawser-mcp/hawser/internal/authtest"
	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/oauth"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	redirectURI  = "http://127.0.0.1:7777/callback"
	secretCookie = "node=SECRETcookie"
	secretHeader = "SECRETheader"
)

// gate is a handler that an attack can replace for single requests.
type gate struct {
	honest http.Handler

	mu     sync.Mutex
	attack func(w http.ResponseWriter, r *http.Request) bool // guarded by mu; reports whether it answered
}

// ServeHTTP implements http.Handler.
func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	attack := g.attack
	g.mu.Unlock()
	if attack == nil || !attack(w, r) {
		g.honest.ServeHTTP(w, r)
	}
}

func (g *gate) set(attack func(w http.ResponseWriter, r *http.Request) bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.attack = attack
}

// arena is a protected MCP server with its authorization server, and a third origin that must
// receive nothing.
type arena struct {
	*authtest.World

	browser  *authtest.World // the user's browser, which uses the network of this process
	mcp      *mcptest.Server
	resource gate   // in front of the MCP server
	server   gate   // in front of the authorization server
	spy      string // the third origin
	client   *oauth.Client
	session  *mcpclient.Session

	mu      sync.Mutex
	spied   []string // guarded by mu: requests to the third origin
	visited int      // guarded by mu: pages that the user opened
}

// ways are the transports of the attacked client.
var ways = map[string]func(w *authtest.World){
	"direct": func(*authtest.World) {},
	"agent":  func(w *authtest.World) { w.Transport = w.Agent(false) },
}

// play runs a test in a new arena, once for each way.
func play(t *testing.T, name string, cfg oauth.Config, test func(t *testing.T, a *arena)) {
	t.Helper()
	for way, open := range ways {
		t.Run(name+"/"+way, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newArena(t, cfg)
				open(a.World)
				test(t, a)
			})
		})
	}
}

func newArena(t *testing.T, cfg oauth.Config) *arena {
	t.Helper()
	a := &arena{World: authtest.New(t), mcp: mcptest.New(mcptest.Legacy)}
	a.mcp.Tools = []*mcptest.Tool{{Name: "act"}}
	a.mcp.CanSubscribe = false
	a.resource.honest = a.Resource
	a.server.honest = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Set-Cookie", "evil=1; Path=/; Domain=127.0.0.1")
		a.Server.ServeHTTP(w, r)
	})
	a.Resource.Origin = a.Serve(&a.resource)
	a.Resource.URL = a.Resource.Origin + "/mcp"
	a.Server.Issuer = a.Serve(&a.server)
	a.Server.Change(func(s *authtest.Script) { s.Refresh, s.Lifetime = true, time.Hour })
	a.Resource.Change(func(s *authtest.ResourceScript) {
		s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Set-Cookie", secretCookie+"; Path=/; Domain=127.0.0.1")
			a.mcp.ServeHTTP(w, r)
		})
	})
	spy := http.HandlerFunc(a.overhear)
	a.spy = a.Serve(spy)
	for _, origin := range []string{a.Resource.Origin, a.Server.Issuer} { // the same ports at another address
		_, port, _ := strings.Cut(origin, "127.0.0.1")
		t.Cleanup(mcptest.Serve(t, a.Network.Listen("127.0.0.2"+port), spy))
	}
	cfg.Login = oauth.LoginFunc(a.login)
	here := *a.World
	a.browser = &here
	t.Cleanup(func() { _ = here.Transport.Close() }) // always returns nil
	if cfg.Transport == (direct{}) {
		cfg.Transport = here.Transport
	}
	var err error
	a.client, err = oauth.NewClient(a.Resource.URL, &cfg)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, a.client.Close())
		a.mcp.Close()
	})
	return a
}

// direct is a Config.Transport that stands for the network of this process, whatever the session
// uses.
type direct struct{ http.RoundTripper }

// overhear records a request and answers as if it were everything that a client may look for.
func (a *arena) overhear(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm() // an invalid form counts as empty
	a.mu.Lock()
	a.spied = append(a.spied, fmt.Sprint(r.Method, r.URL, r.Header, r.Form))
	a.mu.Unlock()
	w.Header().Set("Set-Cookie", "evil=1")
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"issuer":%[1]q,"authorization_endpoint":"%[1]s/authorize","token_endpoint":"%[2]s/token","registration_endpoint":"%[2]s/register",
		"code_challenge_methods_supported":["S256"],"resource":%[3]q,"authorization_servers":[%[1]q],
		"client_id":"evil","access_token":"evil","token_type":"Bearer"}`, a.Server.Issuer, a.spy, a.Resource.URL)
}

// login is the user, who agrees to everything.
func (a *arena) login(ctx context.Context, flow oauth.Flow) error {
	page, err := flow.AuthorizationURL(ctx, redirectURI)
	if err != nil {
		return err
	}
	a.mu.Lock()
	a.visited++
	a.mu.Unlock()
	callback, err := a.browser.Visit(ctx, page)
	if err != nil {
		return err
	}
	if err := flow.Complete(ctx, callback); !errors.Is(err, oauth.ErrForeignCallback) {
		return err
	}
	<-ctx.Done()
	return context.Cause(ctx)
}

// connect starts a session. Its requests carry a secret header and, after the first response, a
// cookie and a session ID.
func (a *arena) connect(t *testing.T) error {
	t.Helper()
	var err error
	a.session, err = mcpclient.Connect(t.Context(), a.Resource.URL, &mcpclient.Options{
		Transport: a.Transport, Auth: a.client, Header: http.Header{"X-Api-Key": {secretHeader}},
		Handlers: mcpclient.Handlers{ToolsChanged: func(context.Context, *mcpclient.Session) {}}, // opens the shared stream
	})
	return err
}

// run does all that a client does in its life: it connects, calls a tool, refreshes its token, logs
// in again, logs out and closes. Any step may fail.
func (a *arena) run(t *testing.T) {
	t.Helper()
	if a.connect(t) == nil {
		_, _ = a.session.CallTool(t.Context(), "act", nil)
		a.Server.RevokeAll(false)
		_, _ = a.session.CallTool(t.Context(), "act", nil)
		_ = a.client.Login(t.Context())
		_ = a.session.Close()
	}
	_ = a.client.Logout(t.Context())
}

// check checks that the third origin received nothing, that the authorization server received
// nothing that is for the resource, and the other way round.
func (a *arena) check(t *testing.T) {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	require.Empty(t, a.spied, "requests to the third origin")
	for _, r := range a.Server.Requests("") {
		text := fmt.Sprint(r.Header, r.Form)
		for _, secret := range []string{"SECRETcookie", secretHeader, "Mcp-Session-Id", "Bearer ", "evil=1"} {
			require.NotContains(t, text, secret, "sent to the authorization server: %v", r)
		}
	}
	for _, r := range a.Resource.Requests() {
		text := fmt.Sprint(r.Header, r.Form)
		for _, secret := range []string{"SECRETcode", "code_verifier", "refresh_token", "client_secret", "evil=1", "Bearer evil"} {
			require.NotContains(t, text, secret, "sent to the resource: %v", r)
		}
	}
}

// at returns a filter of requests by method and path. An empty path means any.
func at(method, path string) func(r *http.Request) bool {
	return func(r *http.Request) bool {
		return r.Method == method && (path == "" || strings.HasPrefix(r.URL.Path, path))
	}
}

// escapes are targets of redirects that are not at the origin of the request.
func (a *arena) escapes(from string) map[string]string {
	host := strings.TrimPrefix(from, "http://")
	return map[string]string{
		"port":     a.spy + "/mcp",
		"relative": strings.TrimPrefix(a.spy, "http:") + "/mcp",
		"scheme":   "https://" + host + "/mcp",
		"userinfo": "http://" + url.PathEscape(host) + "@" + strings.TrimPrefix(a.spy, "http://") + "/mcp",
		"address":  strings.Replace(from, "127.0.0.1", "127.0.0.2", 1) + "/mcp",
	}
}
