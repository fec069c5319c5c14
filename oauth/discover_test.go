package oauth

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func document(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	require.NoError(t, err)
	return string(text)
}

// resourceCase is a test case of resource discovery. pages are the documents that are served, by
// URL. asked are the URLs that the client must request, in order.
type resourceCase struct {
	endpoint, hint string
	pages          map[string]string
	asked          []string
	resource       string // the resource in the metadata; empty if an error is expected
	guessed        bool
	want           any // the expected type of the error
	kind           Kind
}

const (
	mcpOrigin = "https://mcp.example.com"
	mcpPlace  = mcpOrigin + wellKnownResource + "/mcp"
	mcpRoot   = mcpOrigin + wellKnownResource
)

func prm(resource string) string {
	return `{"resource":"` + resource + `","authorization_servers":["https://as.example.com"]}`
}

func resourceCases() map[string]resourceCase {
	both := []string{mcpPlace, mcpRoot}
	return map[string]resourceCase{
		"at its path":     {pages: map[string]string{mcpPlace: prm(publicEndpoint), mcpRoot: prm(mcpOrigin)}, asked: both[:1], resource: publicEndpoint},
		"at the root":     {pages: map[string]string{mcpRoot: prm(publicEndpoint)}, asked: both, resource: publicEndpoint},
		"a page, root":    {pages: map[string]string{mcpPlace: "<html>", mcpRoot: prm(mcpOrigin)}, asked: both, resource: mcpOrigin},
		"forbidden, root": {pages: map[string]string{mcpPlace: "401", mcpRoot: prm(publicEndpoint)}, asked: both, resource: publicEndpoint},
		"of the origin":   {pages: map[string]string{mcpPlace: prm(mcpOrigin)}, asked: both[:1], resource: mcpOrigin},
		"origin, slash":   {pages: map[string]string{mcpPlace: prm(mcpOrigin + "/")}, asked: both[:1], resource: mcpOrigin + "/"},
		"endpoint at the root": {
			endpoint: mcpOrigin + "/", pages: map[string]string{mcpRoot: prm(mcpOrigin)}, asked: both[1:], resource: mcpOrigin,
		},
		"endpoint with a query": {
			endpoint: publicEndpoint + "?key=SECRET", pages: map[string]string{mcpPlace: prm(publicEndpoint)}, asked: both[:1], resource: publicEndpoint,
		},
		"hint": {
			hint: mcpOrigin + "/meta?a=b", pages: map[string]string{mcpOrigin + "/meta?a=b": prm(publicEndpoint), mcpPlace: prm(mcpOrigin)},
			asked: []string{mcpOrigin + "/meta?a=b"}, resource: publicEndpoint,
		},
		"hint at another origin": {
			hint: "https://cdn.example.net/meta", pages: map[string]string{"https://cdn.example.net/meta": prm(publicEndpoint)},
			asked: []string{"https://cdn.example.net/meta"}, resource: publicEndpoint,
		},
		"hint at another origin, about that": {
			hint: "https://cdn.example.net/meta", pages: map[string]string{"https://cdn.example.net/meta": prm("https://cdn.example.net")},
			asked: []string{"https://cdn.example.net/meta"}, want: new(*DocumentError), kind: KindMetadata,
		},
		"hint, 404":      {hint: mcpPlace, asked: both[:1], want: new(*statusError), kind: KindMetadata},
		"hint inside":    {hint: "https://10.0.0.1/meta", want: new(*URLError), kind: KindMetadata},
		"hint of a host": {hint: "http://mcp.example.com/meta", want: new(*URLError), kind: KindMetadata},
		"hint to a file": {hint: "file:///etc/passwd", want: new(*URLError), kind: KindMetadata},

		"none: 2025-03-26":          {asked: both, resource: publicEndpoint, guessed: true},
		"none, query: 2025-03-26":   {endpoint: publicEndpoint + "?key=SECRET", asked: both, resource: publicEndpoint, guessed: true},
		"no downgrade after 401":    {pages: map[string]string{mcpPlace: "401"}, asked: both, want: new(*statusError), kind: KindMetadata},
		"no downgrade after 410":    {pages: map[string]string{mcpRoot: "410"}, asked: both, want: new(*statusError), kind: KindMetadata},
		"no downgrade after 503":    {pages: map[string]string{mcpPlace: "503"}, asked: both[:1], want: new(*statusError), kind: KindNetwork},
		"no downgrade after 429":    {pages: map[string]string{mcpRoot: "429"}, asked: both, want: new(*statusError), kind: KindNetwork},
		"no downgrade after a page": {pages: map[string]string{mcpPlace: "<html>"}, asked: both, want: new(*DocumentError), kind: KindMetadata},
		"no downgrade to a page":    {pages: map[string]string{mcpRoot: "<html>"}, asked: both, want: new(*DocumentError), kind: KindMetadata},
		"page of a hint":            {hint: mcpPlace, pages: map[string]string{mcpPlace: "<html>", mcpRoot: prm(mcpOrigin)}, asked: both[:1], want: new(*DocumentError), kind: KindMetadata},

		"other host":      {pages: map[string]string{mcpPlace: prm("https://evil.example.com/mcp")}, asked: both[:1], want: new(*DocumentError), kind: KindMetadata},
		"other path":      {pages: map[string]string{mcpPlace: prm(mcpOrigin + "/other")}, asked: both[:1], want: new(*DocumentError), kind: KindMetadata},
		"names no server": {pages: map[string]string{mcpPlace: `{"resource":"` + publicEndpoint + `"}`}, asked: both[:1], want: new(*DocumentError), kind: KindMetadata},
		"wrong type":      {pages: map[string]string{mcpPlace: `{"resource":["` + publicEndpoint + `"]}`}, asked: both[:1], want: new(*DocumentError), kind: KindMetadata},
		"too many servers": {
			pages: map[string]string{mcpPlace: `{"resource":"` + publicEndpoint + `","authorization_servers":["x"` + strings.Repeat(`,"x"`, maxServers) + `]}`},
			asked: both[:1], want: new(*LimitError), kind: KindMetadata,
		},
		"too many scopes": {
			pages: map[string]string{mcpPlace: `{"resource":"` + publicEndpoint + `","authorization_servers":["x"],"scopes_supported":["a"` + strings.Repeat(`,"x"`, maxScopes) + `]}`},
			asked: both[:1], want: new(*LimitError), kind: KindMetadata,
		},
	}
}

