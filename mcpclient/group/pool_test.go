package group

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/singleflight"
)

// poolCase is a pool whose groups are counted instead of connected.
type poolCase struct {
	*Pool
	t        *testing.T
	newTime  time.Duration // how long New takes
	closing  time.Duration // how long closing a group takes
	newErr   error
	closeErr error

	mu     sync.Mutex
	ids    map[*Group]string // of the open groups, with the number of the group
	opened map[string]int    // by identity
	order  []string          // what was closed
}

func newPool(t *testing.T) *poolCase {
	c := &poolCase{Pool: new(Pool), t: t, ids: make(map[*Group]string), opened: make(map[string]int)}
	c.New = func(ctx context.Context, identity string) (*Group, error) {
		select {
		case <-time.After(c.newTime):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		if c.newErr != nil {
			c.count(identity)
			return nil, c.newErr
		}
		return c.open(identity), nil
	}
	c.closeGroup = func(g *Group) error {
		c.mu.Lock()
		id, open := c.ids[g]
		delete(c.ids, g)
		c.order = append(c.order, id)
		c.mu.Unlock()
		assert.True(t, open, "closed twice, or never opened")
		time.Sleep(c.closing)
		return c.closeErr
	}
	return c
}

func (c *poolCase) count(identity string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.opened[identity]++
	return c.opened[identity]
}

// open returns a new group, named by its identity and its number.
func (c *poolCase) open(identity string) *Group {
	g := new(struct { // each has its own address
		Group
		_ byte
	})
	n := c.count(identity)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ids[&g.Group] = fmt.Sprint(identity, n)
	return &g.Group
}

// get returns the name of the group, "closed" if it is closed.
func (c *poolCase) get(identity string) (name string, release func()) {
	c.t.Helper()
	g, release, err := c.Get(c.t.Context(), identity)
	require.NoError(c.t, err)
	return c.name(g), release
}

func (c *poolCase) name(g *Group) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if name, open := c.ids[g]; open {
		return name
	}
	return "closed"
}

func (c *poolCase) closed() []string {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.order
}

func TestOneGroupForAllUsersOfAnIdentity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t)
		p.newTime = time.Second
		var users sync.WaitGroup
		for range 10 {
			users.Go(func() {
				if g, release, err := p.Get(t.Context(), "a"); assert.NoError(t, err) { //nolint:testifylint // not the test's goroutine
					assert.Equal(t, "a1", p.name(g))
					release()
				}
			})
		}
		other, release := p.get("b")
		require.Equal(t, "b1", other)
		users.Wait()
		release()
		require.Equal(t, map[string]int{"a": 1, "b": 1}, p.opened)
		require.NoError(t, p.Close())
		require.ElementsMatch(t, []string{"a1", "b1"}, p.order)
	})
}

func TestGroupsThatAreNotUsedAreClosed(t *testing.T) {
	for _, idle := range []time.Duration{0, time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			p := newPool(t)
			p.Idle = idle
			if idle == 0 {
				idle = 5 * time.Minute
			}
			_, first := p.get("a")
			_, second := p.get("a")
			first()
			time.Sleep(2 * idle)
			require.Empty(t, p.closed(), "it is in use")
			second()
			time.Sleep(idle - 1)
			name, third := p.get("a")
			require.Equal(t, "a1", name)
			time.Sleep(2 * idle)
			third()
			time.Sleep(idle - 1)
			require.Empty(t, p.closed())
			time.Sleep(time.Nanosecond)
			require.Equal(t, []string{"a1"}, p.closed())
			name, release := p.get("a")
			require.Equal(t, "a2", name)
			release()
			require.NoError(t, p.Close())
			require.Equal(t, []string{"a1", "a2"}, p.closed())
		})
	}
}

func TestNegativeIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t)
		p.Idle = -1
		_, first := p.get("a")
		_, second := p.get("a")
		first()
		first() // has no effect, so second still uses the group
		require.Empty(t, p.closed())
		second()
		require.Equal(t, []string{"a1"}, p.closed())
		require.NoError(t, p.Close())
	})
}

