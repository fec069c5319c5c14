// Package server is the server of the benchmark. It speaks HTTP/1.1 by hand and decodes nothing, so
// that it costs little beside the clients. It also serves TLS, and HTTP/2 through net/http.
package server

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Server is a running server. It listens on loopback, on three ports. All methods are safe for
// concurrent use.
type Server struct {
	addresses Addresses
	listeners []net.Listener
	http2     *http.Server
	group     sync.WaitGroup

	accepted, open, streams atomic.Int64

	mu     sync.Mutex
	conns  map[net.Conn]struct{} // guarded by mu
	closed bool                  // guarded by mu
}

// Addresses says where a server listens.
type Addresses struct {
	// Plain, TLS and HTTP2 are URLs without a path. Plain and TLS speak HTTP/1.1, HTTP2 speaks only
	// HTTP/2 over TLS.
	Plain, TLS, HTTP2 string
	// CA is the certificate of the server's TLS, in PEM.
	CA []byte
}

// Stats are numbers of connections.
type Stats struct {
	Accepted int64 // connections accepted since the start
	Open     int64 // connections that are open
	Streams  int64 // streams of sessions that are open
}

// Start starts a server. The caller closes it.
func Start(ctx context.Context) (*Server, error) {
	cert, pem, err := certificate()
	if err != nil {
		return nil, err
	}
	s := &Server{conns: make(map[net.Conn]struct{}), addresses: Addresses{CA: pem}}
	for range 3 {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		s.listeners = append(s.listeners, l)
	}
	plain, secure, http2 := s.listeners[0], s.listeners[1], s.listeners[2]
	s.addresses.Plain = "http://" + plain.Addr().String()
	s.addresses.TLS = "https://" + secure.Addr().String()
	s.addresses.HTTP2 = "https://" + http2.Addr().String()
	config := func(protocol string) *tls.Config {
		return &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{protocol}, MinVersion: tls.VersionTLS13}
	}
	s.http2 = &http.Server{
		Handler: http.HandlerFunc(handle), ConnState: s.count, TLSConfig: config("h2"), ReadHeaderTimeout: time.Minute,
	}
	s.group.Go(func() { s.accept(plain) })
	s.group.Go(func() { s.accept(tls.NewListener(secure, config("http/1.1"))) })
	s.group.Go(func() { _ = s.http2.ServeTLS(http2, "", "") }) // returns when it is closed
	return s, nil
}

// Addresses returns where the server listens.
func (s *Server) Addresses() Addresses { return s.addresses }

// Stats returns the numbers of connections.
func (s *Server) Stats() Stats {
	return Stats{Accepted: s.accepted.Load(), Open: s.open.Load(), Streams: s.streams.Load()}
}

// Close closes the server and its connections, and waits for its goroutines.
func (s *Server) Close() error {
	var errs []error
	if s.http2 != nil {
		errs = append(errs, s.http2.Close())
	}
	for _, l := range s.listeners {
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	s.mu.Lock()
	s.closed = true
	for conn := range s.conns {
		_ = conn.Close() // the client learns of it
	}
	s.mu.Unlock()
	s.group.Wait()
	return errors.Join(errs...)
}

// accept serves the connections of a listener until it is closed.
func (s *Server) accept(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		if s.closed {
			_ = conn.Close()
		}
		s.conns[conn] = struct{}{}
		s.mu.Unlock()
		s.count(conn, http.StateNew)
		s.group.Go(func() {
			s.serve(conn)
			_ = conn.Close() // nothing is lost: the client has all replies, or is gone
			s.mu.Lock()
			delete(s.conns, conn)
			s.mu.Unlock()
			s.count(conn, http.StateClosed)
		})
	}
}

// count counts connections by their changes of state.
func (s *Server) count(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.accepted.Add(1)
		s.open.Add(1)
	case http.StateClosed, http.StateHijacked:
		s.open.Add(-1)
	default: // busy or idle
	}
}
