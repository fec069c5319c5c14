package mcpclient

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/streamablehttp"
	"github.com/hawser-mcp/hawser/transport"
)

// Options configures a session. Nil and the zero value select the defaults. [Connect] copies the
// Options, but not what they point to; do not change that before the session ends. When Options are
// printed or marshalled to JSON, header values are left out.
type Options struct {
	// Transport carries the session's requests. Sessions may share it, and Close of a session does
	// not close it. If Transport is nil, the session creates one with [transport.NewDirect] and
	// closes it.
	Transport http.RoundTripper
	// Auth authorizes the session's requests. Client in package oauth is an Authorizer. The session
	// does not close Auth. Nil means no authorization.
	Auth Authorizer
	// ClientInfo identifies the client to the server. An empty name means "hawser".
	ClientInfo mcp.Implementation
	// Header is sent with every request to the endpoint, and nowhere else. A User-Agent in it
	// replaces the default, "hawser/" and [Version].
	Header http.Header
	// HeaderHook may add headers to each request to the endpoint. It runs on the call's goroutine
	// with the call's context. If it returns an error, the call fails without being sent.
	HeaderHook func(ctx context.Context, header http.Header) error
	// Handlers receive the server's notifications and answer its requests.
	Handlers Handlers
	// Interceptors wrap the messages of the session and its recoveries. The first is the outermost.
	Interceptors []Interceptor
	// Logger receives log records of what the session does automatically, such as recovering,
	// reconnecting and leaving out invalid tools. Nil disables logging. Tokens, session IDs and
	// messages are never logged.
	Logger *slog.Logger
	// Observer receives the session's events. Nil means no observer.
	Observer Observer
	// EraCache remembers the era of each endpoint across sessions. If EraCache is nil, every
	// Connect negotiates from scratch.
	EraCache *EraCache
	// ProtocolVersion pins the protocol revision, such as "2025-11-25". If it is empty, the
	// revision is negotiated.
	ProtocolVersion string
	// SessionLoss says what happens to a call when the server has lost the legacy session.
	SessionLoss SessionLoss
	// Timeouts bounds how long the session waits.
	Timeouts Timeouts
	// Retry bounds how often the session repeats a request.
	Retry Retry
	// ConnectRetry replaces Retry for the requests that [Connect] sends. Each zero field takes its
	// value from Retry. Later recoveries use Retry.
	ConnectRetry Retry
	// KeepAlive is how often the session pings a legacy server, at most once a second. If a ping is
	// refused because the session is lost, or gets no answer, a recovery starts, so that later calls
	// find a session that works. Modern servers have no ping. Zero or negative means no pings.
	KeepAlive time.Duration
	// Limits bounds what the server may send.
	Limits Limits
	// NoCookies drops the cookies that the server sets. By default the session keeps cookies until
	// it ends, because load balancers pin sessions by cookie. It sends them only to the endpoint's
	// origin: same scheme, host and port. It keeps at most 32 cookies of at most 4 KiB each. A
	// Cookie header from Header or HeaderHook replaces them.
	NoCookies bool
	// AcceptGzip asks the server to compress its replies with gzip. Replies in gzip are decoded even
	// if they were not asked for.
	AcceptGzip bool
	// TrustToolHints lets the session repeat a tool call whose answer was lost if the server lists
	// the tool as read-only or idempotent. Such hints are only claims: set this only for servers
	// that you trust.
	TrustToolHints bool
	// Extensions are the extensions of the protocol that the client supports and declares. Connect
	// fails with [KindInvalid] if an identifier is malformed or used twice, if settings do not
	// encode to a JSON object, or if two extensions add the same thing.
	Extensions []Extension
	// Strict refuses, with [KindInvalid] and before anything is sent, requests for a capability or
	// an extension that the server did not declare. It also removes such events from what the
	// session subscribes to, and refuses results of such an extension. By default the server
	// decides, because many servers declare less than they support.
	Strict bool
	// CheckOutput makes [Session.CallTool] validate structured content against the tool's output
	// schema, as [Call] always does: it finds the schema in the same way, and fails with the same
	// errors. The result of a tool that reports a failure is returned as it is.
	CheckOutput bool
}

