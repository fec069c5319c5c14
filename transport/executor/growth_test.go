package executor_test

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/execproto"
	"github.com/hawser-mcp/hawser/internal/exectest"
	"github.com/hawser-mcp/hawser/transport/executor"
)

// warming is an executor whose links need a warm-up, like codex. It records the makings of links.
type warming struct {
	exectest.Executor
	price time.Duration // of a warm-up
	dials time.Duration // what a dial takes

	mu     sync.Mutex
	now    int         // guarded by mu; makings in progress
	most   int         // guarded by mu; the most makings at once
	begins []time.Time // guarded by mu; of each dial
}

// newWarming returns an executor whose links are served by serve, or by the test if it is nil.
func newWarming(price time.Duration, serve func(*exectest.Link)) *warming {
	x := &warming{price: price}
	x.Serve = serve
	x.WarmUp = func(r *exectest.Request) {
		time.Sleep(x.price)
		x.mu.Lock()
		x.now--
		x.mu.Unlock()
		r.Fail(execproto.CodeFailed, "http/request failed: error sending request for url (http://127.0.0.1:0/)", nil)
	}
	return x
}

func (x *warming) dial(ctx context.Context) (executor.Link, error) {
	x.mu.Lock()
	x.now++
	x.most = max(x.most, x.now)
	x.begins = append(x.begins, time.Now())
	x.mu.Unlock()
	select {
	case <-time.After(x.dials):
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	return x.Dial(ctx)
}

// open returns a Transport over x, whose first link is idle and warm.
func (x *warming) open(t *testing.T, opts *executor.Options) *world {
	t.Helper()
	rt, err := executor.Open(t.Context(), x.dial, opts)
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = rt.Close()
		time.Sleep(2 * x.price) // the executor completes the warm-up of a link that was closed
	})
	w := &world{T: t, x: &x.Executor, rt: rt}
	if x.Serve == nil {
		w.l = x.Accept()
	}
	return w
}

// posts starts n calls, one after the other. The body of each is its number.
func (w *world) posts(n int) []<-chan outcome {
	chs := make([]<-chan outcome, 0, n)
	for i := range n {
		chs = append(chs, w.send(newRequest(w.Context(), w.T, http.MethodPost, strconv.Itoa(i))))
		synctest.Wait()
	}
	return chs
}

func (w *world) allFine(chs []<-chan outcome) {
	w.Helper()
	for _, ch := range chs {
		requireBody(w, w.response(ch), "fine", nil)
	}
}

func serveAll(after time.Duration) func(*exectest.Link) {
	return func(l *exectest.Link) { answerAll(l, after) }
}

// A burst of short calls is served over the link that exists: each link would cost more than the
// whole burst.
func TestBurstOfShortCalls(t *testing.T) {
	fake(t, "", func(t *testing.T) {
		x := newWarming(30*time.Millisecond, serveAll(500*time.Microsecond))
		w := x.open(t, nil)
		began := time.Now()
		w.allFine(w.posts(100))
		require.Equal(t, 1, x.Dials())
		require.Equal(t, 50*time.Millisecond, time.Since(began))
	})
}

// A call does not wait behind a slow head: another link is dialed 5 ms after nothing moved.
func TestCallBehindASlowHead(t *testing.T) {
	fake(t, "", func(t *testing.T) {
		x := newWarming(30*time.Millisecond, nil)
		w := x.open(t, nil)
		_, slow := w.begin(t.Context(), w.l)
		began := time.Now()
		next := w.post(t.Context())
		l := x.Accept()
		require.Equal(t, 5*time.Millisecond, x.begins[1].Sub(began))
		l.Request(t).Answer(http.StatusOK, "fine")
		requireBody(t, w.response(next), "fine", nil)
		require.Equal(t, 35*time.Millisecond, time.Since(began))
		for range 20 {
			w.works(l)
		}
		require.Equal(t, 2, x.Dials())
		pending(t, slow)
	})
}

// Links that are dear are made one at a time. The least possible time for these calls is 470 ms:
// then links that are ready every 30 ms have answered 32 calls of 100 ms.
func TestGrowthUnderSlowCalls(t *testing.T) {
	fake(t, "", func(t *testing.T) {
		x := newWarming(30*time.Millisecond, serveAll(100*time.Millisecond))
		w := x.open(t, nil)
		began := time.Now()
		w.allFine(w.posts(32))
		t.Logf("%v, %d links", time.Since(began), x.Dials())
		require.LessOrEqual(t, time.Since(began), 500*time.Millisecond)
		require.Equal(t, 1, x.most, "makings at once")
		began = time.Now()
		dials := x.Dials()
		w.allFine(w.posts(32))
		t.Logf("again %v, %d links", time.Since(began), x.Dials())
		require.LessOrEqual(t, time.Since(began), 300*time.Millisecond, "the links are kept")
		require.LessOrEqual(t, x.Dials(), dials+16)
	})
}

