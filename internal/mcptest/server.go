package mcptest

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"time"
)

// Era is which of MCP's two ways of speaking HTTP the server speaks.
type Era uint8

const (
	// Legacy has initialize and sessions: revisions up to 2025-11-25.
	Legacy Era = iota
	// Modern is 2026-07-28.
	Modern
)

// String returns "legacy" or "modern".
func (e Era) String() string {
	if e == Modern {
		return "modern"
	}
	return "legacy"
}

// RefuseStyle is how a request with a session id that the server does not know is refused.
type RefuseStyle uint8

const (
	// Refuse404 is a 404 with a JSON-RPC error that has no id, as the TypeScript SDK's.
	Refuse404 RefuseStyle = iota
	// Refuse404Plain is a 404 with a line of text.
	Refuse404Plain
	// Refuse400 is a 400 with a JSON-RPC error that has no id, as server-everything's.
	Refuse400
)

// Server is the server. Fields are set before requests come, or while none is
// being handled. Make one with [New].
type Server struct {
	Era          Era
	Versions     []string // supported revisions; the first one is preferred
	Name         string
	Instructions string
	// SSE answers requests by event streams, else by JSON.
	SSE bool
	// EventIDs gives the events of legacy streams ids, so that they can be resumed.
	EventIDs bool
	// Prime begins each legacy stream with an event that has an id and no data.
	Prime bool
	// RetryField, if not "", is the value of a retry field at the start of each connection of a stream.
	RetryField string
	// HoldStreams keeps answered streams open until the client goes away.
	HoldStreams bool
	// Stateless is a legacy server without session ids.
	Stateless bool
	// NoStanding answers GET with 405.
	NoStanding bool
	// Refuse is how a lost session is told.
	Refuse RefuseStyle
	// Negotiate, if not nil, chooses the revision that initialize agrees to.
	Negotiate func(proposed string) string
	// PageSize is how many items one page of a list has; 0 for all.
	PageSize int
	// Cursor names the page with an index from 1 on; "" is a cursor, too.
	Cursor    func(page int) string
	Tools     []*Tool
	Resources []Resource
	Prompts   []Prompt
	// Templates are the resource templates; nil is one for files.
	Templates []Template
	// Complete, if not nil, answers completion/complete and declares the capability.
	Complete func(params json.RawMessage) (json.RawMessage, error)
	// CanSubscribe declares resources.subscribe and takes subscriptions to
	// resources, to any URI: resources/subscribe of legacy clients,
	// resourceSubscriptions of modern ones. New sets it.
	CanSubscribe bool
	// Honor, if not nil, is what a modern server agrees to of the filter of a
	// subscriptions/listen; nil agrees to all that it has.
	Honor func(requested Filter) Filter
	// WithholdAck opens subscriptions without acknowledging them; see [Server.Acknowledge].
	WithholdAck bool
	// Intercept, if not nil, sees each request first, m nil without a message
	// in it, and returns true if it answered it. [Server.SetIntercept] changes it later.
	Intercept func(w http.ResponseWriter, r *http.Request, m *Message) bool

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup // handlers and tools

	mu       sync.Mutex
	closed   bool
	requests []*Request
	broken   []string
	ran      map[string]int
	gates    []gated
	sessions map[string]*session
	created  int                 // sessions so far
	streams  int                 // streams so far
	asked    int                 // requests to the client so far
	waiting  map[string]question // by request id
	subs     []*subscription
	declared json.RawMessage // see ClientCapabilities
}

// New returns a server of an era, without content.
func New(era Era) *Server {
	s := &Server{
		Era: era, Name: "mcptest", Instructions: "Use the tools.",
		ran: make(map[string]int), sessions: make(map[string]*session), waiting: make(map[string]question),
		Versions: []string{"2025-11-25", "2025-06-18", "2025-03-26"},
		Cursor:   defaultCursor, CanSubscribe: true,
	}
	if era == Modern {
		s.Versions = []string{"2026-07-28"}
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// SetIntercept changes Intercept while requests may be handled.
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

// enter counts a goroutine that Close waits for; false once closed.
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
		return // the client went away
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

// checkPost is what both eras demand of every POST.
func (s *Server) checkPost(w http.ResponseWriter, r *http.Request) bool {
	switch {
	case !accepts(r, "application/json") || !accepts(r, "text/event-stream"):
		s.violation("POST does not accept both kinds of reply")
		WriteError(w, http.StatusNotAcceptable, nil, CodeBadRequest, "Not Acceptable")
	case r.Header.Get("Content-Type") != "application/json":
		s.violation("POST of another content type")
		WriteError(w, http.StatusUnsupportedMediaType, nil, CodeBadRequest, "Unsupported Media Type")
	default:
		return true
	}
	return false
}

// answer sends the answer to a request: as JSON, or as a stream of one event.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, sess *session, id json.RawMessage, result any, e *Error) {
	response := func() []byte {
		if e != nil {
			return ErrorResponse(id, e)
		}
		return Result(id, result)
	}
	if !s.SSE {
		WriteJSON(w, http.StatusOK, response())
		return
	}
	st := s.newStream(sess)
	st.start()
	st.append(response())
	st.finish()
	st.follow(w, r, 0)
}

// Sleep waits for d unless ctx ends; in a bubble that is fake time. It is for tools that take long.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
