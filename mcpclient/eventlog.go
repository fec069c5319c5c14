package mcpclient

import (
	"context"
	"log/slog"

	"github.com/hawser-mcp/hawser/internal/redact"
)

// logEvent is the Observer that writes events to Options.Logger. What an event reports is logged
// here and nowhere else.
func (s *Session) logEvent(ctx context.Context, e Event) {
	switch e := e.(type) {
	case Negotiated:
		s.record(ctx, slog.LevelDebug, "negotiated", nil, "era", e.Era, "version", e.ProtocolVersion)
	case Connected:
		s.record(ctx, slog.LevelInfo, "connected", nil, "endpoint", e.Endpoint, "era", e.Era, "version", e.ProtocolVersion)
	case Retrying:
		level := slog.LevelInfo
		if e.Wait == 0 {
			level = slog.LevelDebug
		}
		s.record(ctx, level, "retrying request", e.Cause, "method", e.Method, "tries", e.Tries, "pause", e.Wait, "reason", e.Reason)
	case AuthorizationStarted:
		s.record(ctx, slog.LevelInfo, "authorizing", nil, "status", e.Status)
	case AuthorizationEnded:
		if e.Err != nil {
			s.record(ctx, slog.LevelWarn, "authorization failed", e.Err)
		} else {
			s.record(ctx, slog.LevelInfo, "authorized", nil)
		}
	case ToolRedefined:
		s.record(ctx, slog.LevelWarn, "a tool's definition has changed", nil, "tool", redact.Line(e.Tool, maxShownName))
	case Closed:
		s.record(ctx, slog.LevelInfo, "closed", e.Err, "lived", e.Lived)
	case RecoveryStarted, RecoveryEnded:
		s.logRecovery(ctx, e)
	case StreamOpened, StreamLost, StreamGap:
		s.logStream(ctx, e)
	}
}

func (s *Session) logRecovery(ctx context.Context, e Event) {
	switch e := e.(type) {
	case RecoveryStarted:
		if e.Recovery.Doubted {
			s.record(ctx, slog.LevelDebug, "session may be lost", e.Recovery.Cause)
		} else {
			s.record(ctx, slog.LevelInfo, "session lost", e.Recovery.Cause)
		}
	case RecoveryEnded:
		switch {
		case e.Replaced:
			s.record(ctx, slog.LevelInfo, "session restored", nil, "era", e.Era, "version", e.ProtocolVersion)
		case e.Err != nil:
			s.record(ctx, slog.LevelWarn, "session recovery failed", e.Err)
		default:
			s.record(ctx, slog.LevelDebug, "session is alive", nil)
		}
	}
}

func (s *Session) logStream(ctx context.Context, e Event) {
	switch e := e.(type) {
	case StreamOpened:
		s.record(ctx, slog.LevelDebug, "stream opened", nil, "shared", e.Subscription == nil)
	case StreamLost:
		if e.Final {
			s.record(ctx, slog.LevelDebug, "stream ended", e.Cause, "shared", e.Subscription == nil)
		} else {
			s.record(ctx, slog.LevelDebug, "stream lost", e.Cause, "shared", e.Subscription == nil, "pause", e.Wait)
		}
	case StreamGap:
		s.record(ctx, slog.LevelInfo, "notifications may have been missed", e.Cause, "shared", e.Subscription == nil)
	}
}

// record writes a log record, with the error if there is one.
func (s *Session) record(ctx context.Context, level slog.Level, text string, err error, attrs ...any) {
	if err != nil {
		attrs = append(attrs, "error", brief(err))
	}
	s.log.Log(ctx, level, text, attrs...)
}