func TestResourceMetadata(t *testing.T) {
	for name, c := range resourceCases() {
		t.Run(name, func(t *testing.T) {
			if c.endpoint == "" {
				c.endpoint = publicEndpoint
			}
			endpoint, err := url.Parse(c.endpoint)
			require.NoError(t, err)
			w := pages(c.pages)
			d := discovery{newFetcher(t, c.endpoint, w)}
			m, err := d.resource(t.Context(), endpoint, c.hint)
			require.Equal(t, c.asked, gets(w))
			for _, h := range w.headers {
				require.Equal(t, []string{revisionNow}, h["Mcp-Protocol-Version"])
				require.Equal(t, "application/json", h.Get("Accept"))
			}
			if c.want != nil {
				require.ErrorAs(t, err, c.want)
				require.Equal(t, c.kind, KindOf(err))
				require.NotContains(t, err.Error(), "SECRET")
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.resource, m.Resource)
			require.Equal(t, c.guessed, m.Guessed)
			if c.guessed {
				require.Equal(t, []string{mcpOrigin}, m.AuthorizationServers)
			}
		})
	}
}

// gets returns the URLs of the recorded GET requests.
func gets(w *web) []string {
	var urls []string
	for _, line := range w.asked {
		urls = append(urls, strings.TrimPrefix(line, "GET "))
	}
	return urls
}