// All links of a burst stay for IdleTimeout. Those that later calls do not need then end.
func TestLinksOfABurstDecay(t *testing.T) {
	fake(t, "", func(t *testing.T) {
		x := newWarming(time.Millisecond, nil)
		var open atomic.Int64
		x.Serve = func(l *exectest.Link) {
			open.Add(1)
			defer open.Add(-1)
			answerAll(l, time.Second)
		}
		w := x.open(t, nil)
		w.allFine(w.posts(20))
		time.Sleep(executor.DefaultIdleTimeout - time.Second)
		synctest.Wait()
		require.EqualValues(t, 20, open.Load())
		w.allFine(w.posts(2))
		time.Sleep(2 * time.Second)
		synctest.Wait()
		require.EqualValues(t, 2, open.Load())
		w.allFine(w.posts(2))
		require.Equal(t, 20, x.Dials())
	})
}

// Links that are cheap are made ten at a time, but never more than waiters could use.
func TestGrowthWithCheapLinks(t *testing.T) {
	fake(t, "", func(t *testing.T) {
		for _, calls := range []int{2, 4, 9, 64} {
			x := newWarming(time.Millisecond, serveAll(time.Minute))
			w := x.open(t, nil)
			began := time.Now()
			chs := w.posts(calls)
			time.Sleep(20 * time.Millisecond)
			synctest.Wait()
			require.Equal(t, min(calls-1, 10), x.most, "makings at once for %d calls", calls)
			require.Equal(t, calls, x.Dials())
			w.allFine(chs)
			require.Less(t, time.Since(began), time.Minute+20*time.Millisecond)
			require.NoError(t, w.rt.Close())
		}
	})
}

// A link that comes free during a making goes to the oldest waiter. The new link goes to the next
// one, or is idle.
func TestLinkFreedDuringAMaking(t *testing.T) {
	for name, waiting := range map[string]int{"another waits": 2, "no other waits": 1} {
		fake(t, name, func(t *testing.T) {
			x := newWarming(30*time.Millisecond, nil)
			w := x.open(t, nil)
			head, slow := w.begin(t.Context(), w.l)
			chs := w.posts(waiting)
			time.Sleep(20 * time.Millisecond)
			synctest.Wait()
			require.Equal(t, 2, x.Dials(), "the making is in progress")
			head.Answer(http.StatusOK, "fine")
			requireBody(t, w.response(slow), "fine", nil)
			first := w.l.Request(t)
			require.Equal(t, "0", string(first.Body))
			l := x.Accept()
			if waiting == 1 {
				synctest.Wait()
				w.works(l)
			} else {
				second := l.Request(t)
				require.Equal(t, "1", string(second.Body))
				second.Answer(http.StatusOK, "fine")
			}
			first.Answer(http.StatusOK, "fine")
			w.allFine(chs)
			require.Equal(t, 2, x.Dials())
		})
	}
}

// Many streams do not delay calls: they have a quarter of the links, and share these.
func TestCallBehindASlowHeadBesideManyStreams(t *testing.T) {
	fake(t, "", func(t *testing.T) {
		x := newWarming(30*time.Millisecond, func(l *exectest.Link) {
			for {
				r, err := l.NextRequest()
				if err != nil {
					return
				}
				switch string(r.Body) {
				case "stream":
					r.Head(http.StatusOK)
				case "hello":
					r.Answer(http.StatusOK, "fine")
				}
			}
		})
		w := x.open(t, nil)
		began := time.Now()
		var streams []<-chan outcome
		for range 64 {
			req := newRequest(t.Context(), t, http.MethodGet, "stream")
			req.Header.Set("Accept", "text/event-stream")
			streams = append(streams, w.send(req))
		}
		for _, ch := range streams {
			w.response(ch) // its body stays open until the Transport is closed
		}
		require.Equal(t, 16, x.Dials())
		require.LessOrEqual(t, time.Since(began), 16*30*time.Millisecond)
		slow := w.send(newRequest(t.Context(), t, http.MethodPost, "slow"))
		time.Sleep(time.Second)
		began = time.Now()
		next := w.post(t.Context())
		requireBody(t, w.response(next), "fine", nil)
		require.LessOrEqual(t, time.Since(began), 50*time.Millisecond)
		pending(t, slow)
	})
}

// A stream waits for its own link even if it could share another one at once. There, the body of a
// slow consumer would overflow.
func TestStreamsWaitForTheirOwnLinks(t *testing.T) {
	fake(t, "", func(t *testing.T) {
		x := newWarming(30*time.Millisecond, nil)
		w := x.open(t, &executor.Options{MaxLinks: 8, Buffer: 1000})
		ask := sharedStreams["GET"]
		first := w.send(ask(t))
		r1 := w.l.Request(t)
		r1.Head(http.StatusOK)
		resp1 := w.response(first)
		second := w.send(ask(t))
		r2 := x.Accept().Request(t)
		r2.Head(http.StatusOK)
		resp2 := w.response(second)
		for i := range 10 { // more than Buffer
			r1.Piece(pattern(i*1000, 1000))
		}
		synctest.Wait()
		r1.Done()
		requireBody(t, resp1, pattern(0, 10_000), nil)
		require.NoError(t, resp2.Body.Close())
	})
}
