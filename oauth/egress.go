package oauth

import (
	"context"
	"errors"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/hawser-mcp/hawser/internal/httprule"
	"github.com/hawser-mcp/hawser/internal/netclass"
	"github.com/hawser-mcp/hawser/internal/redact"
	"github.com/hawser-mcp/hawser/transport"
)

// egress decides whether this client may send a request to a URL that a server named. A server must
// not make the client connect to hosts that only the client can reach (MCP security best practices,
// "Server-Side Request Forgery"). "Inside" means on loopback or in a private network. The
// endpoint's own origin may be inside, because the user chose it and the session connects to it
// anyway.
type egress struct {
	endpoint *url.URL    // may be nil
	inside   atomic.Bool // the endpoint has an inside address or name, or was reached at an inside address
	private  bool        // Config.AllowPrivate
	insecure bool        // Config.AllowInsecureHTTP is set, and the endpoint uses http
	exposed  bool        // a token would travel in the clear to the endpoint, which Config.AllowInsecureHTTP does not allow
}

func newEgress(endpoint *url.URL, cfg *Config) *egress {
	host := canonicalHost(endpoint)
	class := classOfName(host)
	if addr, err := netip.ParseAddr(host); err == nil {
		class, _ = classOf(addr)
	}
	e := &egress{endpoint: endpoint, private: cfg.AllowPrivate, insecure: cfg.AllowInsecureHTTP && endpoint.Scheme == "http"}
	e.exposed = endpoint.Scheme == "http" && !e.insecure && !httprule.IsLoopback(host)
	e.inside.Store(isInside(class))
	return e
}

// isOwn reports whether u has the endpoint's origin.
func (e *egress) isOwn(u *url.URL) bool { return httprule.SameOrigin(u, e.endpoint) }

func isInside(c netclass.Class) bool { return c == netclass.Loopback || c == netclass.Private }

// classOf returns the class of an address and, for the class Never, words that describe the
// address. Shared address space counts as private, because VPNs use it for their members.
func classOf(addr netip.Addr) (netclass.Class, string) {
	class, what := netclass.Of(addr)
	if class == netclass.Never && what == netclass.SharedSpace {
		return netclass.Private, ""
	}
	return class, what
}

// parse parses a URL that a server named, and applies all checks that do not require resolving its
// host.
func (e *egress) parse(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Opaque != "" || u.Host == "" || len(text) > maxURL {
		return nil, &URLError{Reason: "not an absolute URL"}
	}
	host := canonicalHost(u)
	addr, addrErr := netip.ParseAddr(host)
	refuse := func(reason string) (*url.URL, error) {
		return nil, &URLError{Host: redact.Clean(u.Hostname(), maxHost), Reason: reason}
	}
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return refuse("scheme must be https")
	case u.User != nil:
		return refuse("userinfo is not allowed")
	case u.Fragment != "" || strings.HasSuffix(text, "#"):
		return refuse("fragments are not allowed")
	case u.Scheme == "http" && !httprule.IsLoopback(host) && !e.insecure:
		return refuse(reasonHTTP)
	case addrErr != nil && !isHostName(host):
		return refuse("invalid host name or address")
	case addrErr == nil && addr.Zone() != "":
		return refuse("addresses with a zone are not allowed")
	}
	class, what := classOfName(host), "a metadata service"
	if addrErr == nil {
		class, what = classOf(addr)
	}
	if refused := e.verdict(u, class, what); refused != nil {
		return nil, refused
	}
	return u, nil
}

const reasonHTTP = "http is for loopback only (see Config.AllowInsecureHTTP)"

const (
	maxURL  = 8 << 10 // maximum length of a URL that a server named, in bytes
	maxHost = 255
)

// verdict returns nil if a request may be sent to u at an address of the given class. Otherwise the
// error says why it may not. If class is Never, what describes the address.
func (e *egress) verdict(u *url.URL, class netclass.Class, what string) *URLError {
	refused := &URLError{Host: redact.Clean(u.Hostname(), maxHost)}
	allowed := e.inside.Load() || e.isOwn(u)
	switch {
	case class == netclass.Never:
		refused.Reason = "its address is " + what + ", which is never allowed"
	case class == netclass.Loopback && !allowed:
		refused.Reason, refused.outside = "it leads to this machine, which is allowed only for a resource on this machine or in a private network", true
	case class == netclass.Private && !allowed && !e.private:
		refused.Reason, refused.outside = "it leads to a private network, which is allowed only for a private resource (see Config.AllowPrivate)", true
	default:
		return nil
	}
	return refused
}

