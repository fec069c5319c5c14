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

	maxServers = 32   // per resource
	maxScopes  = 1000 // per document

	revisionNow   = "2026-07-28" // sent as MCP-Protocol-Version with requests for metadata
	revisionFirst = "2025-03-26" // sent with requests that only this revision defines
)

// resource gets the metadata of the endpoint (RFC 9728 section 3). If the challenge has a
// resource_metadata (hint), only that URL is tried. Otherwise the well-known URL for the endpoint's
// path is tried first and then, on a 4xx or a page that is not JSON, that of its origin. If both
// answer 404, the resource predates these documents (MCP 2025-03-26), and its authorization server
// is its own origin.
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

// locate sends a request to the endpoint's origin, and reports whether it was reached on loopback
// or in a private network.
func (d *discovery) locate(ctx context.Context, endpoint *url.URL) bool {
	place, header := resourceCandidates(endpoint)[0], http.Header{"Mcp-Protocol-Version": {revisionNow}}
	_ = d.fetcher.getJSON(ctx, "reach resource", place, header, new(ResourceMetadata)) // the answer does not matter, only where the server is
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
	wrong := &DocumentError{Origin: originOfText(text)}
	switch {
	case !coversEndpoint(m.Resource, endpoint):
		wrong.Reason = "it describes another resource"
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

// coversEndpoint reports whether a resource identifier equals the endpoint (RFC 9728 section 3.3)
// or is a prefix of its path at the same origin: some servers name only the origin.
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

// validScopes returns the scopes that may be requested (RFC 6749 section 3.3), at most the first
// 1,000.
func validScopes(scopes []string) []string {
	var valid []string
	for _, s := range scopes[:min(len(scopes), maxScopes)] {
		if isVisible(s) && !strings.ContainsAny(s, `"\`) {
			valid = append(valid, s)
		}
	}
	return valid
}

// isMissing reports whether an answer only says that there is no document, so that the next URL is
// tried. An invalid document or a failure ends the search.
func isMissing(err error) bool {
	status := statusOf(err)
	return status/100 == 4 && !httpstatus.Of(status).Transient()
}

// statusOf returns the HTTP status that caused err, or 0.
func statusOf(err error) int {
	var s *statusError
	if errors.As(err, &s) {
		return s.status
	}
	return 0
}

func originOfText(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return httprule.Origin(u)
}
