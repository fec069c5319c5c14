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
	slack     = 50 * ms          // within which a timeout is on time
	longest   = 30 * time.Minute // in which any call returns
	healLimit = time.Minute      // in which a session is well again
	pauses    = time.Minute      // of a call between its tries, while nothing can come
)

// judge checks one call that returned.
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
		j.breachf("late return", o.N, "after %v, its limit was %v", took, limit)
	}
	if err != nil && kind == 0 {
		j.breachf("error without a kind", o.N, "%v", err)
	}
	if reason := h.mustWork(o); err != nil && reason != "" {
		j.breachf("had to work", o.N, "%s: %v", reason, err)
	}
	if o.Kind != "" {
		return
	}
	if want := fmt.Sprintf("answer %d", o.N); err == nil && textOf(res) != want {
		j.breachf("wrong answer", o.N, "%q", textOf(res))
	}
	j.alive(o.N)
	if silence := j.silence[o.N]; h.Idle > 0 && silence > h.Idle.D()+pauses {
		j.breachf("idle timeout overdue", o.N, "nothing with data for %v", silence)
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

// judgeEnd checks, once nothing happens any more, that no call was executed twice and that nothing was done needlessly.
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
		j.breachf("surplus initialize", 0, "%d, at most %d are needed", j.initialized, limit)
	}
	if limit, counts := h.mostLogins(); counts && j.logins > limit {
		j.breachf("surplus login", 0, "%d, at most %d are needed", j.logins, limit)
	}
}

// judgeEvents checks that no event was lost without a gap. A marker was sent before, so that all gaps are told.
func (c *client) judgeEvents() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.h.Handlers {
		for _, number := range slices.Sorted(maps.Keys(c.j.emitted)) {
			at := c.j.emitted[number]
			_, told := c.told[number]
			if !told && !(c.ended && at >= c.over) && !gapSince(c.gaps, at) {
				c.j.breachf("event lost without a gap", 0, "message %d of %v", number, at)
			}
		}
	}
	if gaps := len(c.gaps); gaps > 0 && c.h.only() {
		c.j.breachf("needless gap", 0, "%d", gaps)
	}
	for i, f := range c.subs {
		if len(f.gaps) > 0 && c.h.only() {
			c.j.breachf("needless gap", 0, "%d for subscription %d", len(f.gaps), i)
		}
		for _, number := range slices.Sorted(maps.Keys(c.j.updated)) {
			at := c.j.updated[number]
			if f.agreed >= 0 && at > f.agreed && f.ended < 0 && !f.told[number] && !gapSince(f.gaps, at) {
				c.j.breachf("update lost without a gap", 0, "update %d of %v for subscription %d", number, at, i)
			}
		}
	}
}

// judgeLeft checks that Close left no exchange of the session open.
func (c *client) judgeLeft(w *world) {
	if c.h.Way == "agent-shared" || c.h.count("silence") > 0 {
		return // on a shared link nothing is cancelled; on a silent network no server sees what the client does
	}
	time.Sleep(100 * ms)
	for _, actor := range w.server.open() {
		c.j.breachf("exchange left by Close", 0, "%s", actor)
	}
}

func gapSince(gaps []time.Duration, at time.Duration) bool {
	return slices.ContainsFunc(gaps, func(gap time.Duration) bool { return gap >= at })
}

// heal waits until the session works again.
func (c *client) heal() {
	began := time.Now()
	for {
		_, err := c.session.ListTools(c.t.Context(), nil)
		if err == nil {
			return
		}
		c.j.logf("client", "not yet well: %v", err)
		if time.Since(began) > healLimit {
			c.j.breachf("not healed", 0, "%v", err)
			return
		}
		time.Sleep(time.Second)
	}
}
