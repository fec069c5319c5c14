package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/hawser-mcp/hawser/oauth"
	"github.com/hawser-mcp/hawser/transport"
)

// offer is what is known about logging in to the server.
type offer struct {
	login       bool   // a login can begin
	needsClient bool   // it needs a client ID: the authorization server does not register clients
	metadata    string // it needs this URL of resource metadata, which only a refused call named
	broken      error  // the server names an authorization server, but no login can begin
}

// Challenges of the Bearer scheme, see RFC 6750 section 3 and RFC 9728 section 5.1.
var (
	metadataParam = regexp.MustCompile(`(?i)\bresource_metadata="?([^",\s]+)`)
	scopeParam    = regexp.MustCompile(`(?i)\bscope="([^"\\]*)"`)
)

// paramIn returns the first value of a parameter of the challenges, or "".
func paramIn(challenges []string, param *regexp.Regexp) string {
	for _, c := range challenges {
		if found := param.FindStringSubmatch(c); found != nil {
			return found[1]
		}
	}
	return ""
}

// challenges returns the challenges of the last 401 or 403 from the endpoint.
func (a *app) challenges() []string {
	if a.network == nil {
		return nil
	}
	return a.network.challenged(a.endpoint)
}

// offered finds out whether the user can log in. It asks package oauth to begin a login, up to the
// page that the user would visit, and sends only GET requests.
func (a *app) offered(ctx context.Context) offer {
	challenges := a.challenges()
	metadata := paramIn(challenges, metadataParam)
	if metadata == "" && !a.namesServer(ctx) {
		return offer{} // without a document, the library would only guess
	}
	if a.session != nil && metadata != "" {
		// The server refused a call, but not the connection. A new login sees no challenge.
		if a.namesServer(ctx) {
			if found := a.tryLogin(ctx, nil); found.login {
				return found
			}
		}
		found := a.tryLogin(ctx, challenges)
		found.metadata = metadata
		return found
	}
	return a.tryLogin(ctx, challenges)
}

var errOnlyReads = errors.New("only GET is allowed")

// tryLogin begins a login after a 401 with these challenges.
func (a *app) tryLogin(ctx context.Context, challenges []string) offer {
	var begun bool
	var registration error
	cfg := &oauth.Config{Login: oauth.LoginFunc(func(ctx context.Context, flow oauth.Flow) error {
		begun = true
		_, registration = flow.AuthorizationURL(ctx, "http://127.0.0.1:1/callback")
		return oauth.ErrDeclined
	})}
	cfg.Registration.ClientID = a.flags.auth.clientID
	c, err := oauth.NewClient(a.endpoint, cfg)
	if err != nil {
		return offer{broken: err}
	}
	defer c.Close()
	c.RoundTripper(onlyReads{a.network})
	err = c.Authorize(ctx, a.endpoint, http.StatusUnauthorized, http.Header{"Www-Authenticate": challenges}, time.Now())
	switch {
	case ctx.Err() != nil: // too slow to know
		return offer{login: true}
	case !begun:
		return offer{broken: err}
	case registration == nil || errors.Is(registration, errOnlyReads):
		return offer{login: true}
	case oauth.KindOf(registration) == oauth.KindRegistration:
		return offer{login: true, needsClient: true}
	}
	return offer{broken: registration}
}

// onlyReads is a RoundTripper that sends GET requests and refuses all others.
type onlyReads struct{ base http.RoundTripper }

// RoundTrip implements [http.RoundTripper].
func (o onlyReads) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method == http.MethodGet {
		return o.base.RoundTrip(req)
	}
	if req.Body != nil {
		_ = req.Body.Close() // nothing was read
	}
	return nil, &transport.Error{Stage: transport.NotSent, Permanent: true, Op: "send", Err: errOnlyReads}
}

// namesServer reports whether a well-known URL of the endpoint's origin has metadata (RFC 9728, RFC
// 8414).
func (a *app) namesServer(ctx context.Context) bool {
	u, err := url.Parse(a.endpoint)
	if err != nil {
		return false
	}
	const resource, server = "/.well-known/oauth-protected-resource", "/.well-known/oauth-authorization-server"
	places := []string{resource, server}
	if path := strings.TrimSuffix(u.EscapedPath(), "/"); path != "" {
		places = append([]string{resource + path}, places...)
	}
	return slices.ContainsFunc(places, func(place string) bool { return a.hasMetadata(ctx, u.Scheme+"://"+u.Host+place) })
}

// maxMetadata is the maximum size of a metadata document, in bytes.
const maxMetadata = 256 << 10

// hasMetadata reports whether the URL place serves an OAuth metadata document.
func (a *app) hasMetadata(ctx context.Context, place string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, place, http.NoBody)
	if err != nil {
		return false
	}
	req.Header.Set("Accept", "application/json")
	resp, err := a.network.RoundTrip(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxMetadata))
	var document struct {
		Servers   []string `json:"authorization_servers"`
		Authorize string   `json:"authorization_endpoint"`
	}
	return err == nil && resp.StatusCode == http.StatusOK && json.Unmarshal(text, &document) == nil &&
		(len(document.Servers) > 0 || document.Authorize != "")
}

// maxScopes is how many scopes of a challenge a hint repeats.
const maxScopes = 10

// loginHint returns the command that logs in, with what only the refused request named.
func (a *app) loginHint() string {
	var more []string
	if a.found.metadata != "" && len(a.found.metadata) <= maxWord {
		more = append(more, "--resource-metadata", a.found.metadata)
	}
	if a.found.needsClient {
		more = append(more, "--client-id", "ID")
	}
	if a.session != nil { // a login would not see the challenge
		scopes := strings.Fields(paramIn(a.challenges(), scopeParam))
		for _, scope := range scopes[:min(len(scopes), maxScopes)] {
			more = append(more, "--scope", scope)
		}
	}
	return a.command("login", more...)
}
