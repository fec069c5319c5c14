package timeouts

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// expiry is the cancellation cause in these tests. It records which limit was exceeded.
type expiry struct {
	kind  Kind
	limit time.Duration
}

func (e expiry) Error() string { return fmt.Sprint(e.kind, e.limit) }

func newWatch() *Watch {
	w := new(Watch)
	w.Init(func(kind Kind, limit time.Duration) error { return expiry{kind, limit} })
	return w
}

// add watches e and returns the context that ends with it.
func add(t *testing.T, w *Watch, e *Exchange) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	e.Cancel = cancel
	require.NoError(t, w.Add(e))
	return ctx
}

func endOf(ctx context.Context) (time.Time, error) {
	<-ctx.Done()
	return time.Now(), context.Cause(ctx)
}

func requireEnd(ctx context.Context, t *testing.T, at time.Time, want error) {
	t.Helper()
	got, err := endOf(ctx)
	require.Equal(t, at, got)
	require.Equal(t, want, err)
}

func TestTheFirstLimitEndsAnExchange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, start := newWatch(), time.Now()
		const s = time.Second
		total, try, idle := &Exchange{Total: w.In(3 * s), Idle: 4 * s}, &Exchange{Try: w.In(2 * s), Total: w.In(5 * s)}, &Exchange{Idle: s}
		ends := []context.Context{add(t, w, total), add(t, w, try), add(t, w, idle)}
		requireEnd(ends[2], t, start.Add(s), expiry{Idle, s})
		requireEnd(ends[1], t, start.Add(2*s), expiry{Try, 2 * s})
		requireEnd(ends[0], t, start.Add(3*s), expiry{Total, 3 * s})
		for _, e := range []*Exchange{total, try, idle} {
			w.Remove(e)
			w.Remove(e)
		}
	})
}

func TestActivityPostponesIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, start, e := newWatch(), time.Now(), &Exchange{Idle: time.Second}
		ctx := add(t, w, e)
		for range 5 {
			time.Sleep(900 * time.Millisecond)
			w.Touch(e)
		}
		requireEnd(ctx, t, start.Add(5500*time.Millisecond), expiry{Idle, time.Second})
		w.Remove(e)
	})
}

func TestARemovedExchangeIsNotEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatch()
		first, middle, last := &Exchange{Idle: time.Second}, &Exchange{Idle: time.Second}, &Exchange{Idle: time.Second}
		ctx := []context.Context{add(t, w, first), add(t, w, middle), add(t, w, last)}
		w.Remove(middle)
		w.Remove(first)
		time.Sleep(time.Minute)
		require.NoError(t, ctx[0].Err())
		require.NoError(t, ctx[1].Err())
		require.Error(t, ctx[2].Err())
		w.Remove(last)
	})
}

func TestPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const s = time.Second
		w, start := newWatch(), time.Now()
		try, idle := &Exchange{Try: w.In(2 * s)}, &Exchange{Idle: 2 * s}
		total := &Exchange{Total: w.In(3 * s), Try: w.In(s)}
		ends := []context.Context{add(t, w, try), add(t, w, idle), add(t, w, total)}
		resumeAll := w.PauseAll()
		resumeOne := w.Pause(try)
		requireEnd(ends[2], t, start.Add(3*s), expiry{Total, 3 * s})
		time.Sleep(s)
		resumeAll()
		resumeAll()
		requireEnd(ends[1], t, start.Add(6*s), expiry{Idle, 2 * s})
		require.Equal(t, 4*s, idle.Paused())
		resumeOne()
		requireEnd(ends[0], t, start.Add(8*s), expiry{Try, 2 * s})
		require.Equal(t, 6*s, try.Paused())
		for _, e := range []*Exchange{total, try, idle} {
			w.Remove(e)
		}
	})
}

func TestAPauseEndsWithItsTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, e := newWatch(), &Exchange{Idle: time.Second}
		add(t, w, e)
		resume := w.Pause(e)
		time.Sleep(time.Minute)
		w.Remove(e)
		require.Equal(t, time.Minute, e.Paused())
		start, ctx := time.Now(), add(t, w, e)
		resume() // the pause of the previous try
		requireEnd(ctx, t, start.Add(time.Second), expiry{Idle, time.Second})
		e.AddPaused(time.Second)
		require.Equal(t, 61*time.Second, e.Paused())
		w.Remove(e)
	})
}

func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, closed := newWatch(), errors.New("closed")
		known, unknown := &Exchange{Owner: "known", Idle: time.Second}, new(Exchange)
		ends := []context.Context{add(t, w, known), add(t, w, unknown)}
		var cut []any
		ended := w.Close(closed, func(owner any) { cut = append(cut, owner) })
		require.Equal(t, []any{"known"}, cut)
		for _, ctx := range ends {
			requireEnd(ctx, t, time.Now(), closed)
		}
		require.Equal(t, closed, w.Add(new(Exchange)))
		w.Remove(unknown)
		select {
		case <-ended:
			t.Error("ended while an exchange was watched")
		default:
		}
		w.Remove(known)
		<-ended
		require.True(t, known.WasCut())
		require.False(t, unknown.WasCut())
		<-w.Close(closed, nil)
	})
}

func TestWatchingAllocatesNothing(t *testing.T) {
	w, e := newWatch(), &Exchange{Idle: time.Hour, Cancel: func(error) {}}
	require.NoError(t, w.Add(e))
	w.Remove(e)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		_ = w.Add(e)
		w.Touch(e)
		w.Remove(e)
	}))
	w.Close(nil, nil)
}
