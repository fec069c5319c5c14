package oauth

import (
	"cmp"
	"context"
	"errors"
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// located in other functions: their callers add the URL with [located].
var locatedLater = []string{"chooseIssuer", "pinError", "verdict", "readRefusal"}

// Each error that a server may cause names a URL. This test reads the source of the package.
func TestErrorsOfServersHaveAURL(t *testing.T) {
	files, err := os.ReadDir(".")
	require.NoError(t, err)
	found := 0
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		set := gotoken.NewFileSet()
		file, err := parser.ParseFile(set, f.Name(), nil, 0)
		require.NoError(t, err)
		for _, decl := range file.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok || slices.Contains(locatedLater, fn.Name.Name) {
				continue
			}
			ast.Inspect(fn, func(n ast.Node) bool {
				if lit, ok := n.(*ast.CompositeLit); ok && ofServer(lit) {
					found++
					if keysOf(lit)["URL"] == nil {
						t.Errorf("%v: the error has no URL", set.Position(lit.Pos()))
					}
				}
				return true
			})
		}
	}
	require.Greater(t, found, 30)
}

// ofServer reports whether a literal is an Error of a kind that servers cause.
func ofServer(lit *ast.CompositeLit) bool {
	name, ok := lit.Type.(*ast.Ident)
	if !ok || name.Name != "Error" {
		return false
	}
	kind, ok := keysOf(lit)["Kind"].(*ast.Ident)
	return ok && slices.Contains([]string{"KindNetwork", "KindRefused", "KindMetadata", "KindRegistration", "KindResponse", "KindScope"}, kind.Name) ||
		ok && kind.Name == "kind"
}

func keysOf(lit *ast.CompositeLit) map[string]ast.Expr {
	keys := map[string]ast.Expr{}
	for _, e := range lit.Elts {
		if pair, ok := e.(*ast.KeyValueExpr); ok {
			if key, ok := pair.Key.(*ast.Ident); ok {
				keys[key.Name] = pair.Value
			}
		}
	}
	return keys
}

// evidence returns what an error carries as fields: the URL, and the values found and wanted.
func evidence(err error) (place, found, wanted string) {
	var e *Error
	errors.As(err, &e)
	var document *DocumentError
	var refused *URLError
	var redirect *RedirectError
	var limit *LimitError
	var issuer *IssuerError
	switch {
	case errors.As(err, &document):
		return cmp.Or(document.URL, e.URL), document.Found, document.Wanted
	case errors.As(err, &refused):
		return refused.From, refused.URL, refused.Reason
	case errors.As(err, &redirect):
		return redirect.URL, redirect.Origin, redirect.Reason
	case errors.As(err, &limit):
		return e.URL, strings.TrimPrefix(strconv.Itoa(limit.Found), "0"), strconv.Itoa(limit.Limit)
	case errors.As(err, &issuer):
		return e.URL, issuer.Named, issuer.Registered
	}
	return e.URL, cmp.Or(e.Code, strconv.Itoa(e.Status)), ""
}

// refusals are the ways to be refused, by their name. Each returns the error.
type refusals struct {
	t      *testing.T
	client *Client
	pages  map[string]string // JSON by URL, or a status
	server ServerMetadata
}

