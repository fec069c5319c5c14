package executor

import (
	"context"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/execproto"
	"github.com/hawser-mcp/hawser/internal/link"
)

// witness is an owner that records its last notification.
type witness struct {
	live, open, over int
}

func (w *witness) ended(_ *conn, live, open int) { w.live, w.open = live, open }
func (w *witness) gone(*conn)                    { w.over++ }

func idleConn(t *testing.T) (*conn, *witness) {
	t.Helper()
	near, _ := link.Pipe(1 << 20)
	w := new(witness)
	opts := (*Options)(nil).withDefaults()
	c := newConn(near, execproto.Environment{}, w, &opts, new(counters))
	t.Cleanup(func() { c.fail(errUnused) })
	return c, w
}

func beginOn(t *testing.T, c *conn, id int64) *exchange {
	t.Helper()
	e := &exchange{id: id, wake: make(chan struct{}, 1)}
	require.True(t, c.begin(e, newFrame()))
	signal(c.outbox) // instead of push, because nothing may wait here
	return e
}

// After share has reserved a place for an exchange that has not begun, the link is not idle and
// admits no other exchange.
func TestClaimsKeepALink(t *testing.T) {
	c, w := idleConn(t)
	first := beginOn(t, c, 1)
	require.False(t, c.share(), "its head has not arrived")
	first.headed.Store(true)
	require.True(t, c.share())
	require.False(t, c.share(), "one exchange at a time")
	c.ended(first, true)
	require.Equal(t, witness{live: 1, open: 1}, *w, "the link is claimed")
	c.failIf(errUnused, noneLive)
	c.failIf(errUnused, noneOpen)
	require.False(t, c.isOver())
	second := beginOn(t, c, 2)
	require.False(t, c.share())
	c.ended(second, true)
	require.Equal(t, witness{}, *w)

	third := beginOn(t, c, 3)
	third.headed.Store(true)
	require.True(t, c.share())
	c.unused()
	require.Equal(t, witness{live: 1, open: 1}, *w, "the third exchange")
	c.ended(third, true)
	require.Equal(t, witness{}, *w)
}

// An exchange is canceled and then ends normally. The cancellation must not close the link while
// the next exchange uses it.
func TestLinkInUseAgainIsNotClosed(t *testing.T) {
	c, w := idleConn(t)
	first := beginOn(t, c, 1)
	c.ended(first, false)
	require.Equal(t, witness{open: 1}, *w)
	c.ended(first, true) // it ends before the owner has handled the cancel
	second := beginOn(t, c, 2)
	c.failIf(errUnused, noneLive)
	require.False(t, c.isOver())
	c.ended(second, false)
	c.failIf(errUnused, noneLive)
	require.True(t, c.isOver())
	require.Equal(t, 1, w.over)
}

// If a waiter gives up just as it is granted a link, the next waiter gets the link.
func TestGrantThatComesTooLate(t *testing.T) {
	c, _ := idleConn(t)
	opts := (*Options)(nil).withDefaults()
	p := newPool(nil, nil, &opts)
	c.owner = p
	p.members[c] = new(member)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	given := 0
	for given == 0 { // select may choose either of the two ready cases
		w := &waiter{grants: make(chan grant, 1)}
		w.grants <- grant{c: c}
		if got, err := p.await(ctx, w); err == nil {
			require.Same(t, c, got)
			continue
		}
		given = len(p.idle)
		require.Equal(t, []*conn{c}, p.idle)
	}
	require.Equal(t, 1, p.total())
}

// Any number of concurrent failures increases the delay by one step only.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p pacer
		require.Zero(t, p.pause())
		for step := reconnectFirst; step <= 4*reconnectMost; step *= 2 {
			for range 10 {
				p.failed()
			}
			require.InDelta(t, min(step, reconnectMost), p.pause(), float64(min(step, reconnectMost)/5+1))
			time.Sleep(p.pause())
			require.Zero(t, p.pause())
		}
		p.failed()
		p.succeeded()
		require.Zero(t, p.pause())
		p.failed()
		require.InDelta(t, reconnectFirst, p.pause(), float64(reconnectFirst/5+1))
	})
}

// stuck is a link whose Send blocks until the link is closed.
type stuck struct {
	link.Link
	sending, closed chan struct{}
}

func (s *stuck) Send([]byte) error {
	close(s.sending)
	<-s.closed
	return io.ErrClosedPipe
}

// If the executor does not read a message, goroutines that only inspect the link must not block.
func TestLinkLockIsFreeWhileSending(t *testing.T) {
	near, _ := link.Pipe(1 << 20)
	s := &stuck{Link: near, sending: make(chan struct{}), closed: make(chan struct{})}
	opts := (*Options)(nil).withDefaults()
	c := newConn(s, execproto.Environment{}, new(witness), &opts, new(counters))
	done := make(chan struct{})
	go func() { defer close(done); c.write() }()
	e := beginOn(t, c, 1)
	<-s.sending
	isFree := func(mu *sync.Mutex) bool {
		free := mu.TryLock()
		if free {
			mu.Unlock()
		}
		return free
	}
	linkFree, exchangeFree := isFree(&c.mu), isFree(&e.mu)
	close(s.closed)
	<-done
	require.True(t, linkFree, "the link's lock is free")
	require.True(t, exchangeFree, "the exchange's lock is free")
}

// While a caller sends its request, only the end of the link can end the Send, so no other exchange
// may use the link.
func TestLinkIsNotSharedWhileACallerSends(t *testing.T) {
	c, _ := idleConn(t)
	e := beginOn(t, c, 1)
	e.headed.Store(true)
	setOwn := func(own bool) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.own = own
	}
	setOwn(true)
	require.False(t, c.share())
	setOwn(false)
	require.True(t, c.share())
}