// SessionLoss says what happens to a call when the server has lost its session. The server refused
// the call, so it did not run.
type SessionLoss uint8

const (
	// SessionLossReplay starts a new session and sends the call again. The call's retries bound how
	// often. It is the default.
	SessionLossReplay SessionLoss = iota
	// SessionLossFail starts a new session but fails the call with [KindSessionLost]. Use it for
	// servers that keep state in the session, so that the caller can rebuild that state first.
	SessionLossFail
)

// Timeouts bounds how long the session waits. Zero means the default, negative means no bound. The
// caller's context applies as well.
type Timeouts struct {
	// Try bounds each try of connecting, of list requests and of all other requests that are safe
	// to repeat. Default 30 s.
	Try time.Duration
	// Idle ends a tool call that has received no event with data, such as progress or a log
	// message, for this long. Comments that only keep a connection open do not count. Default 5
	// min.
	Idle time.Duration
	// Total bounds a tool call or raw request as a whole. Default none.
	Total time.Duration
	// Close bounds [Session.Close]. Default 5 s; negative means an hour.
	Close time.Duration
}

// Retry bounds how often the session repeats a request that is safe to repeat. Zero means the
// default.
type Retry struct {
	// MaxTries is how many times a request is sent at most, including the first time. Default 4;
	// negative means once.
	MaxTries int
	// MaxElapsed is the time after which no further try starts. Time that the server told the
	// client to wait (Retry-After) does not count. Default 15 s; negative means no bound.
	MaxElapsed time.Duration
	// Initial is the pause before the second try. Each later pause is four times as long, up to 8
	// s. Pauses vary by 20 %. Default 250 ms; negative means no pause.
	Initial time.Duration
}

// Limits bounds what a server may send. Zero means the default. Negative means no bound, except for
// Depth, where it means the default. If a reply exceeds a limit, the call fails with [KindLimit].
type Limits struct {
	// Body is the largest JSON reply, in bytes. Default 64 MiB.
	Body int64
	// Event is the largest event of a stream, in bytes. Default 64 MiB.
	Event int
	// Depth is how deeply the JSON of a reply may nest. Default 512, which is also the maximum.
	Depth int
	// Pages is how many pages of a list are read at most. Default 1,000.
	Pages int
	// Items is how many items of a list are read at most. Default 100,000. A single page never has
	// more than 100,000.
	Items int
	// Notifications is how many notifications may wait for their handlers. Default 1,024. Waiting
	// notifications may also hold at most 16 MiB together.
	Notifications int
	// InputRounds is how often a modern server may require input for one call. Default 16.
	InputRounds int
}

// Defaults of [Timeouts], [Retry] and [Limits].
const (
	DefaultTryTimeout       = 30 * time.Second
	DefaultIdleTimeout      = 5 * time.Minute
	DefaultCloseTimeout     = 5 * time.Second
	DefaultMaxTries         = 4
	DefaultMaxElapsed       = 15 * time.Second
	DefaultRetryInitial     = 250 * time.Millisecond
	DefaultMaxDepth         = 512
	DefaultMaxPages         = 1000
	DefaultMaxItems         = 100_000
	DefaultMaxNotifications = 1024
	DefaultMaxInputRounds   = 16
)

const maxInt = int(^uint(0) >> 1)

// orDefault returns the effective value of an option: def if value is zero, none if it is negative,
// else value.
func orDefault[T ~int | ~int64](value, def, none T) T {
	switch {
	case value < 0:
		return none
	case value == 0:
		return def
	}
	return value
}

// forever is the longest duration in use. The bound keeps sums of durations from overflowing.
const forever = 100 * 365 * 24 * time.Hour

