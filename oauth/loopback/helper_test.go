package loopback

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hawser-mcp/hawser/internal/memnet"
	"github.com/hawser-mcp/hawser/oauth"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const goodState = "STATE"

// script is an oauth.Flow. A callback belongs to it if its state is goodState.
type script struct {
	last     string                          // the redirect URI of the last login
	page     string                          // the authorization URL; empty means the usual one
	pageErr  error                           // the error of AuthorizationURL
	exchange func(ctx context.Context) error // called for each callback that belongs to this flow; nil means success

	mu        sync.Mutex
	redirect  string   // guarded by mu: the argument of AuthorizationURL
	callbacks []string // guarded by mu
}

func (s *script) Resource() string    { return "https://mcp.example.com/mcp" }
func (s *script) RedirectURI() string { return s.last }

func (s *script) AuthorizationURL(_ context.Context, redirectURI string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.redirect = redirectURI
	if s.page != "" || s.pageErr != nil {
		return s.page, s.pageErr
	}
	return "https://auth.example.com/authorize?state=" + goodState + "&redirect_uri=" + url.QueryEscape(redirectURI), nil
}

func (s *script) Complete(ctx context.Context, callbackURL string) error {
	s.mu.Lock()
	s.callbacks = append(s.callbacks, callbackURL)
	s.mu.Unlock()
	u, err := url.Parse(callbackURL)
	switch {
	case err != nil || u.Query().Get("state") != goodState:
		return fmt.Errorf("%w: wrong state", oauth.ErrForeignCallback)
	case s.exchange != nil:
		return s.exchange(ctx)
	}
	return nil
}

func (s *script) completed() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.callbacks...)
}

// login is a login in progress.
type login struct {
	t        *testing.T
	flow     *script
	redirect string // set once the browser was opened
	browser  *http.Client
	printed  *buffer
	result   chan error
}

// start begins a login on a real loopback address and waits until the browser is opened.
func start(ctx context.Context, t *testing.T, l *Login, flow *script) *login {
	t.Helper()
	opened := make(chan string, 1)
	g := &login{t: t, flow: flow, printed: new(buffer), result: make(chan error, 1)}
	g.browser = browserOf(t, &http.Transport{})
	if l.Open == nil {
		l.Open = func(_ context.Context, page string) error {
			opened <- page
			return nil
		}
	}
	l.Out = g.printed
	go func() { g.result <- l.Login(ctx, flow) }()
	page, err := url.Parse(<-opened)
	require.NoError(t, err)
	g.redirect = page.Query().Get("redirect_uri")
	return g
}

// startInMemory begins a login at 127.0.0.1:7777 on a network in memory.
func startInMemory(ctx context.Context, t *testing.T, l *Login, flow *script) (*login, *memnet.Network) {
	t.Helper()
	network := memnet.New()
	g := &login{t: t, flow: flow, redirect: "http://127.0.0.1:7777/callback", printed: new(buffer), result: make(chan error, 1)}
	g.browser = browserOf(t, &http.Transport{DialContext: network.DialContext})
	l.Out = g.printed
	if l.Open == nil {
		l.Open = func(context.Context, string) error { return nil }
	}
	redirect, err := url.Parse(g.redirect)
	require.NoError(t, err)
	listeners := []net.Listener{network.Listen(redirect.Host)}
	go func() { g.result <- l.receive(ctx, flow, listeners, redirect) }()
	return g, network
}

// browserOf returns an HTTP client that acts as the browser. It follows redirects.
func browserOf(t *testing.T, transport *http.Transport) *http.Client {
	t.Helper()
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// shown is a page that a browser shows.
type shown struct {
	status  int
	address *url.URL
	header  http.Header
	body    string
}

// visit opens an address in the browser.
func (g *login) visit(address string) shown {
	g.t.Helper()
	return g.do(http.MethodGet, address, "")
}

// do sends a request. If host is not empty, it replaces the host of the address.
func (g *login) do(method, address, host string) shown {
	g.t.Helper()
	req, err := http.NewRequestWithContext(g.t.Context(), method, address, http.NoBody)
	require.NoError(g.t, err)
	req.Host = host
	resp, err := g.browser.Do(req)
	require.NoError(g.t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(g.t, err)
	return shown{resp.StatusCode, resp.Request.URL, resp.Header, string(body)}
}

// comeBack opens the redirect URI with a valid callback, as the browser does after the login.
func (g *login) comeBack() shown {
	g.t.Helper()
	return g.visit(g.redirect + "?code=SECRET&state=" + goodState)
}

// origin returns the host and port that the login listens on.
func (g *login) origin() string {
	u, _ := url.Parse(g.redirect) // no error: it was parsed before
	return u.Host
}

// isFree checks that the login's port is free.
func (g *login) isFree() {
	g.t.Helper()
	ln, err := net.Listen("tcp", g.origin())
	require.NoError(g.t, err)
	require.NoError(g.t, ln.Close())
}

// goesOn completes the login, which shows that it was still in progress.
func (g *login) goesOn() {
	g.t.Helper()
	select {
	case err := <-g.result:
		g.t.Fatalf("the login ended: %v", err)
	default:
	}
	require.Equal(g.t, http.StatusOK, g.comeBack().status)
	require.NoError(g.t, <-g.result)
}

// buffer is a bytes.Buffer that is safe for concurrent use.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer // guarded by mu
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// keepsSecrets checks that a page shows nothing from the callback.
func (s shown) keepsSecrets(t *testing.T) {
	t.Helper()
	for _, secret := range []string{"SECRET", goodState, "state", "code="} {
		require.NotContains(t, s.body, secret)
		require.NotContains(t, s.address.RawQuery, secret)
		require.NotContains(t, strings.Join(s.header.Values("Location"), " "), secret)
	}
}
