// Package mcpclient implements MCP client sessions over Streamable HTTP. A [Session] connects to
// one server of either protocol era. It recovers automatically from lost sessions, broken streams
// and server restarts. Recovery never runs a tool with side effects twice.
//
//	s, err := mcpclient.Connect(ctx, "https://mcp.example.com/mcp", nil)
//	if err != nil { … }
//	defer s.Close()
//	res, err := s.CallTool(ctx, "search", map[string]any{"q": "gophers"})
//
// The protocol's types come from github.com/mark3labs/mcp-go/mcp. This package decodes them in one
// pass and keeps everything that the server sent.
package mcpclient

import (
	"context"
	"crypto/tls"
	"errors"
	"math/rand"
	"net/http"
	"strings"

	"github.com/hawser-mcp/hawser/internal/redact"
	"github.com/hawser-mcp/hawser/internal/verdict"
	"github.com/hawser-mcp/hawser/streamablehttp"
)

// Connect starts a session with the MCP server at endpoint, an http or https URL. It negotiates the
// protocol era and revision (see [Options]) and returns when the server has answered. The context
// bounds only Connect itself; the session lasts until its Close. If opts is nil, the defaults
// apply.
//
// If the server cannot be reached, Connect retries according to [Options].ConnectRetry. To fail
// fast, pass a context with a deadline or set ConnectRetry.MaxTries to 1.
//
// The error is an [*Error]. A failed Connect leaves nothing behind. To delete a session that the
// server started, Connect may run for up to 250 ms after the context has ended.
func Connect(ctx context.Context, endpoint string, opts *Options) (*Session, error) {
	resolved, err := opts.resolved()
	if err != nil {
		return nil, invalid("connect", err)
	}
	conn, closeConn, err := resolved.open(endpoint)
	if err != nil {
		return nil, invalid("connect", err)
	}
	s := &Session{
		printed: redact.NewPrinted("mcpclient.Session(" + conn.Endpoint() + ")"),
		conn:    conn, closeConn: closeConn, endpoint: endpoint, opts: resolved, log: resolved.Logger,
	}
	if err := s.chain(resolved.Interceptors); err != nil {
		_ = closeConn()
		return nil, invalid("connect", err)
	}
	s.ids.Store(firstID())
	s.watch.Init(expired)
	s.closer.done = make(chan struct{})
	s.root, s.cancel = context.WithCancelCause(context.Background())
	s.events = s.newEventQueue()
	if opts != nil {
		s.observe(opts)
	}
	first, err := s.negotiate(ctx, EraUnknown)
	if err != nil {
		s.now.Store(&sessionState{http: conn.NewSession("", "", false)})
		s.failure = connectError(conn.Endpoint(), err)
		_ = s.Close()
		return nil, s.failure
	}
	first.generation = 1
	s.now.Store(first)
	if s.observed() {
		s.tell(ctx, Connected{Endpoint: s.Endpoint(), Era: first.era, ProtocolVersion: first.version})
	}
	s.shared.follow(s, first)
	s.events.Open()
	if s.opts.KeepAlive > 0 {
		s.owned.start(s.keepAlive)
	}
	return s, nil
}

// firstID returns a random number after which the request IDs of a session begin. Some servers use
// one stream table for all clients (the README of @hono/mcp does): the response to one client's
// request then goes to another client that uses the same ID at that time. IDs stay short, and fit
// into 32 bits for two billion requests.
func firstID() int64 {
	const least, most = 100_000, 1_000_000 // six digits: all sessions send requests of the same length
	return least + rand.Int63n(most-least) //nolint:gosec // an ID is not a secret
}

// connectError names the endpoint in the error and adds a hint if the endpoint may be wrong.
func connectError(endpoint string, err error) error {
	out := Error{Kind: KindProtocol, Stage: verdict.StageOf(err), Err: err}
	step := ""
	var e *Error
	if errors.As(err, &e) {
		out, step = *e, " ("+e.Method+")"
	}
	out.Method, out.where, out.harmless = "connect", " to "+endpoint+step, true
	var (
		status   *HTTPError
		protocol *ProtocolError
		record   tls.RecordHeaderError
	)
	switch {
	case errors.Is(err, streamablehttp.ErrOldTransport), out.Kind == KindVersion:
	case errors.As(err, &record):
		out.Err = &hintedError{out.Err, "the server does not speak TLS on this port: is the URL http instead of https?"}
	case errors.As(err, &status) && status.Status == http.StatusBadRequest && status.RPC == nil && strings.HasPrefix(endpoint, "http:"):
		out.Err = &hintedError{out.Err, "if the server expects TLS, use an https URL"}
	case errors.As(err, &status) && (status.Status == http.StatusNotFound || status.Status == http.StatusMethodNotAllowed),
		errors.As(err, &protocol):
		out.Err = &hintedError{out.Err, "is this the URL of an MCP endpoint? Many end in /mcp"}
	}
	return &out
}

// hintedError adds a hint to a cause.
type hintedError struct {
	err  error
	hint string
}

func (e *hintedError) Error() string { return causeText(e.err) + "; " + e.hint }
func (e *hintedError) Unwrap() error { return e.err }
