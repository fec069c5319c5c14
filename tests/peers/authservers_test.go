package peers_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/hawser-mcp/hawser/tests/peers/peer"
)

// authServer is a third-party authorization server, and what the tests expect of it.
type authServer struct {
	name string // as in docs/compatibility.md
	pkg  string // npm package or Go module whose version is shown
	// start starts the server for tokens of a resource.
	start func(tb testing.TB, resource string) *peer.AuthServer
	// flags are the flags that `hawser login` needs beyond the defaults.
	flags []string
	// base and more are scopes that the server grants.
	base, more string
	// pages are what the user does in the browser until the server redirects back.
	pages []chromedp.Action
	// proxy means that the server is a proxy of another one in the table.
	proxy bool
	// lost is the text of the page that the user sees if the client uses a registration that the
	// server has forgotten. It is empty if the client learns of that before the login.
	lost string
	// inspect asks the server about an access token. It returns nil if the token is invalid.
	inspect func(t *testing.T, server *peer.AuthServer, token string) *tokenInfo
	// na maps each feature that the server does not offer to the reason. The test checks that the
	// server really does not offer it.
	na map[authFeature]string
}

// tokenInfo is what an authorization server says about an access token.
type tokenInfo struct {
	scopes   []string
	audience string // the resource; "" if the server names none
}

// authFeature is a column in docs/compatibility.md.
type authFeature string

const (
	registers authFeature = "registration"
	binds     authFeature = "resource indicators"
	refreshes authFeature = "refresh, twice"
	stepsUp   authFeature = "step-up"
	revokes   authFeature = "revocation"
)

var authFeatures = []authFeature{registers, binds, refreshes, stepsUp, revokes}

const (
	oidcResource = "resource" // the client of oidc-provider that inspects tokens
	oidcSecret   = "a secret of the resource"
)

var authServers = []authServer{
	{
		name: "oidc-provider", pkg: "oidc-provider", base: resourceScope, more: "mcp:admin",
		start: func(tb testing.TB, _ string) *peer.AuthServer {
			return peer.StartOIDC(tb, peer.OIDCSettings{Opaque: true, Clients: []map[string]any{{
				"client_id": oidcResource, "client_secret": oidcSecret, "token_endpoint_auth_method": "client_secret_post",
				"grant_types": []string{}, "response_types": []string{}, "redirect_uris": []string{},
			}}})
		},
		pages: []chromedp.Action{
			chromedp.SendKeys(`input[name="login"]`, "ada", chromedp.ByQuery),
			chromedp.SendKeys(`input[name="password"]`, "countess", chromedp.ByQuery),
			chromedp.Click(`button[type="submit"]`, chromedp.ByQuery),
			chromedp.WaitVisible(`//*[contains(text(), "Authorize")]`, chromedp.BySearch),
			chromedp.Click(`button[type="submit"]`, chromedp.ByQuery),
		},
		inspect: func(t *testing.T, server *peer.AuthServer, token string) *tokenInfo {
			return introspect(t, server.Issuer+"/token/introspection", url.Values{"token": {token}, "client_id": {oidcResource}, "client_secret": {oidcSecret}})
		},
	},
	{
		name: "zitadel/oidc, example provider", pkg: "github.com/zitadel/oidc/v3", base: "openid", more: "custom_scope",
		flags: []string{"--client-id", peer.ZitadelClient},
		start: func(tb testing.TB, _ string) *peer.AuthServer {
			return peer.StartZitadel(tb, "http://127.0.0.1/callback")
		},
		pages:   zitadelPages,
		inspect: zitadelToken,
		na: map[authFeature]string{
			registers: "clients are configured in the program",
			binds:     "the server ignores the parameter resource; its tokens name no resource",
		},
	},
	{
		name: "TypeScript SDK, demo server", pkg: "@modelcontextprotocol/sdk", base: resourceScope, more: "mcp:admin",
		start: peer.StartSDKDemo, // redirects back at once, without a page
		lost:  "Invalid client_id",
		inspect: func(t *testing.T, server *peer.AuthServer, token string) *tokenInfo {
			return introspect(t, server.Issuer+"introspect", url.Values{"token": {token}})
		},
		na: map[authFeature]string{
			refreshes: "the server issues no refresh tokens, although its metadata lists the grant",
			revokes:   "the demo provider has no method for it, so its metadata names no endpoint",
		},
	},
	{
		name: "TypeScript SDK, proxy before zitadel/oidc", pkg: "@modelcontextprotocol/sdk", base: "openid", more: "custom_scope",
		proxy: true,
		flags: []string{"--client-id", peer.ZitadelClient},
		start: func(tb testing.TB, _ string) *peer.AuthServer {
			upstream := peer.StartZitadel(tb, zitadelRedirect)
			return peer.StartSDKProxy(tb, upstream, peer.ZitadelClient, zitadelRedirect, "openid offline_access custom_scope")
		},
		pages: zitadelPages,
		inspect: func(t *testing.T, server *peer.AuthServer, token string) *tokenInfo {
			return zitadelToken(t, server.Upstream, token)
		},
		na: map[authFeature]string{
			registers: "the proxy registers clients only if the other server does",
			binds:     "the other server ignores the parameter resource",
		},
	},
}

