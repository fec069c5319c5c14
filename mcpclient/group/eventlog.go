package group

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
)

// observed reports whether there is a logger or an observer. Call it before making an event, because
// converting that to an Event allocates.
func (g *Group) observed() bool { return len(g.observers) > 0 }

// tell passes an event on. No lock may be held.
func (g *Group) tell(ctx context.Context, e Event) {
	for _, to := range g.observers {
		g.callObserver(ctx, to, e)
	}
}

func (g *Group) callObserver(ctx context.Context, to Observer, e Event) {
	defer func() {
		if v := recover(); v != nil {
			g.log.Error("an observer panicked", "value", fmt.Sprint(v), "stack", string(debug.Stack()))
		}
	}()
	to(ctx, e)
}

// logEvent is the Observer that writes events to Options.Logger.
func (g *Group) logEvent(ctx context.Context, e Event) {
	switch e := e.(type) {
	case StateChanged:
		level := slog.LevelInfo
		if e.State.Status == Down || e.State.Status == NeedsAuth {
			level = slog.LevelWarn
		}
		g.record(ctx, level, "server is "+e.State.Status.String(), e.State.Err, "server", e.State.Server, "tries", e.State.Tries)
	case FunctionsChanged:
		level := slog.LevelInfo
		if len(e.Held) > 0 {
			level = slog.LevelWarn
		}
		g.record(ctx, level, "functions changed", nil, "server", e.Server,
			"added", len(e.Added), "removed", len(e.Removed), "changed", len(e.Changed), "held", len(e.Held))
	case ListFailed:
		g.record(ctx, slog.LevelWarn, "the tools could not be listed again", e.Err, "server", e.Server)
	case Called:
		g.record(ctx, slog.LevelDebug, "called", e.Err, "server", e.Server, "function", e.Function, "took", e.Took)
	}
}

// record writes a log record, with the error if there is one.
func (g *Group) record(ctx context.Context, level slog.Level, text string, err error, attrs ...any) {
	if err != nil {
		attrs = append(attrs, "error", brief(err))
	}
	g.log.Log(ctx, level, text, attrs...)
}
