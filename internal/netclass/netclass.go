// Package netclass classifies IP addresses by their kind of network.
package netclass

import "net/netip"

// Class is a kind of network.
type Class uint8

const (
	// Never is the class of addresses that no policy allows: metadata services, link-local,
	// reserved and similar addresses.
	Never Class = iota
	// Public addresses are routed on the Internet.
	Public
	// Loopback addresses are this machine.
	Loopback
	// Private addresses are RFC 1918 and unique local addresses.
	Private
)

// SharedSpace describes shared address space (RFC 6598), which carriers and VPNs use. Its class is
// Never.
const SharedSpace = "shared address space"

// neverRanges are networks that cannot contain a legitimate server: a request for such an address
// is a mistake or an attack. The texts are used in refusals. The ranges are from the IANA
// special-purpose address registries (RFC 6890) and the documentation of cloud providers.
var neverRanges = []struct {
	prefix netip.Prefix
	text   string
}{
	{netip.MustParsePrefix("169.254.169.254/32"), "a metadata service"},
	{netip.MustParsePrefix("169.254.170.2/32"), "a metadata service"},
	{netip.MustParsePrefix("100.100.100.200/32"), "a metadata service"},
	{netip.MustParsePrefix("192.0.0.192/32"), "a metadata service"},
	{netip.MustParsePrefix("168.63.129.16/32"), "a metadata service"},
	{netip.MustParsePrefix("fd00:ec2::/32"), "a metadata service"},
	{netip.MustParsePrefix("fd20:ce::254/128"), "a metadata service"},
	{netip.MustParsePrefix("0.0.0.0/8"), "unspecified"},
	{netip.MustParsePrefix("100.64.0.0/10"), SharedSpace},
	{netip.MustParsePrefix("169.254.0.0/16"), "link-local"},
	{netip.MustParsePrefix("192.0.0.0/24"), "reserved"},
	{netip.MustParsePrefix("192.0.2.0/24"), "for documentation"},
	{netip.MustParsePrefix("192.88.99.0/24"), "reserved"},
	{netip.MustParsePrefix("198.18.0.0/15"), "for benchmarks"},
	{netip.MustParsePrefix("198.51.100.0/24"), "for documentation"},
	{netip.MustParsePrefix("203.0.113.0/24"), "for documentation"},
	{netip.MustParsePrefix("224.0.0.0/4"), "multicast"},
	{netip.MustParsePrefix("255.255.255.255/32"), "broadcast"},
	{netip.MustParsePrefix("240.0.0.0/4"), "reserved"},
	{netip.MustParsePrefix("::/128"), "unspecified"},
	{netip.MustParsePrefix("fe80::/10"), "link-local"},
	{netip.MustParsePrefix("ff00::/8"), "multicast"},
	{netip.MustParsePrefix("2001:db8::/32"), "for documentation"},
	{netip.MustParsePrefix("3fff::/20"), "for documentation"},
	{netip.MustParsePrefix("2001:2::/48"), "for benchmarks"},
}

var privateRanges = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"),
	netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("fc00::/7"),
}

var (
	globalUnicast = netip.MustParsePrefix("2000::/3")     // RFC 4291: all addresses assigned so far
	assignments   = netip.MustParsePrefix("2001::/23")    // RFC 2928: protocols, not servers
	teredo        = netip.MustParsePrefix("2001::/32")    // RFC 4380
	sixToFour     = netip.MustParsePrefix("2002::/16")    // RFC 3056
	nat64         = netip.MustParsePrefix("64:ff9b::/96") // RFC 6052
)

// Of returns the class of an address, and a description if the class is Never. An invalid address
// is Never.
func Of(a netip.Addr) (Class, string) {
	if !a.IsValid() {
		return Never, "invalid"
	}
	a = a.WithZone("").Unmap()
	for _, r := range neverRanges {
		if r.prefix.Contains(a) {
			return Never, r.text
		}
	}
	for _, p := range privateRanges {
		if p.Contains(a) {
			return Private, ""
		}
	}
	switch {
	case a.IsLoopback():
		return Loopback, ""
	case a.Is4():
		return Public, ""
	}
	return classify6(a)
}

// NeverWithin returns the description of the single Never range that contains a network, or "" if
// there is none.
func NeverWithin(p netip.Prefix) string {
	for _, r := range neverRanges {
		if r.prefix.Bits() <= p.Bits() && r.prefix.Contains(p.Addr()) {
			return r.text
		}
	}
	return ""
}

// classify6 classifies IPv6 addresses. An address that embeds an IPv4 address has the class of that
// address.
func classify6(a netip.Addr) (Class, string) {
	if v4 := Embedded(a); v4.IsValid() {
		c, _ := Of(v4)
		if c == Public || c == Private && nat64.Contains(a) {
			return c, ""
		}
		return Never, "a form of an IPv4 address that is not public"
	}
	if assignments.Contains(a) || !globalUnicast.Contains(a) {
		return Never, "reserved"
	}
	return Public, ""
}

// Embedded returns the IPv4 address that packets for the IPv6 address a are delivered to, or an
// invalid address if there is none.
func Embedded(a netip.Addr) netip.Addr {
	b := a.As16()
	switch {
	case nat64.Contains(a):
		return netip.AddrFrom4([4]byte(b[12:]))
	case sixToFour.Contains(a):
		return netip.AddrFrom4([4]byte(b[2:6]))
	case teredo.Contains(a):
		return netip.AddrFrom4([4]byte{^b[12], ^b[13], ^b[14], ^b[15]})
	}
	return netip.Addr{}
}
