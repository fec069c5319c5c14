package executor_test

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/exectest"
	"github.com/hawser-mcp/hawser/transport"
	"github.com/hawser-mcp/hawser/transport/executor"
)

// Waiters keep their turn when a making fails and all of them try again.
func TestTurnsAfterAFailedMaking(t *testing.T) {
	fake(t, "", func(t *testing.T) {
		x := newWarming(10*time.Millisecond, nil)
		w := x.open(t, nil)
		head, slow := w.begin(t.Context(), w.l)
		x.Away(errors.New("connection refused"))
		chs := w.posts(20)
		time.Sleep(time.Second)
		synctest.Wait()
		require.Greater(t, x.Dials(), 3)
		head.Answer(http.StatusOK, "")
		requireBody(t, w.response(slow), "", nil)
		for i, ch := range chs {
			r := w.l.Request(t)
			require.Equal(t, strconv.Itoa(i), string(r.Body))
			r.Answer(http.StatusOK, "fine")
			requireBody(t, w.response(ch), "fine", nil)
		}
	})
}

// A making goes on when all waiters have left. Its link is idle, and serves the next exchange.
func TestUnwantedMaking(t *testing.T) {
	fake(t, "", func(t *testing.T) {
		x := newWarming(30*time.Millisecond, nil)
		w := x.open(t, nil)
		x.dials = 30 * time.Millisecond
		_, slow := w.begin(t.Context(), w.l)
		ctx, cancel := cancellable(t)
		var chs []<-chan outcome
		for range 5 {
			chs = append(chs, w.post(ctx))
		}
		time.Sleep(10 * time.Millisecond)
		cancel()
		for _, ch := range chs {
			err := w.failed(ch)
			requireStage(t, err, transport.NotSent, false, "wait for a link")
			require.ErrorIs(t, err, errCause)
		}
		l := x.Accept()
		time.Sleep(executor.DefaultHandshakeTimeout)
		w.works(l)
		require.Equal(t, 2, x.Dials())
		pending(t, slow)
	})
}

// A dial gets the values of the context of the exchange that it is made for.
func TestDialGetsTheValuesOfAContext(t *testing.T) {
	fake(t, "", func(t *testing.T) {
		type key struct{}
		x := new(exectest.Executor)
		var got any
		rt, err := executor.Open(t.Context(), func(ctx context.Context) (executor.Link, error) {
			got = ctx.Value(key{})
			return x.Dial(ctx)
		}, nil)
		require.NoError(t, err)
		defer rt.Close()
		w := &world{t, x, rt, x.Accept()}
		w.begin(t.Context(), w.l)
		next := w.post(context.WithValue(t.Context(), key{}, "value"))
		x.Accept().Request(t).Answer(http.StatusOK, "fine")
		requireBody(t, w.response(next), "fine", nil)
		require.Equal(t, "value", got)
	})
}

// If HandshakeTimeout does not bound a making, the waiters do. When none is left, the default bounds
// it.
func TestUnboundedMaking(t *testing.T) {
	fake(t, "", func(t *testing.T) {
		x := new(exectest.Executor)
		var dials atomic.Int64
		ended := make(chan time.Time, 1)
		rt, err := executor.Open(t.Context(), func(ctx context.Context) (executor.Link, error) {
			if dials.Add(1) == 1 {
				return x.Dial(ctx)
			}
			<-ctx.Done()
			ended <- time.Now()
			return nil, context.Cause(ctx)
		}, &executor.Options{HandshakeTimeout: -1})
		require.NoError(t, err)
		defer rt.Close()
		w := &world{t, x, rt, x.Accept()}
		_, slow := w.begin(t.Context(), w.l)
		wait := func() {
			ctx, cancel := cancellable(t)
			ch := w.post(ctx)
			time.Sleep(time.Hour)
			require.Empty(t, ended, "an exchange waits for the link")
			cancel()
			require.ErrorIs(t, w.failed(ch), errCause)
		}
		wait()
		time.Sleep(executor.DefaultHandshakeTimeout / 2)
		wait() // the same making is wanted again
		left := time.Now()
		time.Sleep(time.Hour)
		require.Equal(t, executor.DefaultHandshakeTimeout, (<-ended).Sub(left))
		require.EqualValues(t, 2, dials.Load())
		pending(t, slow)
	})
}

