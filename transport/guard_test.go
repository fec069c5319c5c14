package transport_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/transport"
	"github.com/hawser-mcp/hawser/transport/transporttest"
)

var errForbidden = errors.New("forbidden place")

// guard refuses some addresses, and records every address that it is called with.
type guard struct {
	refuse func(netip.AddrPort) bool

	mu    sync.Mutex
	asked []netip.AddrPort // guarded by mu
}

func (g *guard) judge(addr netip.AddrPort) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked = append(g.asked, addr)
	if g.refuse(addr) {
		return errForbidden
	}
	return nil
}

func everything(netip.AddrPort) bool { return true }
func nothing(netip.AddrPort) bool    { return false }

func under(g *guard, req *http.Request) *http.Request {
	return req.WithContext(transport.WithDialGuard(req.Context(), g.judge))
}

func echoServer(t *testing.T, start func(*httptest.Server)) (srv *httptest.Server, conns func() int) {
	t.Helper()
	var mu sync.Mutex
	n := 0
	srv = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }))
	srv.EnableHTTP2 = true
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		mu.Lock()
		defer mu.Unlock()
		if s == http.StateNew {
			n++
		}
	}
	start(srv)
	t.Cleanup(srv.Close)
	return srv, func() int { mu.Lock(); defer mu.Unlock(); return n }
}

func mustEcho(t *testing.T, rt http.RoundTripper, req *http.Request) {
	t.Helper()
	resp, err := rt.RoundTrip(req)
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, "hello", string(body))
	require.NoError(t, resp.Body.Close())
}

// The guard refuses every connection to a forbidden address, even if an unguarded request has
// already left a connection to that address.
func TestDialGuard(t *testing.T) {
	for name, start := range map[string]func(*httptest.Server){
		"HTTP": (*httptest.Server).Start, "TLS": (*httptest.Server).StartTLS,
	} {
		t.Run(name, func(t *testing.T) {
			srv, conns := echoServer(t, start)
			d := newDirect(t, nil)
			mustEcho(t, d, newRequest(t, http.MethodPost, srv.URL, "hello")) // leaves an idle connection
			strict := &guard{refuse: everything}
			_, err := d.RoundTrip(under(strict, newRequest(t, http.MethodPost, srv.URL, "hello")))
			requireStage(t, err, transport.NotSent, true)
			require.ErrorIs(t, err, errForbidden)
			require.Equal(t, 1, conns())
			require.Equal(t, srv.Listener.Addr().String(), strict.asked[0].String())

			lax := &guard{refuse: nothing}
			mustEcho(t, d, under(lax, newRequest(t, http.MethodPost, srv.URL, "hello")))
			require.Equal(t, 2, conns(), "a guarded request uses a new connection")
			_, err = d.RoundTrip(under(strict, newRequest(t, http.MethodPost, srv.URL, "hello")))
			require.ErrorIs(t, err, errForbidden, "a connection that another guard allowed is not used")
			mustEcho(t, d, newRequest(t, http.MethodPost, srv.URL, "hello"))
			require.Equal(t, 2, conns())
		})
	}
}

// The guard checks the addresses that a name resolves to when the dial begins.
func TestDialGuardJudgesNames(t *testing.T) {
	srv, conns := echoServer(t, (*httptest.Server).Start)
	_, port, err := net.SplitHostPort(srv.Listener.Addr().String())
	require.NoError(t, err)
	g := &guard{refuse: func(a netip.AddrPort) bool { return a.Addr().IsLoopback() }}
	_, err = newDirect(t, nil).RoundTrip(under(g, newRequest(t, http.MethodGet, "http://localhost:"+port, "")))
	requireStage(t, err, transport.NotSent, true)
	require.ErrorIs(t, err, errForbidden)
	require.NotEmpty(t, g.asked)
	require.Zero(t, conns())
}

// If the user's DialContext makes the connection, the guard checks the remote address.
func TestDialGuardAfterACustomDial(t *testing.T) {
	srv, _ := echoServer(t, (*httptest.Server).Start)
	dial := func(remote net.Addr) transport.Transport {
		return newDirect(t, &transport.DirectOptions{NoProxy: true, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			c, err := new(net.Dialer).DialContext(ctx, network, srv.Listener.Addr().String())
			return elsewhere{c, remote}, err
		}})
	}
	inside := dial(&net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 443})
	g := &guard{refuse: func(a netip.AddrPort) bool { return a.Addr().Unmap().IsPrivate() }}
	_, err := inside.RoundTrip(under(g, newRequest(t, http.MethodPost, "http://as.test", "hello")))
	requireStage(t, err, transport.NotSent, true)
	require.ErrorIs(t, err, errForbidden)
	mustEcho(t, inside, newRequest(t, http.MethodPost, "http://as.test", "hello"))

	// A connection without an IP address, such as a pipe or a tunnel, cannot be checked.
	for _, remote := range []net.Addr{nil, &net.UnixAddr{Name: "/run/x", Net: "unix"}, &net.TCPAddr{IP: net.IPv4zero}} {
		strict := &guard{refuse: everything}
		mustEcho(t, dial(remote), under(strict, newRequest(t, http.MethodPost, "http://as.test", "hello")))
		require.Empty(t, strict.asked)
	}
}

type elsewhere struct {
	net.Conn
	remote net.Addr
}

func (e elsewhere) RemoteAddr() net.Addr { return e.remote }

// The user chooses the proxy, so the guard does not check its address.
func TestDialGuardLeavesProxiesAlone(t *testing.T) {
	proxy, _ := echoServer(t, (*httptest.Server).Start)
	target, err := url.Parse(proxy.URL)
	require.NoError(t, err)
	d := newDirect(t, &transport.DirectOptions{Proxy: http.ProxyURL(target)})
	g := &guard{refuse: everything}
	mustEcho(t, d, under(g, newRequest(t, http.MethodPost, "http://as.test/token", "hello")))
	require.Empty(t, g.asked)
}

// lenient sends every request with a guard that allows everything.
type lenient struct{ transport.Transport }

func (l lenient) RoundTrip(req *http.Request) (*http.Response, error) {
	guarded := under(&guard{refuse: nothing}, req)
	resp, err := l.Transport.RoundTrip(guarded)
	if resp != nil {
		resp.Request = req
	}
	return resp, err
}

func TestGuardedRequestsKeepTheContract(t *testing.T) {
	transporttest.Run(t, transporttest.Config{New: func(t *testing.T) http.RoundTripper { return lenient{newDirect(t, nil)} }})
}
