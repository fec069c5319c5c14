// Package mcpclient is an MCP client session over Streamable HTTP: it connects
// to one server, whichever protocol era it speaks, and keeps the conversation
// going over lost sessions, broken streams and restarts, without ever running
// a tool with side effects twice on its own.
//
//	s, err := mcpclient.Connect(ctx, "https://mcp.example.com/mcp", nil)
//	if err != nil { … }
//	defer s.Close()
//	res, err := s.CallTool(ctx, "search", map[string]any{"q": "gophers"})
//
// The protocol's types are those of github.com/mark3labs/mcp-go/mcp, decoded
// here in one pass and without loss.
package mcpclient

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"strings"

	"github.com/hawser-mcp/hawser/internal/redact"
)

// Connect begins a session with the MCP server at endpoint, an http or https
// URL. It negotiates the protocol era and revision (see [Options]) and returns
// when the server answered. The context bounds Connect only; the session lives
// until its Close. Nil options are good defaults.
//
// A server that cannot be reached is tried again for a while ([Retry]): bound the context
// if that is too long, or set Retry.MaxTries to 1.
//
// The error is an [*Error]; nothing is left behind then. Deleting a session that the
// server began delays the return by at most 250 ms after the context has ended.
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
	s.watch.Init(expired)
	s.asked, s.answers.slots = newSlots(), newSlots()
	s.closer.done = make(chan struct{})
	s.root, s.cancel = context.WithCancelCause(context.Background())
	s.notices.open()
	first, err := s.negotiate(ctx, EraUnknown)
	if err != nil {
		s.now.Store(&sessionState{http: conn.NewSession("", "", false)})
		_ = s.Close()
		return nil, connectError(conn.Endpoint(), err)
	}
	first.generation = 1
	s.now.Store(first)
	s.log.Info("connected", "endpoint", conn.Endpoint(), "era", first.era, "version", first.version)
	s.side.follow(s, first)
	s.openQueue()
	return s, nil
}

// connectError names the endpoint, and what a wrong one looks like.
func connectError(endpoint string, err error) error {
	out := Error{Kind: KindProtocol, Stage: stageOf(err), Err: err}
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
	case errors.As(err, &record):
		out.Err = &hintedError{out.Err, "the server does not speak TLS on this port: is it http instead of https?"}
	case errors.As(err, &status) && status.Status == http.StatusBadRequest && status.RPC == nil && strings.HasPrefix(endpoint, "http:"):
		out.Err = &hintedError{out.Err, "if the server wants TLS, the URL begins with https"}
	case errors.As(err, &status) && (status.Status == http.StatusNotFound || status.Status == http.StatusMethodNotAllowed),
		errors.As(err, &protocol):
		out.Err = &hintedError{out.Err, "is this the URL of an MCP endpoint? Many end in /mcp"}
	}
	return &out
}

// hintedError adds what to look at to a cause.
type hintedError struct {
	err  error
	hint string
}

func (e *hintedError) Error() string { return causeText(e.err) + "; " + e.hint }
func (e *hintedError) Unwrap() error { return e.err }