// If an executor refuses new links while others are in use, each exchange still fails after its own
// limit, and nothing was sent.
func TestFailedMakingsBesideASlowHead(t *testing.T) {
	fake(t, "", func(t *testing.T) {
		x := newWarming(30*time.Millisecond, nil)
		w := x.open(t, nil)
		_, slow := w.begin(t.Context(), w.l)
		x.Away(errors.New("connection refused"))
		began := time.Now()
		for _, ch := range w.posts(60) {
			requireStage(t, w.failed(ch), transport.NotSent, false, "connection refused")
		}
		require.LessOrEqual(t, time.Since(began), executor.DefaultReconnect+5*time.Millisecond)
		require.Less(t, x.Dials(), 20)
		pending(t, slow)
	})
}

// The time that an exchange waits in the queue does not count against Reconnect, which bounds how
// long making a link may fail.
func TestOneFailedMakingAfterALongWait(t *testing.T) {
	fake(t, "", func(t *testing.T) {
		x := newWarming(30*time.Millisecond, nil)
		w := x.open(t, &executor.Options{MaxLinks: 2})
		_, one := w.begin(t.Context(), w.l)
		two := w.post(t.Context())
		l := x.Accept()
		l.Request(t)
		waits := w.post(t.Context())
		time.Sleep(time.Minute)
		pending(t, waits)
		x.Away(errors.New("connection refused"))
		l.Cut()
		requireStage(t, w.failed(two), transport.MaybeSent, false)
		time.Sleep(time.Second)
		pending(t, waits)
		x.Away(nil)
		x.Accept().Request(t).Answer(http.StatusOK, "fine")
		requireBody(t, w.response(waits), "fine", nil)
		pending(t, one)
	})
}

func TestCloseDuringAMaking(t *testing.T) {
	for name, phase := range map[string]func(x *warming){
		"handshake": func(x *warming) { x.Greet = func(l *exectest.Link) { l.Ended() } },
		"warm-up":   func(x *warming) { x.price = time.Hour },
	} {
		fake(t, name, func(t *testing.T) {
			x := newWarming(30*time.Millisecond, nil)
			w := x.open(t, nil)
			_, slow := w.begin(t.Context(), w.l)
			phase(x)
			chs := w.posts(3)
			time.Sleep(20 * time.Millisecond)
			synctest.Wait()
			require.Equal(t, 2, x.Dials())
			began := time.Now()
			require.NoError(t, w.rt.Close())
			for _, ch := range chs {
				err := w.failed(ch)
				requireStage(t, err, transport.NotSent, true)
				require.ErrorIs(t, err, transport.ErrClosed)
			}
			requireStage(t, w.failed(slow), transport.MaybeSent, true)
			require.Zero(t, time.Since(began))
			time.Sleep(2 * time.Hour)
			require.Equal(t, 2, x.Dials())
		})
	}
}

// A link that is lost before its exchange begins never makes the exchange MaybeSent: it is sent over
// another link, or fails as NotSent.
func TestLinkLostInTheMaking(t *testing.T) {
	for name, lose := range map[string]func(x *exectest.Executor){
		"dial":      func(x *exectest.Executor) { x.Away(errors.New("connection refused")) },
		"handshake": func(x *exectest.Executor) { x.Greet = func(l *exectest.Link) { _, _ = l.Next(); l.Cut() } },
		"warm-up":   func(x *exectest.Executor) { x.Greet = greetAndCut },
	} {
		for _, again := range []bool{true, false} {
			fake(t, name+map[bool]string{true: ", then it works", false: ""}[again], func(t *testing.T) {
				x := newWarming(10*time.Millisecond, nil)
				w := x.open(t, nil)
				_, slow := w.begin(t.Context(), w.l)
				lose(&x.Executor)
				chs := w.posts(10)
				time.Sleep(time.Second)
				synctest.Wait()
				if again {
					x.Change(func() { x.Greet, x.Serve = nil, serveAll(0) })
					x.Away(nil)
					w.allFine(chs)
				} else {
					for _, ch := range chs {
						requireStage(t, w.failed(ch), transport.NotSent, false)
					}
				}
				pending(t, slow)
			})
		}
	}
}

// greetAndCut performs the handshake and cuts the link when the warm-up arrives.
func greetAndCut(l *exectest.Link) {
	greet(func(id string) []string { return []string{`{"id":` + id + `,"result":{}}`} })(l)
	_, _ = l.Next()
	_, _ = l.Next()
	l.Cut()
}
