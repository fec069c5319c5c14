package agent

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/link"
	"github.com/hawser-mcp/hawser/internal/memnet"
)

// resolverTo returns a resolver that resolves every name to addrs.
func resolverTo(t *testing.T, addrs ...string) *net.Resolver {
	all := make([]netip.Addr, len(addrs))
	for i, text := range addrs {
		all[i] = netip.MustParseAddr(text)
	}
	n := memnet.New()
	ln := n.Listen("dns")
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			answerName(c, all)
		}
	}()
	t.Cleanup(func() {
		_ = ln.Close()
		<-done
	})
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return n.DialContext(ctx, "tcp", "dns")
	}}
}

// answerName answers one DNS query over TCP (RFC 1035).
func answerName(c net.Conn, addrs []netip.Addr) {
	defer c.Close()
	var length [2]byte
	if _, err := io.ReadFull(c, length[:]); err != nil {
		return
	}
	query := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(c, query); err != nil {
		return
	}
	end := 12
	for query[end] != 0 {
		end += int(query[end]) + 1
	}
	kind := binary.BigEndian.Uint16(query[end+1:])
	reply := append([]byte(nil), query[:end+5]...) // header and question
	copy(reply[2:], []byte{0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0})
	for _, addr := range addrs {
		if (kind != 1 || !addr.Is4()) && (kind != 28 || !addr.Is6()) {
			continue
		}
		reply[7]++
		reply = append(reply, 0xc0, 12, 0, byte(kind), 0, 1, 0, 0, 0, 60, 0, byte(addr.BitLen()/8))
		reply = append(reply, addr.AsSlice()...)
	}
	_, _ = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...))
}

// linked returns a client of an agent. The link is in memory, but time and the network are real.
func linked(t *testing.T, opts *Options) *client {
	n := memnet.New()
	near, far := connect(t, n)
	served := make(chan error, 1)
	go func() {
		served <- Serve(context.WithoutCancel(t.Context()), link.NewLines(far, far, DefaultMaxMessage), opts)
	}()
	c := &client{t: t, link: link.NewLines(near, near, DefaultMaxMessage)}
	t.Cleanup(func() {
		_ = c.link.Close()
		require.NoError(t, <-served)
	})
	c.handshake()
	return c
}

// names are hosts that must be resolved, even if they look like addresses or well-known names.
var names = []string{"rebind.example", "metadata", "LOCALHOST.example.", "0x7f000001", "0x7f.1", "169.254.169.254.nip.example"}

// The policy judges the address that a name resolves to at the time of the dial.
func TestNamesOfForbiddenAddresses(t *testing.T) {
	for _, addr := range []string{
		"169.254.169.254", "10.0.0.1", "0.0.0.0", "100.100.100.200", "255.255.255.255", "fe80::1", "fd00:ec2::254", "64:ff9b::a9fe:a9fe", "::169.254.169.254",
	} {
		// With Options.DialContext: the dialer gets only allowed addresses.
		dialed := make(chan string, 100)
		own := func(_ context.Context, _, addr string) (net.Conn, error) {
			dialed <- addr
			return nil, errors.New("dialed")
		}
		for how, opts := range map[string]*Options{
			"net.Dialer": {Resolver: resolverTo(t, addr)}, "own dialer": {Resolver: resolverTo(t, addr), DialContext: own},
		} {
			c := linked(t, opts)
			for _, name := range names {
				e := c.refused(get("http://"+name+"/?secret", "a"))
				require.Contains(t, e.Message, "the egress policy refuses", "%s %s %s", how, name, addr)
				require.Equal(t, -32602, e.Code)
				require.Equal(t, "notSent permanent", e.stage())
				require.NotContains(t, e.Message, "secret")
			}
		}
		require.Empty(t, dialed)
	}
}

// The policy judges each address of a name.
func TestEachAddressOfANameIsJudged(t *testing.T) {
	const public, private = "8.8.8.8", "10.0.0.1"
	for _, addrs := range [][]string{{public, private}, {private, public}} {
		dialed := make(chan string, 10)
		own := func(_ context.Context, _, addr string) (net.Conn, error) {
			dialed <- addr
			return nil, errors.New("dialed")
		}
		c := linked(t, &Options{Resolver: resolverTo(t, addrs...), DialContext: own})
		c.refused(get("http://rebind.example/", "a"))
		require.Len(t, dialed, 1, "%v", addrs)
		require.Equal(t, public+":80", <-dialed)
	}
}