const zitadelRedirect = "http://127.0.0.1/callback" // with any port

var zitadelPages = []chromedp.Action{
	chromedp.SendKeys(`input[name="username"]`, "test-user@127.0.0.1", chromedp.ByQuery),
	chromedp.SendKeys(`input[name="password"]`, "verysecure", chromedp.ByQuery),
	chromedp.Click(`button[type="submit"]`, chromedp.ByQuery),
}

// zitadelToken asks zitadel/oidc about the user of an access token. What the answer contains shows
// the scopes.
func zitadelToken(t *testing.T, server *peer.AuthServer, token string) *tokenInfo {
	t.Helper()
	var user struct {
		Subject string         `json:"sub"`
		Custom  map[string]any `json:"custom_claim"`
	}
	fetchJSON(t, server.Issuer+"userinfo", nil, token, &user)
	switch {
	case user.Subject == "":
		return nil
	case user.Custom != nil:
		return &tokenInfo{scopes: []string{"openid", "custom_scope"}}
	}
	return &tokenInfo{scopes: []string{"openid"}}
}

// A user logs in at each authorization server with the command line and a browser. hawser then
// uses, refreshes, widens and revokes the token.
func TestAuthorizationServers(t *testing.T) {
	program := hawserAgainst(t, "").path
	for _, s := range authServers {
		t.Run(s.name, func(t *testing.T) {
			a := startAuthServer(t, &s)
			cli := hawserCLI{program, a.resource.URL}
			store := []string{"--store", filepath.Join(t.TempDir(), "tokens")}
			again := []string{"hint: hawser login " + a.resource.URL}
			echo := hawserRun{args: []string{`{"a":1}`}, out: []string{`{"a":1}`}}
			call := func(tool string, run hawserRun) {
				t.Helper()
				cli.check(t, run, "call", append([]string{tool}, store...)...)
			}
			login := func(more ...string) string {
				t.Helper()
				return logInWith(t, cli, slices.Concat(store, s.flags, more), a.visit)
			}

			cli.check(t, hawserRun{args: store, code: 5, err: again}, "tools")
			a.checkRegistration(t, cli, store)
			expectParts(t, login(), "logged in to "+a.resource.URL, a.server.Issuer, s.base)
			refreshable := fmt.Sprintf(`"refreshable":%t`, s.na[refreshes] == "")
			cli.check(t, hawserRun{args: append(store, "--json"), out: []string{refreshable}}, "whoami")
			call("echo", echo)
			a.checkAudience(t)
			for range 2 { // a server that rotates refresh tokens accepts each only once
				a.resource.refuseSeen()
				if s.na[refreshes] == "" {
					call("echo", echo)
					continue
				}
				call("echo", hawserRun{args: []string{"{}"}, code: 5, err: again})
				login()
				call("echo", echo)
			}

			widen := hinted(t, cli, "call", slices.Concat([]string{"admin", "{}"}, store)...)
			if i := slices.Index(widen, "ID"); i >= 0 { // the user replaces the placeholder of the hint
				widen[i] = peer.ZitadelClient
			} else if s.na[registers] != "" { // the hint then names the client of the stored token
				widen = hinted(t, cli, "login", slices.Concat(widen, store, []string{"--no-browser"})...)
			}
			expectParts(t, logInWith(t, cli, slices.Concat(widen, store), a.visit), s.base, s.more)
			call("admin", hawserRun{args: []string{`{"b":2}`}, out: []string{`{"b":2}`}})
			call("echo", echo)
			a.forgetAll(t, cli, store)
			call("echo", hawserRun{args: []string{"{}"}, code: 5, err: again})
			if s.lost != "" {
				a.loseLogin(t, cli, store)
			}
			login()
			call("echo", echo)
			cli.check(t, hawserRun{args: store, err: []string{"logged out of " + a.resource.URL}}, "logout")
			a.checkRevoked(t)
			cli.check(t, hawserRun{args: store, code: 5, err: []string{"not logged in"}}, "whoami")
			call("echo", hawserRun{args: []string{"{}"}, code: 5})
		})
	}
}