func newRefusals(t *testing.T, cfg Config) *refusals {
	t.Helper()
	r := &refusals{t: t, pages: map[string]string{}, server: ServerMetadata{
		Issuer: asOrigin, AuthorizationEndpoint: asOrigin + "/authorize", TokenEndpoint: asOrigin + "/token",
		RegistrationEndpoint: asOrigin + "/register", ChallengeMethods: []string{"S256"}, from: asOrigin + wellKnownServer,
	}}
	cfg.Transport = pages(r.pages)
	client, err := NewClient(publicEndpoint, &cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	r.client = client
	return r
}

func (r *refusals) resource(answer string) error {
	r.pages[mcpPlace] = answer
	_, err := r.client.discovery.resource(r.t.Context(), r.client.endpoint, nil)
	return err
}

func (r *refusals) metadata(answer string) error {
	r.pages[asOrigin+wellKnownServer] = answer
	_, err := r.client.discovery.serverAt(r.t.Context(), asOrigin, asOrigin+wellKnownServer, revisionNow)
	return err
}

func (r *refusals) register(answer string) error {
	r.pages[r.server.RegistrationEndpoint] = answer
	_, err := r.client.registrar.register(r.t.Context(), &r.server, callbackURI, nil)
	return err
}

func (r *refusals) token(answer string, change func(*tokenRequest)) error {
	r.pages[r.server.TokenEndpoint] = answer
	req := &tokenRequest{op: "exchange code", at: &target{server: &r.server}, form: url.Values{}}
	if change != nil {
		change(req)
	}
	_, err := r.client.requestToken(r.t.Context(), req)
	return err
}

func (r *refusals) callback(query string) error {
	answer, err := url.ParseQuery(query)
	require.NoError(r.t, err)
	return (&flow{c: r.client, at: &target{server: &r.server}}).judge(answer)
}

func (r *refusals) login(change func(*ServerMetadata)) error {
	change(&r.server)
	_, err := r.client.newFlow(r.t.Context(), &target{server: &r.server}, false)
	return err
}

func (r *refusals) redirected(method string) error {
	f := newFetcher(r.t, publicEndpoint, &web{handler: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "https://other.example/?SECRET")
		w.WriteHeader(http.StatusFound)
	}})
	if method == http.MethodPost {
		_, err := f.postJSON(r.t.Context(), "register", asOrigin+wellKnownServer+"?SECRET", nil)
		return err
	}
	return f.getJSON(r.t.Context(), "get server metadata", asOrigin+wellKnownServer, nil, new(ServerMetadata))
}

// stepUp asks a second time for scopes that the token has.
func (r *refusals) stepUp() error {
	tok := newToken(tokenRecord{Requested: []string{"a", "b"}}, nil)
	a := &ask{stepUp: true, scopes: []string{"b"}, began: time.Now().Add(time.Hour)}
	r.client.known.learn(a, nil, time.Now(), tok, tok)
	r.client.held.Store(tok)
	_, err := r.client.settled(a)
	return err
}

func (r *refusals) enterprise(g EnterpriseManaged, answer string, profiles ...string) error {
	r.pages[g.TokenEndpoint] = answer
	server := r.server
	server.GrantProfiles = profiles
	_, err := g.tokenRequest(r.t.Context(), r.client, &target{server: &server})
	return err
}

// choose discovers a resource that names the server.
func (r *refusals) choose() error {
	r.pages[mcpPlace] = `{"resource":"` + publicEndpoint + `","authorization_servers":["` + asOrigin + `"]}`
	_, err := r.client.discover(r.t.Context(), nil, nil)
	return err
}

// refusal is an error and what it must carry.
type refusal struct {
	err                  error
	place, found, wanted string
}

const (
	otherOrigin   = "https://other.example"
	serverPlace   = asOrigin + wellKnownServer
	registerPlace = asOrigin + "/register"
	tokenPlace    = asOrigin + "/token"
	loginPlace    = asOrigin + "/authorize"
)

