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
	"errors"
	"time"

	"github.com/hawser-mcp/hawser/transport"
)

// Connect begins a session with the MCP server at endpoint, an http or https
// URL. It negotiates the protocol era and revision (see [Options]) and returns
// when the server answered. The context bounds Connect only; the session lives
// until its Close. Nil options are good defaults.
//
// The error is an [*Error]; nothing is left behind then.
func Connect(ctx context.Context, endpoint string, opts *Options) (*Session, error) {
	resolved, err := opts.resolved()
	if err != nil {
		return nil, &Error{Kind: KindInvalid, Method: "connect", Stage: transport.NotSent, Err: err}
	}
	conn, closeConn, err := resolved.open(endpoint)
	if err != nil {
		return nil, &Error{Kind: KindInvalid, Method: "connect", Stage: transport.NotSent, Err: err}
	}
	s := &Session{conn: conn, closeConn: closeConn, endpoint: endpoint, opts: resolved, log: resolved.Logger}
	s.watch.start = time.Now()
	s.asked = newAskedSlots()
	s.root, s.cancel = context.WithCancelCause(context.Background())
	first, err := s.negotiate(ctx, EraUnknown)
	if err != nil {
		s.now.Store(&snapshot{http: conn.NewSession("", "", false)})
		_ = s.Close()
		return nil, connectError(err)
	}
	first.epoch = 1
	s.now.Store(first)
	s.log.Info("connected", "endpoint", conn.Endpoint(), "era", first.era, "version", first.version)
	s.side.follow(s, first)
	return s, nil
}

// connectError says "connect" and keeps the method that failed in the text.
func connectError(err error) error {
	var e *Error
	if !errors.As(err, &e) {
		return &Error{Kind: KindProtocol, Method: "connect", Stage: stageOf(err), Err: err}
	}
	out := *e
	out.Method = "connect (" + e.Method + ")"
	return &out
}
