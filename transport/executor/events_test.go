package executor_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/exectest"
	"github.com/hawser-mcp/hawser/transport"
	"github.com/hawser-mcp/hawser/transport/executor"
)

// audience is an Observer that records events.
type audience struct {
	mu     sync.Mutex
	events []executor.Event // guarded by mu
	from   []context.Context
	w      *world // its Transport is used while events are reported
}

func (a *audience) observe(ctx context.Context, e executor.Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.events = append(a.events, e)
	a.from = append(a.from, ctx)
	if a.w != nil {
		a.w.rt.Stats() // no lock is held
	}
}

// next returns the events since the last call.
func (a *audience) next() []executor.Event {
	synctest.Wait()
	a.mu.Lock()
	defer a.mu.Unlock()
	events := a.events
	a.events, a.from = nil, nil
	return events
}

// observed runs f in both modes, with an Observer. The first link has been reported.
func observed(t *testing.T, opts executor.Options, f func(w *world, a *audience)) {
	t.Helper()
	for _, mode := range modes {
		fake(t, mode.name, func(t *testing.T) {
			a := new(audience)
			opts.Shared, opts.Observer = mode.shared, a.observe
			w := newWorldOver(t, new(exectest.Executor), opts, nil)
			require.Equal(t, []executor.Event{executor.LinkDialed{Version: "test"}}, a.next())
			a.mu.Lock()
			a.w = w
			a.mu.Unlock()
			f(w, a)
		})
	}
}

func TestEventsOfALostLink(t *testing.T) {
	observed(t, executor.Options{}, func(w *world, a *audience) {
		w.works(w.l)
		require.Empty(w, a.next(), "exchanges are not events")
		_, ch := w.begin(w.Context(), w.l)
		w.l.Cut()
		err := w.failed(ch)
		lost, ok := a.next()[0].(executor.LinkLost)
		require.True(w, ok)
		require.Equal(w, 1, lost.Exchanges)
		require.ErrorIs(w, lost.Cause, executor.ErrLinkLost)
		require.ErrorIs(w, err, lost.Cause)

		type key struct{}
		next := w.post(context.WithValue(w.Context(), key{}, "value"))
		l := w.x.Accept()
		l.Request(w.T).Answer(http.StatusOK, "fine")
		requireBody(w, w.response(next), "fine", nil)
		a.mu.Lock()
		require.Equal(w, "value", a.from[0].Value(key{}), "the values of the exchange's context")
		a.mu.Unlock()
		require.Equal(w, []executor.Event{executor.LinkDialed{Version: "test"}}, a.next())

		l.Cut() // while it is idle
		events := a.next()
		require.Len(w, events, 1)
		require.Zero(w, events[0].(executor.LinkLost).Exchanges)
	})
}

// When a caller gets the error of a lost link, the Observer has been called.
func TestLossIsReportedFirst(t *testing.T) {
	for _, mode := range modes {
		fake(t, mode.name, func(t *testing.T) {
			var ch <-chan outcome
			early := make(chan int, 1) // outcomes that the caller had at that time
			w := newWorld(t, executor.Options{Shared: mode.shared, Observer: func(_ context.Context, e executor.Event) {
				if _, ok := e.(executor.LinkLost); ok {
					synctest.Wait()
					early <- len(ch)
				}
			}})
			_, ch = w.begin(t.Context(), w.l)
			w.l.Cut()
			require.Zero(t, <-early)
			require.ErrorIs(t, w.failed(ch), executor.ErrLinkLost)
		})
	}
}

// Links that the Transport ends itself are not lost.
func TestNoEventsOfUnusedLinks(t *testing.T) {
	observed(t, executor.Options{IdleTimeout: time.Minute}, func(w *world, a *audience) {
		ctx, cancel := cancellable(w)
		_, ch := w.begin(ctx, w.l)
		cancel()
		require.Error(w, w.failed(ch))
		time.Sleep(time.Hour)
		require.Empty(w, a.next())
		w.worksOnNewLink()
		require.Equal(w, []executor.Event{executor.LinkDialed{Version: "test"}}, a.next())
		time.Sleep(time.Hour)
		require.NoError(w, w.rt.Close())
		require.Empty(w, a.next())
	})
}

