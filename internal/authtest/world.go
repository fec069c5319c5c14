// Package authtest runs scripted protected resources and authorization servers over HTTP, for tests
// of authorization. The servers are strict: they refuse invalid requests. They record every
// request.
//
// It does not import package oauth, so the internal tests of that package can use it.
package authtest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/internal/memnet"
	"github.com/hawser-mcp/hawser/transport"
)

// World is an in-memory network with a resource and its authorization server.
type World struct {
	// Network connects all parties.
	Network *memnet.Network
	// Transport reaches all servers.
	Transport transport.Transport
	// Server is the authorization server that Resource initially names.
	Server *Server
	// Resource is the protected resource.
	Resource *Resource

	t      testing.TB
	next   int
	names  map[string]string // addresses by host and port
	served map[string]bool   // hosts of Serve
	roots  *x509.CertPool
}

// New starts a World for a test inside a synctest bubble. The World is closed at the end of the
// test.
func New(t testing.TB) *World {
	t.Helper()
	w := &World{Network: memnet.New(), t: t, next: 9000, names: map[string]string{}, served: map[string]bool{}, roots: x509.NewCertPool()}
	w.Transport = transport.NewDirect(&transport.DirectOptions{
		DialContext: w.dial, NoProxy: true, TLSConfig: &tls.Config{RootCAs: w.roots, MinVersion: tls.VersionTLS12},
	})
	t.Cleanup(func() {
		_ = w.Transport.Close() // always returns nil
		mcptest.CheckClosed(t, w.Network)
	})
	w.Server = w.NewServer()
	w.Resource = w.NewResource(w.Server)
	return w
}

// Serve serves a handler at a new origin and returns the origin.
func (w *World) Serve(h http.Handler) (origin string) {
	w.next++
	host := fmt.Sprintf("127.0.0.1:%d", w.next)
	w.served[host] = true
	w.t.Cleanup(mcptest.Serve(w.t, w.Network.Listen(host), h))
	return "http://" + host
}

// Agent returns a transport as [mcptest.OpenAgent] does. The transport is closed at the end of the
// test. Its executors cannot resolve the names of [World.ServeAt].
func (w *World) Agent(shared bool) transport.Transport {
	w.t.Helper()
	rt, stop := mcptest.OpenAgent(w.t, w.Network, shared)
	w.t.Cleanup(stop)
	return rt
}

// dial resolves the names of ServeAt.
func (w *World) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if address := w.names[addr]; address != "" {
		addr = address
	}
	return w.Network.DialContext(ctx, network, addr)
}

// ServeAt serves a handler at an origin. The origin's host must be example.com or a subdomain; it
// resolves to ip. Call ServeAt before any request is sent.
func (w *World) ServeAt(origin, ip string, h http.Handler) {
	scheme, host, _ := strings.Cut(origin, "://")
	server := httptest.NewUnstartedServer(h)
	_ = server.Listener.Close()                         // the server gets an in-memory listener instead
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // suppresses the error when a client refuses the connection during the handshake
	if scheme == "https" {
		host += ":443"
		server.Listener = w.Network.Listen(net.JoinHostPort(ip, "443"))
		server.StartTLS()
		w.roots.AddCert(server.Certificate())
	} else {
		host += ":80"
		server.Listener = w.Network.Listen(net.JoinHostPort(ip, "80"))
		server.Start()
	}
	w.names[host] = server.Listener.Addr().String()
	w.t.Cleanup(server.Close)
}

// Follow is like Visit, but also follows redirects from one server of the World to another.
func (w *World) Follow(ctx context.Context, page string) (callback string, err error) {
	for range 5 {
		if page, err = w.Visit(ctx, page); err != nil {
			return "", err
		}
		if u, err := url.Parse(page); err != nil || !w.served[u.Host] {
			return page, err
		}
	}
	return "", errors.New("too many redirects")
}

// Visit simulates a user who consents in a browser. It opens an authorization URL and returns the
// redirect's target.
func (w *World) Visit(ctx context.Context, page string) (callback string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, page, http.NoBody)
	if err != nil {
		return "", err
	}
	resp, err := w.Transport.RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusFound {
		return "", fmt.Errorf("expected a redirect from the authorization server, got status %d", resp.StatusCode)
	}
	return resp.Header.Get("Location"), nil
}
