package netclass

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestClasses(t *testing.T) {
	for want, addrs := range map[Class][]string{
		Public: {
			"93.184.215.14", "1.1.1.1", "172.15.255.255", "172.32.0.1", "100.63.255.255", "100.128.0.1", "223.255.255.255", "198.17.0.1",
			"2606:2800:21f:cb07::1", "2a00::1", "::ffff:1.1.1.1", "64:ff9b::101:101", "2002:101:101::1",
			"2001:0:101:101:0:0:fefe:fefe", "2001:4860::8888",
		},
		Loopback: {"127.0.0.1", "127.255.255.254", "::1", "::1%lo", "::ffff:127.0.0.1"},
		Private: {
			"10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fc00::1", "fd12:3456::1", "fd12::1%eth0",
			"::ffff:10.0.0.1", "64:ff9b::a00:1",
		},
		Never: {
			"0.0.0.0", "0.1.2.3", "169.254.0.1", "169.254.169.254", "169.254.170.2", "100.64.0.1", "100.127.255.255", "100.100.100.200",
			"192.0.0.1", "192.0.0.192", "192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "198.19.255.255", "192.88.99.1",
			"224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "168.63.129.16",
			"::", "fe80::1", "fe80::1%eth0", "febf::1", "fec0::1", "ff02::1", "fd00:ec2::254", "fd20:ce::254", "2001:db8::1", "3fff::1",
			"2001:2::1", "2001:10::1", "2001:20::1", "100::1", "5f00::1", "4000::1",
			"::ffff:169.254.169.254", "::ffff:0.0.0.0", "::ffff:224.0.0.1", // IPv4-mapped
			"::169.254.169.254", "::127.0.0.1", "::10.0.0.1", "::2", // IPv4-compatible
			"::ffff:0:169.254.169.254", "::ffff:0:a00:1", // IPv4-translated
			"64:ff9b::a9fe:a9fe", "64:ff9b::7f00:1", "64:ff9b::", // NAT64
			"64:ff9b:1::a9fe:a9fe", "64:ff9b:1:a9fe:a9:fe00::", // NAT64 of a network's own
			"2002:a9fe:a9fe::1", "2002:7f00:1::", "2002:a00:1::", "2002:c0a8:101::1", // 6to4
			"2001:0:101:101:0:0:5601:5601", "2001:0:101:101:0:0:80ff:fffe", "2001:0:101:101:0:0:f5ff:fffe", // Teredo
		},
	} {
		for _, addr := range addrs {
			got, text := Of(netip.MustParseAddr(addr))
			require.Equal(t, want, got, addr)
			require.Equal(t, want == Never, text != "", addr)
		}
	}
}

// A refused address is also refused with a zone and in IPv4-mapped form. An address that embeds an
// IPv4 address is refused if the IPv4 address is.
func FuzzOf(f *testing.F) {
	for _, addr := range []string{"127.0.0.1", "::1", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "2001::1", "fe80::1"} {
		f.Add(netip.MustParseAddr(addr).AsSlice())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		a, ok := netip.AddrFromSlice(b)
		if !ok {
			return
		}
		c, _ := Of(a)
		if a.Is4() {
			mapped, _ := Of(netip.AddrFrom16(a.As16()))
			require.Equal(t, c, mapped)
		} else if !a.Is4In6() {
			zoned, _ := Of(a.WithZone("eth0"))
			require.Equal(t, c, zoned)
		}
		if v4 := Embedded(a); v4.IsValid() && c != Never {
			inner, _ := Of(v4)
			require.Equal(t, inner, c)
		}
		if c == Public {
			require.True(t, a.IsGlobalUnicast() && !a.IsPrivate() && !a.IsLinkLocalUnicast(), a)
		}
	})
}