// A proxy lets the user log in at another server, which names itself in the callback (RFC 9207). That
// looks like a mix-up of two servers, so hawser does not redeem the code. The error names both.
func TestProxyBeforeAServerThatNamesItself(t *testing.T) {
	s := authServers[0] // oidc-provider
	upstream := peer.StartOIDC(t, peer.OIDCSettings{Clients: []map[string]any{{
		"client_id": peer.ZitadelClient, "application_type": "native", "token_endpoint_auth_method": "none",
		"grant_types": []string{"authorization_code"}, "response_types": []string{"code"}, "redirect_uris": []string{zitadelRedirect},
	}}})
	s.start = func(tb testing.TB, _ string) *peer.AuthServer {
		return peer.StartSDKProxy(tb, upstream, peer.ZitadelClient, zitadelRedirect, s.base)
	}
	a := startAuthServer(t, &s)
	l := beginLogin(t, hawserAgainst(t, a.resource.URL), []string{"--store", filepath.Join(t.TempDir(), "tokens"), "--client-id", peer.ZitadelClient})
	final, err := a.visit(l.page)
	if err != nil {
		t.Fatalf("browser: %v", err)
	}
	expectParts(t, final, "The sign-in failed", "cannot be trusted")
	expectParts(t, <-l.rest, "from another authorization server (iss)", fmt.Sprintf("expected %q, got %q", a.server.Issuer, upstream.Issuer))
	if code := exitCode(t, l.cmd.Wait()); code != 5 {
		t.Errorf("got exit code %d, expected 5", code)
	}
	if strings.Contains(upstream.Log(), "grant.success") {
		t.Errorf("the code was redeemed:\n%s", upstream.Log())
	}
}

// runningAuthServer is an authorization server and a resource that trusts it.
type runningAuthServer struct {
	*authServer

	server   *peer.AuthServer
	resource *guarded
	browser  context.Context //nolint:containedctx // chromedp represents browsers as contexts
}

func startAuthServer(t *testing.T, s *authServer) *runningAuthServer {
	t.Helper()
	a := &runningAuthServer{authServer: s, resource: startGuarded(t, s.base, s.more)}
	a.server = s.start(t, a.resource.URL)
	a.resource.trust(a.server.Issuer, func(token string) []string {
		if info := s.inspect(t, a.server, token); info != nil {
			return info.scopes
		}
		return nil
	})
	a.browser = peer.Browser(t)
	return a
}

// visit plays the user in the browser, without the cookies of earlier logins. It returns the text of
// the last page.
func (a *runningAuthServer) visit(page string) (final string, err error) {
	err = chromedp.Run(a.browser, slices.Concat([]chromedp.Action{network.ClearBrowserCookies(), chromedp.Navigate(page)}, a.pages, []chromedp.Action{
		chromedp.WaitVisible(`main`, chromedp.ByQuery), // the page of package loopback
		chromedp.Text(`body`, &final, chromedp.ByQuery),
	})...)
	return final, err
}

// forgetAll makes the server forget tokens and registered clients. Behind a proxy, it waits until
// hawser notices.
func (a *runningAuthServer) forgetAll(t *testing.T, cli hawserCLI, args []string) {
	t.Helper()
	if a.server.Upstream != nil {
		a.server.Upstream.Restart()
		outlast(t, cli, args)
		return
	}
	a.server.Restart()
}

// outlast calls a tool until hawser no longer takes the 500s of the proxy, which knows no better answer
// to a forgotten refresh token, for a temporary fault: after five of them over at least 15 s.
func outlast(t *testing.T, cli hawserCLI, args []string) {
	t.Helper()
	for calls := 1; ; calls++ {
		switch code := exitCode(t, cli.command(t, "call", append([]string{"echo", "{}"}, args...)...).Run()); {
		case code == 5:
			return
		case code != 3 || calls == 20:
			t.Fatalf("call %d: got exit code %d", calls, code)
		}
	}
}

