package mcpclient

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/goroutines"
	"github.com/hawser-mcp/hawser/internal/pacing"
	"github.com/hawser-mcp/hawser/internal/singleflight"
	"github.com/hawser-mcp/hawser/streamablehttp"
)

// Session is a client's conversation with one MCP server. It heals by itself:
// a session that the server forgot is begun anew, a lost stream is reopened,
// what may be repeated is; an error belongs to the call that met it, and only
// [Session.Close] closes. One thing it does not heal: a server that goes back
// from the modern era to the legacy one must be connected to again.
//
// All methods are safe for concurrent use, also from handlers. A call runs on
// its caller's goroutine and ends, promptly, with its context. A Session prints
// as its endpoint without the query.
type Session struct {
	printed

	conn      *streamablehttp.Conn
	closeConn func() error
	endpoint  string
	opts      Options // resolved
	log       *slog.Logger

	now        atomic.Pointer[sessionState] // nil until connected
	ids        atomic.Int64                 // last request id given out
	tokens     atomic.Int64                 // last progress token given out
	level      atomic.Pointer[mcp.LoggingLevel]
	recovery   singleflight.Group[recovery]
	pings      pings
	watch      watch
	events     *eventQueue
	shared     sharedStream
	tools      toolIndex
	waiting    progressCalls
	slots      slots // of the handlers that answer server requests
	answers    answers
	pending    pendingRequests
	urls       urlElicitations
	subscribed subscribedResources

	authorizing singleflight.Group[struct{}]

	// root ends with Close; it is the parent of everything the session does on
	// its own, and of handlers' contexts.
	root    context.Context
	cancel  context.CancelCauseFunc
	owned   owned
	notices notices
	closer  closer
}

// sessionState is the protocol's state between a recovery and the next: immutable,
// replaced whole.
type sessionState struct {
	generation   uint64
	era          Era
	version      string
	proposed     string // legacy: the revision of initialize
	http         *streamablehttp.Session
	server       mcp.Implementation
	capabilities mcp.ServerCapabilities
	instructions string
	meta         []byte // modern: the members every request's _meta has, without braces
}

func (state *sessionState) modern() bool { return state.era == EraModern }

// inSession reports whether requests carry a session id, so that the server can have forgotten it.
func (state *sessionState) inSession() bool { return state.http.ID() != "" }

// State is what a session is doing.
type State uint8

const (
	// StateReady: calls go to the server.
	StateReady State = iota
	// StateRecovering: the server's session is gone and a new one is begun;
	// calls that need it wait for that.
	StateRecovering
	// StateClosed: Close was called.
	StateClosed
)

// String returns the state in one word.
func (s State) String() string {
	switch s {
	case StateReady:
		return "ready"
	case StateRecovering:
		return "recovering"
	default:
		return "closed"
	}
}

// State returns what the session is doing at this moment.
func (s *Session) State() State {
	switch {
	case s.root.Err() != nil:
		return StateClosed
	case s.recovery.Running():
		return StateRecovering
	}
	return StateReady
}

// Endpoint returns the URL of the server without its query, which may hold secrets.
func (s *Session) Endpoint() string { return s.conn.Endpoint() }

// Done returns a channel that is closed when [Session.Close] begins.
func (s *Session) Done() <-chan struct{} { return s.root.Done() }

// Era returns which era the server speaks.
func (s *Session) Era() Era { return s.now.Load().era }

// ProtocolVersion returns the negotiated revision, such as "2025-11-25".
func (s *Session) ProtocolVersion() string { return s.now.Load().version }

// ServerInfo returns how the server introduced itself. It is the server's
// claim: do not decide anything by it. The result is a copy.
func (s *Session) ServerInfo() mcp.Implementation { return s.now.Load().server }

// Capabilities returns what the server offers. Treat it as read-only: maps in
// it are shared.
func (s *Session) Capabilities() mcp.ServerCapabilities { return s.now.Load().capabilities }

// Instructions returns the server's guidance for a model's prompt, "" if none. It is the
// server's text: decide what your model should make of it.
func (s *Session) Instructions() string { return s.now.Load().instructions }

func (s *Session) nextID() int64 { return s.ids.Add(1) }

// owned are the goroutines that the session started and Close waits for.
type owned struct{ goroutines.Group }

// start runs f on a goroutine of the session, unless the session is closing.
func (o *owned) start(f func()) bool { return o.Go(f) }

// sleep waits for d. It returns the cause if ctx or the session ends first.
func (s *Session) sleep(ctx context.Context, d time.Duration) error {
	return pacing.SleepWithin(ctx, s.root, d)
}
