package teahouse

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/server"
)

// site is an MCP server at an address. It can go down and return.
type site struct {
	address string // chosen when the site first goes up
	listen  Listen
	server  http.Handler
	latency time.Duration // of each request
	ended   chan struct{} // closed by end

	mu       sync.Mutex     // guards what follows
	http     *http.Server   // nil if the site is down
	served   chan error     // result of Serve
	requests sync.WaitGroup // grows only until the end
}

func newSite(listen Listen, s *server.MCPServer, latency time.Duration) *site {
	return &site{
		address: "127.0.0.1:0", listen: listen, server: server.NewStreamableHTTPServer(s), latency: latency,
		ended: make(chan struct{}),
	}
}

var errEnded = errors.New("the site has ended")

// up opens the site, at the same address as before.
func (s *site) up(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hasEnded() {
		return errEnded
	}
	listener, err := s.listen(ctx, s.address)
	if err != nil {
		return err
	}
	s.address = listener.Addr().String()
	h, served := &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}, make(chan error, 1)
	s.http, s.served = h, served
	go func() { served <- h.Serve(listener) }()
	return nil
}

// down closes the listener and all connections. Requests go on, but their answers are lost.
func (s *site) down() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.http == nil {
		return nil
	}
	err := s.http.Close()
	if served := <-s.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	s.http = nil
	return err
}

// end closes the site for good and waits for its requests. Call it once.
func (s *site) end() error {
	s.mu.Lock()
	close(s.ended)
	s.mu.Unlock()
	err := s.down()
	s.requests.Wait()
	return err
}

func (s *site) hasEnded() bool {
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

// ServeHTTP implements [http.Handler].
func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	ended := s.hasEnded()
	if !ended {
		s.requests.Add(1)
	}
	s.mu.Unlock()
	if ended {
		return // the connection is closed anyway
	}
	defer s.requests.Done()
	if s.pause(s.latency) == nil {
		s.server.ServeHTTP(w, r)
	}
}

// pause waits for a duration or the end of the site.
func (s *site) pause(d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-s.ended:
		return errEnded
	}
}
