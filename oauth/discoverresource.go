package oauth

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/hawser-mcp/hawser/internal/httprule"
	"github.com/hawser-mcp/hawser/internal/redact"
)

// discovery reads metadata documents. It caches nothing; see Client.discover and Client.serverOf.
type discovery struct {
	fetcher *fetcher
	pkce    bool // prefer server metadata with PKCE: a user logs in
}

const (
	wellKnownResource = "/.well-known/oauth-protected-resource"
	wellKnownServer   = "/.well-known/oauth-authorization-server"
	wellKnownOpenID   = "/.well-known/openid-configuration"

	maxServers = 32   // maximum number of authorization servers of a resource
	maxScopes  = 1000 // maximum number of scopes in a document
	maxHints   = 4    // maximum number of resource_metadata URLs that are tried

	revisionNow   = "2026-07-28" // sent as MCP-Protocol-Version with requests for metadata
	revisionFirst = "2025-03-26" // sent instead if the issuer was guessed as this revision defines
)

// resource gets the metadata of the endpoint (RFC 9728 section 3) from the first URL that has a
// document. hints are the resource_metadata URLs from the challenge, and come first. Then resource
// tries the well-known URL for the endpoint's path, and then that of the origin. A document about
// another resource ends the search.
//
// Without hints, and if no URL has a document, the resource may predate such metadata (MCP
// 2025-03-26). Its authorization server is then its own origin.
func (d *discovery) resource(ctx context.Context, endpoint *url.URL, hints []string) (*ResourceMetadata, error) {
	var tried search
	for _, hint := range hints[:min(len(hints), maxHints)] {
		m, err := d.hinted(ctx, endpoint, hint)
		if err == nil || isWrong(err) || ctx.Err() != nil {
			return m, tried.end(err)
		}
		tried.add(err)
	}
	for _, candidate := range resourceCandidates(endpoint) {
		m, err := d.resourceAt(ctx, endpoint, candidate)
		if err == nil || !isNoDocument(err) {
			return m, tried.end(err)
		}
		tried.add(err)
	}
	if len(hints) > 0 || !tried.only(http.StatusNotFound, http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden) {
		return nil, tried.err("get resource metadata")
	}
	u := *endpoint
	u.RawQuery, u.ForceQuery = "", false
	base := url.URL{Scheme: endpoint.Scheme, Host: endpoint.Host}
	return &ResourceMetadata{
		Resource: u.String(), AuthorizationServers: []string{base.String()}, Guessed: true,
		refused: !tried.only(http.StatusNotFound), tried: tried.err("get resource metadata"),
	}, nil
}

// hinted gets the metadata from a URL in a challenge. Some servers send a relative URL, or put it
// in single quotes.
func (d *discovery) hinted(ctx context.Context, endpoint *url.URL, hint string) (*ResourceMetadata, error) {
	base := *endpoint
	base.RawQuery, base.ForceQuery = "", false
	u, err := base.Parse(strings.Trim(hint, "'"))
	if err != nil {
		place := shownURL(base.String())
		refused := &URLError{URL: redact.Clean(hint, maxHost), From: place, Reason: "resource_metadata is not a URL"}
		return nil, &Error{Kind: KindMetadata, Op: "get resource metadata", URL: place, Err: refused}
	}
	m, err := d.resourceAt(ctx, endpoint, u.String())
	if isOutside(err) && d.locate(ctx, endpoint) {
		m, err = d.resourceAt(ctx, endpoint, u.String())
	}
	return m, err
}

// locate sends a request to the endpoint's origin. It reports whether the endpoint is known to be
// on loopback or in a private network.
func (d *discovery) locate(ctx context.Context, endpoint *url.URL) bool {
	place, header := resourceCandidates(endpoint)[0], http.Header{"Mcp-Protocol-Version": {revisionNow}}
	_ = d.fetcher.getJSON(ctx, "reach resource", place, header, new(ResourceMetadata)) // only the server's address matters
	return d.fetcher.egress.inside.Load()
}

