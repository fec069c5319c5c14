package mcptest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
)

// session is the state of a legacy session on the server.
type session struct {
	id      string
	version string

	mu          sync.Mutex
	initialized bool
	level       string
	subscribed  map[string]bool               // URIs of resources
	calls       map[string]context.CancelFunc // running tools, by request id

	shared  *stream            // never done
	streams map[string]*stream // by name, guarded by Server.mu
}

func (s *Server) newSession(version string) *session {
	sess := &session{
		version: version, calls: make(map[string]context.CancelFunc),
		streams: make(map[string]*stream), subscribed: make(map[string]bool),
	}
	s.mu.Lock()
	s.created++
	if !s.Stateless {
		sess.id = fmt.Sprintf("session-%d", s.created)
	}
	s.sessions[sess.id] = sess
	s.mu.Unlock()
	sess.shared = s.newStream(sess)
	return sess
}

// LoseSessions forgets all sessions, as a restart does. Running requests continue.
func (s *Server) LoseSessions() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.sessions)
}

// Sessions returns the current number of sessions and the number ever created.
func (s *Server) Sessions() (now, ever int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sessions), s.created
}

// Level returns the log level of the newest session, or "" if the client has not set one.
func (s *Server) Level() string {
	sess := s.newest()
	if sess == nil {
		return ""
	}
	sess.mu.Lock()
	defer sess.mu.Unlock()
	return sess.level
}

// newest returns the session that was created last, or nil if that session no longer exists.
func (s *Server) newest() *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Stateless {
		return s.sessions[""]
	}
	return s.sessions[fmt.Sprintf("session-%d", s.created)]
}

func (s *Server) serveLegacy(w http.ResponseWriter, r *http.Request, m *Message) {
	if m != nil && m.Method == "initialize" {
		s.initialize(w, r, m)
		return
	}
	sess := s.findSession(w, r)
	if sess == nil || !s.checkLegacyHeaders(w, r, sess) {
		return
	}
	switch {
	case r.Method == http.MethodGet:
		s.serveGet(w, r, sess)
	case r.Method == http.MethodDelete:
		s.mu.Lock()
		delete(s.sessions, sess.id)
		s.mu.Unlock()
		sess.shared.cut(false)
		w.WriteHeader(http.StatusOK)
	case m == nil:
		w.WriteHeader(http.StatusMethodNotAllowed)
	case m.IsResponse():
		s.deliverResponse(m)
		w.WriteHeader(http.StatusAccepted)
	case m.IsRequest():
		s.request(w, r, sess, m)
	default:
		s.notified(sess, m)
		w.WriteHeader(http.StatusAccepted)
	}
}

// findSession returns the session of a request, or refuses the request.
func (s *Server) findSession(w http.ResponseWriter, r *http.Request) *session {
	id := r.Header.Get("Mcp-Session-Id")
	s.mu.Lock()
	sess := s.sessions[id]
	s.mu.Unlock()
	switch {
	case sess != nil:
		return sess
	case id == "" || s.Refuse == Refuse400:
		WriteError(w, http.StatusBadRequest, nil, CodeBadRequest, "Bad Request: No valid session ID provided")
	case s.Refuse == Refuse404Plain:
		http.Error(w, "no such session", http.StatusNotFound)
	default:
		WriteError(w, http.StatusNotFound, nil, CodeSessionNotFound, "Session not found")
	}
	return nil
}

// checkLegacyHeaders checks the version header, which exists since 2025-06-18, and that the request
// has no headers of the modern era.
func (s *Server) checkLegacyHeaders(w http.ResponseWriter, r *http.Request, sess *session) bool {
	want := sess.version
	if want < "2025-06-18" {
		want = ""
	}
	if got := r.Header.Get("Mcp-Protocol-Version"); got != want {
		s.violation(fmt.Sprintf("%s with protocol version %q, expected %q", r.Method, got, sess.version))
		WriteError(w, http.StatusBadRequest, nil, CodeBadRequest, "Bad Request: protocol version")
		return false
	}
	if r.Header.Get("Mcp-Method") != "" || r.Header.Get("Mcp-Name") != "" {
		s.violation("a legacy request with mirrored headers")
	}
	return true
}

