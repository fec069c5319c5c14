package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/oauth"
)

// provider is an MCP server on a real loopback address, with an authorization server at another
// origin.
type provider struct {
	url, origin, issuer string
	// redirects are the redirect URIs that an operator registered. Nil means that clients register
	// themselves.
	redirects []string
	// onlyCalls means that only calls need a token.
	onlyCalls bool
	browser   *http.Client
	mcp       *mcptest.Server

	mu         sync.Mutex
	registered []string   // guarded by mu
	asked      url.Values // guarded by mu: the last authorization request
	tokens     []url.Values
}

// newProvider starts a provider. change may be nil.
func newProvider(t *testing.T, change func(p *provider, fronts ...*httptest.Server)) *provider {
	t.Helper()
	p := &provider{mcp: modern(), browser: &http.Client{}}
	resource, server := httptest.NewUnstartedServer(p), httptest.NewUnstartedServer(p)
	if change != nil {
		change(p, resource, server)
	}
	for _, front := range []*httptest.Server{resource, server} {
		if front.TLS != nil {
			front.StartTLS()
		} else {
			front.Start()
		}
	}
	t.Cleanup(func() {
		p.browser.CloseIdleConnections()
		resource.Close()
		server.Close()
		p.mcp.Close()
	})
	p.origin, p.url, p.issuer = resource.URL, resource.URL+"/mcp", server.URL
	return p
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/mcp" {
		if r.Header.Get("Authorization") != "Bearer sesame" && (!p.onlyCalls || r.Header.Get("Mcp-Method") == "tools/call") {
			w.Header().Set("WWW-Authenticate", "Bearer")
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		p.mcp.ServeHTTP(w, r)
		return
	}
	_ = r.ParseForm() // an invalid form counts as empty
	p.mu.Lock()
	defer p.mu.Unlock()
	switch r.URL.Path {
	case "/.well-known/oauth-protected-resource/mcp":
		fmt.Fprintf(w, `{"resource":%q,"authorization_servers":[%q],"scopes_supported":["drive.readonly"]}`, p.url, p.issuer)
	case "/.well-known/oauth-authorization-server":
		fmt.Fprintf(w, `{"issuer":%q,"authorization_endpoint":"%[1]s/authorize","token_endpoint":"%[1]s/token","code_challenge_methods_supported":["S256"]`, p.issuer)
		if p.redirects == nil {
			fmt.Fprintf(w, `,"registration_endpoint":"%s/register"`, p.issuer)
		}
		fmt.Fprint(w, `}`)
	case "/register":
		var client struct {
			Redirects []string `json:"redirect_uris"`
		}
		_ = json.NewDecoder(r.Body).Decode(&client) // an invalid body counts as empty
		p.registered = client.Redirects
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, `{"client_id":"registered"}`)
	case "/authorize":
		p.asked = r.Form
		back := r.Form.Get("redirect_uri")
		if !slices.Contains(append(p.redirects, p.registered...), back) {
			http.Error(w, "redirect_uri_mismatch", http.StatusBadRequest)
			return
		}
		http.Redirect(w, r, back+"?code=x&state="+url.QueryEscape(r.Form.Get("state")), http.StatusFound)
	case "/token":
		p.tokens = append(p.tokens, r.Form)
		refresh := ""
		if p.asked.Get("access_type") == "offline" {
			refresh = `,"refresh_token":"r"`
		}
		fmt.Fprintf(w, `{"access_token":"sesame","token_type":"Bearer","expires_in":3600%s}`, refresh)
	default:
		http.NotFound(w, r)
	}
}

// user returns a login in which the user consents, without a callback over the network.
func (p *provider) user() oauth.Login {
	return oauth.LoginFunc(func(ctx context.Context, flow oauth.Flow) error {
		page, err := flow.AuthorizationURL(ctx, "http://127.0.0.1:7777/callback")
		if err != nil {
			return err
		}
		browser := *p.browser
		browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, page, http.NoBody)
		if err != nil {
			return err
		}
		resp, err := browser.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		return flow.Complete(ctx, resp.Header.Get("Location"))
	})
}

var loginPageURL = regexp.MustCompile(`(?m)^  (https?://\S+)$`)

// login runs hawser login --no-browser and opens the printed page.
func (p *provider) login(t *testing.T, args ...string) result {
	t.Helper()
	return p.loginTo(t, p.url, args...)
}

// loginTo is login for a server that is named otherwise than by its URL.
func (p *provider) loginTo(t *testing.T, server string, args ...string) result {
	t.Helper()
	m := machine{stderr: new(buffer)}
	printed := m.stderr.await("code_challenge")
	done := make(chan result, 1)
	go func() { done <- m.hawser(t, append([]string{"login", server, "--no-browser"}, args...)...) }()
	select {
	case r := <-done:
		return r
	case <-printed:
	}
	page := loginPageURL.FindStringSubmatch(m.stderr.String())
	require.NotNil(t, page, m.stderr.String())
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, page[1], http.NoBody)
	require.NoError(t, err)
	resp, err := p.browser.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusOK, resp.StatusCode, page[1])
	return <-done
}

