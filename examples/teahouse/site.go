package teahouse

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/server"
)

// site is an MCP server at an address. It can be closed and opened again.
type site struct {
	address string // chosen when it was first opened
	listen  Listen
	handler http.Handler

	mu     sync.Mutex // guards what follows
	http   *http.Server
	served chan error // result of Serve; nil if the site is closed
}

// newSite returns a closed site. Each request to it takes at least as long as distance says.
func newSite(listen Listen, s *server.MCPServer, distance time.Duration) *site {
	next := server.NewStreamableHTTPServer(s)
	return &site{
		address: "127.0.0.1:0", listen: listen,
		handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(distance)
			next.ServeHTTP(w, r)
		}),
	}
}

func (s *site) open(ctx context.Context) error {
	listener, err := s.listen(ctx, s.address)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.address = listener.Addr().String()
	s.http, s.served = &http.Server{Handler: s.handler, ReadHeaderTimeout: 10 * time.Second}, make(chan error, 1)
	go func(h *http.Server, served chan<- error) { served <- h.Serve(listener) }(s.http, s.served)
	return nil
}

// close closes the listener and all connections. It does not wait for calls.
func (s *site) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.served == nil {
		return nil
	}
	err := s.http.Close()
	if served := <-s.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	s.served = nil
	return err
}