// The first caller starts New, but New is not the first caller's.
func TestNewOutlivesItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t)
		type key struct{}
		impatient := errors.New("impatient")
		ctx, cancel := context.WithTimeoutCause(context.WithValue(t.Context(), key{}, "value"), time.Second, impatient)
		defer cancel()
		inside := make(chan context.Context, 1)
		p.New = func(ctx context.Context, identity string) (*Group, error) {
			time.Sleep(time.Minute)
			inside <- ctx
			return p.open(identity), ctx.Err()
		}
		start := time.Now()
		_, release, err := p.Get(ctx, "a")
		require.ErrorIs(t, err, impatient)
		require.Nil(t, release)
		require.Equal(t, time.Second, time.Since(start))
		_, _, err = p.Get(ctx, "b")
		require.ErrorIs(t, err, impatient, "nothing is started for a caller that has left")
		name, release := p.get("a")
		require.Equal(t, "a1", name)
		require.Equal(t, time.Minute, time.Since(start))
		of := <-inside
		require.Equal(t, "value", of.Value(key{}))
		require.Error(t, of.Err(), "New has returned")
		release()
		require.Equal(t, map[string]int{"a": 1}, p.opened)
		require.NoError(t, p.Close())
	})
}

func TestAFailedNewIsNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t)
		p.Max, p.newTime, p.newErr = 1, time.Second, errors.New("no such user")
		errs := make(chan error)
		for range 3 {
			go func() {
				_, _, err := p.Get(t.Context(), "a")
				errs <- err
			}()
		}
		for range 3 {
			err := <-errs
			require.ErrorIs(t, err, p.newErr)
			require.EqualError(t, err, "group: get from pool: no such user")
		}
		require.Equal(t, 1, p.opened["a"])
		p.newErr = nil
		name, release := p.get("a")
		require.Equal(t, "a2", name)
		release()

		p.New = func(context.Context, string) (*Group, error) { return nil, nil }
		_, _, err := p.Get(t.Context(), "b")
		require.EqualError(t, err, "group: get from pool: Pool.New returned no group")
		require.NoError(t, p.Close())
	})
}

func TestTheGroupUnusedTheLongestMakesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t)
		p.Max = 3
		_, a := p.get("a")
		_, b := p.get("b")
		_, c := p.get("c")
		_, _, err := p.Get(t.Context(), "d")
		require.ErrorIs(t, err, ErrPoolFull)
		_, again := p.get("a")
		b()
		c()
		a()
		again()
		name, b := p.get("b") // is used again, so c is next
		require.Equal(t, "b1", name)
		_, _ = p.get("d")
		require.Equal(t, []string{"c1"}, p.closed())
		b()
		_, _ = p.get("e")
		require.Equal(t, []string{"c1", "a1"}, p.closed())
		_, _ = p.get("f")
		require.Equal(t, []string{"c1", "a1", "b1"}, p.closed())
		_, _, err = p.Get(t.Context(), "a")
		require.ErrorIs(t, err, ErrPoolFull)
		time.Sleep(time.Hour)
		require.Len(t, p.closed(), 3, "timers of groups that were closed have no effect")
		require.NoError(t, p.Close())
		require.Len(t, p.order, 6)
	})
}

func TestAGroupThatIsBeingClosedIsNotHandedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t)
		p.Idle, p.closing = time.Second, time.Minute
		_, release := p.get("a")
		release()
		time.Sleep(2 * time.Second)
		require.Equal(t, []string{"a1"}, p.closed(), "and its Close is still running")
		start := time.Now()
		name, release := p.get("a")
		require.Equal(t, "a2", name)
		require.Zero(t, time.Since(start))
		release()
		require.NoError(t, p.Close())
		require.Equal(t, time.Minute, time.Since(start), "both")
		require.Empty(t, p.ids)
	})
}

// If a group expires before New has returned it, it is closed when New returns.
func TestAGroupThatComesTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t)
		p.Idle, p.newTime = time.Second, time.Minute
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, _, err := p.Get(ctx, "a")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		time.Sleep(30 * time.Second)
		name, _ := p.get("a") // another call of New, which takes longer
		require.Equal(t, "a2", name)
		require.Equal(t, []string{"a1"}, p.closed())
		require.NoError(t, p.Close())
		require.Equal(t, []string{"a1", "a2"}, p.closed())
	})
}

