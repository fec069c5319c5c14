package executor

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/execproto"
	"github.com/hawser-mcp/hawser/internal/goroutines"
	"github.com/hawser-mcp/hawser/internal/link"
	"github.com/hawser-mcp/hawser/transport"
)

// FuzzPool drives a pool in fake time. The first byte selects the options. Each other byte is an
// operation: a call or a stream begins, a making ends, a head arrives, an exchange ends, a caller
// gives up, a link is lost, time passes, or the pool is closed. The invariants of pool are checked
// after each one.
func FuzzPool(f *testing.F) {
	repeat := func(op byte, n int) []byte { return slices.Repeat([]byte{op}, n) }
	f.Add([]byte{0})
	f.Add(slices.Concat([]byte{0}, repeat(opCall, 9), repeat(opTime, 2), repeat(opMade, 5), repeat(opHead, 5), repeat(opEnd, 20)))
	f.Add(slices.Concat([]byte{1}, repeat(opStream, 9), repeat(opMade, 3), repeat(opHead, 9), repeat(opGiveUp, 9), repeat(opCall, 3), repeat(opEnd, 9)))
	f.Add(slices.Concat([]byte{2}, repeat(opCall, 6), repeat(opFail, 3), repeat(opMade, 3), repeat(opCut, 3), repeat(opLeaveAsItEnds, 3), []byte{opClose + ops}))
	f.Add(slices.Concat([]byte{3}, repeat(opCall, 3), []byte{opMade, opLongTime, opGiveUp, opGiveUp, opLongTime, opLongTime, opCall, opStale, opCall}))
	f.Fuzz(func(t *testing.T, ops []byte) {
		if len(ops) == 0 || len(ops) > 200 {
			return
		}
		synctest.Test(t, func(t *testing.T) { drive(t, ops) })
	})
}

// TestPoolStates plays random operations, the same in each run.
func TestPoolStates(t *testing.T) {
	random := rand.NewChaCha8([32]byte{})
	for range 1000 {
		script := make([]byte, 150)
		_, _ = random.Read(script) // it never fails
		synctest.Test(t, func(t *testing.T) { drive(t, script) })
	}
}

const (
	opCall = iota
	opStream
	opMade          // a making succeeds
	opMadeAndLost   // a making succeeds, but its link is lost before the pool has it
	opFail          // a making fails
	opHead          // the head of an exchange arrives
	opEnd           // an exchange ends
	opGiveUp        // a caller gives up, while it waits or during its exchange
	opLeaveAsItEnds // an exchange ends as the oldest waiter gives up
	opCut           // a link is lost
	opStale         // an idle link has ended, but the pool has not noticed
	opTime          // a few milliseconds
	opLongTime      // seconds or more
	opUnused        // a call does not use the link that it gets
	opClose
	ops
)

// driver is a pool with its executor and its callers.
type driver struct {
	*testing.T
	p       *pool
	opts    Options
	stats   counters
	owned   goroutines.Group
	ids     int64
	callers []*caller // that wait or have a link
	ends    map[*conn]*link.PipeEnd

	mu    sync.Mutex
	dials []*dialing // guarded by mu; makings in progress
}

// dialing is a making in progress.
type dialing struct{ result chan error }

// caller is one exchange.
type caller struct {
	w      waiter
	unused bool
	cancel context.CancelFunc
	c      *conn     // its link; nil while it waits
	e      *exchange // nil until it begins
	got    chan grant
	queued bool // it was in the queue at the last check
}

func drive(t *testing.T, script []byte) {
	t.Helper()
	opts := Options{MaxLinks: 5, MaxIdleLinks: 3}
	if script[0]&1 != 0 {
		opts.MaxIdleLinks = -1
	}
	if script[0]&2 != 0 {
		opts.HandshakeTimeout = -1
	}
	d := &driver{T: t, opts: opts.withDefaults(), ends: make(map[*conn]*link.PipeEnd)}
	d.p = newPool(d.open, d.spawn, &d.opts)
	for _, b := range script[1:] {
		d.step(b%ops, int(b/ops))
		d.check(b % ops)
	}
	d.p.close(transport.ErrClosed)
	d.check(opClose)
	for _, x := range slices.Clone(d.callers) {
		d.end(x)
	}
	require.Empty(t, d.p.members)
	require.Zero(t, d.p.streams)
	require.NoError(t, d.owned.Wait(t.Context()))
}

// spawn is called with the pool's mu held.
func (d *driver) spawn(f func()) bool {
	_, wanted := d.p.wanting()
	require.LessOrEqual(d, len(d.p.growth.makings), wanted, "makings when one begins")
	return d.owned.Go(f)
}