func (s *Server) initialize(w http.ResponseWriter, r *http.Request, m *Message) {
	var params struct {
		ProtocolVersion string           `json:"protocolVersion"`
		Capabilities    *json.RawMessage `json:"capabilities"`
		ClientInfo      struct {
			Name    string `json:"name"`
			Version string `json:"version"`
		} `json:"clientInfo"`
	}
	err := json.Unmarshal(m.Params, &params)
	if err != nil || params.Capabilities == nil || params.ClientInfo.Name == "" || params.ClientInfo.Version == "" {
		s.violation("initialize without its parameters")
	}
	if params.Capabilities != nil {
		s.declare(*params.Capabilities)
	}
	if r.Header.Get("Mcp-Session-Id") != "" || r.Header.Get("Mcp-Protocol-Version") != "" {
		s.violation("initialize with headers of a session")
	}
	agreed := params.ProtocolVersion
	switch {
	case s.Negotiate != nil:
		agreed = s.Negotiate(agreed)
	case !slices.Contains(s.Versions, agreed):
		agreed = s.Versions[0]
	}
	sess := s.newSession(agreed)
	if sess.id != "" {
		w.Header().Set("Mcp-Session-Id", sess.id)
	}
	s.answer(w, r, nil, m.ID, map[string]any{
		"protocolVersion": agreed, "capabilities": s.capabilities(), "instructions": s.Instructions,
		"serverInfo": map[string]any{"name": s.Name, "version": "1.0.0"},
	}, nil)
}

// told records that the client of a session has sent notifications/initialized.
func (s *Server) told(r *http.Request) {
	s.mu.Lock()
	sess := s.sessions[r.Header.Get("Mcp-Session-Id")]
	s.mu.Unlock()
	if sess != nil {
		sess.mu.Lock()
		sess.initialized = true
		sess.mu.Unlock()
	}
}

// notified handles a notification.
func (s *Server) notified(sess *session, m *Message) {
	sess.mu.Lock()
	defer sess.mu.Unlock()
	if m.Method == "notifications/cancelled" {
		var params struct {
			RequestID json.RawMessage `json:"requestId"`
		}
		if err := json.Unmarshal(m.Params, &params); err != nil || params.RequestID == nil {
			s.violation("notifications/cancelled without a request id")
			return
		}
		if cancel := sess.calls[string(params.RequestID)]; cancel != nil {
			cancel()
		}
	}
}

// request answers a request of an initialized session.
func (s *Server) request(w http.ResponseWriter, r *http.Request, sess *session, m *Message) {
	sess.mu.Lock()
	ready := sess.initialized
	sess.mu.Unlock()
	if !ready && m.Method != "ping" {
		s.violation(m.Method + " before notifications/initialized")
	}
	s.checkLegacyInputs(m)
	switch m.Method {
	case "tools/call":
		s.callTool(w, r, sess, m)
	case "logging/setLevel":
		var params struct {
			Level string `json:"level"`
		}
		_ = json.Unmarshal(m.Params, &params) // a test that checks the level notices an empty one
		sess.mu.Lock()
		sess.level = params.Level
		sess.mu.Unlock()
		s.answer(w, r, sess, m.ID, struct{}{}, nil)
	case "ping":
		s.answer(w, r, sess, m.ID, struct{}{}, nil)
	case "resources/subscribe", "resources/unsubscribe":
		s.answer(w, r, sess, m.ID, struct{}{}, s.subscribe(sess, m))
	default:
		if s.runScripted(w, r, sess, m) {
			return
		}
		result, err := s.feature(m)
		s.answer(w, r, sess, m.ID, result, err)
	}
}

// serveGet opens the shared stream. If the request has a Last-Event-ID, it instead resumes the
// stream of that event.
func (s *Server) serveGet(w http.ResponseWriter, r *http.Request, sess *session) {
	if !accepts(r, "text/event-stream") {
		s.violation("GET does not accept an event stream")
	}
	last := r.Header.Get("Last-Event-Id")
	if last == "" {
		if s.NoSharedStream {
			w.Header().Set("Allow", "POST, DELETE")
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		sess.shared.mu.Lock()
		from := len(sess.shared.events)
		sess.shared.mu.Unlock()
		sess.shared.follow(w, r, from)
		return
	}
	name, index, ok := place(last)
	s.mu.Lock()
	st := sess.streams[name]
	s.mu.Unlock()
	if !ok || st == nil {
		WriteError(w, http.StatusBadRequest, nil, CodeBadRequest, "Invalid event ID")
		return
	}
	st.follow(w, r, index)
}
