package oauth

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/hawser-mcp/hawser/internal/redact"
)

// server gets the metadata of an authorization server (RFC 8414 section 3, OpenID Connect Discovery
// 1.0 section 4) from the first URL that has a document. fallback says that the issuer was guessed:
// it is the origin of a resource without metadata. If this server has no metadata either, the
// result has the default endpoints of MCP 2025-03-26.
func (d *discovery) server(ctx context.Context, issuer string, fallback bool) (*ServerMetadata, error) {
	const op = "get server metadata"
	u, err := d.fetcher.egress.parse(issuer)
	if err == nil && (u.RawQuery != "" || u.ForceQuery) {
		err = &URLError{Host: redact.Clean(u.Hostname(), maxHost), Reason: "an issuer must not have a query"}
	}
	if err != nil {
		return nil, &Error{Kind: KindMetadata, Op: op, Err: err}
	}
	revision, candidates := revisionNow, serverCandidates(u)
	if fallback {
		revision, candidates = revisionFirst, candidates[:1]
	}
	last, absent := error(nil), true
	for _, candidate := range candidates {
		m := new(ServerMetadata)
		err := d.fetcher.getJSON(ctx, op, candidate, http.Header{"Mcp-Protocol-Version": {revision}}, m)
		switch {
		case err == nil:
			if err := d.checkServer(candidate, issuer, m); err != nil {
				return nil, &Error{Kind: KindMetadata, Op: op, Err: err}
			}
			return m, nil
		case isMissing(err):
			absent = absent && statusOf(err) == http.StatusNotFound
			last = err
		case isNoJSON(err):
			absent, last = false, err // some servers answer every path with a page
		default:
			return nil, err
		}
	}
	if !fallback || !absent {
		return nil, last
	}
	return &ServerMetadata{
		Issuer: issuer, AuthorizationEndpoint: issuer + "/authorize", TokenEndpoint: issuer + "/token",
		RegistrationEndpoint: issuer + "/register", Guessed: true,
	}, nil
}

// serverCandidates returns the well-known URLs for the metadata of an issuer, in the order to try
// them. For an issuer with a path, it omits the well-known URLs of the origin alone, because they
// belong to another issuer.
func serverCandidates(issuer *url.URL) []string {
	origin, path := issuer.Scheme+"://"+issuer.Host, strings.TrimSuffix(issuer.EscapedPath(), "/")
	candidates := []string{origin + wellKnownServer + path, origin + wellKnownOpenID + path}
	if path != "" {
		candidates = append(candidates, origin+path+wellKnownOpenID)
	}
	return candidates
}

func isNoJSON(err error) bool {
	var e *DocumentError
	return errors.As(err, &e) && e.isPage
}

// checkServer returns an error if a metadata document belongs to another issuer (RFC 8414 section
// 3.3), or names an endpoint that this client must not send requests to.
func (d *discovery) checkServer(from, issuer string, m *ServerMetadata) error {
	if !sameIssuer(m.Issuer, issuer) {
		return &DocumentError{URL: shownURL(from), Reason: "it has another issuer", Wanted: shownURL(issuer), Found: shownURL(m.Issuer)}
	}
	if len(m.ScopesSupported) > maxScopes {
		return &LimitError{"scopes", maxScopes}
	}
	for _, endpoint := range []string{m.AuthorizationEndpoint, m.TokenEndpoint, m.RegistrationEndpoint, m.RevocationEndpoint} {
		if endpoint == "" {
			continue
		}
		if _, err := d.fetcher.egress.parse(endpoint); err != nil {
			return err
		}
	}
	return nil
}
