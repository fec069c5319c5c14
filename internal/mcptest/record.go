package mcptest

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// Request is one HTTP request that the server received.
type Request struct {
	HTTP    string // POST, GET, DELETE
	Method  string // of the JSON-RPC message; "response" for a response, "" without a message
	ID      string // of the JSON-RPC message, raw
	Session string // Mcp-Session-Id
	Header  http.Header
	Params  json.RawMessage
	Body    []byte
}

// is reports whether what is the JSON-RPC method or the HTTP method of the request.
func (r *Request) is(what string) bool { return r.Method == what || r.HTTP == what }

// Meta returns a member of the request's _meta as raw JSON, or "" if it is absent.
func (r *Request) Meta(key string) string {
	var params struct {
		Meta map[string]json.RawMessage `json:"_meta"`
	}
	_ = json.Unmarshal(r.Params, &params) // without parameters there is no _meta
	return string(params.Meta[key])
}

func (s *Server) record(r *http.Request, body []byte, m *Message) *Request {
	rec := &Request{HTTP: r.Method, Session: r.Header.Get("Mcp-Session-Id"), Header: r.Header.Clone(), Body: body}
	if m != nil {
		rec.Method, rec.ID, rec.Params = m.Method, string(m.ID), m.Params
		if m.IsResponse() {
			rec.Method = "response"
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, rec)
	return rec
}

// Requests returns the recorded requests whose JSON-RPC or HTTP method is what, in the order in
// which the server read them. An empty what selects all requests.
func (s *Server) Requests(what string) []*Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []*Request
	for _, r := range s.requests {
		if what == "" || r.is(what) {
			out = append(out, r)
		}
	}
	return out
}

// Count returns the number of recorded requests; see Requests.
func (s *Server) Count(what string) int { return len(s.Requests(what)) }

// Methods returns a short form of the recorded requests: the JSON-RPC method of a POST, the HTTP
// method of others.
func (s *Server) Methods() []string {
	var out []string
	for _, r := range s.Requests("") {
		if r.Method != "" {
			out = append(out, r.Method)
		} else {
			out = append(out, r.HTTP)
		}
	}
	return out
}

// Reset clears the recorded requests and executions.
func (s *Server) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = nil
	clear(s.ran)
}

// Executions returns how often a tool, scripted prompt or scripted resource ran. Tools and prompts
// are identified by name, resources by URI.
func (s *Server) Executions(tool string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ran[tool]
}

// Cancelled returns the raw request ids in the received notifications/cancelled.
func (s *Server) Cancelled() []string {
	var ids []string
	for _, r := range s.Requests("notifications/cancelled") {
		var params struct {
			RequestID json.RawMessage `json:"requestId"`
		}
		_ = json.Unmarshal(r.Params, &params) // invalid parameters give an empty id
		ids = append(ids, string(params.RequestID))
	}
	return ids
}

// declare records the client's capabilities.
func (s *Server) declare(capabilities json.RawMessage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.declared = capabilities
}

// ClientCapabilities returns the capabilities that the client declared last: in initialize, or in
// the _meta of a modern client's newest request. It returns nil if the client has not declared any
// yet.
func (s *Server) ClientCapabilities() json.RawMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.declared)
}

// violation records that the client broke a rule.
func (s *Server) violation(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = append(s.broken, text)
}

// Violations returns the rules that the client broke.
func (s *Server) Violations() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.broken)
}

// accepts reports whether the Accept header of a request lists a media type.
func accepts(r *http.Request, media string) bool {
	return strings.Contains(strings.Join(r.Header.Values("Accept"), ","), media)
}

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

// HoldIf creates a gate for requests for which match returns true.
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
