package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// notices is a slog.Handler that tells the user about retries. It also passes all records to the
// embedded Handler, which writes the log of --verbose. A record is about a retry if it has the
// attribute tries, and pause or wait.
type notices struct {
	slog.Handler
	retry func(r retry)
}

// retry is a request that will be sent again.
type retry struct {
	method, cause string
	pause         time.Duration
}

// Enabled implements [slog.Handler]. Retries may be logged at any level.
func (*notices) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements [slog.Handler].
func (n *notices) Handle(ctx context.Context, r slog.Record) error {
	var again retry
	counted, paused := false, false
	r.Attrs(func(attr slog.Attr) bool {
		switch value := attr.Value.Resolve(); attr.Key {
		case "tries":
			counted = true
		case "method":
			again.method = value.String()
		case "error":
			again.cause = fmt.Sprint(value.Any())
		case "pause", "wait":
			if value.Kind() == slog.KindDuration {
				again.pause, paused = value.Duration(), true
			}
		}
		return true
	})
	if counted && paused {
		n.retry(again)
	}
	if !n.Handler.Enabled(ctx, r.Level) {
		return nil
	}
	return n.Handler.Handle(ctx, r)
}

// WithAttrs implements [slog.Handler].
func (n *notices) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &notices{n.Handler.WithAttrs(attrs), n.retry}
}

// WithGroup implements [slog.Handler].
func (n *notices) WithGroup(name string) slog.Handler {
	return &notices{n.Handler.WithGroup(name), n.retry}
}

// waits tells the user what the program is waiting for. Its methods are safe for concurrent use.
type waits struct {
	con *console

	mu    sync.Mutex
	timer *time.Timer // guarded by mu; nil if the program is not waiting
	last  retry       // guarded by mu
}

// begin prints a note that the program is waiting for host, after the time patience. Calling end
// cancels the note.
func (w *waits) begin(host string) (end func()) {
	timer := time.AfterFunc(patience, func() { w.con.line("waiting for " + host + "; press Ctrl-C to give up") })
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer, w.last = timer, retry{}
	return w.end
}

func (w *waits) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer != nil {
		w.timer.Stop()
		w.timer = nil
	}
}

// forget discards the last retry, because a retry while connecting does not explain a later
// failure.
func (w *waits) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = retry{}
}

// again prints a note about a retry.
func (w *waits) again(r retry) {
	r.cause = withoutOperation(oneLine(withoutRemains(r.cause), 200))
	w.mu.Lock()
	w.last = r
	if w.timer != nil {
		w.timer.Reset(r.pause + patience)
	}
	w.mu.Unlock()
	text := r.cause + "; trying again in " + shortly(r.pause)
	if r.pause >= patience {
		text += " (Ctrl-C to give up)"
	}
	w.con.line(text)
}

// lastCause returns the error that caused the last retry, or "" if the method was not retried. An
// empty method means any method.
func (w *waits) lastCause(method string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if method == "" || method == w.last.method {
		return w.last.cause
	}
	return ""
}

// shortly formats a duration, rounded for the user.
func shortly(d time.Duration) string {
	switch {
	case d < 10*time.Millisecond:
		return d.Round(100 * time.Microsecond).String()
	case d < time.Second:
		return d.Round(10 * time.Millisecond).String()
	}
	return d.Round(100 * time.Millisecond).String()
}

// withoutOperation shortens the text of a refused connection. It returns other texts unchanged.
func withoutOperation(cause string) string {
	if strings.Contains(cause, ": connect: connection refused") {
		return "connection refused"
	}
	return cause
}
