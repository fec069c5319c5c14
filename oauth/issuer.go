package oauth

import (
	"net/url"
	"strings"

	"github.com/hawser-mcp/hawser/internal/redact"
)

// sameIssuer reports whether two issuer identifiers are equal. An empty path and "/" are the same
// path (RFC 3986 section 6.2.3), and servers spell their issuer both ways. Everything else is
// compared byte by byte (RFC 8414 section 3.3). It is not for iss parameters (see flow.judge).
func sameIssuer(a, b string) bool { return plainIssuer(a) == plainIssuer(b) }

// plainIssuer returns an issuer without its final slash if that is its whole path.
func plainIssuer(issuer string) string {
	if rest, ok := strings.CutSuffix(issuer, "/"); ok {
		if _, host, ok := strings.Cut(rest, "://"); ok && host != "" && !strings.ContainsAny(host, "/?#") {
			return rest
		}
	}
	return issuer
}

// findIssuer returns the spelling of an issuer in a list, "" if the list does not contain it.
func findIssuer(list []string, issuer string) string {
	for _, named := range list {
		if sameIssuer(named, issuer) {
			return named
		}
	}
	return ""
}

// shownURL returns a URL as errors show it: bounded, without userinfo, query and fragment.
func shownURL(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Opaque != "" {
		return "an invalid URL"
	}
	shown := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}
	return redact.Clean(shown.String(), maxHost)
}