// duration is orDefault for durations. A result of 0 means no bound.
func duration(value, def, none time.Duration) time.Duration {
	return min(orDefault(value, def, none), forever)
}

// resolved returns a copy of o in which every zero is replaced by its default. In its durations, 0
// means no bound.
func (o *Options) resolved() (Options, error) {
	var r Options
	if o != nil {
		r = *o
	}
	r.ClientInfo.Name = cmp.Or(r.ClientInfo.Name, "hawser")
	r.ClientInfo.Version = cmp.Or(r.ClientInfo.Version, Version)
	r.Logger = cmp.Or(r.Logger, slog.New(slog.DiscardHandler))
	r.Timeouts.Try = duration(r.Timeouts.Try, DefaultTryTimeout, 0)
	r.Timeouts.Idle = duration(r.Timeouts.Idle, DefaultIdleTimeout, 0)
	r.Timeouts.Total = duration(r.Timeouts.Total, 0, 0)
	r.Timeouts.Close = duration(r.Timeouts.Close, DefaultCloseTimeout, time.Hour)
	r.ConnectRetry = r.ConnectRetry.or(r.Retry).resolved()
	r.Retry = r.Retry.resolved()
	r.Limits.Depth = min(orDefault(r.Limits.Depth, DefaultMaxDepth, DefaultMaxDepth), DefaultMaxDepth)
	r.Limits.Pages = orDefault(r.Limits.Pages, DefaultMaxPages, maxInt)
	r.Limits.Items = orDefault(r.Limits.Items, DefaultMaxItems, maxInt)
	r.Limits.Notifications = orDefault(r.Limits.Notifications, DefaultMaxNotifications, maxInt)
	r.Limits.InputRounds = orDefault(r.Limits.InputRounds, DefaultMaxInputRounds, maxInt)
	extensions, err := checkedExtensions(r.Extensions)
	if err != nil {
		return r, err
	}
	r.Extensions = extensions
	if r.SessionLoss > SessionLossFail {
		return r, errors.New("unknown SessionLoss")
	}
	if r.ProtocolVersion != "" && !known(r.ProtocolVersion) {
		return r, fmt.Errorf("unknown protocol version %q: expected one of %v", r.ProtocolVersion, supportedVersions)
	}
	return r, nil
}

// or returns a copy of r in which each zero field is replaced by that field of other.
func (r Retry) or(other Retry) Retry {
	return Retry{cmp.Or(r.MaxTries, other.MaxTries), cmp.Or(r.MaxElapsed, other.MaxElapsed), cmp.Or(r.Initial, other.Initial)}
}

// resolved returns a copy of r in which every zero field is replaced by its default.
func (r Retry) resolved() Retry {
	return Retry{
		MaxTries:   orDefault(r.MaxTries, DefaultMaxTries, 1),
		MaxElapsed: duration(r.MaxElapsed, DefaultMaxElapsed, 0),
		Initial:    duration(r.Initial, DefaultRetryInitial, 0),
	}
}

// open returns the session's Conn, and a function that closes the Conn and a transport that the
// session created.
func (o *Options) open(endpoint string) (*streamablehttp.Conn, func() error, error) {
	rt, closeTransport := o.Transport, func() error { return nil }
	if rt == nil {
		direct := transport.NewDirect(nil)
		rt, closeTransport = direct, direct.Close
	}
	if o.Auth != nil {
		rt = o.Auth.RoundTripper(rt)
	}
	conn, err := streamablehttp.New(endpoint, streamablehttp.Config{
		RoundTripper: rt, Header: o.Header, Hook: o.HeaderHook, AcceptGzip: o.AcceptGzip, NoCookies: o.NoCookies, Logger: o.Logger,
		Limits: streamablehttp.Limits{MaxBody: o.Limits.Body, MaxEvent: o.Limits.Event},
	})
	if err != nil {
		_ = closeTransport()
		return nil, nil, err
	}
	return conn, func() error {
		conn.Close()
		return closeTransport()
	}, nil
}
