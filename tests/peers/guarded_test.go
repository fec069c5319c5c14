package peers_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hawser-mcp/hawser/internal/mcptest"
)

// guarded is an MCP server that asks an authorization server about each access token. Every request
// requires the scope base, and calls of the tool "admin" require the scope more too.
type guarded struct {
	URL string

	mcp        *mcptest.Server
	base, more string

	mu      sync.Mutex
	issuer  string                               // guarded by mu
	inspect func(token string) (scopes []string) // guarded by mu: nil scopes mean an invalid token
	seen    []string                             // guarded by mu: the accepted tokens, in order
	refused map[string]bool                      // guarded by mu: tokens that are refused although they are valid
}

// startGuarded starts a guarded server, which is closed at the end of the test. It serves requests once
// the authorization server is set.
func startGuarded(t *testing.T, base, more string) *guarded {
	t.Helper()
	g := &guarded{mcp: mcptest.New(mcptest.Modern), base: base, more: more, refused: map[string]bool{}}
	g.mcp.Tools = []*mcptest.Tool{{Name: "echo"}, {Name: "admin"}}
	g.mcp.Intercept = g.challenge
	srv := httptest.NewServer(g)
	g.URL = srv.URL + "/mcp"
	t.Cleanup(func() { srv.Close(); g.mcp.Close() })
	return g
}

// trust makes the server accept tokens of an authorization server.
func (g *guarded) trust(issuer string, inspect func(token string) []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.issuer, g.inspect = issuer, inspect
}

// refuseSeen makes the server refuse every token that it has accepted so far.
func (g *guarded) refuseSeen() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, token := range g.seen {
		g.refused[token] = true
	}
}

// tokens returns the tokens that the server has accepted, in the order of their first use.
func (g *guarded) tokens() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.seen)
}

// metadataURL is where the server serves its resource metadata (RFC 9728).
func (g *guarded) metadataURL() string {
	return strings.TrimSuffix(g.URL, "/mcp") + "/.well-known/oauth-protected-resource/mcp"
}

func (g *guarded) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/.well-known/oauth-protected-resource/mcp" {
		g.mcp.ServeHTTP(w, r)
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"resource":%q,"authorization_servers":[%q],"scopes_supported":[%q]}`, g.URL, g.issuer, g.base)
}

// challenge reports whether it has refused a request.
func (g *guarded) challenge(w http.ResponseWriter, r *http.Request, m *mcptest.Message) bool {
	_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	g.mu.Lock()
	defer g.mu.Unlock()
	var scopes []string
	if token != "" && !g.refused[token] {
		scopes = g.inspect(token)
	}
	needed := []string{g.base}
	if m != nil && m.Method == "tools/call" && toolName(m.Params) == "admin" {
		needed = append(needed, g.more)
	}
	switch {
	case scopes == nil:
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer resource_metadata=%q`, g.metadataURL()))
		w.WriteHeader(http.StatusUnauthorized)
		return true
	case !slices.Contains(g.seen, token):
		g.seen = append(g.seen, token)
	}
	if slices.ContainsFunc(needed, func(s string) bool { return !slices.Contains(scopes, s) }) {
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer error="insufficient_scope", scope=%q, resource_metadata=%q`,
			strings.Join(needed, " "), g.metadataURL()))
		w.WriteHeader(http.StatusForbidden)
		return true
	}
	return false
}

// toolName returns the name in the parameters of a call.
func toolName(params json.RawMessage) string {
	var call struct{ Name string }
	_ = json.Unmarshal(params, &call) // without a name, no scope is missing
	return call.Name
}