func TestEventsOfFailedDials(t *testing.T) {
	observed(t, executor.Options{}, func(w *world, a *audience) {
		w.x.CutAll()
		synctest.Wait()
		away := errors.New("connection refused")
		w.x.Away(away)
		a.next()
		ctx, cancel := cancellable(w)
		ch := w.post(ctx)
		time.Sleep(time.Second)
		cancel()
		require.ErrorIs(w, w.failed(ch), errCause)
		events := a.next()
		require.Greater(w, len(events), 2)
		for _, e := range events {
			failed, ok := e.(executor.DialFailed)
			require.True(w, ok, "%T", e)
			requireStage(w, failed.Err, transport.NotSent, false)
			require.ErrorIs(w, failed.Err, away)
		}
		require.EqualValues(w, len(events), w.rt.Stats().DialsFailed)
	})
}

// A link that ends before it is ready was never dialed, so it cannot be lost. A dial that Close ends
// did not fail.
func TestEventsOfLinksInTheMaking(t *testing.T) {
	fake(t, "", func(t *testing.T) {
		a := new(audience)
		x := newWarming(10*time.Millisecond, nil)
		w := x.open(t, &executor.Options{Observer: a.observe, Reconnect: -1})
		require.Equal(t, []executor.Event{executor.LinkDialed{Version: "test", Took: 10 * time.Millisecond}}, a.next())
		_, slow := w.begin(t.Context(), w.l)
		x.Change(func() { x.Greet = greetAndCut })
		requireStage(t, w.failed(w.post(t.Context())), transport.NotSent, false)
		events := a.next()
		require.Len(t, events, 1)
		require.IsType(t, executor.DialFailed{}, events[0])
		x.Change(func() { x.Greet, x.price = nil, time.Hour })
		ch := w.post(t.Context())
		time.Sleep(100 * time.Millisecond)
		require.NoError(t, w.rt.Close())
		require.Error(t, w.failed(ch))
		require.Error(t, w.failed(slow))
		require.Empty(t, a.next())
		require.EqualValues(t, 1, w.rt.Stats().DialsFailed)
	})
}

func TestEventOfAnOverflow(t *testing.T) {
	fake(t, "", func(t *testing.T) {
		a := new(audience)
		w := newWorld(t, executor.Options{Shared: true, Buffer: 100, Observer: a.observe})
		r, resp := w.open(t.Context(), w.l)
		other, otherResp := w.open(t.Context(), w.l)
		a.next()
		other.Piece(pattern(0, 30))
		r.Piece(pattern(0, 60))
		r.Piece(pattern(60, 60))
		synctest.Wait()
		require.Equal(t, resp.Request.Context(), a.from[0])
		require.Equal(t, []executor.Event{executor.Overflowed{Unread: 90}}, a.next())
		requireBody(t, resp, pattern(0, 60), func(err error) { require.ErrorIs(t, err, executor.ErrOverflow) })
		other.Done()
		requireBody(t, otherResp, pattern(0, 30), nil)
	})
}

// The texts of an executor cannot harm a terminal or a log.
func TestEventsAreClean(t *testing.T) {
	fake(t, "", func(t *testing.T) {
		a := new(audience)
		x := &exectest.Executor{Greet: greet(func(id string) []string {
			return []string{`{"id":` + id + `,"result":{"executorVersion":"1\u001b[31m\n2"}}`}
		})}
		rt, err := executor.Open(t.Context(), x.Dial, &executor.Options{Observer: a.observe, NoWarmUp: true})
		require.NoError(t, err)
		defer rt.Close()
		require.NotContains(t, a.next()[0].(executor.LinkDialed).Version, "\x1b")
	})
}
