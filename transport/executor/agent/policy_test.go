package agent

import (
	"errors"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

// connection is a connection for a host to one of its addresses.
type connection struct{ host, address string }

// policies are rules with connections that they allow and refuse.
var policies = map[string]struct {
	allow, deny []string
	yes, no     []connection
}{
	"default": {
		yes: []connection{{"example.com", "93.184.215.14:80"}, {"localhost", "127.0.0.1:8080"}, {"example.com", "127.0.0.1:1"}, {"::1", "[::1]:80"}},
		no:  []connection{{"example.com", "10.0.0.1:80"}, {"example.com", "[fd12::1]:80"}, {"example.com", "169.254.169.254:80"}, {"x", "nothing"}},
	},
	"names": {
		allow: []string{"Example.COM", "*.example.net.", "api.example.org:443", "localhost"},
		yes: []connection{
			{"example.com", "93.184.215.14:80"}, {"EXAMPLE.com.", "93.184.215.14:80"}, {"a.b.example.net", "[2a00::1]:443"},
			{"api.example.org", "93.184.215.14:443"}, {"localhost", "127.0.0.1:80"}, {"localhost", "[::1]:80"},
		},
		no: []connection{
			{"www.example.com", "93.184.215.14:80"}, {"notexample.net", "93.184.215.14:80"}, {"example.net", "93.184.215.14:80"},
			{"api.example.org", "93.184.215.14:80"}, {"93.184.215.14", "93.184.215.14:80"},
			{"example.com", "127.0.0.1:80"}, {"example.com", "10.0.0.1:80"}, {"example.com", "169.254.169.254:80"}, // rebinding
		},
	},
	"networks": {
		allow: []string{"10.1.0.0/16", "192.168.1.5:8080", "[fd12::/16]:443", "public"},
		yes: []connection{
			{"a", "10.1.2.3:80"}, {"a", "192.168.1.5:8080"}, {"a", "[fd12::1]:443"}, {"a", "93.184.215.14:80"}, {"a", "[::ffff:10.1.2.3]:80"},
		},
		no: []connection{{"a", "10.2.0.1:80"}, {"a", "192.168.1.5:80"}, {"a", "[fd12::1]:80"}, {"a", "127.0.0.1:80"}, {"a", "[fd00:ec2::254]:443"}},
	},
	"everything": {
		allow: []string{"0.0.0.0/0", "::/0", "private", "loopback", "public", "*"},
		yes:   []connection{{"a", "10.1.2.3:80"}, {"a", "127.0.0.1:80"}, {"a", "[fd12::1]:443"}},
		no: []connection{
			{"a", "169.254.169.254:80"}, {"a", "0.0.0.0:80"}, {"a", "[fe80::1%eth0]:80"}, {"a", "[::]:80"}, {"a", "[::ffff:169.254.169.254]:80"},
			{"a", "[64:ff9b::a9fe:a9fe]:80"}, {"a", "100.100.100.200:80"}, {"a", "255.255.255.255:80"},
		},
	},
	"port": {
		allow: []string{"*:443"},
		yes:   []connection{{"a", "93.184.215.14:443"}, {"a", "127.0.0.1:443"}},
		no:    []connection{{"a", "93.184.215.14:80"}, {"a", "10.0.0.1:443"}},
	},
	"denied": {
		allow: []string{"public", "private"},
		deny:  []string{"evil.example", "*.evil.example", "10.0.0.0/8", "*:22", "93.184.0.0/16:80", "[2a00::]"},
		yes:   []connection{{"a", "192.168.0.1:80"}, {"a", "93.184.215.14:443"}, {"evil.example.com", "1.1.1.1:80"}},
		no: []connection{
			{"evil.example", "1.1.1.1:80"}, {"a.evil.example", "1.1.1.1:80"}, {"a", "10.0.0.1:80"}, {"a", "1.1.1.1:22"}, {"a", "93.184.215.14:80"},
			{"a", "[2a00::]:80"}, {"a", "[64:ff9b::a01:203]:80"}, {"a", "[2002:5db8:d70e::]:80"},
		},
	},
	"no loopback": {
		deny: []string{"loopback"},
		yes:  []connection{{"a", "1.1.1.1:80"}},
		no:   []connection{{"a", "127.0.0.1:80"}, {"a", "[::1]:80"}, {"a", "[::ffff:127.0.0.1]:80"}},
	},
}

func TestRules(t *testing.T) {
	for name, c := range policies {
		p, err := NewPolicy(c.allow, c.deny)
		require.NoError(t, err, name)
		for _, x := range c.yes {
			require.NoError(t, p.judge(x.host, x.address), "%s: %v", name, x)
		}
		for _, x := range c.no {
			var refused *PolicyError
			require.ErrorAs(t, p.judge(x.host, x.address), &refused, "%s: %v", name, x)
			require.Equal(t, canonicalHost(x.host), refused.Host)
			require.NotEmpty(t, refused.Rule)
		}
	}
}

func TestInvalidRules(t *testing.T) {
	for _, text := range []string{
		"", ":80", "*.", ".", "a b", "bücher.example", "example.com:0", "example.com:99999", "example.com:", "10.0.0.0/33", "10.0.0.0/x",
		"127.1", "0x7f000001", "2130706433", "0177.0.0.1", "[::1", "[::1]80", "[::1]:", "::1%lo", "::ffff:10.0.0.0/104", "https://example.com", "a/b", "a*b",
	} {
		_, err := NewPolicy([]string{text}, nil)
		require.Error(t, err, "%q", text)
		_, err = NewPolicy(nil, []string{text})
		require.Error(t, err, "%q", text)
	}
	for _, text := range []string{"169.254.169.254", "169.254.0.0/16", "fe80::/10", "224.0.0.1:80", "::ffff:169.254.1.1", "100.64.0.0/12"} {
		_, err := NewPolicy([]string{text}, nil)
		require.ErrorContains(t, err, "never allowed", "%q", text)
		_, err = NewPolicy(nil, []string{text})
		require.NoError(t, err, "%q", text)
	}
}

// A URL is refused before its host is resolved, if that is possible.
func TestURLs(t *testing.T) {
	strict, err := NewPolicy([]string{"example.com:8443"}, []string{"evil.example.com"})
	require.NoError(t, err)
	mixed, err := NewPolicy([]string{"example.com", "10.0.0.0/8"}, []string{"evil.example.com", "*:22"})
	require.NoError(t, err)
	for _, c := range []struct {
		p        *Policy
		url      string
		ok       bool
		proxied  bool // allowed through a proxy, which resolves names itself
		noPolicy bool // the URL is invalid, so the error is not the policy's
	}{
		{p: defaultPolicy, url: "http://example.com/", ok: true, proxied: true},
		{p: defaultPolicy, url: "http://127.0.0.1/", ok: true, proxied: true},
		{p: defaultPolicy, url: "http://127.0.0.1./", ok: true, proxied: true},
		{p: defaultPolicy, url: "http://[::1%25lo]/", ok: true, proxied: true},
		{p: defaultPolicy, url: "http://127.1/", ok: true, proxied: true}, // a host name, for Go
		{p: defaultPolicy, url: "http://b%C3%BCcher.example/", ok: true},
		{p: defaultPolicy, url: "http://169.254.169.254./latest"},
		{p: defaultPolicy, url: "http://[fe80::1%25eth0]/"},
		{p: defaultPolicy, url: "http://[::ffff:169.254.169.254]/"},
		{p: defaultPolicy, url: "http://10.0.0.1/"},
		{p: defaultPolicy, url: "http://0.0.0.0/"},
		{p: defaultPolicy, url: "http://[::]/"},
		{p: defaultPolicy, url: "http:///x", noPolicy: true},
		{p: defaultPolicy, url: "http://a:70000/x", noPolicy: true},
		{p: strict, url: "http://example.com:8443/", ok: true, proxied: true},
		{p: strict, url: "http://example.com/"},
		{p: strict, url: "http://other.example/"},
		{p: strict, url: "http://evil.example.com/"},
		{p: strict, url: "http://127.0.0.1/"},
		{p: mixed, url: "https://example.com/", ok: true, proxied: true},
		{p: mixed, url: "https://inside.example/", ok: true}, // the address decides, but not through a proxy
		{p: mixed, url: "https://10.0.0.1/", ok: true, proxied: true},
		{p: mixed, url: "https://evil.example.com/"},
		{p: mixed, url: "https://example.com:22/"},
		{p: mixed, url: "https://10.0.0.1:22/"},
	} {
		u, err := url.Parse(c.url)
		require.NoError(t, err)
		err = c.p.CheckURL(u)
		require.Equal(t, c.ok, err == nil, "%s: %v", c.url, err)
		var refused *PolicyError
		require.Equal(t, !c.ok && !c.noPolicy, errors.As(err, &refused), c.url)
		require.Equal(t, c.proxied, c.p.checkProxied(u) == nil, c.url)
	}
}

func TestPolicyErrorText(t *testing.T) {
	u, err := url.Parse("http://169.254.169.254/latest?secret")
	require.NoError(t, err)
	require.EqualError(t, defaultPolicy.CheckURL(u),
		`the egress policy refuses "169.254.169.254": its address is a metadata service, which is never allowed`)
	p, err := NewPolicy(nil, []string{"*.evil.example"})
	require.NoError(t, err)
	require.EqualError(t, p.judge("a.evil.example", "1.1.1.1:80"), `the egress policy refuses "a.evil.example": denied by the rule "*.evil.example"`)
}
