package mcptest

import (
	"context"
	"net/http"
	"sync"
)

// Gate holds requests before the server handles them.
type Gate struct {
	arrived chan *Request
	open    chan struct{}
	once    sync.Once
}

// Arrived receives each request that reaches the gate.
func (g *Gate) Arrived() <-chan *Request { return g.arrived }

// Release opens the gate permanently.
func (g *Gate) Release() { g.once.Do(func() { close(g.open) }) }

// Hold creates a gate for requests of a JSON-RPC or HTTP method.
func (s *Server) Hold(what string) *Gate {
	return s.HoldIf(func(r *Request) bool { return r.is(what) })
}

// HoldIf creates a gate for requests that match.
func (s *Server) HoldIf(match func(*Request) bool) *Gate {
	g := &Gate{arrived: make(chan *Request, 4096), open: make(chan struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gates = append(s.gates, gated{match, g})
	return g
}

type gated struct {
	match func(*Request) bool
	gate  *Gate
}

// pass waits at every closed gate that matches. It returns false if the client disconnects or the
// server closes.
func (s *Server) pass(ctx context.Context, r *Request) bool {
	s.mu.Lock()
	gates := s.gates
	s.mu.Unlock()
	for _, g := range gates {
		select {
		case <-g.gate.open:
			continue
		default:
		}
		if !g.match(r) {
			continue
		}
		g.gate.arrived <- r
		select {
		case <-g.gate.open:
		case <-ctx.Done():
			return false
		case <-s.ctx.Done():
			return false
		}
	}
	return true
}

// Hang is for intercepted requests that get no answer. It returns when the client disconnects or
// the server closes.
func (s *Server) Hang(r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-s.ctx.Done():
	}
}
