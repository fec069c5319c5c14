package agent

import (
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/hawser-mcp/hawser/internal/netclass"
)

var errHostHeader = errors.New("http/request header value is invalid for Host")

// takeHost moves the Host header to its own field, as net/http requires. A header filled from the
// environment is allowed only for certain origins, so the Host header must not select another
// virtual host.
func (o *outgoing) takeHost() error {
	values, ok := o.header["Host"]
	if !ok {
		return nil
	}
	delete(o.header, "Host")
	if len(values) > 1 || !isHost(values[0]) {
		return errHostHeader
	}
	if slices.Contains(o.secret, "Host") || len(o.secret) > 0 && !strings.EqualFold(values[0], o.url.Host) {
		return errors.New("http/request header Host must match the URL when a header is filled from an environment variable")
	}
	o.host = values[0]
	return nil
}

// isHost reports whether text is a host with an optional port, as in a URL. A name that some
// programs read as an address ("127.1") is not one.
func isHost(text string) bool {
	u, err := url.Parse("http://" + text)
	if err != nil || u.Host != text || !isASCII(text) || strings.ContainsAny(text, "%,") {
		return false
	}
	host, addr, _, err := target(u)
	return err == nil && (addr.IsValid() || checkName(host) == nil)
}

// checkHost judges the Host header of a request to u. A server or a proxy may send the request on
// to the host that the header names. So the policy must allow that host too: an address like the
// address in a URL, and a name at every address that may be reached for the name in u.
func (p *Policy) checkHost(u *url.URL, header string) error {
	host, addr, _, err := target(&url.URL{Scheme: u.Scheme, Host: header})
	if err != nil {
		return errHostHeader
	}
	name, at, port, err := target(u) // the port of the connection decides
	switch {
	case err != nil:
		return err
	case host == name:
		return nil
	case addr.IsValid():
		return p.check(host, addr, port)
	case at.IsValid():
		return p.check(host, at, port)
	}
	if err := p.denied(host, netip.Addr{}, port); err != nil {
		return err
	}
	for _, r := range p.allow {
		if r.kind != byName || !r.namesHost(name, port) {
			continue // it allows addresses whatever the name
		}
		if err := p.allowed(host, netip.Addr{}, netclass.Public, port); err != nil {
			return err
		}
		if r.reachesLoopback() {
			return p.allowed(host, netip.Addr{}, netclass.Loopback, port)
		}
	}
	return nil
}