// isOutside reports whether err says that a URL was refused only because the resource is not known
// to be inside.
func isOutside(err error) bool {
	var refused *URLError
	return errors.As(err, &refused) && refused.outside
}

// visit is one request to u. It checks the addresses that the host of u resolves to. If u has the
// endpoint's origin, visit also records whether it was reached at an inside address.
type visit struct {
	egress *egress
	u      *url.URL

	mu      sync.Mutex
	allowed []netip.Addr // guarded by mu: the checked addresses that are inside
	inside  bool         // guarded by mu: the request was sent to an address in allowed
}

// judge is the dial guard (transport.WithDialGuard): it checks an address before it is dialed.
func (v *visit) judge(ap netip.AddrPort) error {
	class, what := classOf(ap.Addr())
	if refused := v.egress.verdict(v.u, class, what); refused != nil {
		return refused
	}
	if v.u.Scheme == "http" && class != netclass.Loopback && !v.egress.insecure {
		return &URLError{Host: redact.Clean(v.u.Hostname(), maxHost), Reason: reasonHTTP}
	}
	if isInside(class) {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.allowed = append(v.allowed, ap.Addr().Unmap())
	}
	return nil
}

// context returns ctx with the dial guard and the trace that the request needs.
func (v *visit) context(ctx context.Context) context.Context {
	ctx = transport.WithDialGuard(ctx, v.judge)
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: v.gotConn})
}

// gotConn records whether the request's connection goes to an inside address. An address that judge
// has not checked belongs to a proxy and does not count.
func (v *visit) gotConn(info httptrace.GotConnInfo) {
	addr := info.Conn.RemoteAddr()
	if addr == nil {
		return
	}
	ap, err := netip.ParseAddrPort(addr.String())
	v.mu.Lock()
	defer v.mu.Unlock()
	v.inside = err == nil && slices.Contains(v.allowed, ap.Addr().Unmap())
}

// answered is called after the server has responded. If the endpoint's origin was reached inside,
// the endpoint now counts as inside. The response matters because, over https, it proves the
// server's name.
func (v *visit) answered() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.inside && v.egress.isOwn(v.u) {
		v.egress.inside.Store(true)
	}
}

// canonicalHost returns the host of a URL in lower case, without the trailing dot of the DNS root.
func canonicalHost(u *url.URL) string {
	return strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
}

// metadataHosts are the names of cloud metadata services.
var metadataHosts = []string{"metadata.google.internal", "metadata.goog", "metadata", "instance-data.ec2.internal", "instance-data"}

// privateSuffixes are suffixes of host names that do not exist in the public DNS (RFC 6762, RFC
// 8375, ICANN).
var privateSuffixes = []string{".local", ".internal", ".home.arpa", ".lan", ".localdomain", ".intranet", ".corp", ".home", ".svc"}

// classOfName returns the class that a host name implies. It returns Public if the name implies no
// class. The class then depends on the name's addresses, which are checked when they are dialed.
func classOfName(host string) netclass.Class {
	switch {
	case slices.Contains(metadataHosts, host):
		return netclass.Never
	case host == "localhost" || strings.HasSuffix(host, ".localhost"):
		return netclass.Loopback
	case !strings.Contains(host, "."):
		return netclass.Private
	}
	for _, suffix := range privateSuffixes {
		if strings.HasSuffix(host, suffix) {
			return netclass.Private
		}
	}
	return netclass.Public
}

// isHostName reports whether host consists of labels of letters, digits, hyphens and underscores,
// and is not a number that some programs read as an IPv4 address: 127.1, 0x7f000001, 2130706433
// (WHATWG URL, "ends in a number").
func isHostName(host string) bool {
	labels := strings.Split(host, ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	last := labels[len(labels)-1]
	digits := strings.Trim(last, "0123456789") == ""
	return !digits && !strings.HasPrefix(last, "0x")
}