// resourceCandidates returns the well-known URLs for the metadata of an endpoint. They omit the
// endpoint's query, which may hold a secret.
func resourceCandidates(endpoint *url.URL) []string {
	origin := endpoint.Scheme + "://" + endpoint.Host
	path := strings.TrimSuffix(endpoint.EscapedPath(), "/")
	if path == "" {
		return []string{origin + wellKnownResource}
	}
	return []string{origin + wellKnownResource + path, origin + wellKnownResource}
}

func (d *discovery) resourceAt(ctx context.Context, endpoint *url.URL, text string) (*ResourceMetadata, error) {
	const op = "get resource metadata"
	m := &ResourceMetadata{from: shownURL(text)}
	if err := d.fetcher.getJSON(ctx, op, text, http.Header{"Mcp-Protocol-Version": {revisionNow}}, m); err != nil {
		return nil, err
	}
	wrong := &DocumentError{URL: shownURL(text)}
	switch {
	case m.Resource == "" && len(m.AuthorizationServers) == 0:
		wrong.Reason, wrong.isOther = "it is not resource metadata", true
		wrong.Wanted, wrong.Found = "resource and authorization_servers", "neither"
	case !coversEndpoint(m.Resource, endpoint):
		wrong.Reason, wrong.Wanted, wrong.Found = "it describes another resource", shownURL(endpoint.String()), shownURL(m.Resource)
	case len(m.AuthorizationServers) == 0:
		wrong.Reason, wrong.Wanted, wrong.Found = "it names no authorization servers", "authorization_servers", "none"
	case len(m.AuthorizationServers) > maxServers:
		return nil, &Error{Kind: KindMetadata, Op: op, URL: m.from, Err: &LimitError{"authorization servers", maxServers, len(m.AuthorizationServers)}}
	case len(m.ScopesSupported) > maxScopes:
		return nil, &Error{Kind: KindMetadata, Op: op, URL: m.from, Err: &LimitError{"scopes", maxScopes, len(m.ScopesSupported)}}
	default:
		m.ScopesSupported = validScopes(m.ScopesSupported)
		return m, nil
	}
	return nil, &Error{Kind: KindMetadata, Op: op, URL: m.from, Err: wrong}
}

// coversEndpoint reports whether a resource identifier equals the endpoint (RFC 9728 section 3.3),
// or has the same origin and a path that is a prefix of the endpoint's path. The prefix is accepted
// because some servers name only the origin.
func coversEndpoint(resource string, endpoint *url.URL) bool {
	if resource == endpoint.String() {
		return true
	}
	u, err := url.Parse(resource)
	if err != nil || u.User != nil || u.RawQuery != "" || u.ForceQuery || strings.Contains(resource, "#") || !httprule.SameOrigin(u, endpoint) {
		return false
	}
	prefix, path := strings.TrimSuffix(u.EscapedPath(), "/"), endpoint.EscapedPath()
	rest, ok := strings.CutPrefix(path, prefix)
	return ok && (rest == "" || rest[0] == '/') && !hasDots(prefix) && !hasDots(path)
}

// hasDots reports whether a path has "." or ".." segments.
func hasDots(path string) bool {
	for segment := range strings.SplitSeq(path, "/") {
		switch strings.ReplaceAll(strings.ToLower(segment), "%2e", ".") {
		case ".", "..":
			return true
		}
	}
	return false
}

// validScopes returns those of the first 1,000 scopes that are valid (RFC 6749 section 3.3).
func validScopes(scopes []string) []string {
	var valid []string
	for _, s := range scopes[:min(len(scopes), maxScopes)] {
		if isVisible(s) && !strings.ContainsAny(s, `"\`) {
			valid = append(valid, s)
		}
	}
	return valid
}

// statusOf returns the HTTP status that caused err, or 0 if no status did.
func statusOf(err error) int {
	var s *statusError
	if errors.As(err, &s) {
		return s.status
	}
	return 0
}