// Google's servers need a client ID and its secret, an exact redirect URI and access_type=offline.
// Only calls need a token. This is the example of README.md.
func TestProviderLikeGoogle(t *testing.T) {
	_, port, ok := strings.Cut(deadPort(t), ":")
	require.True(t, ok)
	callback := "http://localhost:" + port + "/oauth2callback"
	p := newProvider(t, func(p *provider, _ ...*httptest.Server) { p.onlyCalls, p.redirects = true, []string{callback} })
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	require.NoError(t, os.WriteFile(secret, []byte("GOCSPX-secret\n"), 0o600))
	store := []string{"--store", filepath.Join(dir, "tokens")}
	succeeds(t, append([]string{"tools", p.url}, store...)...)
	call := append([]string{"call", p.url, "brew", "tea=x"}, store...)
	r := hawser(t, call...)
	require.Equal(t, exitAuth, r.code, r.err)
	require.Contains(t, hintIn(r.err), " --client-id ID ")

	r = p.login(t, append(store, "--client-id", "me.apps.example.com", "--client-secret-file", secret,
		"--callback", callback, "--auth-param", "access_type=offline", "--auth-param", "prompt=consent")...)
	require.Equal(t, exitOK, r.code, r.err)
	require.Contains(t, r.out, "then renewed\n")
	for name, want := range map[string]string{
		"access_type": "offline", "prompt": "consent", "redirect_uri": callback, "client_id": "me.apps.example.com", "scope": "drive.readonly", "resource": p.url,
	} {
		require.Equal(t, []string{want}, p.asked[name], name)
	}
	require.Equal(t, callback, p.tokens[0].Get("redirect_uri"))
	require.NotContains(t, r.err+r.out, "GOCSPX")
	succeeds(t, call...)
}

// Without --callback, a registration gets a redirect path of its own. It stays in use.
func TestRedirectPathOfLogin(t *testing.T) {
	p := newProvider(t, nil)
	store := filepath.Join(t.TempDir(), "tokens")
	for range 2 {
		r := p.login(t, "--store", store)
		require.Equal(t, exitOK, r.code, r.err)
		require.Regexp(t, `^http://127\.0\.0\.1:\d+/callback/[0-9a-f]{24}$`, p.asked.Get("redirect_uri"))
		require.Equal(t, p.registered, p.asked["redirect_uri"])
	}
}

// --auth-param and --callback are checked before anything is sent.
func TestAuthorizationFlags(t *testing.T) {
	for _, c := range []struct {
		flags       []string
		cause, hint string
	}{
		{[]string{"--auth-param", "state=x"}, "--auth-param: parameter state is refused: the client sets it itself", paramHint},
		{[]string{"--auth-param", "Redirect.URI=x"}, "parameter Redirect.URI is refused", paramHint},
		{[]string{"--auth-param", "access_type"}, `invalid value "access_type" for --auth-param`, paramHint},
		{[]string{"--auth-param", "=x"}, "invalid parameter name", paramHint},
		{[]string{"--auth-param", "a=x", "--auth-param", "a=y"}, `invalid value "a=y"`, paramHint},
		{[]string{"--callback", "https://localhost:1/"}, "--callback: invalid callback", callbackHint},
		{[]string{"--callback", "http://example.com:1/"}, "not loopback", callbackHint},
	} {
		for _, command := range []string{"login", "tools"} {
			r := hawser(t, append([]string{command, "http://127.0.0.1:1/mcp"}, c.flags...)...)
			require.Equal(t, exitUsage, r.code, r.err)
			require.Contains(t, r.err, c.cause)
			require.Contains(t, r.err, "hint: "+c.hint+"\n")
		}
	}
	r := hawser(t, "login", "http://127.0.0.1:1/mcp", "--callback", "http://localhost:1/", "--port", "2")
	require.Equal(t, exitUsage, r.code)
	require.Contains(t, r.err, "--port and --callback exclude each other\nhint: omit --port")
}

// --cert, --key and --cacert also reach the authorization server. Without them, the login fails.
func TestCertificatesAtTheAuthorizationServer(t *testing.T) {
	cert, key, _ := certificate(t)
	pair, err := tls.LoadX509KeyPair(cert, key)
	require.NoError(t, err)
	config := func() *tls.Config {
		return &tls.Config{ClientAuth: tls.RequireAnyClientCert, MinVersion: tls.VersionTLS12}
	}
	var ca string
	p := newProvider(t, func(p *provider, fronts ...*httptest.Server) {
		for _, front := range fronts {
			front.TLS = config()
		}
		p.browser.Transport = &http.Transport{TLSClientConfig: &tls.Config{
			Certificates: []tls.Certificate{pair}, InsecureSkipVerify: true, // the browser of a test
		}}
	})
	front := httptest.NewTLSServer(p) // all of them have the same certificate
	ca = authority(t, front)
	front.Close()
	m, store := machine{login: p.user()}, filepath.Join(t.TempDir(), "tokens")
	r := m.hawser(t, "login", p.url, "--store", store, "--cacert", ca)
	require.NotEqual(t, exitOK, r.code)
	require.Empty(t, p.tokens)
	r = m.hawser(t, "login", p.url, "--store", store, "--cacert", ca, "--cert", cert, "--key", key)
	require.Equal(t, exitOK, r.code, r.err)
	require.Contains(t, r.out, p.issuer)
	require.Len(t, p.tokens, 1)
}
