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

// discovery reads metadata documents. It keeps none: see Client.discover and Client.serverOf.
type discovery struct{ fetcher *fetcher }

const (
	wellKnownResource = "/.well-known/oauth-protected-resource"
	wellKnownServer   = "/.well-known/oauth-authorization-server"
	wellKnownOpenID   = "/.well-known/openid-configuration"

	maxServers = 32   // that a resource names
	maxScopes  = 1000 // that a document names

	revisionNow   = "2026-07-28" // the MCP-Protocol-Version of requests for metadata
	revisionFirst = "2025-03-26" // of those that only this revision knows
)

// resource gets the metadata of the endpoint (RFC 9728 section 3): from hint, the
// challenge's resource_metadata, if there is one; else from the well-known place for its path, then, also if there is
// a page that is no JSON, from that of its origin. Only if both answer 404 the resource is older than these documents (MCP 2025-03-26): its
// authorization server is its own origin.
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
			last = err // it says more
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

// locate asks the endpoint's origin for anything, and reports whether it was reached inside.
func (d *discovery) locate(ctx context.Context, endpoint *url.URL) bool {
	place, header := resourceCandidates(endpoint)[0], http.Header{"Mcp-Protocol-Version": {revisionNow}}
	_ = d.fetcher.getJSON(ctx, "reach resource", place, header, new(ResourceMetadata)) // whatever it answers: what counts is where it is
	return d.fetcher.egress.inside.Load()
}

// resourceCandidates are the well-known places for the metadata of an endpoint. Its query is not asked
// for: it may hold a secret, and documents are not that particular.
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
		wrong.Reason = "it is about another resource"
	case len(m.AuthorizationServers) == 0:
		wrong.Reason = "it names no authorization server"
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

// coversEndpoint reports whether a resource identifier is that of the endpoint (RFC 9728 section
// 3.3), or of a part of its origin in which it is: servers name the origin alone.
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

// hasDots reports whether a path has segments that lead elsewhere.
func hasDots(path string) bool {
	for segment := range strings.SplitSeq(path, "/") {
		switch strings.ReplaceAll(strings.ToLower(segment), "%2e", ".") {
		case ".", "..":
			return true
		}
	}
	return false
}

// validScopes returns the scopes that can be asked for (RFC 6749 section 3.3), the first 1,000 at most.
func validScopes(scopes []string) []string {
	var valid []string
	for _, s := range scopes[:min(len(scopes), maxScopes)] {
		if isVisible(s) && !strings.ContainsAny(s, `"\`) {
			valid = append(valid, s)
		}
	}
	return valid
}

// isMissing reports whether an answer says no more than that there is no document: the next place may
// have it. A document that is wrong, or a failure, ends the search.
func isMissing(err error) bool {
	status := statusOf(err)
	return status/100 == 4 && !httpstatus.Of(status).Transient()
}

// statusOf returns the status that is the reason of err, 0 if none is.
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