func TestCoversEndpoint(t *testing.T) {
	for _, c := range []struct {
		resource, endpoint string
		want               bool
	}{
		{"https://h/mcp", "https://h/mcp", true},
		{"https://h/mcp?a=b", "https://h/mcp?a=b", true},
		{"https://H:443/mcp/", "https://h/mcp", true},
		{"https://h/mcp", "https://h/mcp/v1", true},
		{"https://h", "https://h/mcp/v1", true},
		{"https://h/mc", "https://h/mcp", false},
		{"https://h/mcp/v1", "https://h/mcp", false},
		{"https://h/MCP", "https://h/mcp", false},
		{"http://h/mcp", "https://h/mcp", false},
		{"https://h:444/mcp", "https://h/mcp", false},
		{"https://h.evil/mcp", "https://h/mcp", false},
		{"https://h@evil/mcp", "https://h/mcp", false},
		{"https://u@h/mcp", "https://h/mcp", false},
		{"https://h/mcp#", "https://h/mcp", false},
		{"https://h/mcp?", "https://h/mcp", false},
		{"https://h/mcp?c=d", "https://h/mcp?a=b", false},
		{"https://h/a/..", "https://h/a/../b", false},
		{"https://h/a", "https://h/a/%2e%2E/b", false},
		{"https://h/a%2Fb", "https://h/a/b", false},
		{"", "https://h/mcp", false},
		{"mcp", "https://h/mcp", false},
		{"://", "https://h/mcp", false},
	} {
		endpoint, err := url.Parse(c.endpoint)
		require.NoError(t, err)
		require.Equal(t, c.want, coversEndpoint(c.resource, endpoint), "%v", c)
	}
	require.Equal(t, []string{"a", "b:c/d"}, validScopes([]string{"a", "b c", "", "b:c/d", "\"", "\\", "é", "a\n"}))
}

const asOrigin = "https://as.example.com"

func as(issuer string, more map[string]any) map[string]any {
	m := map[string]any{"issuer": issuer, "authorization_endpoint": asOrigin + "/a", "token_endpoint": asOrigin + "/t"}
	for k, v := range more {
		m[k] = v
	}
	return m
}

type serverCase struct {
	issuer   string
	fallback bool
	pages    map[string]string
	asked    []string
	want     any // the expected type of the error; nil if the metadata is found
	kind     Kind
	token    string // the expected token endpoint, if not the usual one
}

func serverCases(t *testing.T) map[string]serverCase {
	path := []string{asOrigin + wellKnownServer + "/t/1", asOrigin + wellKnownOpenID + "/t/1", asOrigin + "/t/1" + wellKnownOpenID}
	root := []string{asOrigin + wellKnownServer, asOrigin + wellKnownOpenID}
	plain, deep := document(t, as(asOrigin, nil)), document(t, as(asOrigin+"/t/1", nil))
	with := func(k string, v any) map[string]string {
		return map[string]string{root[0]: document(t, as(asOrigin, map[string]any{k: v}))}
	}
	cases := map[string]serverCase{
		"RFC 8414":                    {pages: map[string]string{root[0]: plain, root[1]: plain}, asked: root[:1]},
		"OpenID Connect":              {pages: map[string]string{root[1]: plain}, asked: root},
		"a page for any path":         {pages: map[string]string{root[0]: "<html>", root[1]: plain}, asked: root},
		"path, RFC 8414":              {issuer: asOrigin + "/t/1", pages: map[string]string{path[0]: deep}, asked: path[:1]},
		"path, OpenID before":         {issuer: asOrigin + "/t/1", pages: map[string]string{path[1]: deep}, asked: path[:2]},
		"path, OpenID behind":         {issuer: asOrigin + "/t/1", pages: map[string]string{path[2]: deep}, asked: path},
		"path, never the root's":      {issuer: asOrigin + "/t/1", pages: map[string]string{root[0]: deep}, asked: path, want: new(*statusError), kind: KindMetadata},
		"slash":                       {issuer: asOrigin + "/", pages: map[string]string{root[0]: document(t, as(asOrigin+"/", nil))}, asked: root[:1]},
		"slash missing":               {issuer: asOrigin + "/", pages: map[string]string{root[0]: plain, root[1]: plain}, asked: root[:1]},
		"slash missing after a path":  {issuer: asOrigin + "/t/1/", pages: map[string]string{path[0]: deep}, asked: path[:1], want: new(*DocumentError), kind: KindMetadata},
		"other issuer":                {pages: map[string]string{root[0]: document(t, as("https://evil.example.com", nil)), root[1]: plain}, asked: root[:1], want: new(*DocumentError), kind: KindMetadata},
		"no issuer":                   {pages: map[string]string{root[0]: `{}`}, asked: root[:1], want: new(*DocumentError), kind: KindMetadata},
		"case of the issuer":          {pages: map[string]string{root[0]: document(t, as("https://AS.example.com", nil))}, asked: root[:1], want: new(*DocumentError), kind: KindMetadata},
		"none":                        {asked: root, want: new(*statusError), kind: KindMetadata},
		"down":                        {pages: map[string]string{root[0]: "502", root[1]: plain}, asked: root[:1], want: new(*statusError), kind: KindNetwork},
		"wrong type":                  {pages: with("token_endpoint", 7), asked: root[:1], want: new(*DocumentError), kind: KindMetadata},
		"issuer with a query":         {issuer: asOrigin + "?x", want: new(*URLError), kind: KindMetadata},
		"issuer with a user":          {issuer: "https://SECRET@as.example.com", want: new(*URLError), kind: KindMetadata},
		"issuer inside":               {issuer: "https://192.168.0.1", want: new(*URLError), kind: KindMetadata},
		"issuer over http":            {issuer: "http://as.example.com", want: new(*URLError), kind: KindMetadata},
		"token endpoint inside":       {pages: with("token_endpoint", "https://127.0.0.1/t"), asked: root[:1], want: new(*URLError), kind: KindMetadata},
		"registration at metadata":    {pages: with("registration_endpoint", "https://169.254.169.254/"), asked: root[:1], want: new(*URLError), kind: KindMetadata},
		"revocation over http":        {pages: with("revocation_endpoint", "http://as.example.com/"), asked: root[:1], want: new(*URLError), kind: KindMetadata},
		"authorization is javascript": {pages: with("authorization_endpoint", "javascript:alert(1)"), asked: root[:1], want: new(*URLError), kind: KindMetadata},
		"authorization inside":        {pages: with("authorization_endpoint", "http://localhost:631/"), asked: root[:1], want: new(*URLError), kind: KindMetadata},
		"too many scopes":             {pages: with("scopes_supported", make([]string, maxScopes+1)), asked: root[:1], want: new(*LimitError), kind: KindMetadata},
	}
	for name, c := range map[string]serverCase{
		"document":              {pages: map[string]string{root[0]: plain}},
		"slash":                 {pages: map[string]string{root[0]: document(t, as(asOrigin+"/", nil))}},
		"none":                  {token: asOrigin + "/token"},
		"OpenID is not asked":   {pages: map[string]string{root[1]: plain}, token: asOrigin + "/token"},
		"not after a page":      {pages: map[string]string{root[0]: "<html>"}, want: new(*DocumentError), kind: KindMetadata},
		"not after 403":         {pages: map[string]string{root[0]: "403"}, want: new(*statusError), kind: KindMetadata},
		"not after 500":         {pages: map[string]string{root[0]: "500"}, want: new(*statusError), kind: KindNetwork},
		"not of another issuer": {pages: map[string]string{root[0]: document(t, as("https://evil.example.com", nil))}, want: new(*DocumentError), kind: KindMetadata},
	} {
		c.fallback, c.asked = true, root[:1]
		cases["2025-03-26: "+name] = c
	}
	return cases
}

