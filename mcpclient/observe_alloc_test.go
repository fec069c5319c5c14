//go:build !race

package mcpclient

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/hawser-mcp/hawser/internal/verdict"
	"github.com/hawser-mcp/hawser/streamablehttp"
)

// The race detector itself allocates, so this test is not built with it.

// Without a logger and an observer, no event is made.
func TestEventsAllocateNothingUnobserved(t *testing.T) {
	conn, err := streamablehttp.New("http://mcp.test/mcp", streamablehttp.Config{RoundTripper: new(http.Transport)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, s := t.Context(), &Session{conn: conn}
	var (
		state = &sessionState{era: EraLegacy, version: legacyVersion}
		d     = &delivery{s: s, ctx: ctx, msg: message{method: methodCallTool, name: "tool"}, tries: 1}
		r     = &streamReopener{s: s, ctx: ctx, state: state}
		cause = errors.New("cause")
		wait  Recovery
	)
	for name, event := range map[string]func(){
		"negotiated": func() { s.negotiated(ctx, state) },
		"retrying":   func() { d.retrying(verdict.StepWait, 1, cause) },
		"opened":     func() { r.tellOpened(nil, cause) },
		"lost":       func() { r.tellLost(nil, cause, 1, false) },
		"waits":      func() { wait.wait(ctx) },
		"closed":     func() { s.tellClosed(ctx, cause) },
	} {
		if n := testing.AllocsPerRun(100, event); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	s.observation.to = []Observer{func(context.Context, Event) {}}
	if n := testing.AllocsPerRun(100, func() { s.negotiated(ctx, state) }); n == 0 {
		t.Error("an event that is observed is expected to allocate: the test measures nothing")
	}
}
