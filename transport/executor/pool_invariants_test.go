package executor

import (
	"slices"
	"time"

	"github.com/stretchr/testify/require"
)

// check checks the invariants of the pool after operation op.
func (d *driver) check(op byte) {
	d.Helper()
	d.settle()
	d.forgetLost()
	p := d.p
	p.mu.Lock()
	defer p.mu.Unlock()
	d.checkLinks()
	d.checkWaiters(op)
	d.checkGrowth()
	if p.closed != nil {
		require.Empty(d, p.waiters)
		require.Empty(d, p.growth.makings)
		require.Empty(d, p.members)
	}
}

// forgetLost drops the callers whose links have ended.
func (d *driver) forgetLost() {
	for _, x := range slices.Clone(d.callers) {
		if x.c != nil && x.c.isOver() {
			d.forget(x)
		}
	}
}

func (d *driver) checkLinks() {
	p := d.p
	require.LessOrEqual(d, p.total(), p.opts.MaxLinks)
	require.LessOrEqual(d, len(p.idle), max(0, p.opts.MaxIdleLinks))
	users, headless := make(map[*conn]int), make(map[*conn]int)
	for _, x := range d.callers {
		if x.c != nil {
			users[x.c]++
		}
		if x.e != nil && !x.e.headed.Load() {
			headless[x.c]++
		}
	}
	streams, live := 0, 0
	for c, m := range p.members {
		live += c.live
		if m.sharedStream {
			streams++
		}
		idle := slices.Contains(p.idle, c)
		switch n := users[c]; {
		case idle:
			require.Zero(d, n, "an idle link has a user")
			require.False(d, m.sharedStream)
			require.NotNil(d, m.expiry)
		case c.isOver():
			d.Error("a link that has ended is a member")
		default:
			require.Positive(d, n, "a link is neither idle nor used")
			require.True(d, n == 1 || c.sharing.Load(), "%d exchanges use one link", n)
			require.LessOrEqual(d, headless[c], 1, "an exchange began before the head of another one on its link")
			require.Nil(d, m.expiry, "a link in use expires")
		}
	}
	require.EqualValues(d, live, d.stats.exchanges.Load(), "exchanges in progress")
	require.Equal(d, streams, p.streams)
	require.LessOrEqual(d, streams, p.streamLimit())
	for i, c := range p.idle {
		require.Contains(d, p.members, c)
		require.NotContains(d, p.idle[i+1:], c)
	}
}

// checkWaiters checks the queue, and that no call was granted a link before an older one. A call
// that shares a link after a second is an exception.
func (d *driver) checkWaiters(op byte) {
	p := d.p
	require.True(d, slices.IsSortedFunc(p.waiters, func(a, b *waiter) int { return int(a.turn - b.turn) }))
	oldest := int64(0)
	for _, w := range p.waiters {
		require.Empty(d, w.grants, "a waiter has a grant")
		require.False(d, len(p.idle) > 0 && p.mayHave(w), "a link is idle, and a waiter may have it")
		if oldest == 0 && !w.sharedStream {
			oldest = w.turn
		}
	}
	for _, x := range d.callers {
		waits := slices.Contains(p.waiters, &x.w)
		require.Equal(d, x.c == nil, waits, "a caller without a link waits")
		if x.queued && !waits && !x.w.sharedStream && oldest != 0 && op != opTime && op != opLongTime {
			require.Less(d, x.w.turn, oldest, "an older call waits")
		}
		x.queued = waits
	}
}

func (d *driver) checkGrowth() {
	p := d.p
	d.mu.Lock()
	require.Len(d, p.growth.makings, len(d.dials))
	d.mu.Unlock()
	w, at := p.due(time.Now())
	if w == nil {
		require.Zero(d, p.growth.armed, "the timer runs, and no link can become due")
		return
	}
	require.True(d, at.After(time.Now()), "a making is due and has not begun")
	require.Equal(d, at, p.growth.armed)
	for _, m := range p.growth.makings {
		require.Nil(d, m.limit, "exchanges wait for this making")
	}
}
