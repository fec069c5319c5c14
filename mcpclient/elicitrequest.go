package mcpclient

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/wire"
)

var (
	errNoSchema = errors.New(`no "requestedSchema"`)
	errNoURL    = errors.New(`no "url"`)
)

// decodeElicitation reads the parameters of elicitation/create, which it keeps,
// and returns one of form and page, or an error. A request without a mode is for a
// form (2026-07-28, "Elicitation Requests"). One without a message has "": a person
// can still see what is wanted.
func decodeElicitation(params json.RawMessage, version string) (form *FormRequest, page *URLRequest, err error) {
	var (
		mode, message, address, id string
		schema                     json.RawMessage
		meta                       *mcp.Meta
	)
	r := wire.NewReader(params, nil)
	for key := range r.Members() {
		switch string(key) {
		case "mode":
			mode = r.OptString()
		case "message":
			message = r.OptString()
		case "requestedSchema":
			schema = r.OptRaw()
		case "url":
			address = r.OptString()
		case "elicitationId":
			id = r.OptString()
		case "_meta":
			meta = r.Meta()
		default:
			r.Skip()
		}
	}
	r.End()
	if err := r.Err(); err != nil {
		return nil, nil, publicError(err)
	}
	switch mode {
	case "", "form":
		if schema == nil {
			return nil, nil, errNoSchema
		}
		parsed, err := parseForm(schema)
		if err != nil {
			return nil, nil, fmt.Errorf("requestedSchema: %w", err)
		}
		return &FormRequest{Message: message, Form: parsed, Meta: meta, Raw: params}, nil, nil
	case "url":
		if address == "" {
			return nil, nil, errNoURL
		}
		u, warnings, err := checkPage(address)
		if err != nil {
			return nil, nil, fmt.Errorf("url: %w", err)
		}
		if eraOf(version) == EraModern { // which has no such name
			id = ""
		}
		return nil, &URLRequest{Message: message, URL: u, Warnings: warnings, ElicitationID: id, Meta: meta, Raw: params}, nil
	}
	return nil, nil, fmt.Errorf("unknown mode %s", wire.PathKey([]byte(mode)))
}

const (
	maxPage  = 8 << 10 // bytes of a URL
	longPage = 512     // more than a person reads
)

// Why a URL is not shown. None of them repeats a part of it: it is the server's
// text, and its query may be a secret.
var (
	errPageText   = errors.New("has characters that no URL has (RFC 3986): spaces, control characters, anything but ASCII, or a bad escape")
	errPageSyntax = errors.New("is not a URL")
	errPageScheme = errors.New("is neither https nor, on this machine, http")
	errPageHost   = errors.New("has no host, or one that is no name and no plain IP address")
	errPagePort   = errors.New("has a port that is none")
	errPageUser   = errors.New("has user information in front of its host")
)

// checkPage decides whether a URL can be shown to a person as what it is
// (2026-07-28, "Safe URL Handling"), and what to warn of. Where programs that open
// URLs read a text differently from this one (a backslash, an IP address in another
// base, letters that are not ASCII), it is refused. The host of the URL returned is in small
// letters, so that no capital I passes for an l, and its default port is gone.
func checkPage(text string) (*url.URL, []string, error) {
	if len(text) > maxPage {
		return nil, nil, &LimitError{What: "bytes in a URL", Limit: maxPage}
	}
	if firstNotURI(text) >= 0 {
		return nil, nil, errPageText
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, nil, errPageSyntax // url.Error repeats the whole of it
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, nil, errPageScheme
	case u.User != nil:
		return nil, nil, errPageUser
	}
	host := strings.ToLower(u.Hostname())
	ip, named := pageHost(host)
	switch {
	case !named && !ip.IsValid():
		return nil, nil, errPageHost
	case strings.HasPrefix(u.Host, "[") != ip.Is6():
		return nil, nil, errPageHost
	}
	here := host == "localhost" || ip.Unmap().IsLoopback()
	if u.Scheme == "http" && !here {
		return nil, nil, errPageScheme
	}
	port, err := pagePort(u)
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
	here = here || strings.HasSuffix("."+strings.TrimSuffix(host, "."), ".localhost") // RFC 6761 section 6.3
	return u, pageWarnings(u, host, port, ip.IsValid() && !here, here), nil
}

// pageHost reads a host in small letters: an IP address, or a name of letters,
// digits, hyphens and underscores. A name that ends in a number is an IP address to
// browsers (WHATWG URL, "ends in a number"): written in another way than the usual
// one, it is neither.
func pageHost(host string) (ip netip.Addr, named bool) {
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
	return netip.Addr{}, !endsInNumber(labels[len(labels)-1])
}

// endsInNumber tells that a host's last label is a number, in base ten or 0x.
func endsInNumber(label string) bool {
	digits, hex := strings.CutPrefix(label, "0x")
	for i := range len(digits) {
		if b := digits[i]; ('0' > b || b > '9') && !(hex && 'a' <= b && b <= 'f') {
			return false
		}
	}
	return true
}

// pagePort returns the port of a URL if it is not the scheme's own.
func pagePort(u *url.URL) (string, error) {
	text := u.Port()
	if text == "" {
		return "", nil
	}
	n, err := strconv.ParseUint(text, 10, 16)
	switch {
	case err != nil || n == 0:
		return "", errPagePort
	case u.Scheme == "https" && n == 443, u.Scheme == "http" && n == 80:
		return "", nil
	}
	return strconv.FormatUint(n, 10), nil
}

// pageWarnings says what a person should know of a URL that may be shown.
func pageWarnings(u *url.URL, host, port string, address, here bool) (warnings []string) {
	add := func(is bool, warning string) {
		if is {
			warnings = append(warnings, warning)
		}
	}
	add(strings.HasPrefix(host, "xn--") || strings.Contains(host, ".xn--"),
		"the host is written in Punycode (xn--): shown in its own letters it may look like another host")
	add(address, "the host is an IP address, not a name")
	add(here, "the page is on this machine, not on the web")
	add(u.Scheme == "http", "the page is not encrypted (http)")
	add(port != "", "the port is "+port+", not the usual one")
	path := u.EscapedPath()
	add(strings.Contains(path, "@") || strings.Contains(path, "%40"),
		"there is an @ in the path: what stands before it is not the host")
	add(len(u.String()) > longPage, "the URL is unusually long")
	return warnings
}
