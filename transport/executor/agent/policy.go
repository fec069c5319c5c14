package agent

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/hawser-mcp/hawser/internal/netclass"
)

// Policy is an egress policy: it says which servers may be reached. It can also be used without an
// agent, with a [net.Dialer]:
//
//	d := &net.Dialer{ControlContext: policy.Control(host)}
//
// A Policy judges the address of each connection when the connection is made. How the URL spells
// the address, and which resolver returned it, do not matter. A Policy does not change and is safe
// for concurrent use.
type Policy struct {
	allow, deny []rule
}

var defaultPolicy = new(Policy)

// PolicyError says that the policy refused a host or an address.
type PolicyError struct {
	Host string // the URL's host, or the address of a connection
	Rule string // the reason
}

// Error returns the host and the rule.
func (e *PolicyError) Error() string {
	return fmt.Sprintf("the egress policy refuses %q: %s", e.Host, e.Rule)
}

// NewPolicy returns a policy with two lists of rules. A rule is one of:
//
//   - a host name, "example.com", or all hosts below it, "*.example.com";
//   - an address, "127.0.0.1", or a network, "10.1.0.0/16";
//   - "public", "loopback" or "private" (10/8, 172.16/12, 192.168/16, fc00::/7);
//   - any of these with a port, "example.com:443", "[fd00::/8]:80", or "*:443".
//
// If allow is empty, public and loopback addresses may be reached. Otherwise only connections that
// a rule in allow covers are made. A network rule compares the address, and a name rule compares
// the host of the URL. A name rule never allows private addresses, and allows loopback addresses
// only for localhost, because an attacker may control what a name resolves to. A rule in deny
// always wins.
//
// Some addresses are never reached, whatever the rules: link-local and metadata services,
// unspecified, multicast, broadcast, shared (100.64/10), reserved, documentation and benchmark
// addresses, and IPv6 forms that contain such an IPv4 address.
func NewPolicy(allow, deny []string) (*Policy, error) {
	p := new(Policy)
	for _, text := range allow {
		r, err := parseRule(text)
		if err == nil {
			err = r.useful()
		}
		if err != nil {
			return nil, fmt.Errorf("allow %q: %w", text, err)
		}
		p.allow = append(p.allow, r)
	}
	for _, text := range deny {
		r, err := parseRule(text)
		if err != nil {
			return nil, fmt.Errorf("deny %q: %w", text, err)
		}
		p.deny = append(p.deny, r)
	}
	return p, nil
}

// CheckURL refuses a URL that can be refused before its name is resolved. The error is a
// [*PolicyError] if the policy refuses the URL. Otherwise it says why the URL's host or port is
// invalid.
func (p *Policy) CheckURL(u *url.URL) error {
	host, addr, port, err := target(u)
	if err != nil {
		return err
	}
	if addr.IsValid() {
		return p.check(host, addr, port)
	}
	if err := p.denied(host, addr, port); err != nil {
		return err
	}
	if slices.ContainsFunc(p.allow, rule.needsAddress) || len(p.allow) == 0 {
		return nil // the address decides
	}
	if !slices.ContainsFunc(p.allow, func(r rule) bool { return r.namesHost(host, port) }) {
		return &PolicyError{host, "no rule allows it"}
	}
	return nil
}

// checkProxied judges a URL whose host a proxy will resolve.
func (p *Policy) checkProxied(u *url.URL) error {
	host, addr, port, err := target(u)
	switch {
	case err != nil:
		return err
	case addr.IsValid():
		return p.check(host, addr, port)
	case !isASCII(host):
		return &PolicyError{host, "a host name for a proxy must be in ASCII"}
	}
	if err := p.denied(host, addr, port); err != nil {
		return err
	}
	return p.allowed(host, addr, netclass.Public, port)
}

// Control returns a function for the ControlContext of a [net.Dialer] that connects to host, a name
// or an address. The dialer calls the function with each address of host. The function returns a
// [*PolicyError] if the policy refuses the address.
func (p *Policy) Control(host string) func(ctx context.Context, network, address string, c syscall.RawConn) error {
	return func(_ context.Context, _, address string, _ syscall.RawConn) error {
		return p.judge(host, address)
	}
}

// judge judges one connection for host, to address "IP:port".
func (p *Policy) judge(host, address string) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return &PolicyError{host, "its address is invalid"}
	}
	return p.check(canonicalHost(host), ap.Addr(), ap.Port())
}

func (p *Policy) check(host string, addr netip.Addr, port uint16) error {
	addr = addr.WithZone("").Unmap()
	class, text := netclass.Of(addr)
	if class == netclass.Never {
		return &PolicyError{host, "its address is " + text + ", which is never allowed"}
	}
	if err := p.denied(host, addr, port); err != nil {
		return err
	}
	if v4 := netclass.Embedded(addr); v4.IsValid() {
		if err := p.denied(host, v4, port); err != nil {
			return err
		}
	}
	return p.allowed(host, addr, class, port)
}

func (p *Policy) denied(host string, addr netip.Addr, port uint16) error {
	for _, r := range p.deny {
		if r.covers(host, addr, port) {
			return &PolicyError{host, "denied by the rule " + strconv.Quote(r.text)}
		}
	}
	return nil
}

// allowed returns nil if the rules in allow permit a connection, and a [*PolicyError] otherwise. If
// addr is invalid, c is the class that is assumed for it.
func (p *Policy) allowed(host string, addr netip.Addr, c netclass.Class, port uint16) error {
	if len(p.allow) == 0 {
		if c == netclass.Private {
			return &PolicyError{host, "its address is private, and no rule allows that"}
		}
		return nil
	}
	for _, r := range p.allow {
		switch {
		case r.kind == byClass && r.class == c && r.hasPort(port):
			return nil
		case r.kind == byNetwork && r.covers(host, addr, port):
			return nil
		case r.namesHost(host, port) && (c == netclass.Public || c == netclass.Loopback && r.reachesLoopback()):
			return nil
		}
	}
	return &PolicyError{host, "no rule allows it"}
}

var (
	errNoHost  = errors.New("the URL has no host")
	errBadPort = errors.New("invalid port")
)

// target returns the host and port of a URL. addr is invalid if the host is a name.
func target(u *url.URL) (host string, addr netip.Addr, port uint16, err error) {
	host = canonicalHost(u.Hostname())
	if host == "" {
		return "", addr, 0, errNoHost
	}
	switch text := u.Port(); {
	case text != "":
		n, err := strconv.ParseUint(text, 10, 16)
		if err != nil || n == 0 {
			return "", addr, 0, errBadPort
		}
		port = uint16(n)
	case u.Scheme == "https":
		port = 443
	default:
		port = 80
	}
	addr, _ = netip.ParseAddr(host)
	return host, addr, port, nil
}

func canonicalHost(host string) string {
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > 0x7e || r <= ' ' })
}
