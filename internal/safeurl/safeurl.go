// Package safeurl decides which URLs from a server may be shown to the user (MCP 2026-07-28,
// "Elicitation", "Safe URL Handling").
package safeurl

import (
	"errors"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/hawser-mcp/hawser/internal/urichars"
)

const (
	// MaxLength is the maximum length of a URL, in bytes.
	MaxLength = 8 << 10
	long      = 512 // longer than a user would read
)

// Reasons for refusing a URL. Their texts do not repeat the URL: it comes from the server, and its
// query may hold a secret.
var (
	ErrLength = errors.New("is too long")
	ErrText   = errors.New("contains characters that are not allowed in a URL (RFC 3986), or an incomplete escape")
	ErrSyntax = errors.New("is not a URL")
	ErrScheme = errors.New("must be https, or http on this machine")
	ErrHost   = errors.New("must have a host that is a name or an IP address in the usual notation")
	ErrPort   = errors.New("invalid port")
	ErrUser   = errors.New("must not contain a user name or password")
)

// Check returns the URL to show and warnings for the user.
//
// Programs disagree on how to read backslashes, IP addresses in another base, and letters outside
// ASCII. Check refuses URLs that contain them. In the result, the host is in lower case, so that a
// capital I cannot pass for an l, and a default port is removed.
func Check(text string) (*url.URL, []string, error) {
	switch {
	case len(text) > MaxLength:
		return nil, nil, ErrLength
	case !urichars.Valid(text):
		return nil, nil, ErrText
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, nil, ErrSyntax // a url.Error repeats the URL
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, nil, ErrScheme
	case u.User != nil:
		return nil, nil, ErrUser
	}
	host := strings.ToLower(u.Hostname())
	ip, isName := readHost(host)
	switch {
	case !isName && !ip.IsValid():
		return nil, nil, ErrHost
	case strings.HasPrefix(u.Host, "[") != ip.Is6():
		return nil, nil, ErrHost
	}
	local := host == "localhost" || ip.Unmap().IsLoopback()
	if u.Scheme == "http" && !local {
		return nil, nil, ErrScheme
	}
	port, err := otherPort(u)
	if err != nil {
		return nil, nil, err
	}
	u.Host = host
	if ip.Is6() {
		u.Host = "[" + host + "]"
	}
	if port != "" {
		u.Host += ":" + port
	}
	local = local || strings.HasSuffix("."+strings.TrimSuffix(host, "."), ".localhost") // RFC 6761 section 6.3
	return u, warnings(u, host, port, ip.IsValid() && !local, local), nil
}

// readHost parses a host in lower case: an IP address, or a name of letters, digits, hyphens and
// underscores. Browsers read a name that ends in a number as an IP address (WHATWG URL, "ends in a
// number"). readHost accepts such a host only if it is an IP address in the usual notation.
func readHost(host string) (ip netip.Addr, isName bool) {
	if ip, err := netip.ParseAddr(host); err == nil {
		if ip.Zone() != "" {
			return netip.Addr{}, false
		}
		return ip, false
	}
	if len(host) > 253 { // RFC 1035 section 2.3.4, as text
		return netip.Addr{}, false
	}
	labels := strings.Split(strings.TrimSuffix(host, "."), ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 {
			return netip.Addr{}, false
		}
		for i := range len(label) {
			b := label[i]
			if !('a' <= b && b <= 'z' || '0' <= b && b <= '9' || b == '-' || b == '_') {
				return netip.Addr{}, false
			}
		}
	}
	return netip.Addr{}, !isNumber(labels[len(labels)-1])
}

// isNumber reports whether a label is a decimal number, or a hexadecimal number with 0x.
func isNumber(label string) bool {
	digits, hex := strings.CutPrefix(label, "0x")
	for i := range len(digits) {
		if b := digits[i]; ('0' > b || b > '9') && !(hex && 'a' <= b && b <= 'f') {
			return false
		}
	}
	return true
}

// otherPort returns the port of a URL, or "" if the URL has no port or the default port of its
// scheme.
func otherPort(u *url.URL) (string, error) {
	text := u.Port()
	if text == "" {
		return "", nil
	}
	n, err := strconv.ParseUint(text, 10, 16)
	switch {
	case err != nil || n == 0:
		return "", ErrPort
	case u.Scheme == "https" && n == 443, u.Scheme == "http" && n == 80:
		return "", nil
	}
	return strconv.FormatUint(n, 10), nil
}

// warnings returns what the user should know about a URL before consenting to open it.
func warnings(u *url.URL, host, port string, address, local bool) (list []string) {
	add := func(applies bool, warning string) {
		if applies {
			list = append(list, warning)
		}
	}
	add(strings.HasPrefix(host, "xn--") || strings.Contains(host, ".xn--"),
		"the host is written in Punycode (xn--): in its own script it may look like another host")
	add(address, "the host is an IP address, not a name")
	add(local, "the page is on this machine, not on the web")
	add(u.Scheme == "http", "the page is not encrypted (http)")
	add(port != "", "the port is "+port+", not the usual one")
	path := u.EscapedPath()
	add(strings.Contains(path, "@") || strings.Contains(path, "%40"),
		"the path contains an @: what precedes it is not the host")
	add(len(u.String()) > long, "the URL is unusually long")
	return list
}
