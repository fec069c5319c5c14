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

// Session is a session with one MCP server. It recovers automatically: it starts a new session if
// the server lost the old one, opens lost streams again, and retries requests that are safe to
// retry. An error fails only the call that it occurred in, and only [Session.Close] ends the
// session. If a server is downgraded from the modern to the legacy era, you must call [Connect]
// again.
//
// All methods are safe for concurrent use, including from handlers. A call runs on its caller's
// goroutine and returns promptly when its context ends. Printing a Session shows its endpoint
// without the query.
type Session struct {
	printed

	conn      *streamablehttp.Conn
	closeConn func() error
	endpoint  string
	opts      Options // resolved
	log       *slog.Logger

	now        atomic.Pointer[sessionState] // nil until connected
	ids        atomic.Int64                 // the last request ID that was used
	tokens     atomic.Int64                 // the last progress token that was used
	level      atomic.Pointer[mcp.LoggingLevel]
	recovery   singleflight.Group[*Recovery]
	pings      pings
	doubts     doubts
	watch      watch
	events     *eventQueue
	shared     sharedStream
	tools      toolIndex
	waiting    progressCalls
	slots      lazySlots // for handlers that answer server requests
	answers    answers
	pending    pendingRequests
	urls       urlElicitations
	subscribed subscribedResources

	// The chains of interceptors, each nil without interceptors of its kind.
	outgoing   OutgoingFunc
	incoming   IncomingFunc
	recovering RecoveryFunc

	observation observation
	authorizing singleflight.Group[struct{}]

	// root ends with Close. It is the parent of the contexts of handlers and of everything that the
	// session does by itself.
	root    context.Context
	cancel  context.CancelCauseFunc
	owned   owned
	notices notices
	closer  closer
	failure error // of Connect; nil if it succeeded
}

// sessionState is the protocol state between two recoveries. It is immutable and is replaced as a
// whole.
type sessionState struct {
	generation   uint64
	era          Era
	version      string
	proposed     string // legacy: the revision of initialize
	http         *streamablehttp.Session
	server       mcp.Implementation
	capabilities mcp.ServerCapabilities
	instructions string
	meta         []byte // modern: the _meta members of every request, without braces
}

func (state *sessionState) modern() bool { return state.era == EraModern }

// inSession reports whether requests carry a session ID. Only then can the server lose the session.
func (state *sessionState) inSession() bool { return state.http.ID() != "" }

// Endpoint returns the URL of the server without its query, which may hold secrets.
func (s *Session) Endpoint() string { return s.conn.Endpoint() }

// Done returns a channel that is closed when [Session.Close] begins.
func (s *Session) Done() <-chan struct{} { return s.root.Done() }

// Era returns the negotiated protocol era.
func (s *Session) Era() Era { return s.now.Load().era }

// ProtocolVersion returns the negotiated revision, such as "2025-11-25".
func (s *Session) ProtocolVersion() string { return s.now.Load().version }

// ServerInfo returns the name and version by which the server identifies itself. The server may
// claim anything here: do not base decisions on it. The result is a copy.
func (s *Session) ServerInfo() mcp.Implementation { return s.now.Load().server }

// Capabilities returns what the server supports. The extensions that it declares are in the map
// Extensions, by their identifiers. Treat the result as read-only: its maps are shared.
func (s *Session) Capabilities() mcp.ServerCapabilities { return s.now.Load().capabilities }

// Instructions returns the server's instructions for a model's prompt, "" if there are none. They
// come from the server: decide how far your model should follow them.
func (s *Session) Instructions() string { return s.now.Load().instructions }

func (s *Session) nextID() int64 { return s.ids.Add(1) }

// owned holds the goroutines that the session started and that Close waits for.
type owned struct{ goroutines.Group }

// start runs f on a goroutine of the session. It returns false if the session is closing.
func (o *owned) start(f func()) bool { return o.Go(f) }

// ended prevents new goroutines. It reports whether all goroutines have ended.
func (o *owned) ended() bool {
	select {
	case <-o.Close():
		return true
	default:
		return false
	}
}

// sleep waits for d. If ctx or the session ends first, it returns the cause.
func (s *Session) sleep(ctx context.Context, d time.Duration) error {
	return pacing.SleepWithin(ctx, s.root, d)
}