func refusalsOfDiscovery(t *testing.T) map[string]refusal {
	r := newRefusals(t, Config{})
	return map[string]refusal{
		"another resource":         {r.resource(`{"resource":"` + otherOrigin + `/mcp?SECRET","authorization_servers":["x"]}`), mcpPlace, otherOrigin + "/mcp", publicEndpoint},
		"no servers":               {r.resource(`{"resource":"` + publicEndpoint + `"}`), mcpPlace, "none", "authorization_servers"},
		"too many servers":         {r.resource(`{"resource":"` + publicEndpoint + `","authorization_servers":["` + strings.Repeat(`x","`, maxServers) + `"]}`), mcpPlace, "33", "32"},
		"too many scopes":          {r.resource(`{"resource":"` + publicEndpoint + `","authorization_servers":["x"],"scopes_supported":["` + strings.Repeat(`x","`, maxScopes) + `"]}`), mcpPlace, "1001", "1000"},
		"a member of a wrong type": {r.resource(`{"resource":7}`), mcpPlace, "number", "string"},
		"too deep":                 {r.resource(`{"x":` + strings.Repeat("[", 40) + `}`), mcpPlace, "", "32"},
		"another issuer":           {r.metadata(`{"issuer":"` + otherOrigin + `?SECRET"}`), serverPlace, otherOrigin, asOrigin},
		"no issuer":                {r.metadata(`{}`), serverPlace, "none", "issuer"},
		"not JSON":                 {r.metadata(`<html>SECRET`), serverPlace, "12 bytes of text/html", "a JSON object"},
		"a status":                 {r.metadata(`403`), serverPlace, "403", ""},
		"a forbidden endpoint":     {r.metadata(`{"issuer":"` + asOrigin + `","token_endpoint":"https://10.0.0.1/t?SECRET"}`), serverPlace, "https://10.0.0.1/t", "it leads to a private network, which is allowed only for a private resource (see Config.AllowPrivate)"},
		"an issuer with a query":   {func() error { _, err := r.client.discovery.server(t.Context(), asOrigin+"?SECRET", false); return err }(), "", asOrigin, "an issuer must not have a query"},
		"no PKCE":                  {newRefusals(t, Config{}).login(func(m *ServerMetadata) { m.ChallengeMethods = []string{"plain"} }), serverPlace, "plain", "S256"},
		"a page for the browser":   {newRefusals(t, Config{}).login(func(m *ServerMetadata) { m.AuthorizationEndpoint = "http://as.example.com/a?SECRET" }), serverPlace, "http://as.example.com/a", "an https URL, or http on loopback"},
		"the algorithm of DPoP":    {newRefusals(t, Config{DPoP: DPoPAlways}).login(func(m *ServerMetadata) { m.DPoPAlgorithms = []string{"RS256"} }), serverPlace, "RS256", "ES256"},
	}
}

func refusalsOfRequests(t *testing.T) map[string]refusal {
	r := newRefusals(t, Config{})
	return map[string]refusal{
		"a refused registration":   {r.register(`{"error":"access_denied"}`), registerPlace, "access_denied", ""},
		"a status, registration":   {r.register(`403`), registerPlace, "403", ""},
		"client_id":                {r.register(`{"client_id":"\u001b"}`), registerPlace, "1 bytes", "1 to 4096 printable bytes"},
		"another redirect URI":     {r.register(`{"client_id":"c","redirect_uris":["` + otherOrigin + `/cb?SECRET"]}`), registerPlace, otherOrigin + "/cb", callbackURI},
		"a method":                 {r.register(`{"client_id":"c","token_endpoint_auth_method":"tls_client_auth"}`), registerPlace, "tls_client_auth", "client_secret_basic, client_secret_post or none"},
		"no secret":                {r.register(`{"client_id":"c","token_endpoint_auth_method":"client_secret_post"}`), registerPlace, "none", "client_secret for client_secret_post"},
		"a long secret":            {r.register(`{"client_id":"c","client_secret":"` + strings.Repeat("s", maxClientID+1) + `"}`), registerPlace, "4097", "4096"},
		"the issuer of the client": {newRefusals(t, Config{Registration: Registration{ClientID: "c", Issuer: otherOrigin}}).register(``), serverPlace, asOrigin, otherOrigin},
		"a refused code":           {r.token(`{"error":"invalid_grant"}`, nil), tokenPlace, "invalid_grant", ""},
		"a status, token":          {r.token(`403`, nil), tokenPlace, "403", ""},
		"the server is down":       {r.token(`503`, nil), tokenPlace, "503", ""},
		"a form":                   {r.token(`access_token=SECRET`, nil), tokenPlace, "19 bytes of text/plain", "a JSON object"},
		"no access token":          {r.token(`{}`, nil), tokenPlace, "0 bytes", "visible ASCII characters"},
		"an access token":          {r.token(`{"access_token":"SECRET\u0007"}`, nil), tokenPlace, "7 bytes", "visible ASCII characters"},
		"a type of token":          {r.token(`{"access_token":"SECRET","token_type":"MAC"}`, nil), tokenPlace, "MAC", "Bearer"},
		"a token without its key":  {r.token(`{"access_token":"SECRET","token_type":"Bearer"}`, func(req *tokenRequest) { req.bound = true }), tokenPlace, "Bearer", "DPoP"},
		"a method of ours": {r.token(``, func(req *tokenRequest) { req.who = &registered{authMethod: "magic"} }), tokenPlace, "magic",
			"client_secret_basic, client_secret_post, private_key_jwt, none"},
		"iss":                    {r.callback("iss=" + otherOrigin + "&code=SECRET"), loginPlace, otherOrigin, asOrigin},
		"neither code nor error": {r.callback(""), loginPlace, "neither", "code or error"},
		"two codes":              {r.callback("code=SECRET&code=SECRET2"), loginPlace, "2", "one"},
		"a refused login":        {r.callback("error=invalid_scope&code=SECRET"), loginPlace, "invalid_scope", ""},
	}
}