func TestServerMetadata(t *testing.T) {
	for name, c := range serverCases(t) {
		t.Run(name, func(t *testing.T) {
			if c.issuer == "" {
				c.issuer = asOrigin
			}
			w := pages(c.pages)
			d := discovery{newFetcher(t, publicEndpoint, w)}
			m, err := d.server(t.Context(), c.issuer, c.fallback)
			require.Equal(t, c.asked, gets(w))
			revision := revisionNow
			if c.fallback {
				revision = revisionFirst
			}
			for _, h := range w.headers {
				require.Equal(t, []string{revision}, h["Mcp-Protocol-Version"])
			}
			if c.want != nil {
				require.ErrorAs(t, err, c.want)
				require.Equal(t, c.kind, KindOf(err))
				require.NotContains(t, err.Error(), "SECRET")
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.token != "", m.Guessed)
			if c.token != "" {
				require.Equal(t, &ServerMetadata{
					Issuer: asOrigin, AuthorizationEndpoint: asOrigin + "/authorize", TokenEndpoint: c.token,
					RegistrationEndpoint: asOrigin + "/register", Guessed: true,
				}, m)
			}
		})
	}
}

// The client limits the number of scopes that it takes from a challenge, and drops invalid scopes.
func TestScopesOfAChallenge(t *testing.T) {
	challenge := `Bearer scope="a b\"c ` + strings.Repeat("x ", 2*maxScopes) + `late", DPoP scope="a d"`
	a, err := readRefusal(http.StatusUnauthorized, http.Header{"Www-Authenticate": {challenge}})
	require.NoError(t, err)
	require.Equal(t, []string{"a", "x", "d"}, a.scopes)
}
