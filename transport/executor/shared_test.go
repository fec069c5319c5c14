package executor_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/exectest"
	"github.com/hawser-mcp/hawser/internal/link"
	"github.com/hawser-mcp/hawser/transport"
	"github.com/hawser-mcp/hawser/transport/executor"
)

func fakeShared(t *testing.T, f func(w *world)) {
	t.Helper()
	fake(t, "shared", func(t *testing.T) { f(newWorld(t, executor.Options{Shared: true})) })
}

func TestMaxLinksOfOneIsShared(t *testing.T) {
	fake(t, "", func(t *testing.T) {
		w := newWorld(t, executor.Options{MaxLinks: 1})
		r, resp := w.open(t.Context(), w.l)
		w.works(w.l)
		r.Done()
		requireBody(t, resp, "", nil)
	})
}

func TestOneDialForAllWaiters(t *testing.T) {
	fakeShared(t, func(w *world) {
		w.x.CutAll()
		var chs []<-chan outcome
		for range 50 {
			chs = append(chs, w.post(w.Context()))
		}
		l := w.x.Accept()
		for range chs {
			l.Request(w.T).Answer(http.StatusOK, "fine")
		}
		for _, ch := range chs {
			requireBody(w, w.response(ch), "fine", nil)
		}
		require.Equal(w, 2, w.x.Dials())
	})
}

