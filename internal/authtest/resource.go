package authtest

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// ResourceScript sets the behavior of a Resource.
type ResourceScript struct {
	// Servers are the resource's authorization servers. The resource accepts their tokens.
	Servers []*Server
	// ChallengeScope is the scope in the challenge of a 401. Scopes is the scopes_supported of the
	// metadata document.
	ChallengeScope string
	Scopes         []string
	// Need is a scope that requests require.
	Need string
	// RefuseAll answers every token with 401.
	RefuseAll bool
	// Invalid is the status for invalid tokens. Zero means 401.
	Invalid int
	// DPoP requires tokens to be bound to a key. Nonce must equal the nonce of every proof; empty
	// means no nonce.
	DPoP  bool
	Nonce string
	// Metadata changes the metadata document before it is sent.
	Metadata func(document map[string]any)
	// Refused is called before each 401 is sent, and may delay the 401. n counts the calls from 1.
	Refused func(n int, r *http.Request)
	// Redirect, if not empty, is the URL to which authorized requests are redirected with 307.
	Redirect string
	// Handler answers authorized requests. Nil echoes their bodies.
	Handler http.Handler
}

// Resource is a protected resource.
type Resource struct {
	// Origin is the resource's origin, and URL its endpoint.
	Origin, URL string

	mu       sync.Mutex // guards the fields below
	script   ResourceScript
	requests []Request
	proofs   map[string]bool
	refused  int
	served   int
}

// NewResource starts a resource that accepts the tokens of servers.
func (w *World) NewResource(servers ...*Server) *Resource {
	r := &Resource{script: ResourceScript{Servers: servers}, proofs: map[string]bool{}}
	r.Origin = w.Serve(r)
	r.URL = r.Origin + "/mcp"
	return r
}

// NewResourceAt starts a resource at an origin, see [World.ServeAt].
func (w *World) NewResourceAt(origin, ip string, servers ...*Server) *Resource {
	r := &Resource{Origin: origin, URL: origin + "/mcp", script: ResourceScript{Servers: servers}, proofs: map[string]bool{}}
	w.ServeAt(origin, ip, r)
	return r
}

// Change changes the script.
func (rs *Resource) Change(change func(*ResourceScript)) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	change(&rs.script)
}

// Requests returns the requests to the endpoint so far.
func (rs *Resource) Requests() []Request {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	return slices.Clone(rs.requests)
}

// Served returns how many requests were authorized.
func (rs *Resource) Served() int {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	return rs.served
}

// ServeHTTP implements http.Handler.
func (rs *Resource) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/.well-known/oauth-protected-resource/mcp" {
		reply(w, http.StatusOK, rs.metadata())
		return
	}
	body, _ := io.ReadAll(r.Body) // if the body was cut off, only the part that arrived
	rs.mu.Lock()
	rs.requests = append(rs.requests, Request{Method: r.Method, Path: r.URL.Path, Header: r.Header.Clone(), Form: r.URL.Query()})
	script := rs.script
	rs.mu.Unlock()
	if script.DPoP && script.Nonce != "" {
		w.Header().Set("DPoP-Nonce", script.Nonce)
	}
	status, challenge := rs.judge(r, &script)
	switch {
	case challenge != "":
		w.Header().Add("WWW-Authenticate", challenge)
		if status == http.StatusUnauthorized && script.Refused != nil {
			rs.mu.Lock()
			rs.refused++
			n := rs.refused
			rs.mu.Unlock()
			script.Refused(n, r)
		}
		http.Error(w, "refused", status)
	case script.Redirect != "":
		http.Redirect(w, r, script.Redirect, http.StatusTemporaryRedirect)
	default:
		rs.mu.Lock()
		rs.served++
		rs.mu.Unlock()
		if script.Handler != nil {
			r.Body = io.NopCloser(bytes.NewReader(body))
			script.Handler.ServeHTTP(w, r)
			return
		}
		_, _ = w.Write(body) // the client may have disconnected
	}
}

func (rs *Resource) metadata() map[string]any {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	var issuers []string
	for _, s := range rs.script.Servers {
		issuers = append(issuers, s.Issuer)
	}
	document := map[string]any{"resource": rs.URL, "authorization_servers": issuers}
	if rs.script.Scopes != nil {
		document["scopes_supported"] = rs.script.Scopes
	}
	if rs.script.DPoP {
		document["dpop_bound_access_tokens_required"] = true
	}
	if rs.script.Metadata != nil {
		rs.script.Metadata(document)
	}
	return document
}

// judge returns the challenge for a request, or "" if the request is authorized.
func (rs *Resource) judge(r *http.Request, script *ResourceScript) (status int, challenge string) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if token == "" {
		return http.StatusUnauthorized, rs.challenge(script, "")
	}
	var g *Grant
	for _, s := range script.Servers {
		if g == nil {
			g = s.Accepts(token)
		}
	}
	switch {
	case g == nil || g.Resource != rs.URL || script.RefuseAll || len(r.Header.Values("Authorization")) != 1:
		return cmp.Or(script.Invalid, http.StatusUnauthorized), rs.challenge(script, "invalid_token")
	case (g.KeyID != "") != (scheme == "DPoP") || script.DPoP && g.KeyID == "":
		return http.StatusUnauthorized, rs.challenge(script, "invalid_token")
	case g.KeyID != "":
		if code := rs.checkProof(r, g, token, script); code != "" {
			return http.StatusUnauthorized, fmt.Sprintf(`DPoP error=%q, algs="ES256"`, code)
		}
	}
	if script.Need != "" && !slices.Contains(strings.Fields(g.Scope), script.Need) {
		return http.StatusForbidden, fmt.Sprintf(`Bearer error="insufficient_scope", scope=%q`, script.Need)
	}
	return 0, ""
}

func (rs *Resource) challenge(script *ResourceScript, code string) string {
	text := fmt.Sprintf(`Bearer resource_metadata="%s/.well-known/oauth-protected-resource/mcp"`, rs.Origin)
	if code != "" {
		text += fmt.Sprintf(`, error=%q`, code)
	}
	if script.ChallengeScope != "" {
		text += fmt.Sprintf(`, scope=%q`, script.ChallengeScope)
	}
	return text
}

func (rs *Resource) checkProof(r *http.Request, g *Grant, token string, script *ResourceScript) (code string) {
	p, err := VerifyProof(r, rs.Origin, token)
	rs.mu.Lock()
	defer rs.mu.Unlock()
	switch {
	case err != nil || p.KeyID != g.KeyID || rs.proofs[p.ID]:
		return "invalid_dpop_proof"
	case p.Nonce != script.Nonce:
		return "use_dpop_nonce"
	}
	rs.proofs[p.ID] = true
	return ""
}
