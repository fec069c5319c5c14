package oauth

import (
	"context"
	"encoding/json"
	"maps"
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
	refused        bool
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
		"none: 2025-03-26":          {asked: both, resource: publicEndpoint, guessed: true},
		"none, query: 2025-03-26":   {endpoint: publicEndpoint + "?key=SECRET", asked: both, resource: publicEndpoint, guessed: true},
		"no defaults after 401":     {pages: map[string]string{mcpPlace: "401"}, asked: both, resource: publicEndpoint, guessed: true, refused: true},
		"no defaults after 403":     {pages: map[string]string{mcpPlace: "400", mcpRoot: "403"}, asked: both, resource: publicEndpoint, guessed: true, refused: true},
		"no downgrade after 410":    {pages: map[string]string{mcpRoot: "410"}, asked: both, want: new(*statusError), kind: KindMetadata},
		"no downgrade after 503":    {pages: map[string]string{mcpPlace: "503"}, asked: both, want: new(*statusError), kind: KindNetwork},
		"no downgrade after 429":    {pages: map[string]string{mcpRoot: "429"}, asked: both, want: new(*statusError), kind: KindNetwork},
		"no downgrade after a page": {pages: map[string]string{mcpPlace: "<html>"}, asked: both, want: new(*DocumentError), kind: KindMetadata},
		"no downgrade to a page":    {pages: map[string]string{mcpRoot: "<html>"}, asked: both, want: new(*DocumentError), kind: KindMetadata},
		"no downgrade to JSON":      {pages: map[string]string{mcpRoot: "{}"}, asked: both, want: new(*DocumentError), kind: KindMetadata},
		"500, then the root":        {pages: map[string]string{mcpPlace: "500", mcpRoot: prm(mcpOrigin)}, asked: both, resource: mcpOrigin},

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

// hintCases are the cases of a challenge with a resource_metadata.
func hintCases() map[string]resourceCase {
	both := []string{mcpPlace, mcpRoot}
	hinted := []string{mcpOrigin + "/m", mcpPlace, mcpRoot}
	inside := []string{mcpPlace, mcpPlace, mcpRoot} // the first request shows where the resource is
	return map[string]resourceCase{
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
		"hint, 404, no guess":      {hint: mcpOrigin + "/m", asked: hinted, want: new(*statusError), kind: KindMetadata},
		"hint, 404":                {hint: mcpOrigin + "/m", pages: map[string]string{mcpPlace: prm(publicEndpoint)}, asked: hinted[:2], resource: publicEndpoint},
		"hint, 503":                {hint: mcpOrigin + "/m", pages: map[string]string{mcpOrigin + "/m": "503", mcpRoot: prm(mcpOrigin)}, asked: hinted, resource: mcpOrigin},
		"hint, other JSON":         {hint: mcpOrigin + "/m", pages: map[string]string{mcpOrigin + "/m": `{"ok":true}`, mcpRoot: prm(mcpOrigin)}, asked: hinted, resource: mcpOrigin},
		"hint, another resource":   {hint: mcpOrigin + "/m", pages: map[string]string{mcpOrigin + "/m": prm("https://evil.example.com/mcp"), mcpRoot: prm(mcpOrigin)}, asked: hinted[:1], want: new(*DocumentError), kind: KindMetadata},
		"hint, relative":           {hint: "/m", pages: map[string]string{mcpOrigin + "/m": prm(publicEndpoint)}, asked: hinted[:1], resource: publicEndpoint},
		"hint, relative, no slash": {endpoint: publicEndpoint + "?key=SECRET", hint: "m", pages: map[string]string{mcpOrigin + "/m": prm(publicEndpoint)}, asked: hinted[:1], resource: publicEndpoint},
		"hint, single quotes":      {hint: "'" + mcpOrigin + "/m'", pages: map[string]string{mcpOrigin + "/m": prm(publicEndpoint)}, asked: hinted[:1], resource: publicEndpoint},
		"hint inside":              {hint: "https://10.0.0.1/meta", asked: inside, want: new(*URLError), kind: KindMetadata},
		"hint inside, place":       {hint: "https://10.0.0.1/meta", pages: map[string]string{mcpPlace: prm(publicEndpoint)}, asked: inside[:2], resource: publicEndpoint},
		"hint over http, place":    {hint: "http://mcp.example.com/meta", pages: map[string]string{mcpPlace: prm(publicEndpoint)}, asked: both[:1], resource: publicEndpoint},
		"hint of a host":           {hint: "http://mcp.example.com/meta", asked: both, want: new(*URLError), kind: KindMetadata},
		"hint to a file":           {hint: "file:///etc/passwd", asked: both, want: new(*URLError), kind: KindMetadata},
		"page of a hint":           {hint: mcpPlace, pages: map[string]string{mcpPlace: "<html>", mcpRoot: prm(mcpOrigin)}, asked: []string{mcpPlace, mcpPlace, mcpRoot}, resource: mcpOrigin},
	}
}

func TestResourceMetadata(t *testing.T) {
	cases := resourceCases()
	maps.Copy(cases, hintCases())
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if c.endpoint == "" {
				c.endpoint = publicEndpoint
			}
			endpoint, err := url.Parse(c.endpoint)
			require.NoError(t, err)
			w := pages(c.pages)
			d := discovery{fetcher: newFetcher(t, c.endpoint, w)}
			var hints []string
			if c.hint != "" {
				hints = []string{c.hint}
			}
			m, err := d.resource(t.Context(), endpoint, hints)
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
			require.Equal(t, c.refused, m.refused)
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
	path := []string{
		asOrigin + wellKnownServer + "/t/1", asOrigin + wellKnownOpenID + "/t/1", asOrigin + "/t/1" + wellKnownOpenID, asOrigin + "/t/1" + wellKnownServer,
	}
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
		"path, OpenID behind":         {issuer: asOrigin + "/t/1", pages: map[string]string{path[2]: deep}, asked: path[:3]},
		"path, RFC 8414 behind":       {issuer: asOrigin + "/t/1", pages: map[string]string{path[3]: deep}, asked: path},
		"path, never the root's":      {issuer: asOrigin + "/t/1", pages: map[string]string{root[0]: deep}, asked: path, want: new(*statusError), kind: KindMetadata},
		"slash":                       {issuer: asOrigin + "/", pages: map[string]string{root[0]: document(t, as(asOrigin+"/", nil))}, asked: root[:1]},
		"slash missing":               {issuer: asOrigin + "/", pages: map[string]string{root[0]: plain, root[1]: plain}, asked: root[:1]},
		"slash missing after a path":  {issuer: asOrigin + "/t/1/", pages: map[string]string{path[0]: deep}, asked: path[:1], want: new(*DocumentError), kind: KindMetadata},
		"other issuer":                {pages: map[string]string{root[0]: document(t, as("https://evil.example.com", nil)), root[1]: plain}, asked: root[:1], want: new(*DocumentError), kind: KindMetadata},
		"no issuer":                   {pages: map[string]string{root[0]: `{}`}, asked: root, want: new(*DocumentError), kind: KindMetadata},
		"no issuer, OpenID Connect":   {pages: map[string]string{root[0]: `{}`, root[1]: plain}, asked: root},
		"case of the issuer":          {pages: map[string]string{root[0]: document(t, as("https://AS.example.com", nil))}, asked: root[:1], want: new(*DocumentError), kind: KindMetadata},
		"none":                        {asked: root, want: new(*statusError), kind: KindMetadata},
		"one is down":                 {pages: map[string]string{root[0]: "502", root[1]: plain}, asked: root},
		"down":                        {pages: map[string]string{root[0]: "502"}, asked: root, want: new(*statusError), kind: KindNetwork},
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
			d := discovery{fetcher: newFetcher(t, publicEndpoint, w)}
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
				require.ErrorContains(t, m.tried, asOrigin+wellKnownServer)
				m.tried = nil
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

// If no URL has a document, the error names each URL with its answer.
func TestSearchNamesEachAnswer(t *testing.T) {
	w := pages(map[string]string{asOrigin + wellKnownServer: "<html>", asOrigin + wellKnownOpenID: "403"})
	d := discovery{fetcher: newFetcher(t, publicEndpoint, w)}
	_, err := d.server(t.Context(), asOrigin, false)
	require.ErrorContains(t, err, asOrigin+wellKnownServer+`: not a JSON object: expected "a JSON object", got "6 bytes of text/html"; status 403 from `+asOrigin+wellKnownOpenID)
}

// A document or a failed connection that ends the search comes first in the error, which then names
// the URLs that were tried before. No query is shown.
func TestEndOfASearchNamesWhatWasTried(t *testing.T) {
	hints := []string{mcpOrigin + "/1?SECRET", mcpOrigin + "/2?SECRET", mcpOrigin + "/3", mcpOrigin + "/4"}
	for name, c := range map[string]struct {
		last string // the answer of the well-known URL
		kind Kind
		says string
	}{
		"a wrong document": {`{"resource":"https://other.example","authorization_servers":["x"]}`, KindMetadata, "other.example"},
		"no document":      {"500", KindNetwork, "status 500"},
	} {
		t.Run(name, func(t *testing.T) {
			endpoint, err := url.Parse(publicEndpoint)
			require.NoError(t, err)
			well := resourceCandidates(endpoint)[0]
			d := discovery{fetcher: newFetcher(t, publicEndpoint, pages(map[string]string{well: c.last, hints[0]: "403"}))}
			_, err = d.resource(t.Context(), endpoint, hints)
			require.Equal(t, c.kind, KindOf(err))
			require.ErrorContains(t, err, c.says)
			for _, place := range []string{"403 from " + mcpOrigin + "/1", mcpOrigin + "/2", mcpOrigin + "/3", mcpOrigin + "/4", well} {
				require.ErrorContains(t, err, place)
			}
			require.NotContains(t, err.Error(), "SECRET")
			require.Less(t, len(err.Error()), 8<<10)
		})
	}
}

// Without any metadata, the client tries the default endpoints of 2025-03-26. If they fail, the error
// also names the URLs where metadata was expected.
func TestGuessedEndpointsThatFail(t *testing.T) {
	endpoint := "https://mcp.example.com/mcp?key=SECRET"
	client, err := NewClient(endpoint, &Config{Transport: pages(nil), Login: LoginFunc(func(ctx context.Context, f Flow) error {
		_, err := f.AuthorizationURL(ctx, callbackURI)
		return err
	})})
	require.NoError(t, err)
	defer client.Close()
	err = client.Login(t.Context())
	require.Equal(t, KindRegistration, KindOf(err))
	for _, place := range []string{"/register", wellKnownResource + "/mcp", wellKnownResource, wellKnownServer} {
		require.ErrorContains(t, err, "status 404 from https://mcp.example.com"+place)
	}
	require.NotContains(t, err.Error(), "SECRET")
}

// A redirect of a metadata URL to another origin is not followed, and does not end the search.
func TestRedirectDoesNotEndTheSearch(t *testing.T) {
	w := &web{handler: func(out http.ResponseWriter, r *http.Request) {
		if r.URL.Path == wellKnownServer {
			http.Redirect(out, r, "https://login.example.com/", http.StatusFound)
			return
		}
		_, _ = out.Write([]byte(document(t, as(asOrigin, nil))))
	}}
	d := discovery{fetcher: newFetcher(t, publicEndpoint, w)}
	_, err := d.server(t.Context(), asOrigin, false)
	require.NoError(t, err)
	require.Equal(t, []string{asOrigin + wellKnownServer, asOrigin + wellKnownOpenID}, gets(w))
}

// If the first metadata document of a server does not name PKCE, the next one is read. It must have
// the same issuer.
func TestPKCEInTheNextDocument(t *testing.T) {
	const one, two = asOrigin + wellKnownServer, asOrigin + wellKnownOpenID
	s256 := map[string]any{"code_challenge_methods_supported": []string{"S256"}, "token_endpoint": asOrigin + "/second"}
	plain := document(t, as(asOrigin, nil))
	for name, c := range map[string]struct {
		first, second string
		asked         int
		token         string
		pkce          bool
	}{
		"first":                       {document(t, as(asOrigin, s256)), plain, 1, asOrigin + "/second", true},
		"second":                      {plain, document(t, as(asOrigin, s256)), 2, asOrigin + "/second", true},
		"neither":                     {plain, plain, 2, asOrigin + "/t", false},
		"no second":                   {plain, "404", 2, asOrigin + "/t", false},
		"second is of another issuer": {plain, document(t, as("https://evil.example.com", s256)), 2, asOrigin + "/t", false},
	} {
		w := pages(map[string]string{one: c.first, two: c.second})
		d := discovery{fetcher: newFetcher(t, publicEndpoint, w), pkce: true}
		m, err := d.server(t.Context(), asOrigin, false)
		require.NoError(t, err, name)
		require.Len(t, w.asked, c.asked, name)
		require.Equal(t, c.token, m.TokenEndpoint, name)
		require.Equal(t, c.pkce, m.supportsPKCE(), name)
	}
}

// What one document of a server promises also holds if another one is used.
func TestPromiseOfIssInAnyDocument(t *testing.T) {
	const one, two = asOrigin + wellKnownServer, asOrigin + wellKnownOpenID
	promise := document(t, as(asOrigin, map[string]any{"authorization_response_iss_parameter_supported": true}))
	plain := document(t, as(asOrigin, nil))
	s256 := document(t, as(asOrigin, map[string]any{"code_challenge_methods_supported": []string{"S256"}}))
	for first, want := range map[string]bool{promise: true, plain: false} {
		d := discovery{fetcher: newFetcher(t, publicEndpoint, pages(map[string]string{one: first, two: s256})), pkce: true}
		m, err := d.server(t.Context(), asOrigin, false)
		require.NoError(t, err)
		require.True(t, m.supportsPKCE())
		require.Equal(t, want, m.IssuerInResponse)
	}
}

// A challenge may name several URLs: each is tried, and at most four.
func TestEachHintIsTried(t *testing.T) {
	header := http.Header{"Www-Authenticate": {
		`Bearer resource_metadata="https://mcp.example.com/a", resource_metadata="https://mcp.example.com/b"`,
		`Bearer resource_metadata="https://mcp.example.com/c"`, `Bearer resource_metadata="/d"`, `Bearer resource_metadata="/e"`,
	}}
	a, err := readRefusal(http.StatusUnauthorized, header)
	require.NoError(t, err)
	endpoint, err := url.Parse(publicEndpoint)
	require.NoError(t, err)
	w := pages(map[string]string{mcpOrigin + "/b": prm(publicEndpoint)})
	d := discovery{fetcher: newFetcher(t, publicEndpoint, w)}
	_, err = d.resource(t.Context(), endpoint, a.hints)
	require.NoError(t, err)
	require.Equal(t, []string{mcpOrigin + "/a", mcpOrigin + "/b"}, gets(w))
	w = pages(nil)
	_, err = (&discovery{fetcher: newFetcher(t, publicEndpoint, w)}).resource(t.Context(), endpoint, a.hints)
	require.Error(t, err)
	require.Equal(t, []string{mcpOrigin + "/a", mcpOrigin + "/b", mcpOrigin + "/c", mcpOrigin + "/d", mcpPlace, mcpRoot}, gets(w))
}

// Some servers answer 401 to requests for resource metadata. Their origin is then the authorization
// server only if it has metadata: the default endpoints are used after 404 alone.
func TestOriginAfter401NeedsMetadata(t *testing.T) {
	place := mcpOrigin + wellKnownServer
	server := document(t, map[string]any{"issuer": mcpOrigin, "token_endpoint": mcpOrigin + "/t", "code_challenge_methods_supported": []string{"S256"}})
	for name, c := range map[string]struct {
		pages map[string]string
		found bool
	}{
		"metadata":        {map[string]string{mcpPlace: "401", mcpRoot: "401", place: server}, true},
		"no metadata":     {map[string]string{mcpPlace: "401", mcpRoot: "401"}, false},
		"of another":      {map[string]string{mcpPlace: "401", mcpRoot: "401", place: document(t, as(asOrigin, nil))}, false},
		"nothing but 404": {nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			client, err := NewClient(publicEndpoint, nil)
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, client.Close()) })
			client.RoundTripper(pages(c.pages))
			at, err := client.discover(t.Context(), nil, nil)
			if !c.found {
				require.Equal(t, KindMetadata, KindOf(err))
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.pages == nil, at.server.Guessed)
		})
	}
}
