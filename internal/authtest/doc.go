// Package authtest plays a protected resource and its authorization servers
// over HTTP, scripted, for tests of authorization. The servers are strict:
// what a client must not do is refused, and can be asked for afterwards.
//
// It knows nothing of package oauth, so that tests inside of it can use it.
package authtest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
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

	t    testing.TB
	next int
}

// New starts a World for a test inside a synctest bubble. It ends with the test.
func New(t testing.TB) *World {
	t.Helper()
	w := &World{Network: memnet.New(), t: t, next: 9000}
	w.Transport = transport.NewDirect(&transport.DirectOptions{DialContext: w.Network.DialContext, NoProxy: true})
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
