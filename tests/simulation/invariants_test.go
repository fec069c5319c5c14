package simulation_test

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/mcpclient"
)

const (
	slack         = 50 * ms          // how late a timeout may fire
	longest       = 30 * time.Minute // the longest a call may take
	recoveryLimit = time.Minute      // the longest a session may take to recover
	pauses        = time.Minute      // the longest pause between two tries of a call; no data can arrive during the pause
)

// judge checks the result of one call and records breaches.
func (j *Journal) judge(h *History, o *Op, took time.Duration, res *mcpclient.CallToolResult, err error) {
	limit := longest
	if o.Deadline > 0 {
		limit = min(limit, o.Deadline.D()+slack)
	}
	if o.Total > 0 {
		limit = min(limit, o.Total.D()+slack)
	}
	kind := mcpclient.KindOf(err)
	j.mu.Lock()
	j.outcomes[kind.String()]++
	closed, began := j.closed, j.now()-took
	j.mu.Unlock()
	if closed > 0 && j.now() > max(closed, began)+slack {
		j.breachf("call outlives Close", o.N, "by %v", j.now()-closed)
	}
	if took > limit {
		j.breachf("returned too late", o.N, "after %v, the limit is %v", took, limit)
	}
	if err != nil && kind == 0 {
		j.breachf("error without a kind", o.N, "%v", err)
	}
	if reason := h.mustWork(o); err != nil && reason != "" {
		j.breachf("expected success", o.N, "%s: %v", reason, err)
	}
	if o.Kind != "" {
		return
	}
	if want := fmt.Sprintf("answer %d", o.N); err == nil && textOf(res) != want {
		j.breachf("wrong answer", o.N, "%q", textOf(res))
	}
	j.alive(o.N)
	if silence := j.silence[o.N]; h.Idle > 0 && silence > h.Idle.D()+pauses {
		j.breachf("idle timeout too late", o.N, "no event with data for %v", silence)
	}
	j.judgeVerdict(o, err)
}

func textOf(r *mcpclient.CallToolResult) string {
	if len(r.Content) == 1 {
		if c, ok := r.Content[0].(mcp.TextContent); ok {
			return c.Text
		}
	}
	return "?"
}

// judgeEnd runs after the world has ended. It checks that no call was executed twice and that the
// client made no needless requests.
func (j *Journal) judgeEnd(h *History) {
	for i := range h.Ops {
		o := &h.Ops[i]
		j.mu.Lock()
		ran := j.ran[o.N]
		j.mu.Unlock()
		if ran > 1 && !o.Harmless {
			j.breachf("executed twice", o.N, "%d times", ran)
		}
	}
	if limit, counts := h.mostInitializes(j.lost); counts && j.initialized > limit {
		j.breachf("needless initialize", 0, "got %d, at most %d needed", j.initialized, limit)
	}
	if limit, counts := h.mostLogins(); counts && j.logins > limit {
		j.breachf("needless login", 0, "got %d, at most %d needed", j.logins, limit)
	}
}

// judgeEvents checks that the client was notified of every lost event. It runs after the marker
// event of [client.settle] has arrived, so no notification is still on its way.
func (c *client) judgeEvents() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.h.Handlers {
		for _, number := range slices.Sorted(maps.Keys(c.j.emitted)) {
			at := c.j.emitted[number]
			_, received := c.received[number]
			if !received && !(c.ended && at >= c.over) && !missedSince(c.missed, at) {
				c.j.breachf("event lost without notice", 0, "message %d, sent at %v", number, at)
			}
		}
	}
	if missed := len(c.missed); missed > 0 && c.h.only() {
		c.j.breachf("needless missed-events notice", 0, "%d", missed)
	}
	for i, f := range c.subs {
		if len(f.missed) > 0 && c.h.only() {
			c.j.breachf("needless missed-events notice", 0, "%d notices for subscription %d", len(f.missed), i)
		}
		for _, number := range slices.Sorted(maps.Keys(c.j.updated)) {
			at := c.j.updated[number]
			if f.agreed >= 0 && at > f.agreed && f.ended < 0 && !f.received[number] && !missedSince(f.missed, at) {
				c.j.breachf("update lost without notice", 0, "update %d, sent at %v, for subscription %d", number, at, i)
			}
		}
	}
}

// judgeLeft checks that no exchange of the session is open after Close.
func (c *client) judgeLeft(w *world) {
	if c.h.Way == "agent-shared" || c.h.count("silence") > 0 {
		return // exchanges on a shared link cannot be cancelled; on a silent network servers cannot see that the client closed them
	}
	time.Sleep(100 * ms)
	for _, actor := range w.server.open() {
		c.j.breachf("exchange left open by Close", 0, "%s", actor)
	}
}

func missedSince(missed []time.Duration, at time.Duration) bool {
	return slices.ContainsFunc(missed, func(gap time.Duration) bool { return gap >= at })
}

// awaitRecovery waits until the session works again.
func (c *client) awaitRecovery() {
	began := time.Now()
	for {
		_, err := c.session.ListTools(c.t.Context(), nil)
		if err == nil {
			return
		}
		c.j.logf("client", "not recovered yet: %v", err)
		if time.Since(began) > recoveryLimit {
			c.j.breachf("not recovered", 0, "%v", err)
			return
		}
		time.Sleep(time.Second)
	}
}