// loseLogin runs a login whose page reports an unknown client and leads nowhere, so the user gives
// up.
func (a *runningAuthServer) loseLogin(t *testing.T, cli hawserCLI, args []string) {
	t.Helper()
	l := beginLogin(t, cli, args)
	var page string
	if err := chromedp.Run(a.browser, chromedp.Navigate(l.page), chromedp.Text(`body`, &page, chromedp.ByQuery)); err != nil {
		t.Fatalf("browser: %v", err)
	}
	if err := l.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	expectParts(t, page, a.lost)
	expectParts(t, l.told+<-l.rest, "press Ctrl-C and log in again", "cancelled")
	if code := exitCode(t, l.cmd.Wait()); code != 130 {
		t.Errorf("got exit code %d, expected 130", code)
	}
}

// checkRegistration checks that a login without the server's flags fails with a hint that names
// them, if the server needs any.
func (a *runningAuthServer) checkRegistration(t *testing.T, cli hawserCLI, store []string) {
	t.Helper()
	if (len(a.flags) == 0) != (a.na[registers] == "") {
		t.Errorf("the flags %q do not match the reason %q", a.flags, a.na[registers])
	}
	if a.na[registers] != "" {
		cli.check(t, hawserRun{args: append(store, "--no-browser"), code: 5, err: []string{"does not register clients", "hint: ", a.flags[0]}}, "login")
	}
}

// checkAudience checks whether the last token is for the resource alone.
func (a *runningAuthServer) checkAudience(t *testing.T) {
	t.Helper()
	want := a.resource.URL
	if a.na[binds] != "" {
		want = ""
	}
	if info := a.inspect(t, a.server, a.lastToken(t)); info == nil || info.audience != want {
		t.Errorf("the token is %+v, expected one for %q", info, want)
	}
}

// checkRevoked checks whether the last token has become invalid at the server.
func (a *runningAuthServer) checkRevoked(t *testing.T) {
	t.Helper()
	if info := a.inspect(t, a.server, a.lastToken(t)); (info == nil) != (a.na[revokes] == "") {
		t.Errorf("after the logout the token is %+v; reason for no revocation: %q", info, a.na[revokes])
	}
}

func (a *runningAuthServer) lastToken(t *testing.T) string {
	t.Helper()
	tokens := a.resource.tokens()
	if len(tokens) == 0 {
		t.Fatal("the resource received no token")
	}
	return tokens[len(tokens)-1]
}

var hintedLogin = regexp.MustCompile(`hint: .*hawser login \S+ (--.*)\n`)

// hinted runs a command that fails for lack of authorization. It returns the flags of the login that
// the hint proposes.
func hinted(t *testing.T, cli hawserCLI, command string, args ...string) []string {
	t.Helper()
	cmd := cli.command(t, command, args...)
	var complaints strings.Builder
	cmd.Stderr = &complaints
	code := exitCode(t, cmd.Run())
	found := hintedLogin.FindStringSubmatch(complaints.String())
	if code != 5 || found == nil {
		t.Fatalf("%q: got exit code %d and no hint with flags:\n%s", cmd.Args[1:], code, complaints.String())
	}
	return strings.Fields(found[1])
}

// introspect asks an authorization server about a token (RFC 7662).
func introspect(t *testing.T, endpoint string, form url.Values) *tokenInfo {
	t.Helper()
	var answer struct {
		Active     bool
		Scope, Aud string
	}
	fetchJSON(t, endpoint, form, "", &answer)
	if !answer.Active {
		return nil
	}
	return &tokenInfo{strings.Fields(answer.Scope), answer.Aud}
}

// fetchJSON sends a POST with the form or, if it is nil, a GET. It reads the response into answer,
// unless the server refuses the request.
func fetchJSON(t *testing.T, endpoint string, form url.Values, token string, answer any) {
	t.Helper()
	method, body := http.MethodGet, io.Reader(http.NoBody)
	if form != nil {
		method, body = http.MethodPost, strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(t.Context(), method, endpoint, body)
	if err != nil {
		t.Error(err)
		return
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		t.Error(err)
		return
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return
	}
	if err := json.NewDecoder(resp.Body).Decode(answer); err != nil {
		t.Error(err)
	}
}

func expectParts(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in:\n%s", part, text)
		}
	}
}
