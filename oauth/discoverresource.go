package oauth

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/hawser-mcp/hawser/internal/httprule"
	"github.com/hawser-mcp/hawser/internal/httpstatus"
)

// discovery reads metadata documents. It caches nothing; see Client.discover and Client.serverOf.
type discovery struct{ fetcher *fetcher }

const (
	wellKnownResource = "/.well-known/oauth-protected-resource"
	wellKnownServer   = "/.well-known/oauth-authorization-server"
	wellKnownOpenID   = "/.well-known/openid-configuration"

	maxServers = 32   // maximum number of authorization servers of a resource
	maxScopes  = 1000 // maximum number of scopes in a document

	revisionNow   = "2026-07-28" // sent as MCP-Protocol-Version with requests for metadata
	revisionFirst = "2025-03-26" // sent instead if the issuer was guessed as this revision defines
)

// resource gets the metadata of the endpoint (RFC 9728 section 3). If hint, the resource_metadata
// URL from the challenge, is not empty, only that URL is tried. Otherwise resource tries the
// well-known URL for the endpoint's path. If the response is a 4xx or not JSON, it then tries the
// well-known URL of the origin. If both return 404, the resource predates such metadata (MCP
// 2025-03-26). Its authorization server is then its own origin.
func (d *discovery) resource(ctx context.Context, endpoint *url.URL, hint string) (*ResourceMetadata, error) {
	candidates := []string{hint}
	if hint == "" {
		candidates = resourceCandidates(endpoint)
	}
	last, absent := error(nil), true
	for _, candidate := range candidates {
		m, err := d.resourceAt(ctx, endpoint, candidate)
		if err == nil {
			return m, nil
		}
		if !isMissing(err) && !isNoJSON(err) {
			return nil, err
		}
		if statusOf(err) != http.StatusNotFound || last == nil {
			last = err // this error is more specific than a 404
		}
		absent = absent && statusOf(err) == http.StatusNotFound
	}
	if hint != "" || !absent {
		return nil, last
	}
	u := *endpoint
	u.RawQuery, u.ForceQuery = "", false
	base := url.URL{Scheme: endpoint.Scheme, Host: endpoint.Host}
	return &ResourceMetadata{Resource: u.String(), AuthorizationServers: []string{base.String()}, Guessed: true}, nil
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
	m := new(ResourceMetadata)
	if err := d.fetcher.getJSON(ctx, op, text, http.Header{"Mcp-Protocol-Version": {revisionNow}}, m); err != nil {
		return nil, err
	}
	wrong := &DocumentError{URL: shownURL(text)}
	switch {
	case !coversEndpoint(m.Resource, endpoint):
		wrong.Reason, wrong.Wanted, wrong.Found = "it describes another resource", shownURL(endpoint.String()), shownURL(m.Resource)
	case len(m.AuthorizationServers) == 0:
		wrong.Reason = "it names no authorization servers"
	case len(m.AuthorizationServers) > maxServers:
		return nil, &Error{Kind: KindMetadata, Op: op, Err: &LimitError{"authorization servers", maxServers}}
	case len(m.ScopesSupported) > maxScopes:
		return nil, &Error{Kind: KindMetadata, Op: op, Err: &LimitError{"scopes", maxScopes}}
	default:
		m.ScopesSupported = validScopes(m.ScopesSupported)
		return m, nil
	}
	return nil, &Error{Kind: KindMetadata, Op: op, Err: wrong}
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

// isMissing reports whether err means only that there is no document at a URL. The caller then
// tries the next URL. An invalid document or a network failure ends the search.
func isMissing(err error) bool {
	status := statusOf(err)
	return status/100 == 4 && !httpstatus.Of(status).Transient()
}

// statusOf returns the HTTP status that caused err, or 0 if no status did.
func statusOf(err error) int {
	var s *statusError
	if errors.As(err, &s) {
		return s.status
	}
	return 0
}