// If the caller that opens a link gives up, the other waiters do not fail.
func TestOpenerGivesUp(t *testing.T) {
	fake(t, "", func(t *testing.T) {
		x := new(exectest.Executor)
		var gate sync.Mutex // held to block dials
		hang := false
		rt, err := executor.Open(t.Context(), func(ctx context.Context) (executor.Link, error) {
			gate.Lock()
			stuck := hang
			hang = false
			gate.Unlock()
			if stuck {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return x.Dial(ctx)
		}, &executor.Options{Shared: true, Reconnect: -1})
		require.NoError(t, err)
		defer rt.Close()
		w := &world{t, x, rt, x.Accept()}
		w.l.Cut()
		synctest.Wait()
		hang = true
		ctx, cancel := cancellable(t)
		opens := w.post(ctx)
		synctest.Wait()
		waits := w.post(t.Context())
		pending(t, waits)
		cancel()
		err = w.failed(opens)
		requireStage(t, err, transport.NotSent, false)
		require.ErrorIs(t, err, errCause)
		x.Accept().Request(t).Answer(http.StatusOK, "fine")
		requireBody(t, w.response(waits), "fine", nil)
	})
}

// giveUp begins n exchanges and cancels them.
func (w *world) giveUp(n int) {
	w.Helper()
	for range n {
		ctx, cancel := cancellable(w)
		_, ch := w.begin(ctx, w.l)
		cancel()
		require.Error(w, w.failed(ch))
	}
	synctest.Wait() // RoundTrip returns before the link is updated
}

// A link with too many canceled exchanges is replaced. Its other exchanges continue on it, and then
// it is closed.
func TestFullOfGivenUpExchanges(t *testing.T) {
	fakeShared(t, func(w *world) {
		r, resp := w.open(w.Context(), w.l)
		w.giveUp(15)
		w.works(w.l)
		w.giveUp(1)
		l := w.worksOnNewLink()
		r.Piece("continues")
		time.Sleep(time.Hour)
		r.Done()
		requireBody(w, resp, "continues", nil)
		requireEnded(w, w.l)
		w.works(l)
	})
}

// Close also closes a replaced link that still carries exchanges.
func TestCloseOfAReplacedLink(t *testing.T) {
	fakeShared(t, func(w *world) {
		_, resp := w.open(w.Context(), w.l)
		w.giveUp(16)
		w.worksOnNewLink()
		require.NoError(w, w.rt.Close())
		requireEnded(w, w.l)
		_, err := resp.Body.Read(make([]byte, 1))
		requireStage(w, err, transport.MaybeSent, true)
		require.ErrorIs(w, err, transport.ErrClosed)
	})
}

// A link with only canceled exchanges is closed after a second. The close cancels them at the
// executor.
func TestGrace(t *testing.T) {
	fakeShared(t, func(w *world) {
		ctx, cancel := cancellable(w)
		r, ch := w.begin(ctx, w.l)
		cancel()
		require.Error(w, w.failed(ch))
		time.Sleep(time.Second - quick)
		r.Answer(http.StatusOK, "late")
		time.Sleep(time.Minute)
		w.works(w.l)

		w.giveUp(1)
		time.Sleep(time.Second - quick)
		other, resp := w.open(w.Context(), w.l) // another exchange needs the link
		time.Sleep(time.Minute)
		other.Done()
		requireBody(w, resp, "", nil)
		time.Sleep(time.Second - quick)
		w.works(w.l)
		time.Sleep(time.Second)
		requireEnded(w, w.l)
		w.worksOnNewLink()
	})
}

// At most 64 exchanges wait for their heads on one link. Open bodies do not count.
func TestPendingLimit(t *testing.T) {
	fakeShared(t, func(w *world) {
		var rs []*exectest.Request
		for range 64 {
			r, _ := w.begin(w.Context(), w.l)
			rs = append(rs, r)
		}
		ctx, cancel := cancellable(w)
		waits, next := w.post(ctx), w.post(w.Context())
		pending(w, waits)
		cancel()
		err := w.failed(waits)
		requireStage(w, err, transport.NotSent, false, "wait for the link")
		require.ErrorIs(w, err, errCause)
		rs[7].Head(http.StatusOK)
		w.l.Request(w.T).Answer(http.StatusOK, "fine")
		requireBody(w, w.response(next), "fine", nil)
	})
}

func newOver(t *testing.T, x *exectest.Executor, opts *executor.Options) (*executor.Transport, error) {
	t.Helper()
	l, err := x.Dial(t.Context())
	require.NoError(t, err)
	return executor.New(t.Context(), l, opts)
}

func TestNew(t *testing.T) {
	fake(t, "", func(t *testing.T) {
		x := new(exectest.Executor)
		rt, err := newOver(t, x, nil)
		require.NoError(t, err)
		defer rt.Close()
		w := &world{t, x, rt, x.Accept()}
		w.works(w.l)
		r, resp := w.open(t.Context(), w.l)
		w.giveUp(40) // there is no other link
		w.works(w.l)
		r.Done()
		requireBody(t, resp, "", nil)
		time.Sleep(time.Hour)
		w.l.Raw(`{"method":"something/happened"}`)
		w.works(w.l) // a message that arrives on the idle link does not end it
		w.l.Cut()
		for range 2 {
			err = w.failed(w.post(t.Context()))
			requireStage(t, err, transport.NotSent, true)
			require.ErrorIs(t, err, executor.ErrLinkLost)
			synctest.Wait()
		}
		require.Equal(t, 1, x.Dials())
	})
}

// restless is a link that never looks quiet.
type restless struct{ link.Link }

func (restless) Quiet() bool { return false }

// If something arrives on the only link while it is idle, the link is not closed.
func TestOnlyLinkIsNeverStale(t *testing.T) {
	fake(t, "", func(t *testing.T) {
		x := new(exectest.Executor)
		l, err := x.Dial(t.Context())
		require.NoError(t, err)
		rt, err := executor.New(t.Context(), restless{l}, nil)
		require.NoError(t, err)
		defer rt.Close()
		w := &world{t, x, rt, x.Accept()}
		w.works(w.l)
		w.works(w.l)
	})
}

func TestNewOwnsItsLink(t *testing.T) {
	fake(t, "bad options", func(t *testing.T) {
		near, far := link.Pipe(1 << 20)
		_, err := executor.New(t.Context(), near, &executor.Options{HeadersFromEnv: []executor.HeaderFromEnv{{}}})
		require.Error(t, err)
		_, err = far.Receive()
		require.Error(t, err)
	})
	fake(t, "silence", func(t *testing.T) {
		near, far := link.Pipe(1 << 20)
		began := time.Now()
		_, err := executor.New(t.Context(), near, nil)
		requireStage(t, err, transport.NotSent, false)
		require.ErrorIs(t, err, executor.ErrSilent)
		require.Equal(t, executor.DefaultHandshakeTimeout, time.Since(began))
		_, err = far.Receive()
		require.NoError(t, err)
		_, err = far.Receive()
		require.Error(t, err)
	})
}
