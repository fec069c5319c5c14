package mcptest

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"time"
)

// Era is a generation of MCP's HTTP transport.
type Era uint8

const (
	// Legacy covers the revisions up to 2025-11-25, which use initialize and sessions.
	Legacy Era = iota
	// Modern is revision 2026-07-28.
	Modern
)

// String returns "legacy" or "modern".
func (e Era) String() string {
	if e == Modern {
		return "modern"
	}
	return "legacy"
}

// RefuseStyle is how the server refuses a request with an unknown session id.
type RefuseStyle uint8

const (
	// Refuse404 is a 404 with a JSON-RPC error without an id, as the TypeScript SDK sends it.
	Refuse404 RefuseStyle = iota
	// Refuse404Plain is a 404 with a line of text.
	Refuse404Plain
	// Refuse400 is a 400 with a JSON-RPC error without an id, as server-everything sends it.
	Refuse400
)

// Server is an MCP server for tests. Create one with [New]. Set its fields before it receives
// requests, or while it handles none.
type Server struct {
	Era          Era
	Versions     []string // supported revisions; the first one is preferred
	Name         string
	Instructions string
	// SSE replies to requests with event streams instead of JSON.
	SSE bool
	// EventIDs adds ids to the events of legacy streams, which makes them resumable.
	EventIDs bool
	// Prime starts each legacy stream with an event that has an id and no data.
	Prime bool
	// RetryField, if not "", is the value of a retry field at the start of each connection of a
	// stream.
	RetryField string
	// HoldStreams keeps streams open after the response has been sent, until the client
	// disconnects.
	HoldStreams bool
	// Stateless makes a legacy server work without session ids.
	Stateless bool
	// NoSharedStream answers the GET for the shared stream with 405.
	NoSharedStream bool
	// Refuse is how the server reports a lost session.
	Refuse RefuseStyle
	// Negotiate, if not nil, selects the revision that initialize returns.
	Negotiate func(proposed string) string
	// PageSize is the number of items on one page of a list; 0 means all.
	PageSize int
	// Cursor returns the cursor of a page, by its index from 1; "" is a valid cursor of a modern
	// server.
	Cursor    func(page int) string
	Tools     []*Tool
	Resources []Resource
	Prompts   []Prompt
	// Templates are the resource templates. Nil means a single template for files.
	Templates []Template
	// Complete, if not nil, answers completion/complete and declares the capability.
	Complete func(params json.RawMessage) (json.RawMessage, error)
	// Capabilities, if not nil, replaces the capabilities that the server declares. It does not change
	// what the server supports.
	Capabilities map[string]any
	// CanSubscribe declares resources.subscribe and accepts subscriptions to any resource:
	// resources/subscribe from legacy clients, resourceSubscriptions from modern clients. New sets
	// CanSubscribe to true.
	CanSubscribe bool
	// Honor, if not nil, returns the part of a subscriptions/listen filter that a modern server
	// honors. Nil honors all that the server supports.
	Honor func(requested Filter) Filter
	// WithholdAck opens subscriptions without acknowledging them; see [Server.Acknowledge].
	WithholdAck bool
	// Intercept, if not nil, is called first for each request. m is nil if the request has no
	// message. Intercept returns true if it has answered the request. [Server.SetIntercept] changes
	// it later.
	Intercept func(w http.ResponseWriter, r *http.Request, m *Message) bool

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup // handlers and tools

	mu        sync.Mutex
	closed    bool
	requests  []*Request
	broken    []string
	ran       map[string]int
	gates     []gated
	sessions  map[string]*session
	created   int                       // sessions created so far
	streams   int                       // streams created so far
	requested int                       // server requests sent so far
	waiting   map[string]pendingRequest // by request id
	subs      []*subscription
	declared  json.RawMessage // see ClientCapabilities
}

// New returns a server for an era. It has no tools, resources or prompts.
func New(era Era) *Server {
	s := &Server{
		Era: era, Name: "mcptest", Instructions: "Use the tools.",
		ran: make(map[string]int), sessions: make(map[string]*session), waiting: make(map[string]pendingRequest),
		Versions: []string{"2025-11-25", "2025-06-18", "2025-03-26"},
		Cursor:   legacyCursor, CanSubscribe: true,
	}
	if era == Modern {
		s.Versions, s.Cursor = []string{"2026-07-28"}, modernCursor
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// SetIntercept changes Intercept. It may be called while requests are handled.
func (s *Server) SetIntercept(f func(w http.ResponseWriter, r *http.Request, m *Message) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Intercept = f
}

// Close ends every tool and handler and waits for them.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.wg.Wait()
}

// enter counts a goroutine that Close waits for. It returns false after Close.
func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.wg.Add(1)
	return true
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.enter() {
		panic(http.ErrAbortHandler)
	}
	defer s.wg.Done()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client has disconnected
	}
	var m *Message
	if r.Method == http.MethodPost {
		if m, err = parse(body); err != nil {
			s.violation("body is not one message: " + err.Error())
			WriteError(w, http.StatusBadRequest, nil, -32700, "parse error")
			return
		}
	}
	rec := s.record(r, body, m)
	if m != nil && m.Method == "notifications/initialized" {
		s.told(r) // even if the notification is refused: clients continue then
	}
	if !s.pass(r.Context(), rec) {
		return
	}
	s.mu.Lock()
	intercept := s.Intercept
	s.mu.Unlock()
	if intercept != nil && intercept(w, r, m) {
		return
	}
	if m != nil && !s.checkPost(w, r) {
		return
	}
	if s.Era == Modern {
		s.serveModern(w, r, m)
		return
	}
	s.serveLegacy(w, r, m)
}

// checkPost checks what both eras require of every POST.
func (s *Server) checkPost(w http.ResponseWriter, r *http.Request) bool {
	switch {
	case !accepts(r, "application/json") || !accepts(r, "text/event-stream"):
		s.violation("POST does not accept both kinds of reply")
		WriteError(w, http.StatusNotAcceptable, nil, CodeBadRequest, "Not Acceptable")
	case r.Header.Get("Content-Type") != "application/json":
		s.violation("POST with another content type")
		WriteError(w, http.StatusUnsupportedMediaType, nil, CodeBadRequest, "Unsupported Media Type")
	default:
		return true
	}
	return false
}

// answer sends the response to a request, as JSON or as a stream with one event.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, sess *session, id json.RawMessage, result any, e *Error) {
	if !s.SSE {
		WriteJSON(w, http.StatusOK, response(id, result, e))
		return
	}
	st := s.newStream(sess)
	st.start()
	st.append(response(id, result, e))
	st.finish()
	st.follow(w, r, 0)
}

// Sleep waits for d, or until ctx ends. It simulates slow tools. Inside a synctest bubble, it waits
// in fake time.
func Sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
