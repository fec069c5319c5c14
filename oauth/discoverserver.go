package oauth

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/hawser-mcp/hawser/internal/redact"
)

// server gets the metadata of an authorization server (RFC 8414 section 3, OpenID Connect Discovery
// 1.0 section 4) from the first URL that has a document. fallback says that the issuer was guessed:
// it is the origin of a resource without metadata. If this server has no metadata either, the
// result has the default endpoints of MCP 2025-03-26.
func (d *discovery) server(ctx context.Context, issuer string, fallback bool) (*ServerMetadata, error) {
	const op = "get server metadata"
	u, err := d.fetcher.parse(issuer)
	if err == nil && (u.RawQuery != "" || u.ForceQuery) {
		err = &URLError{URL: shownURL(issuer), Host: redact.Clean(u.Hostname(), maxHost), Reason: "an issuer must not have a query"}
	}
	if err != nil {
		return nil, &Error{Kind: KindMetadata, Op: op, URL: shownURL(issuer), Err: err}
	}
	revision, candidates := revisionNow, serverCandidates(u)
	if fallback {
		revision, candidates = revisionFirst, candidates[:1]
	}
	var tried search
	var first *ServerMetadata // without PKCE
	promised := false         // a document promises iss in callbacks
	for _, candidate := range candidates {
		m, err := d.serverAt(ctx, issuer, candidate, revision)
		promised = promised || err == nil && m.IssuerInResponse
		switch {
		case err == nil && (!d.pkce || m.supportsPKCE()):
			m.IssuerInResponse = promised
			return m, nil
		case err == nil:
			first = cmp.Or(first, m) // some servers name PKCE only in the OpenID document
		case isNoDocument(err):
			tried.add(err)
		case first == nil:
			return nil, tried.end(err)
		}
	}
	switch {
	case first != nil:
		return first, nil
	case !fallback || !tried.only(http.StatusNotFound):
		return nil, tried.err(op)
	}
	return &ServerMetadata{
		Issuer: issuer, AuthorizationEndpoint: issuer + "/authorize", TokenEndpoint: issuer + "/token",
		RegistrationEndpoint: issuer + "/register", Guessed: true, tried: tried.err(op),
	}, nil
}

// serverAt gets the metadata of an issuer from one URL.
func (d *discovery) serverAt(ctx context.Context, issuer, place, revision string) (*ServerMetadata, error) {
	const op = "get server metadata"
	m := &ServerMetadata{from: shownURL(place), named: issuer}
	if err := d.fetcher.getJSON(ctx, op, place, http.Header{"Mcp-Protocol-Version": {revision}}, m); err != nil {
		return nil, err
	}
	if err := d.checkServer(place, issuer, m); err != nil {
		return nil, &Error{Kind: KindMetadata, Op: op, URL: m.from, Err: err}
	}
	return m, nil
}

func (m *ServerMetadata) supportsPKCE() bool { return slices.Contains(m.ChallengeMethods, "S256") }

// serverCandidates returns the well-known URLs for the metadata of an issuer, in the order to try
// them. For an issuer with a path, it omits the well-known URLs of the origin alone, because they
// belong to another issuer.
func serverCandidates(issuer *url.URL) []string {
	origin, path := issuer.Scheme+"://"+issuer.Host, strings.TrimSuffix(issuer.EscapedPath(), "/")
	candidates := []string{origin + wellKnownServer + path, origin + wellKnownOpenID + path}
	if path != "" {
		candidates = append(candidates, origin+path+wellKnownOpenID, origin+path+wellKnownServer)
	}
	return candidates
}

// checkServer returns an error if a metadata document belongs to another issuer (RFC 8414 section
// 3.3), or names an endpoint that this client must not send requests to.
func (d *discovery) checkServer(from, issuer string, m *ServerMetadata) error {
	if m.Issuer == "" {
		return &DocumentError{URL: shownURL(from), Reason: "it is not server metadata", Wanted: "issuer", Found: "none", isOther: true}
	}
	if !sameIssuer(m.Issuer, issuer) {
		return &DocumentError{URL: shownURL(from), Reason: "it has another issuer", Wanted: shownURL(issuer), Found: shownURL(m.Issuer)}
	}
	if len(m.ScopesSupported) > maxScopes {
		return &LimitError{"scopes", maxScopes, len(m.ScopesSupported)}
	}
	for _, endpoint := range []string{m.AuthorizationEndpoint, m.TokenEndpoint, m.RegistrationEndpoint, m.RevocationEndpoint} {
		if endpoint == "" {
			continue
		}
		if _, err := d.fetcher.egress.parse(endpoint); err != nil {
			return named(err, endpoint, m.from)
		}
	}
	return nil
}
