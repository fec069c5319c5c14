package agent

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// forbidden are spellings of hosts that no policy allows, each in a URL.
var forbidden = []string{
	// 169.254.169.254 and other metadata services
	"169.254.169.254", "169.254.169.254.", "169.254.169.254:80", "169.254.170.2", "100.100.100.200", "192.0.0.192", "168.63.129.16", "[fd00:ec2::254]", "[fd20:ce::254]",
	// the same in IPv6 forms: mapped, compatible, NAT64, 6to4, Teredo, ISATAP-like, with a zone
	"[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[0:0:0:0:0:ffff:a9fe:a9fe]", "[::FFFF:A9FE:A9FE]", "[::169.254.169.254]", "[::a9fe:a9fe]",
	"[64:ff9b::169.254.169.254]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::a9fe:a9fe]", "[2002:a9fe:a9fe::1]", "[2001:0:0:0:0:0:5601:5601]", "[::ffff:0:169.254.169.254]",
	"[64:ff9b::a9fe:aa02]", "[fd00:ec2::254%25eth0]", "user:password@169.254.169.254", "169.254.169.254:65535",
	// private and loopback addresses in forms that hide them: 6to4, compatible, NAT64, Teredo
	"[2002:a00:1::]", "[2002:7f00:1::]", "[::127.0.0.1]", "[::10.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b::127.0.0.1]",
	"[2001:0:0:0:0:0:80ff:fffe]", "[2001:0:808:808:0:0:f5ff:fffe]",
	// unspecified, link-local, multicast, broadcast, shared, reserved, documentation, benchmarks
	"0.0.0.0", "0.1.2.3", "[::]", "[::0.0.0.0]", "[fe80::1]", "[fe80::1%25eth0]", "[fe80::1%25lo]", "[ff02::1]", "224.0.0.1", "255.255.255.255", "100.64.0.1",
	"[fe80::1%251]", "[ff0e::1]", "[::ffff:0.0.0.0]", "[::ffff:224.0.0.1]", "[::ffff:100.64.0.1]", "192.88.99.1", "198.51.100.1", "[3fff::1]", "[2001:2::1]",
	"240.0.0.1", "192.0.2.1", "198.18.0.1", "203.0.113.1", "[2001:db8::1]", "[fec0::1]", "[4000::1]",
}

// private are spellings that only a rule allows.
var private = []string{
	"10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "[fd12::1]", "[fc00::1]", "[::ffff:10.0.0.1]", "[::ffff:c0a8:1]", "[64:ff9b::a00:1]",
	"[64:ff9b::192.168.0.1]", "[fd12::1%25eth0]", "user@10.0.0.1:8080",
}

// numbers are spellings that some resolvers read as addresses. Go does not, so they are names.
var numbers = []string{
	"2852039166", "0xa9fea9fe", "0xA9.0xFE.0xA9.0xFE", "0251.0376.0251.0376", "169.254.43518", "169.16689662", "127.1", "0177.0.0.1", "0x7f.1", "2130706433", "017700000001",
	"169.254.169.254.nip.example", "%31%36%39.254.169.254", "①⑥⑨.254.169.254", "169。254。169。254",
}

// everything is a policy that allows all that can be allowed.
func everything(t *testing.T) *Policy {
	t.Helper()
	p, err := NewPolicy([]string{"public", "loopback", "private", "*", "0.0.0.0/0", "::/0"}, nil)
	require.NoError(t, err)
	return p
}

// dialsNothing returns options with which a dial fails the test.
func dialsNothing(t *testing.T, p *Policy, resolver *net.Resolver) *Options {
	return &Options{Policy: p, Resolver: resolver, DialContext: func(_ context.Context, _, addr string) (net.Conn, error) {
		t.Errorf("dialed %s", addr)
		return nil, errors.New("dialed")
	}}
}

// refusesAll checks that a client can reach none of the hosts, neither in a URL nor in a Host header.
func refusesAll(t *testing.T, opts *Options, hosts []string) {
	t.Helper()
	c := linked(t, opts)
	for _, host := range hosts {
		for _, scheme := range []string{"http", "https", "HTTP"} {
			e := c.refused(get(scheme+"://"+host+"/?secret", "a"))
			require.Equal(t, "notSent permanent", e.stage(), "%s: %s", host, e.Message)
			require.NotContains(t, e.Message, "secret")
		}
		e := c.refused(get("http://8.8.8.8/", "a").with("headers", headers("Host", host)))
		require.Equal(t, "notSent permanent", e.stage(), "Host %s: %s", host, e.Message)
	}
}

