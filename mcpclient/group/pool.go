package group

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hawser-mcp/hawser/internal/goroutines"
	"github.com/hawser-mcp/hawser/internal/redact"
	"github.com/hawser-mcp/hawser/internal/singleflight"
)

// defaultPoolIdle is the default of Pool.Idle.
const defaultPoolIdle = 5 * time.Minute

// poolNewWait bounds how long Close waits for a New whose context has ended.
const poolNewWait = 5 * time.Second

var (
	// ErrPoolFull says that [Pool].Max groups are in use.
	ErrPoolFull = errors.New("all groups of the pool are in use")
	// ErrPoolClosed says that the pool is closed.
	ErrPoolClosed = errors.New("the pool is closed")
)

// printed is embedded in types that hold secrets and locks.
type printed = redact.Printed

// Pool keeps a [Group] for each identity, such as a user or a tenant, and closes those that are not
// used. Set the fields before the first use, and do not copy the Pool after it. All methods are safe
// for concurrent use.
type Pool struct {
	printed // its groups hold what they send to their servers

	// New returns the group of an identity. It is called once for all callers of Get that wait for
	// the same identity. ctx has the values of the first of them, but does not end with it: it ends
	// when New returns and when the pool is closed. New should return at once, as [New] does. If it
	// fails, all these callers get its error, and the next Get calls it again.
	New func(ctx context.Context, identity string) (*Group, error)
	// Idle is how long a group that is not used stays open. Default 5 min; negative means that it
	// is closed as soon as it is released.
	Idle time.Duration
	// Max is how many groups are open at the same time, apart from those that are being closed. When
	// it is reached, the group that has been unused the longest is closed. 0 means no limit.
	Max int

	closeGroup func(*Group) error // replaces Group.Close in tests

	news     goroutines.Group // the calls of New
	closings goroutines.Group // the calls of Group.Close; more may begin until news has ended

	mu       sync.Mutex // guards what follows
	groups   map[string]*pooled
	released uint64 // how often a group became unused
	closed   bool
	errs     []error // of the groups that Close waits for
	life     context.Context
	end      context.CancelCauseFunc // ends life
}

// pooled is the group of an identity. The mutex of the pool guards what may change.
type pooled struct {
	identity string
	making   singleflight.Group[*Group] // calls New; has its own mutex
	group    *Group                     // nil until New has returned
	users    int
	released uint64      // Pool.released when it became unused
	timer    *time.Timer // closes it; nil while it is in use
}

// Get returns the group of an identity. It creates the group if necessary. Call release when you no
// longer use the group; further calls of release have no effect.
//
// If ctx ends first, the error is the cause of ctx, and the group is kept for the next caller. Other
// errors are that of New, [ErrPoolFull], and [ErrPoolClosed].
func (p *Pool) Get(ctx context.Context, identity string) (g *Group, release func(), err error) {
	e, err := p.use(ctx, identity)
	if err != nil {
		return nil, nil, fmt.Errorf("group: get from pool: %w", err)
	}
	release = sync.OnceFunc(func() { p.release(e) })
	if g, err = p.wait(ctx, e); err != nil {
		release()
		return nil, nil, fmt.Errorf("group: get from pool: %w", err)
	}
	return g, release, nil
}

// use finds or adds the entry of an identity and counts a user of it.
func (p *Pool) use(ctx context.Context, identity string) (*pooled, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, ErrPoolClosed
	}
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	if p.life == nil {
		p.life, p.end = context.WithCancelCause(context.Background())
		p.groups = make(map[string]*pooled)
	}
	e := p.groups[identity]
	if e == nil {
		if p.Max > 0 && len(p.groups) >= p.Max && !p.evict() {
			return nil, ErrPoolFull
		}
		e = &pooled{identity: identity}
		p.groups[identity] = e
	}
	e.users++
	e.stopTimer()
	return e, nil
}

