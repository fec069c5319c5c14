// Package authtest plays a protected resource and its authorization servers
// over HTTP, scripted, for tests of authorization. The servers are strict:
// what a client must not do is refused, and can be asked for afterwards.
//
// It knows nothing of package oauth, so that tests inside of it can use it.
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
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-mcp/hawser/internal/memnet"
	"github.com/hawser-mcp/hawser/transport"
)

// World is a network in memory with a resource and its authorization server.
type World struct {
	// Network is what everything runs on.
	Network *memnet.Network
	// Transport reaches all of it.
	Transport transport.Transport
	// Server is the authorization server that Resource names at first.
	Server *Server
	// Resource is the protected resource.
	Resource *Resource

	t     testing.TB
	next  int
	names map[string]string // addresses by host and port
	roots *x509.CertPool
}

// New starts a World for a test inside a synctest bubble. It ends with the test.
func New(t testing.TB) *World {
	t.Helper()
	w := &World{Network: memnet.New(), t: t, next: 9000, names: map[string]string{}, roots: x509.NewCertPool()}
	w.Transport = transport.NewDirect(&transport.DirectOptions{
		DialContext: w.dial, NoProxy: true, TLSConfig: &tls.Config{RootCAs: w.roots, MinVersion: tls.VersionTLS12},
	})
	t.Cleanup(func() {
		_ = w.Transport.Close() // always nil
		time.Sleep(time.Minute) // of fake time: net/http's server lingers before it closes a connection
		synctest.Wait()
		if n := w.Network.Conns(); n != 0 {
			t.Errorf("%d connections were left open", n)
		}
	})
	w.Server = w.NewServer()
	w.Resource = w.NewResource(w.Server)
	return w
}

// Serve serves a handler at an origin of its own, which it returns.
func (w *World) Serve(h http.Handler) (origin string) {
	w.next++
	host := fmt.Sprintf("127.0.0.1:%d", w.next)
	server := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	ln, served := w.Network.Listen(host), make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	w.t.Cleanup(func() {
		if err := server.Close(); err != nil {
			w.t.Errorf("closing a server: %v", err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			w.t.Errorf("serving: %v", err)
		}
	})
	return "http://" + host
}

// dial resolves the names of ServeAt.
func (w *World) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if address := w.names[addr]; address != "" {
		addr = address
	}
	return w.Network.DialContext(ctx, network, addr)
}

// ServeAt serves a handler at an origin, a name under example.com or example.com itself, which stands for ip. It is
// called before anything is sent.
func (w *World) ServeAt(origin, ip string, h http.Handler) {
	scheme, host, _ := strings.Cut(origin, "://")
	server := httptest.NewUnstartedServer(h)
	_ = server.Listener.Close()                         // ours is in memory
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // a client that does not want to be here says nothing
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

// Visit is a person with a browser who says yes: it opens an authorization URL
// and returns where it was sent to.
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
		return "", fmt.Errorf("the authorization server shows status %d", resp.StatusCode)
	}
	return resp.Header.Get("Location"), nil
}
