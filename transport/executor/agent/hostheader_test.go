package agent

import (
	"errors"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

// A Host header names a host that the policy would allow in a URL.
func TestHostHeaderIsJudged(t *testing.T) {
	for _, c := range []struct {
		allow, deny []string
		url         string
		yes, no     []string
	}{
		{
			url: "http://mcp.example/",
			yes: []string{"mcp.example", "MCP.example.", "mcp.example:8080", "other.example", "8.8.8.8", "127.0.0.1", "[::1]:80"},
			no: []string{
				"169.254.169.254", "169.254.169.254:80", "10.0.0.1", "[fe80::1]", "[::ffff:169.254.169.254]", "[64:ff9b::a9fe:a9fe]", "0.0.0.0", "[::]",
				"100.100.100.200", "[fd00:ec2::254]",
			},
		},
		{
			allow: []string{"mcp.example", "*.in.example", "localhost"}, deny: []string{"evil.in.example"}, url: "http://mcp.example/",
			yes: []string{"mcp.example", "a.in.example"},
			no:  []string{"other.example", "mcp.example.evil", "evil.in.example", "in.example", "8.8.8.8", "127.0.0.1", "169.254.169.254"},
		},
		{
			allow: []string{"localhost", "mcp.example"}, url: "http://localhost/",
			yes: []string{"localhost", "LOCALHOST:80"}, no: []string{"mcp.example", "other.example"}, // at a loopback address
		},
		{
			allow: []string{"mcp.example:8443"}, url: "https://mcp.example:8443/",
			yes: []string{"mcp.example", "mcp.example:443"}, no: []string{"other.example"},
		},
		{
			allow: []string{"10.0.0.0/8", "mcp.example"}, deny: []string{"10.9.0.0/16", "denied.example"}, url: "http://10.0.0.1/",
			yes: []string{"inside.example", "10.0.0.2"}, no: []string{"10.9.0.1", "denied.example", "192.168.0.1", "8.8.8.8"},
		},
		{
			allow: []string{"10.0.0.0/8", "mcp.example"}, url: "http://mcp.example/",
			yes: []string{"10.0.0.2"}, no: []string{"inside.example"}, // mcp.example may be public, where no rule allows it
		},
		{
			allow: []string{"public"}, deny: []string{"evil.example"}, url: "http://mcp.example/",
			yes: []string{"other.example", "8.8.8.8"}, no: []string{"evil.example", "127.0.0.1"},
		},
	} {
		p, err := NewPolicy(c.allow, c.deny)
		require.NoError(t, err)
		u, err := url.Parse(c.url)
		require.NoError(t, err)
		for _, host := range c.yes {
			require.NoError(t, p.checkHost(u, host), "%v %s %s", c.allow, c.url, host)
		}
		for _, host := range c.no {
			var refused *PolicyError
			require.True(t, errors.As(p.checkHost(u, host), &refused), "%v %s %s", c.allow, c.url, host)
		}
	}
}

// What is not a host, or might be read as an address, is refused before the policy sees it.
func TestInvalidHostHeaders(t *testing.T) {
	for _, host := range []string{
		"", " ", "a b", "a/secret", "a?q", "a#f", "me@a", `a\b`, "a,b", "a%41", "[::1", "::1", "a:x", "a:99999", "a:0", ":80", "bücher.example", "a\tb",
		"127.1", "0x7f.1", "2852039166", "0251.0376.0251.0376", "169.254.43518", "1.2.3.4.5", "[fe80::1%25eth0]",
	} {
		require.False(t, isHost(host), "%q", host)
	}
	for _, host := range []string{"a", "a.", "a.example:80", "127.0.0.1", "[::1]", "[::1]:8080", "xn--bcher-kva.example", "a_b.example"} {
		require.True(t, isHost(host), "%q", host)
	}
}

func TestHostHeaderThatThePolicyRefuses(t *testing.T) {
	requests := make(chan seen, 1)
	policy, err := NewPolicy([]string{"127.0.0.1"}, []string{"*.evil.example"})
	require.NoError(t, err)
	inWorld(t, &Options{Policy: policy}, look(requests), func(w *world) {
		w.handshake()
		for _, host := range []string{"169.254.169.254", "10.0.0.1:80", "a.evil.example", "127.0.0.2"} {
			e := w.refused(get(upstream, "").with("headers", headers("Host", host)))
			require.Contains(w.t, e.Message, "the egress policy refuses")
			require.Equal(w.t, "notSent permanent", e.stage())
		}
		require.Empty(w.t, requests)
		w.ok(get(upstream, "").with("streamResponse", false).with("headers", headers("Host", "virtual.example")))
		require.Equal(w.t, "virtual.example", (<-requests).host)
	})
}