// open makes a link when the script says so.
func (d *driver) open(ctx context.Context, o owner) (*conn, error) {
	x := &dialing{make(chan error, 1)}
	d.mu.Lock()
	d.dials = append(d.dials, x)
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.dials = slices.DeleteFunc(d.dials, func(y *dialing) bool { return x == y })
	}()
	var lose bool
	began := time.Now()
	select {
	case err := <-x.result:
		if lose = err == errUnused; err != nil && !lose {
			return nil, &transport.Error{Stage: transport.NotSent, Err: err}
		}
	case <-ctx.Done():
		return nil, transport.Canceled(ctx, transport.NotSent, "connect")
	}
	near, far := link.Pipe(1 << 20)
	c := newConn(near, execproto.Environment{}, o, &d.opts, &d.stats)
	c.took = time.Since(began)
	d.mu.Lock()
	d.ends[c] = far
	d.mu.Unlock()
	if lose {
		c.fail(lost(errors.New("cut")))
	}
	return c, nil
}

func (d *driver) step(op byte, arg int) {
	switch op {
	case opCall, opStream, opUnused:
		d.call(op == opStream, op == opUnused)
	case opMade, opMadeAndLost, opFail:
		d.mu.Lock()
		defer d.mu.Unlock()
		if x, ok := pickOne(d.dials, arg); ok {
			x.result <- map[byte]error{opFail: errors.New("refused"), opMadeAndLost: errUnused}[op]
		}
	case opHead:
		if x, ok := d.pick(arg, func(x *caller) bool { return x.e != nil && !x.e.headed.Load() }); ok {
			x.e.headed.Store(true)
			d.p.headed()
		}
	case opEnd:
		if x, ok := d.pick(arg, func(x *caller) bool { return x.e != nil }); ok {
			d.end(x)
		}
	case opGiveUp:
		if x, ok := pickOne(d.callers, arg); ok {
			d.giveUp(x)
		}
	case opLeaveAsItEnds:
		if x, ok := d.pick(0, func(x *caller) bool { return x.c == nil }); ok {
			x.cancel()
		}
		if x, ok := d.pick(arg, func(x *caller) bool { return x.e != nil }); ok {
			d.end(x) // often before the waiter has left the queue
		}
	case opCut:
		if c, ok := pickOne(d.links(), arg); ok {
			c.fail(lost(errors.New("cut")))
		}
	case opStale:
		d.p.mu.Lock()
		c, ok := pickOne(d.p.idle, arg)
		d.p.mu.Unlock()
		if ok {
			d.ends[c].Cut()
		}
	case opTime:
		time.Sleep(time.Duration(arg+1) * 5 * time.Millisecond / 2)
	case opLongTime:
		time.Sleep(time.Duration(arg*arg+1) * time.Second)
	case opClose:
		if arg%16 == 1 { // rarely, because little happens afterwards
			d.p.close(transport.ErrClosed)
		}
	}
}

func pickOne[T any](from []T, arg int) (picked T, ok bool) {
	if len(from) == 0 {
		return picked, false
	}
	return from[arg%len(from)], true
}

func (d *driver) pick(arg int, which func(*caller) bool) (*caller, bool) {
	return pickOne(slices.DeleteFunc(slices.Clone(d.callers), func(x *caller) bool { return !which(x) }), arg)
}

// links returns the members of the pool, in the order of their callers.
func (d *driver) links() (all []*conn) {
	for _, x := range d.callers {
		if x.c != nil {
			all = append(all, x.c)
		}
	}
	d.p.mu.Lock()
	defer d.p.mu.Unlock()
	return append(all, d.p.idle...)
}

func (d *driver) call(stream, unused bool) {
	d.ids++
	ctx, cancel := context.WithCancel(context.Background())
	x := &caller{w: waiter{turn: d.ids, sharedStream: stream}, unused: unused, cancel: cancel, got: make(chan grant, 1)}
	d.callers = append(d.callers, x)
	d.owned.Go(func() {
		c, err := d.p.acquire(ctx, &x.w)
		x.got <- grant{c: c, err: err}
	})
}

// settle lets callers go on that have got a link or an error.
func (d *driver) settle() {
	for again := true; again; {
		synctest.Wait()
		again = false
		for _, x := range slices.Clone(d.callers) {
			select {
			case g := <-x.got:
				d.got(x, g)
				again = true
			default:
			}
		}
	}
}

func (d *driver) got(x *caller, g grant) {
	if g.err != nil {
		require.Equal(d, transport.NotSent, transport.StageOf(g.err), "%v", g.err)
		d.forget(x)
		return
	}
	x.c = g.c
	if x.unused {
		x.c.unused()
		d.p.headed()
		d.forget(x)
		return
	}
	x.e = &exchange{id: x.w.turn, wake: make(chan struct{}, 1)}
	if !x.c.begin(x.e, newFrame()) {
		require.True(d, x.c.isOver() || x.c.retired)
		d.p.headed()
		d.forget(x)
		return
	}
	signal(x.c.outbox)
}

func (d *driver) forget(x *caller) {
	x.cancel()
	d.callers = slices.DeleteFunc(d.callers, func(y *caller) bool { return x == y })
}

func (d *driver) end(x *caller) {
	x.c.ended(x.e, true)
	d.p.headed()
	d.forget(x)
}

func (d *driver) giveUp(x *caller) {
	if x.c == nil {
		x.cancel()
		return
	}
	x.c.ended(x.e, false)
	d.p.headed()
	if x.c.isOver() {
		d.forget(x)
	}
}