// wait returns the group of an entry. The first call starts to create it.
func (p *Pool) wait(ctx context.Context, e *pooled) (*Group, error) {
	call, _ := e.making.JoinSince(0, p.news.Go, func() (*Group, error) { return p.create(ctx, e) })
	g, err := call.Wait(ctx, p.life)
	if err == nil && p.life.Err() != nil {
		return nil, context.Cause(p.life) // the group is being closed
	}
	return g, err
}

// create calls New. If the group is no longer wanted, it is closed.
func (p *Pool) create(ctx context.Context, e *pooled) (*Group, error) {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	defer context.AfterFunc(p.life, func() { cancel(ErrPoolClosed) })()
	g, err := p.New(ctx, e.identity)
	if err == nil && g == nil {
		err = errors.New("Pool.New returned no group")
	}
	if p.keep(e, g, err) {
		return g, err
	}
	if g != nil && !p.closings.Go(func() { p.shut(g) }) {
		p.shut(g) // Close did not wait for New
	}
	return nil, errors.Join(err, ErrPoolClosed) // its callers have left, or the pool is closed
}

// keep sets the group of an entry, or drops the entry if New failed. It returns false if the entry
// was dropped meanwhile.
func (p *Pool) keep(e *pooled, g *Group, err error) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.groups[e.identity] != e {
		return false
	}
	if err != nil {
		p.drop(e)
		return true
	}
	e.group = g
	return true
}

// release ends one use of a group.
func (p *Pool) release(e *pooled) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e.users--
	if e.users > 0 || p.groups[e.identity] != e {
		return
	}
	p.released++
	e.released = p.released
	if p.Idle < 0 {
		p.drop(e)
		return
	}
	idle := p.Idle
	if idle == 0 {
		idle = defaultPoolIdle
	}
	last := e.released
	e.timer = time.AfterFunc(idle, func() { p.expire(e, last) })
}

// expire closes a group that was not used since it was released for the last time.
func (p *Pool) expire(e *pooled, released uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.groups[e.identity] == e && e.users == 0 && e.released == released {
		p.drop(e)
	}
}

// evict closes the group that has been unused the longest, and reports whether there was one. p.mu
// is held.
func (p *Pool) evict() bool {
	var longest *pooled
	for _, e := range p.groups {
		if e.users == 0 && (longest == nil || e.released < longest.released) {
			longest = e
		}
	}
	if longest != nil {
		p.drop(longest)
	}
	return longest != nil
}

// drop takes an entry out of the pool and starts to close its group. If New is still running, create
// closes the group. p.mu is held.
func (p *Pool) drop(e *pooled) {
	delete(p.groups, e.identity)
	e.stopTimer()
	if g := e.group; g != nil {
		p.closings.Go(func() { p.shut(g) })
	}
}

// shut closes a group, and keeps its error for a Close that waits.
func (p *Pool) shut(g *Group) {
	closeGroup := p.closeGroup
	if closeGroup == nil {
		closeGroup = (*Group).Close
	}
	err := closeGroup(g)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		p.errs = append(p.errs, err)
	}
}

func (e *pooled) stopTimer() {
	if e.timer != nil {
		e.timer.Stop()
		e.timer = nil
	}
}

// Close closes all groups at the same time, even those in use, and waits until these and those that
// were already being closed are closed. Calls of Get that wait fail with [ErrPoolClosed], as all
// later ones do. Close takes about as long as the slowest [Group.Close]. If New does not return
// within 5 s after its context has ended, Close returns an error, and the group is closed when New
// returns.
//
// The error joins those of the groups that Close waited for. Close may be called more than once and
// concurrently.
func (p *Pool) Close() error {
	p.mu.Lock()
	p.closed = true
	for _, e := range p.groups {
		p.drop(e)
	}
	if p.end != nil {
		p.end(ErrPoolClosed)
	}
	p.mu.Unlock()
	ctx, cancel := context.WithTimeoutCause(context.Background(), poolNewWait, errors.New("group: close pool: Pool.New has not returned"))
	defer cancel()
	err := p.news.Wait(ctx)
	<-p.closings.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	return errors.Join(append([]error{err}, p.errs...)...)
}
