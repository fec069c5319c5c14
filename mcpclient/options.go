package mcpclient

import (
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

// Options configures a session. Nil and the zero value are good defaults. It is
// copied by [Connect]; what it points to must not change while the session lives.
// Options print, and marshal to JSON, without header values.
type Options struct {
	// Transport carries the session's requests; it may be shared between
	// sessions and is not closed with this one. Nil means a
	// [transport.NewDirect] of the session's own, closed with it.
	Transport http.RoundTripper
	// Auth gets the session into servers that want authorization: a client of
	// package oauth. It is not closed with the session. Nil means none.
	Auth Authorizer
	// ClientInfo is how the client introduces itself. An empty name means "hawser".
	ClientInfo mcp.Implementation
	// Header is sent with every request to the endpoint, and nowhere else.
	Header http.Header
	// HeaderHook may add headers to each request to the endpoint. It runs on
	// the goroutine and with the context of the call; an error fails the call unsent.
	HeaderHook func(ctx context.Context, header http.Header) error
	// Handlers receive what the server tells on its own and answer what it asks.
	Handlers Handlers
	// Logger gets what the session does on its own (recovery, reconnects,
	// dropped tools). Nil discards it. No token, session id or message is logged.
	Logger *slog.Logger
	// EraCache remembers between sessions which era an endpoint speaks. Nil
	// means none: each Connect finds out.
	EraCache *EraCache
	// ProtocolVersion pins the revision, such as "2025-11-25". Empty negotiates.
	ProtocolVersion string
	// SessionLoss says what becomes of the call that finds a legacy session gone.
	SessionLoss SessionLoss
	// Timeouts bound waiting. See [Timeouts].
	Timeouts Timeouts
	// Retry bounds repetition. See [Retry].
	Retry Retry
	// Limits bounds what the server may send. See [Limits].
	Limits Limits
	// AcceptGzip asks the server for compressed replies.
	AcceptGzip bool
	// TrustToolHints lets a tool that the server lists as read-only or
	// idempotent be repeated like a list request when its answer was lost. The
	// hints are the server's claim; trust them only if you trust the server.
	TrustToolHints bool
}

// SessionLoss says what becomes of a call that finds its session gone. The
// server refused such a call, so it did not run.
type SessionLoss uint8

const (
	// SessionLossReplay starts a new session and sends the call again, as often as its retries allow. The default.
	SessionLossReplay SessionLoss = iota
	// SessionLossFail starts a new session but fails the call with [KindSessionLost]: for
	// servers that keep state in the session, which the caller must rebuild first.
	SessionLossFail
)

// Timeouts bounds how long the session waits. Zero means the default, negative
// means no bound. The caller's context always comes first.
type Timeouts struct {
	// Try bounds each try of connecting, of lists and of everything else that
	// is safe to repeat. Default 30 s.
	Try time.Duration
	// Idle bounds a tool call: so long without an event of its stream
	// (progress, log, anything with data), and it ends. Comments that only keep
	// a connection open do not count. Default 5 min.
	Idle time.Duration
	// Total bounds a tool call or raw request over all. Default none.
	Total time.Duration
	// Close bounds [Session.Close]. Default 5 s; negative means an hour.
	Close time.Duration
}

// Retry bounds how often the session repeats a request that is safe to repeat.
// Zero means the default.
type Retry struct {
	// MaxTries is how many times a request is sent at most, the first one
	// included. Default 4; negative means once.
	MaxTries int
	// MaxElapsed bounds the time after which no further try starts. Waiting
	// that the server asked for (Retry-After) is not counted. Default 15 s;
	// negative means no bound.
	MaxElapsed time.Duration
	// Initial is the wait before the second try; it grows fourfold, up to 8 s,
	// and varies by a fifth. Default 250 ms; negative means no wait.
	Initial time.Duration
}

// Limits bounds what a server may send. Zero means the default, negative means
// no bound (for Depth: the default). What is over a limit is a [KindLimit].
type Limits struct {
	// Body is the largest JSON reply in bytes. Default 64 MiB.
	Body int64
	// Event is the largest event of a stream in bytes. Default 64 MiB.
	Event int
	// Depth is how deep a reply's JSON may nest. Default 512, which is also the most.
	Depth int
	// Pages is how many pages one walk over a list reads. Default 1,000.
	Pages int
	// Items is how many items one walk over a list yields. Default 100,000,
	// which is always the most that one page may have.
	Items int
	// Notifications is how many notifications may wait for their handlers,
	// besides the 16 MiB that they may hold in all. Default 1,024.
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

// orDefault resolves the convention of the option fields: zero is the default, negative is none.
func orDefault[T ~int | ~int64](value, def, none T) T {
	switch {
	case value < 0:
		return none
	case value == 0:
		return def
	}
	return value
}

// forever is what longer durations are cut to, so that sums of them stay durations.
const forever = 100 * 365 * 24 * time.Hour

// duration is orDefault for time: 0 as the result means no bound.
func duration(value, def, none time.Duration) time.Duration {
	return min(orDefault(value, def, none), forever)
}

// resolved returns o with every zero replaced. Durations: 0 now means no bound.
func (o *Options) resolved() (Options, error) {
	var r Options
	if o != nil {
		r = *o
	}
	if r.ClientInfo.Name == "" {
		r.ClientInfo.Name = "hawser"
	}
	if r.ClientInfo.Version == "" {
		r.ClientInfo.Version = Version
	}
	if r.Logger == nil {
		r.Logger = slog.New(slog.DiscardHandler)
	}
	r.Timeouts.Try = duration(r.Timeouts.Try, DefaultTryTimeout, 0)
	r.Timeouts.Idle = duration(r.Timeouts.Idle, DefaultIdleTimeout, 0)
	r.Timeouts.Total = duration(r.Timeouts.Total, 0, 0)
	r.Timeouts.Close = duration(r.Timeouts.Close, DefaultCloseTimeout, time.Hour)
	r.Retry.MaxTries = orDefault(r.Retry.MaxTries, DefaultMaxTries, 1)
	r.Retry.MaxElapsed = duration(r.Retry.MaxElapsed, DefaultMaxElapsed, 0)
	r.Retry.Initial = duration(r.Retry.Initial, DefaultRetryInitial, 0)
	r.Limits.Depth = min(orDefault(r.Limits.Depth, DefaultMaxDepth, DefaultMaxDepth), DefaultMaxDepth)
	r.Limits.Pages = orDefault(r.Limits.Pages, DefaultMaxPages, maxInt)
	r.Limits.Items = orDefault(r.Limits.Items, DefaultMaxItems, maxInt)
	r.Limits.Notifications = orDefault(r.Limits.Notifications, DefaultMaxNotifications, maxInt)
	r.Limits.InputRounds = orDefault(r.Limits.InputRounds, DefaultMaxInputRounds, maxInt)
	if r.SessionLoss > SessionLossFail {
		return r, errors.New("unknown SessionLoss")
	}
	if r.ProtocolVersion != "" && !known(r.ProtocolVersion) {
		return r, fmt.Errorf("protocol version %q is not one of %v", r.ProtocolVersion, supportedVersions)
	}
	return r, nil
}

// open makes the session's Conn. The returned close function ends what the
// session owns of it.
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
		RoundTripper: rt, Header: o.Header, Hook: o.HeaderHook, AcceptGzip: o.AcceptGzip, Logger: o.Logger,
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
