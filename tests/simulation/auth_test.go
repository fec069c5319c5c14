package simulation_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/hawser-mcp/hawser/oauth"
)

const (
	authAddr    = "127.0.0.1:9000"
	issuer      = "http://" + authAddr
	redirectURI = "http://127.0.0.1:7777/callback"
)

// authServer is the authorization server of the endpoint. It accepts each refresh token once.
type authServer struct {
	s *server

	mu      sync.Mutex // guards the fields below
	serial  int
	access  map[string]time.Time // expiry of each access token
	refresh map[string]bool
}

func newAuthServer(s *server) *authServer {
	return &authServer{s: s, access: map[string]time.Time{}, refresh: map[string]bool{}}
}

// serve answers the requests of one connection.
func (a *authServer) serve(c net.Conn) {
	buffered := bufio.NewReader(c)
	for {
		r, err := http.ReadRequest(buffered)
		if err != nil {
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil || !a.handle(&exchange{server: a.s, w: &writer{c: c, s: a.s}, r: r, body: body}) {
			return
		}
	}
}

func (a *authServer) handle(v *exchange) bool {
	v.actor = strings.TrimPrefix(v.r.URL.Path, "/")
	if v.try = v.next(v.actor); v.try <= len(v.h.Other[v.actor]) && !v.isGood() {
		v.script = v.h.Other[v.actor][v.try-1]
	}
	v.j.logf(v.actor, "%s, try %d: %v", v.r.Method, v.try, v.script)
	if v.r.Header.Get("Authorization") != "" || v.r.Header.Get(secretHeader) != "" {
		v.j.breachf("secret sent to a foreign origin", 0, "%s %s", v.r.Method, v.r.URL)
	}
	if !v.sleep(v.script.Wait.D() + v.moment()) {
		return false
	}
	v.w.cut, v.w.by = v.script.Cut, v.script.CutBy
	switch v.script.How {
	case "status":
		return v.w.write(plain(v.script.Status, v.script.Header, "text/plain", "gateway"))
	case "reset", "eof", "hang":
		return v.fail(v.script.How)
	}
	switch v.actor {
	case ".well-known/oauth-authorization-server":
		return v.w.write(plain(200, "", typeJSON, fmt.Sprintf(`{"issuer":%q,"authorization_endpoint":%q,"token_endpoint":%q,`+
			`"registration_endpoint":%q,"code_challenge_methods_supported":["S256"],"response_types_supported":["code"],`+
			`"token_endpoint_auth_methods_supported":["none"]}`, issuer, issuer+"/authorize", issuer+"/token", issuer+"/register")))
	case "register":
		return v.w.write(plain(201, "", typeJSON, fmt.Sprintf(`{"client_id":"c","redirect_uris":[%q],"token_endpoint_auth_method":"none"}`, redirectURI)))
	case "token":
		status, answer := a.token(v)
		return v.w.write(plain(status, "", typeJSON, answer))
	}
	return v.w.write(plain(404, "", "", ""))
}

// token answers a token request. It accepts every authorization code, but each refresh token only
// once.
func (a *authServer) token(v *exchange) (status int, answer string) {
	form, _ := url.ParseQuery(string(v.body)) // an invalid form counts as empty
	a.mu.Lock()
	defer a.mu.Unlock()
	if old := form.Get("refresh_token"); form.Get("grant_type") == "refresh_token" {
		if !a.refresh[old] {
			v.j.logf(v.actor, "refuses the refresh token")
			return 400, `{"error":"invalid_grant"}`
		}
		delete(a.refresh, old)
	}
	lifetime := time.Duration(v.h.Lifetime)
	if lifetime == 0 {
		lifetime = time.Hour
	}
	a.serial++
	access, refresh := fmt.Sprintf("access-%d", a.serial), fmt.Sprintf("refresh-%d", a.serial)
	a.access[access], a.refresh[refresh] = time.Now().Add(lifetime), true
	v.j.logf(v.actor, "issues %s", access)
	v.j.count("tokens")
	return 200, fmt.Sprintf(`{"access_token":%q,"token_type":"Bearer","expires_in":%d,"refresh_token":%q}`, access, lifetime/time.Second, refresh)
}

// accepts reports whether a request to the endpoint carries a valid token.
func (a *authServer) accepts(r *http.Request) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	expiry, known := a.access[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	return known && time.Now().Before(expiry)
}

// expire invalidates all access tokens. If everything is true, it also invalidates the refresh
// tokens.
func (a *authServer) expire(everything bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.access)
	if everything {
		clear(a.refresh)
	}
}

func (a *authServer) challenge() string {
	metadata := strings.Replace(a.s.h.endpoint(), "/mcp", "/.well-known/oauth-protected-resource/mcp", 1)
	return fmt.Sprintf("WWW-Authenticate: Bearer resource_metadata=%q", metadata)
}

// metadata answers the request for the endpoint's resource metadata.
func (v *exchange) metadata() bool {
	return v.w.write(plain(200, "", typeJSON, fmt.Sprintf(`{"resource":%q,"authorization_servers":[%q]}`, v.h.endpoint(), issuer)))
}

// Login implements oauth.Login. It plays a user who consents after a pause.
func (a *authServer) Login(ctx context.Context, flow oauth.Flow) error {
	page, err := flow.AuthorizationURL(ctx, redirectURI)
	if err != nil {
		return err
	}
	a.s.j.logf("person", "is prompted for authorization")
	a.s.j.mu.Lock()
	a.s.j.logins++
	a.s.j.mu.Unlock()
	select {
	case <-time.After(211*ms + 7*time.Microsecond):
	case <-ctx.Done():
		return ctx.Err()
	}
	asked, err := url.Parse(page)
	if err != nil {
		return err
	}
	answer := url.Values{"code": {"code"}, "state": {asked.Query().Get("state")}}
	return flow.Complete(ctx, redirectURI+"?"+answer.Encode())
}