func TestClosePool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t)
		p.closing, p.closeErr = 3*time.Second, errors.New("a session could not be deleted")
		_, release := p.get("used")
		for i := range 20 {
			_, release := p.get(fmt.Sprint(i, "-"))
			release()
		}
		p.newTime = time.Hour
		waiting := make(chan error)
		go func() {
			_, _, err := p.Get(t.Context(), "new")
			waiting <- err
		}()
		synctest.Wait()
		start := time.Now()
		errs := make(chan error)
		for range 2 {
			go func() { errs <- p.Close() }()
		}
		require.ErrorIs(t, <-waiting, ErrPoolClosed)
		for range 2 {
			require.ErrorIs(t, <-errs, p.closeErr)
		}
		require.Equal(t, 3*time.Second, time.Since(start), "all groups at the same time")
		require.Len(t, p.order, 21)
		require.Empty(t, p.ids)
		_, _, err := p.Get(t.Context(), "used")
		require.EqualError(t, err, "group: get from pool: the pool is closed")
		release()
		require.ErrorIs(t, p.Close(), p.closeErr)
		require.Len(t, p.order, 21)

		unused := new(Pool)
		require.NoError(t, unused.Close())
		_, _, err = unused.Get(t.Context(), "a")
		require.ErrorIs(t, err, ErrPoolClosed)
	})
}

// Close does not wait forever for a New that ignores its context.
func TestNewThatIgnoresItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t)
		p.New = func(_ context.Context, identity string) (*Group, error) {
			time.Sleep(time.Hour)
			return p.open(identity), nil
		}
		go func() { _, _, _ = p.Get(t.Context(), "a") }()
		synctest.Wait()
		start := time.Now()
		require.EqualError(t, p.Close(), "group: close pool: Pool.New has not returned")
		require.Equal(t, 5*time.Second, time.Since(start))
		time.Sleep(time.Hour)
		require.Equal(t, []string{"a1"}, p.closed())
	})
}

// No group is closed while it is used, and each that was opened is closed.
func TestPoolIsSafeForConcurrentUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t)
		p.Max, p.Idle, p.newTime, p.closing = 4, 3*time.Millisecond, time.Millisecond, time.Millisecond
		var users sync.WaitGroup
		for i := range 16 {
			users.Go(func() {
				random := rand.New(rand.NewPCG(uint64(i), 0))
				pause := func() { time.Sleep(time.Duration(random.IntN(6)) * time.Millisecond) }
				for range 200 {
					ctx, cancel := context.WithTimeout(t.Context(), time.Duration(random.IntN(5))*time.Millisecond)
					g, release, err := p.Get(ctx, fmt.Sprint(random.IntN(6), "-"))
					if err == nil {
						assert.NotEqual(t, "closed", p.name(g))
						pause()
						assert.NotEqual(t, "closed", p.name(g))
						release()
						release()
					} else {
						assert.True(t, errors.Is(err, ErrPoolFull) || errors.Is(err, context.DeadlineExceeded), err)
					}
					cancel()
					pause()
				}
			})
		}
		users.Wait()
		require.NoError(t, p.Close())
		require.Empty(t, p.ids)
		total := 0
		for _, n := range p.opened {
			total += n
		}
		require.Len(t, p.order, total)
		require.Greater(t, total, 100)
	})
}

// Whether a timer fires and a group is used again at the same time is up to the scheduler.
func TestATimerThatIsTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t)
		_, release := p.get("a")
		release()
		e := p.groups["a"]
		late := e.released
		_, release = p.get("a")
		p.expire(e, late) // in use
		release()
		p.expire(e, late) // used since
		require.Empty(t, p.closed())
		p.expire(e, e.released)
		require.Equal(t, []string{"a1"}, p.closed())
		require.NoError(t, p.Close())
	})
}

// A caller that found the group just before Close gets no group that is being closed.
func TestGetDuringClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t)
		_, _ = p.get("a")
		e, err := p.use(t.Context(), "a")
		require.NoError(t, err)
		require.NoError(t, p.Close())
		_, err = p.wait(t.Context(), e)
		require.ErrorIs(t, err, ErrPoolClosed)
		e.making = singleflight.Group[*Group]{} // the same, if it was to start New
		_, err = p.wait(t.Context(), e)
		require.ErrorIs(t, err, ErrPoolClosed)
		require.Equal(t, map[string]int{"a": 1}, p.opened)
	})
}
