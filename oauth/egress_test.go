package oauth

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func egressOf(t *testing.T, endpoint string, cfg *Config) *egress {
	t.Helper()
	u, err := url.Parse(endpoint)
	require.NoError(t, err)
	return newEgress(u, cfg)
}

const (
	publicEndpoint   = "https://mcp.example.com/mcp"
	loopbackEndpoint = "http://127.0.0.1:8080/mcp"
	privateEndpoint  = "https://10.1.2.3/mcp"
)

// The allowed OAuth URLs depend on whether the resource is public, private or on loopback.
func TestEgress(t *testing.T) {
	nobody, everybody := []string{}, []string{publicEndpoint, loopbackEndpoint, privateEndpoint, "https://mcp.internal/"}
	inside := everybody[1:]
	for want, urls := range map[*[]string][]string{
		&everybody: {
			"https://as.example.com/token", "https://as.example.com:8443/a?b=c", "HTTPS://AS.Example.COM./", "https://1.1.1.1/", "https://[2606:4700::1111]/",
			"https://xn--bcher-kva.example/", "https://a_b.example.com/", "https://3com.example/",
		},
		&inside: {
			"http://127.0.0.1/", "https://127.0.0.1/", "http://[::1]:1/", "http://localhost:9/x", "https://LOCALHOST./", "https://a.localhost/",
			"https://[::ffff:127.0.0.1]/", "https://127.255.0.1/", "https://10.0.0.1/", "https://192.168.1.1/", "https://172.16.0.1/", "https://100.64.0.1/",
			"https://[fd12::1]/", "https://[::ffff:10.0.0.1]/", "https://[64:ff9b::a00:1]/", "https://intranet/", "https://printer.local/", "https://db.prod.internal./", "https://kubernetes.default.svc/",
		},
		&nobody: {
			"http://as.example.com/", "http://10.0.0.1/", "http://1.1.1.1/", "file:///etc/passwd", "gopher://as.example.com/", "javascript:alert(1)", "//as.example.com/",
			"/token", "", "https://", "https:///x", "https:as.example.com", "ftp://127.0.0.1/", "unix:///run/x", "data:application/json,{}",
			"https://user@as.example.com/", "https://user:pass@as.example.com/", "https://as.example.com@127.0.0.1/", "https://:@as.example.com/",
			"https://as.example.com/#x", "https://as.example.com/#", "https://as.example.com\\@127.0.0.1/", "https://as example.com/", "https://as.example.com\r\n.x/",
			"https://169.254.169.254/latest", "https://[::ffff:169.254.169.254]/", "https://[fe80::1]/", "https://[fe80::1%25eth0]/", "https://[::1%25lo]/", "https://[fd00:ec2::254]/",
			"https://metadata.google.internal/", "https://METADATA.google.internal./", "https://metadata/", "https://instance-data/", "https://100.100.100.200/", "https://0.0.0.0/", "https://[::]/", "https://224.0.0.1/",
			"https://[64:ff9b::a9fe:a9fe]/", "https://[2002:7f00:1::]/", "https://[2002:a9fe:a9fe::1]/", "https://[::127.0.0.1]/", "https://[64:ff9b::7f00:1]/",
			"https://2130706433/", "https://0x7f000001/", "https://0177.0.0.1/", "https://127.1/", "https://127.0.0.1../", "https://0x7f.0.0.1/", "https://1.2.3.0x4/",
			"https://127。0。0。1/", "https://①②⑦.⓪.⓪.①/", "https://bücher.example/", "https://ａs.example/", "https://[1.1.1.1]/", "https://a..b/", "https://a.b%2f/",
			"https://as.example.com/" + strings.Repeat("x", maxURL),
		},
	} {
		for _, text := range urls {
			for _, endpoint := range everybody {
				_, err := egressOf(t, endpoint, &Config{}).parse(text)
				allowed := slices.Contains(*want, endpoint)
				require.Equal(t, allowed, err == nil, "%s for %s: %v", text, endpoint, err)
				if err != nil {
					var refused *URLError
					require.ErrorAs(t, err, &refused)
					require.NotContains(t, err.Error(), "pass")
				}
			}
		}
	}
}

func TestAllowPrivateAllowsNoMore(t *testing.T) {
	e := egressOf(t, publicEndpoint, &Config{AllowPrivate: true})
	for text, want := range map[string]bool{
		"https://10.0.0.1/": true, "https://as.internal/": true, "https://[fd12::1]/": true,
		"https://127.0.0.1/": false, "http://localhost/": false, "https://169.254.169.254/": false, "http://10.0.0.1/": false, "https://metadata.google.internal/": false,
	} {
		_, err := e.parse(text)
		require.Equal(t, want, err == nil, text)
	}
}

// When a name is dialed, each address that it resolves to is checked.
func TestGuardOfNames(t *testing.T) {
	for _, c := range []struct {
		endpoint, url, address string
		allowed                bool
	}{
		{publicEndpoint, "https://as.example.com/", "1.1.1.1:443", true},
		{publicEndpoint, "https://as.example.com/", "127.0.0.1:443", false},
		{publicEndpoint, "https://as.example.com/", "10.0.0.1:443", false},
		{publicEndpoint, "https://as.example.com/", "169.254.169.254:443", false},
		{publicEndpoint, "https://as.example.com/", "[::ffff:10.0.0.1]:443", false},
		{publicEndpoint, "https://as.example.com/", "[fe80::1%eth0]:443", false},
		{privateEndpoint, "https://as.example.com/", "10.0.0.1:443", true},
		{loopbackEndpoint, "https://as.example.com/", "10.0.0.1:443", true},
		{loopbackEndpoint, "https://as.example.com/", "169.254.169.254:443", false},
		{loopbackEndpoint, "http://localhost/", "127.0.0.1:80", true},
		{loopbackEndpoint, "http://localhost/", "1.1.1.1:80", false},
		{loopbackEndpoint, "http://localhost/", "10.0.0.1:80", false},
	} {
		u, err := url.Parse(c.url)
		require.NoError(t, err)
		err = (&visit{egress: egressOf(t, c.endpoint, &Config{}), u: u}).judge(netip.MustParseAddrPort(c.address))
		require.Equal(t, c.allowed, err == nil, "%v: %v", c, err)
	}
}
