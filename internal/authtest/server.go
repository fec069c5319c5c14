package authtest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Script sets the behavior of a Server. The zero value issues access tokens without refresh tokens.
type Script struct {
	// Lifetime is the lifetime of access tokens. If it is zero, the server sends no expires_in.
	Lifetime time.Duration
	// Refresh issues refresh tokens. Each works once.
	Refresh bool
	// KeepRefresh makes a refresh return no new refresh token. The old refresh token stays valid.
	KeepRefresh bool
	// Prefix is the prefix of every token and code.
	Prefix string
	// Auth is the method that clients must use at the token endpoint, "none" if empty.
	Auth string
	// Offers replaces the methods that the metadata list, which are otherwise Auth alone.
	// Registrations name the first.
	Offers []string
	// NoResource refuses the resource parameter. All tokens are then for this resource.
	NoResource string
	// DPoP binds tokens to the key of the request's proof, if the request has a proof. Nonce must
	// equal the nonce of every proof; empty means no nonce.
	DPoP  bool
	Nonce string
	// Scopes is the scopes_supported of the metadata document. Granted replaces the granted scope.
	Scopes, Granted []string
	// ExpectAssertion checks the assertion of a jwt-bearer or private_key_jwt request.
	ExpectAssertion func(form url.Values) error
	// Limit refuses scopes that the client has not registered with. Refused are scopes that are
	// refused to all clients. The code is invalid_scope.
	Limit   bool
	Refused []string
	// Confirm repeats the scopes in the response to a registration.
	Confirm bool
	// Metadata changes the metadata document before it is sent.
	Metadata func(document map[string]any)
	// Detour, unless it returns "", is where the authorization endpoint sends the user instead.
	Detour func(request url.Values) string
	// Callback changes the parameters of a callback before they are sent.
	Callback func(answer url.Values)
	// Token answers a token request instead of the server, unless it returns status zero.
	Token func(form url.Values) (status int, body string)
	// Revoke answers a revocation instead of the server, unless it returns status zero.
	Revoke func(form url.Values) (status int, body string)
	// Hold delays the responses to token requests until it is closed. The server still processes
	// the requests immediately.
	Hold <-chan struct{}
}

// Request is a request that a server received.
type Request struct {
	Method, Path string
	Header       http.Header
	Form         url.Values // query and body
}

// Server is an authorization server.
type Server struct {
	// Issuer is the server's issuer identifier.
	Issuer string

	mu       sync.Mutex // guards the fields below
	script   Script
	requests []Request
	codes    map[string]url.Values // the authorization request of each code
	clients  map[string]*client
	access   map[string]*Grant
	refresh  map[string]*Grant
	used     map[string]*Grant // refresh tokens that have been used
	proofs   map[string]bool
	serial   int
	reused   int
}

type client struct {
	ID, Secret string
	Redirects  []string
	Scopes     []string
}

// Grant is what a token grants.
type Grant struct {
	ClientID, Resource, Scope, KeyID string
	Expiry                           time.Time
	Revoked                          bool
}

// NewServer starts an authorization server.
func (w *World) NewServer() *Server {
	s := newServer()
	s.Issuer = w.Serve(s)
	return s
}

// NewServerAt starts an authorization server at an origin, see [World.ServeAt].
func (w *World) NewServerAt(origin, ip string) *Server {
	s := newServer()
	s.Issuer = origin
	w.ServeAt(origin, ip, s)
	return s
}

func newServer() *Server {
	return &Server{
		codes: map[string]url.Values{}, clients: map[string]*client{}, access: map[string]*Grant{},
		refresh: map[string]*Grant{}, used: map[string]*Grant{}, proofs: map[string]bool{},
	}
}

// Change changes the script.
func (s *Server) Change(change func(*Script)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.script)
}

// AddClient registers a client.
func (s *Server) AddClient(id, secret string, redirects ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clients[id] = &client{ID: id, Secret: secret, Redirects: redirects}
}

// Requests returns the requests received so far for a path. The path "" selects all requests.
func (s *Server) Requests(path string) []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Request
	for _, r := range s.requests {
		if path == "" || r.Path == path {
			out = append(out, r)
		}
	}
	return out
}

// Tokens returns the token requests with this grant type, for example "refresh_token".
func (s *Server) Tokens(grant string) []Request {
	return slices.DeleteFunc(s.Requests("/token"), func(r Request) bool { return r.Form.Get("grant_type") != grant })
}

// Reused returns how many refresh tokens were used a second time. Each reuse revokes all tokens of
// its family.
func (s *Server) Reused() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reused
}

// RevokeAll revokes all access tokens. If everything is true, it also revokes all refresh tokens.
func (s *Server) RevokeAll(everything bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.access)
	if everything {
		clear(s.refresh)
	}
}

