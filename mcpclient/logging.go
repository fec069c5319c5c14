package mcpclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
	"github.com/hawser-mcp/hawser/internal/wire"
)

// LogMessage is a log message from the server. The server chose all of its text.
type LogMessage struct {
	// Level is an RFC 5424 severity name.
	Level mcp.LoggingLevel
	// Logger names the part of the server that logged the message, "" if the server did not say.
	Logger string
	// Data is what was logged, as received. It may be any JSON value.
	Data json.RawMessage
}

var loggingLevels = []mcp.LoggingLevel{
	mcp.LoggingLevelDebug, mcp.LoggingLevelInfo, mcp.LoggingLevelNotice, mcp.LoggingLevelWarning,
	mcp.LoggingLevelError, mcp.LoggingLevelCritical, mcp.LoggingLevelAlert, mcp.LoggingLevelEmergency,
}

// SetLogLevel asks the server for log messages of this level and above. A legacy server receives
// the level now, and again after each recovery. A modern server receives it with every later
// request. The messages go to [Handlers].Log.
func (s *Session) SetLogLevel(ctx context.Context, level mcp.LoggingLevel, opts ...CallOption) error {
	if !slices.Contains(loggingLevels, level) {
		return invalid(methodSetLevel, fmt.Errorf("unknown log level %q", level))
	}
	if state := s.now.Load(); state.modern() {
		if err := s.checkDeclared(state, methodSetLevel); err != nil {
			return invalid(methodSetLevel, err)
		}
		s.level.Store(&level)
		return nil
	}
	if err := s.newQuery(ctx, setLevel(level), &wire.Empty{}, opts).do(); err != nil {
		return err
	}
	s.level.Store(&level)
	return nil
}

func setLevel(level mcp.LoggingLevel) message {
	return message{method: methodSetLevel, params: append(jsonrpc.AppendString([]byte(`{"level":`), string(level)), '}')}
}

// restoreLevel sets the log level in a new legacy session, if one was set before.
func (s *Session) restoreLevel(ctx context.Context, state *sessionState) {
	level := s.level.Load()
	if level == nil || state.modern() || s.checkDeclared(state, methodSetLevel) != nil {
		return
	}
	if err := s.newStateRequest(ctx, state, setLevel(*level), &wire.Empty{}).do(s.opts.Retry); err != nil {
		s.log.Warn("log level not restored", "error", brief(err))
	}
}

// deliverLog passes a log message of a call to the handler at once.
func (s *Session) deliverLog(ctx context.Context, params []byte) {
	h := s.opts.Handlers.Log
	switch {
	case h == nil:
	case s.incoming != nil:
		s.receive(ctx, methodLog, append(json.RawMessage(nil), params...), s.handleLog)
	default:
		s.handleLog(ctx, params)
	}
}

// handleLog decodes a log message and passes it to the handler.
func (s *Session) handleLog(ctx context.Context, params json.RawMessage) {
	if m, err := decodeLog(params); err == nil {
		s.opts.Handlers.Log(ctx, s, m)
	}
}

// enqueueLog queues a log message that does not belong to a call.
func (s *Session) enqueueLog(params []byte) {
	h := s.opts.Handlers.Log
	if h == nil {
		return
	}
	if s.incoming != nil {
		s.enqueueReceive(methodLog, params, s.handleLog)
		return
	}
	if m, err := decodeLog(params); err == nil {
		s.enqueue(len(m.Data)+len(m.Logger), func() { h(s.root, s, m) })
	}
}

var errNoParams = errors.New("notification without parameters")

func decodeLog(params []byte) (LogMessage, error) {
	var m LogMessage
	if params == nil {
		return m, errNoParams
	}
	cur := jsonrpc.NewCursor(params, 0)
	cur.EnterObject()
	for key, ok := cur.NextKey(); ok; key, ok = cur.NextKey() {
		switch string(key) {
		case "level":
			m.Level = mcp.LoggingLevel(cur.String())
		case "logger":
			if !cur.TryNull() {
				m.Logger = cur.String()
			}
		case "data":
			m.Data = cur.Raw()
		default:
			cur.Skip()
		}
	}
	return m, cur.Err()
}
