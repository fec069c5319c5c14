// Package httprule implements rules of HTTP and of URLs that several packages need.
package httprule

import (
	"net"
	"net/netip"
	"net/url"
	"strings"
)

// IsToken reports whether s is an HTTP token (RFC 9110, section 5.6.2), as methods and header field
// names must be.
func IsToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		alnum := '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !alnum && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

// IsFieldValue reports whether s may be the value of a header field (RFC 9110, section 5.5): it has
// no control characters except tabs.
func IsFieldValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// SameOrigin reports whether two http or https URLs have the same scheme, host and port (RFC 6454,
// section 5). A nil URL has no origin.
func SameOrigin(a, b *url.URL) bool {
	return a != nil && b != nil && strings.EqualFold(a.Scheme, b.Scheme) &&
		strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

// Origin returns the origin of an http or https URL in lower case, always with the port:
// "https://mcp.example.com:443".
func Origin(u *url.URL) string {
	return strings.ToLower(u.Scheme) + "://" + net.JoinHostPort(strings.ToLower(u.Hostname()), port(u))
}

func port(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case strings.EqualFold(u.Scheme, "https"):
		return "443"
	}
	return "80"
}

// IsLoopback reports whether a host is "localhost" or an address of this machine's loopback.
func IsLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}