// Some systems read these hosts as 169.254.169.254, but Go does not. The agent must not dial them
// on any system.
func TestNumbersAsAddresses(t *testing.T) {
	c := linked(t, nil)
	for _, host := range []string{"2852039166", "0251.0376.0251.0376", "169.254.43518", "169.16689662"} {
		e := c.refused(get("http://"+host+"/", "a"))
		require.Equal(t, "notSent permanent", e.stage(), "%s: %s", host, e.Message)
	}
}

// A name that resolves to an allowed address is reached, with either dialer, and a rule for the
// name is applied.
func TestNamesOfAllowedAddresses(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := &http.Server{Handler: http.HandlerFunc(hello)}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(ln) }()
	t.Cleanup(func() { _ = server.Close(); <-done })
	_, port, err := net.SplitHostPort(ln.Addr().String())
	require.NoError(t, err)

	denying, err := NewPolicy(nil, []string{"rebind.example"})
	require.NoError(t, err)
	for _, own := range []func(context.Context, string, string) (net.Conn, error){nil, new(net.Dialer).DialContext} {
		c := linked(t, &Options{Resolver: resolverTo(t, "127.0.0.1"), DialContext: own, Policy: denying})
		for _, host := range append(names[1:], "[::ffff:127.0.0.1]") {
			require.Equal(t, 200, c.ok(get("http://"+host+":"+port+"/", "a")).Status, host)
			require.Equal(t, "hello", string(c.body("a")))
		}
		require.Contains(t, c.refused(get("http://rebind.example:"+port, "a")).Message, `denied by the rule "rebind.example"`)
	}
}

// The agent ignores the proxy variables of the environment.
func TestProxyVariablesAreIgnored(t *testing.T) {
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "ALL_PROXY"} {
		t.Setenv(name, "http://127.0.0.1:9")
	}
	inWorld(t, nil, hello, func(w *world) {
		w.handshake()
		require.Equal(w.t, 200, w.ok(get(upstream, "a")).Status)
		w.body("a")
		require.Contains(w.t, w.refused(get("http://169.254.169.254/", "a")).Message, "the egress policy refuses")
	})
}

// The policy must allow a proxy's own address, and still judges addresses in URLs.
func TestProxy(t *testing.T) {
	requests := make(chan seen, 1)
	proxy := func(addr string) func(*http.Request) (*url.URL, error) {
		return http.ProxyURL(&url.URL{Scheme: "http", Host: addr, User: url.UserPassword("me", "s3cret")})
	}
	named, err := NewPolicy([]string{"mcp.example", "127.0.0.1:80"}, []string{"evil.example"})
	require.NoError(t, err)
	inWorld(t, &Options{Proxy: proxy("127.0.0.1:80"), Policy: named}, look(requests), func(w *world) {
		w.handshake()
		require.Equal(w.t, 200, w.ok(get("http://mcp.example/x", "a")).Status)
		w.body("a")
		r := <-requests
		require.Equal(w.t, "http://mcp.example/x", r.url, "the proxy resolves the name")
		for _, target := range []string{
			"http://169.254.169.254/", "http://10.0.0.1/", "http://[::ffff:a9fe:a9fe]/", "http://evil.example/", "http://other.example/",
		} {
			e := w.refused(get(target, "a"))
			require.Contains(w.t, e.Message, "the egress policy refuses", target)
			require.Equal(w.t, "notSent permanent", e.stage())
		}
		require.Empty(w.t, requests)
	})
	inWorld(t, &Options{Proxy: proxy("10.0.0.1:80")}, hello, func(w *world) {
		w.handshake()
		e := w.refused(get("http://mcp.example/", "a"))
		require.Contains(w.t, e.Message, `the egress policy refuses "10.0.0.1"`)
		require.NotContains(w.t, e.Message, "s3cret")
	})
}

// Over TLS, with and without HTTP/2, the agent adds nothing to a request. If the certificate is
// untrusted, the request fails before any part of it is sent.
func TestTLS(t *testing.T) {
	requests := make(chan seen, 1)
	server := httptest.NewUnstartedServer(look(requests))
	server.EnableHTTP2 = true
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	c := linked(t, &Options{TLSConfig: server.Client().Transport.(*http.Transport).TLSClientConfig})
	require.Equal(t, 200, c.ok(get(server.URL+"/x", "a")).Status)
	c.body("a")
	r := <-requests
	require.Equal(t, http.Header{}, r.header)
	require.Equal(t, "/x", r.url)

	c = linked(t, nil)
	e := c.refused(get(server.URL+"/?secret", "a"))
	require.Equal(t, "notSent permanent", e.stage())
	require.NotContains(t, e.Message, "secret")
}