// Nothing reaches what the policy forbids, however it is spelled.
func TestEgressSpellings(t *testing.T) {
	require.GreaterOrEqual(t, len(forbidden)+len(private)+len(numbers), 88)
	t.Run("never", func(t *testing.T) { refusesAll(t, dialsNothing(t, everything(t), nil), forbidden) })
	t.Run("private", func(t *testing.T) { refusesAll(t, dialsNothing(t, nil, nil), private) })
	t.Run("numbers", func(t *testing.T) {
		for _, addr := range []string{"169.254.169.254", "10.0.0.1", "::ffff:169.254.169.254", "fe80::1"} {
			c := linked(t, dialsNothing(t, nil, resolverTo(t, strings.TrimPrefix(addr, "::ffff:"))))
			for _, host := range numbers {
				e := c.refused(get("http://"+host+"/", "a"))
				require.Contains(t, e.stage(), "permanent", "%s at %s: %s", host, addr, e.Message)
			}
		}
	})
}

// A rule for a name covers spellings that are converted to that name before it is looked up.
func TestEgressNamesInUnicode(t *testing.T) {
	p, err := NewPolicy(nil, []string{"evil.example", "*.xn--bcher-kva.example", "localhost"})
	require.NoError(t, err)
	c := linked(t, dialsNothing(t, p, resolverTo(t, "8.8.8.8")))
	for _, host := range []string{"evil.example", "EVIL.example.", "ｅvil.example", "evil。example", "ｌocalhost", "a.bücher.example", "a.BÜCHER.example"} {
		e := c.refused(get("http://"+host+"/", "a"))
		require.Equal(t, "notSent permanent", e.stage(), "%s: %s", host, e.Message)
	}
}

// A name with allowed and forbidden addresses is reached at the allowed ones only.
func TestEgressMixedAddresses(t *testing.T) {
	for _, bad := range []string{"169.254.169.254", "10.0.0.1", "0.0.0.0", "fd00:ec2::254", "fe80::1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::"} {
		for _, addrs := range [][]string{{"8.8.8.8", bad}, {bad, "8.8.8.8"}, {bad, "8.8.8.8", bad, "1.1.1.1"}} {
			dialed := make(chan string, 10)
			c := linked(t, &Options{Resolver: resolverTo(t, addrs...), DialContext: func(_ context.Context, _, addr string) (net.Conn, error) {
				dialed <- addr
				return nil, errors.New("unreachable")
			}})
			c.refused(get("http://mixed.example/", "a"))
			close(dialed)
			require.NotEmpty(t, dialed)
			for addr := range dialed {
				require.Contains(t, []string{"8.8.8.8:80", "1.1.1.1:80"}, addr)
			}
		}
	}
}

// Redirects and proxies do not lead around the policy.
func TestEgressRedirectsAndProxies(t *testing.T) {
	hosts := append(append([]string{}, forbidden...), private...)
	requests := make(chan seen, 1)
	inWorld(t, nil, signpost(requests), func(w *world) {
		w.handshake()
		for _, host := range hosts {
			e := w.refused(get(upstream+"/307/x?http://"+host+"/", "").with("redirectPolicy", "follow").with("streamResponse", false))
			require.Equal(w.t, "maybeSent permanent", e.stage(), "%s: %s", host, e.Message)
			<-requests
		}
		require.Empty(w.t, requests)
	})
	proxy := http.ProxyURL(&url.URL{Scheme: "http", Host: "127.0.0.1:80"})
	inWorld(t, &Options{Proxy: proxy}, look(requests), func(w *world) {
		w.handshake()
		for _, host := range hosts {
			e := w.refused(get("http://"+host+"/", ""))
			require.Equal(w.t, "notSent permanent", e.stage(), "%s: %s", host, e.Message)
		}
		require.Empty(w.t, requests)
	})
	for _, host := range hosts { // the proxy itself
		c := linked(t, &Options{Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: strings.ReplaceAll(host, "%25", "%")})})
		require.Contains(t, c.refused(get("http://8.8.8.8/", "a")).stage(), "notSent", host)
	}
}