func otherRefusals(t *testing.T) map[string]refusal {
	r := newRefusals(t, Config{})
	promised := newRefusals(t, Config{})
	promised.server.IssuerInResponse = true
	idp := EnterpriseManaged{IDToken: func(context.Context) (string, error) { return "SECRET", nil }, TokenEndpoint: "https://idp.example.com/t", ClientID: "c"}
	return map[string]refusal{
		"no iss, but promised":  {promised.callback("code=SECRET"), loginPlace, "none", asOrigin},
		"a redirect":            {r.redirected(http.MethodGet), serverPlace, otherOrigin + ":443", "it leads to another origin"},
		"a redirect of a POST":  {r.redirected(http.MethodPost), serverPlace, otherOrigin + ":443", "redirects of a POST are not followed"},
		"no challenge":          {r.client.Authorize(t.Context(), publicEndpoint, http.StatusForbidden, nil, time.Now()), publicEndpoint, "403", "401, or 403 with insufficient_scope"},
		"more scopes":           {r.stepUp(), publicEndpoint, "a b", "b"},
		"no profile":            {r.enterprise(idp, `{}`, "other"), serverPlace, "other", profileIDJAG},
		"no ID-JAG":             {r.enterprise(idp, `{"access_token":"SECRET","issued_token_type":"jwt"}`), idp.TokenEndpoint, "jwt", typeIDJAG},
		"an invalid ID-JAG":     {r.enterprise(idp, `{"access_token":"","issued_token_type":"`+typeIDJAG+`"}`), idp.TokenEndpoint, "0 bytes", "visible ASCII characters"},
		"not the chosen issuer": {newRefusals(t, Config{Issuer: otherOrigin}).choose(), publicEndpoint, asOrigin, otherOrigin},
		"not the pinned issuer": {newRefusals(t, Config{Registration: Registration{ClientID: "c", Issuer: otherOrigin}}).choose(), mcpPlace, asOrigin, otherOrigin},
	}
}

// Each refusal says what was found, what was wanted and where, as fields and in its text.
func TestRefusalsNameTheirEvidence(t *testing.T) {
	all := refusalsOfDiscovery(t)
	maps.Copy(all, refusalsOfRequests(t))
	maps.Copy(all, otherRefusals(t))
	for name, c := range all {
		t.Run(name, func(t *testing.T) {
			require.Error(t, c.err)
			require.NotZero(t, KindOf(c.err))
			place, found, wanted := evidence(c.err)
			require.Equal(t, []string{c.place, c.found, c.wanted}, []string{place, found, wanted})
			for _, text := range []string{place, found, wanted} {
				require.ErrorContains(t, c.err, text)
			}
			var e *Error
			require.ErrorAs(t, c.err, &e)
			require.NotEmpty(t, e.URL)
			require.ErrorContains(t, c.err, e.URL)
			require.NotContains(t, c.err.Error(), "SECRET")
			require.NotContains(t, c.err.Error(), "\x1b")
		})
	}
}