// Accepts returns the grant of an access token, or nil if the token is not valid now.
func (s *Server) Accepts(token string) *Grant {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.access[token]
	if g == nil || g.Revoked || !g.Expiry.IsZero() && !time.Now().Before(g.Expiry) {
		return nil
	}
	return g
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm() // an invalid form counts as empty
	body := map[string]any{}
	if r.URL.Path == "/register" {
		_ = json.NewDecoder(r.Body).Decode(&body) // an invalid body counts as empty
	}
	s.mu.Lock()
	s.requests = append(s.requests, Request{Method: r.Method, Path: r.URL.Path, Header: r.Header.Clone(), Form: r.Form})
	hold := s.script.Hold
	s.mu.Unlock()
	var status int
	var answer any
	switch r.URL.Path {
	case "/.well-known/oauth-authorization-server":
		status, answer = http.StatusOK, s.metadata()
	case "/register":
		status, answer = s.register(body)
	case "/authorize":
		s.authorize(w, r)
		return
	case "/token":
		status, answer = s.token(w, r)
		if hold != nil {
			select {
			case <-hold:
			case <-r.Context().Done():
				return
			}
		}
	case "/revoke":
		status, answer = s.revoke(r.Form)
	default:
		status, answer = http.StatusNotFound, map[string]any{}
	}
	reply(w, status, answer)
}

// reply sends a string as text and any other answer as JSON.
func reply(w http.ResponseWriter, status int, answer any) {
	text, ok := answer.(string)
	if !ok {
		data, err := json.Marshal(answer)
		if err != nil {
			panic(err) // a defect of the test
		}
		text = string(data)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // the client may have disconnected
}

func (s *Server) metadata() map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	document := map[string]any{
		"issuer": s.Issuer, "authorization_endpoint": s.Issuer + "/authorize", "token_endpoint": s.Issuer + "/token",
		"registration_endpoint": s.Issuer + "/register", "revocation_endpoint": s.Issuer + "/revoke",
		"code_challenge_methods_supported": []string{"S256"}, "response_types_supported": []string{"code"},
		"token_endpoint_auth_methods_supported": s.offers(), "authorization_response_iss_parameter_supported": true,
	}
	if s.script.Scopes != nil {
		document["scopes_supported"] = s.script.Scopes
	}
	if s.script.DPoP {
		document["dpop_signing_alg_values_supported"] = []string{"ES256"}
	}
	if s.script.Metadata != nil {
		s.script.Metadata(document)
	}
	return document
}

func (s *Server) offers() []string {
	if s.script.Offers != nil {
		return s.script.Offers
	}
	return []string{cmp.Or(s.script.Auth, "none")}
}

func (s *Server) register(body map[string]any) (int, any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serial++
	c := &client{ID: fmt.Sprintf("client-%d-of-%s", s.serial, s.Issuer)}
	redirects, _ := body["redirect_uris"].([]any)
	for _, r := range redirects {
		c.Redirects = append(c.Redirects, fmt.Sprint(r))
	}
	scope, _ := body["scope"].(string)
	c.Scopes = strings.Fields(scope)
	answer := map[string]any{"client_id": c.ID, "redirect_uris": c.Redirects, "token_endpoint_auth_method": "none"}
	if s.script.Confirm {
		answer["scope"] = scope
	}
	if s.script.Auth != "" && s.script.Auth != "none" {
		c.Secret = fmt.Sprintf("SECRET %d/+é", s.serial)
		answer["client_secret"], answer["token_endpoint_auth_method"] = c.Secret, s.offers()[0]
	}
	s.clients[c.ID] = c
	return http.StatusCreated, answer
}

// authorize is the authorization endpoint. The user consents immediately.
func (s *Server) authorize(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := r.URL.Query()
	if s.script.Detour != nil {
		if elsewhere := s.script.Detour(q); elsewhere != "" {
			http.Redirect(w, r, elsewhere, http.StatusFound)
			return
		}
	}
	c := s.clients[q.Get("client_id")]
	if c == nil || !slices.Contains(c.Redirects, q.Get("redirect_uri")) || q.Get("response_type") != "code" ||
		q.Get("code_challenge_method") != "S256" || q.Get("state") == "" || q.Get("resource") == "" && s.script.NoResource == "" {
		http.Error(w, "invalid authorization request", http.StatusBadRequest)
		return
	}
	s.serial++
	code := fmt.Sprintf("%sSECRETcode%d", s.script.Prefix, s.serial)
	s.codes[code] = q
	answer := url.Values{"code": {code}, "state": {q.Get("state")}, "iss": {s.Issuer}}
	for scope := range strings.FieldsSeq(q.Get("scope")) {
		if slices.Contains(s.script.Refused, scope) || s.script.Limit && !slices.Contains(c.Scopes, scope) {
			answer.Del("code")
			answer.Set("error", "invalid_scope")
		}
	}
	if s.script.Callback != nil {
		s.script.Callback(answer)
	}
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+answer.Encode(), http.StatusFound)
}

func (s *Server) revoke(form url.Values) (int, any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.script.Revoke != nil {
		if status, body := s.script.Revoke(form); status != 0 {
			return status, body
		}
	}
	for _, all := range []map[string]*Grant{s.access, s.refresh} {
		if g := all[form.Get("token")]; g != nil {
			g.Revoked = true
		}
	}
	return http.StatusOK, ""
}
