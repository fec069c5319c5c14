package executor_test

import (
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/exectest"
	"github.com/hawser-mcp/hawser/internal/link"
	"github.com/hawser-mcp/hawser/transport"
	"github.com/hawser-mcp/hawser/transport/executor"
)

// requireStats compares the numbers when all goroutines are idle. It does not compare the bytes.
func (w *world) requireStats(want executor.Stats) {
	w.Helper()
	synctest.Wait()
	got := w.rt.Stats()
	got.BytesIn, got.BytesOut = 0, 0
	require.Equal(w, want, got)
}

func TestStatsOfThePool(t *testing.T) {
	fake(t, "", func(t *testing.T) {
		x := newWarming(30*time.Millisecond, nil)
		w := x.open(t, &executor.Options{Reconnect: -1})
		w.requireStats(executor.Stats{Links: 1, LinksIdle: 1, LinksTotal: 1})
		first, firstCh := w.begin(t.Context(), w.l)
		w.requireStats(executor.Stats{Links: 1, LinksTotal: 1, Exchanges: 1, ExchangesTotal: 1})

		waits := w.posts(3)
		w.requireStats(executor.Stats{Links: 1, LinksTotal: 1, Exchanges: 1, ExchangesTotal: 1, Waiting: 3})
		time.Sleep(20 * time.Millisecond)
		w.requireStats(executor.Stats{Links: 1, LinksTotal: 1, Exchanges: 1, ExchangesTotal: 1, Waiting: 3, Dialing: 1})
		other := x.Accept()
		second := other.Request(t)
		w.requireStats(executor.Stats{Links: 2, LinksTotal: 2, Exchanges: 2, ExchangesTotal: 2, Waiting: 2})

		first.Answer(http.StatusOK, "fine") // its link goes to a waiter
		requireBody(t, w.response(firstCh), "fine", nil)
		third := w.l.Request(t)
		w.requireStats(executor.Stats{Links: 2, LinksTotal: 2, Exchanges: 2, ExchangesTotal: 3, ExchangesReused: 1, Waiting: 1})

		x.Away(errors.New("connection refused"))
		other.Cut()
		requireStage(t, w.failed(waits[0]), transport.MaybeSent, false)
		requireStage(t, w.failed(waits[2]), transport.NotSent, false, "connection refused")
		w.requireStats(executor.Stats{
			Links: 1, LinksTotal: 2, LinksLost: 1, DialsFailed: 1, Exchanges: 1, ExchangesTotal: 3, ExchangesReused: 1,
		})
		_ = second
		third.Answer(http.StatusOK, "fine")
		requireBody(t, w.response(waits[1]), "fine", nil)
		time.Sleep(executor.DefaultIdleTimeout)
		end := executor.Stats{LinksTotal: 2, LinksLost: 1, DialsFailed: 1, ExchangesTotal: 3, ExchangesReused: 1}
		w.requireStats(end) // a link that expires is not lost
		require.NoError(t, w.rt.Close())
		w.requireStats(end)
	})
}

// A canceled exchange is no longer in progress, even if its link must stay open.
func TestStatsOfASharedLink(t *testing.T) {
	fakeShared(t, func(w *world) {
		w.requireStats(executor.Stats{Links: 1, LinksIdle: 1, LinksTotal: 1})
		var rs []*exectest.Request
		for range 64 {
			r, _ := w.begin(w.Context(), w.l)
			rs = append(rs, r)
		}
		ctx, cancel := cancellable(w)
		waits := w.post(ctx)
		w.requireStats(executor.Stats{Links: 1, LinksTotal: 1, Exchanges: 64, ExchangesTotal: 64, ExchangesReused: 63, Waiting: 1})
		rs[0].Answer(http.StatusOK, "fine")
		w.l.Request(w.T)
		cancel()
		require.Error(w, w.failed(waits))
		w.requireStats(executor.Stats{Links: 1, LinksTotal: 1, Exchanges: 63, ExchangesTotal: 65, ExchangesReused: 64})
		w.x.Away(errors.New("connection refused"))
		w.x.CutAll()
		w.requireStats(executor.Stats{LinksTotal: 1, LinksLost: 1, ExchangesTotal: 65, ExchangesReused: 64})
		w.failed(w.post(w.Context()))
		require.Positive(w, w.rt.Stats().DialsFailed)
	})
}

func TestStatsAfterClose(t *testing.T) {
	inBothModes(t, executor.Options{}, func(w *world) {
		w.open(w.Context(), w.l)
		require.NoError(w, w.rt.Close())
		w.requireStats(executor.Stats{LinksTotal: 1, ExchangesTotal: 1})
	})
}

// The numbers count the link that New gets.
func TestStatsOfTheOnlyLink(t *testing.T) {
	fake(t, "", func(t *testing.T) {
		x := new(exectest.Executor)
		rt, err := newOver(t, x, nil)
		require.NoError(t, err)
		defer rt.Close()
		w := &world{t, x, rt, x.Accept()}
		w.works(w.l)
		w.requireStats(executor.Stats{Links: 1, LinksIdle: 1, LinksTotal: 1, ExchangesTotal: 1})
		w.l.Cut()
		w.requireStats(executor.Stats{LinksTotal: 1, LinksLost: 1, ExchangesTotal: 1})
	})
}

func TestStatsOfOverflows(t *testing.T) {
	fake(t, "", func(t *testing.T) {
		w := newWorld(t, executor.Options{Shared: true, Buffer: 100})
		r, resp := w.open(t.Context(), w.l)
		r.Piece(pattern(0, 60))
		r.Piece(pattern(60, 60))
		w.requireStats(executor.Stats{Links: 1, LinksTotal: 1, ExchangesTotal: 1, Overflows: 1})
		requireBody(t, resp, pattern(0, 60), func(err error) { require.ErrorIs(t, err, executor.ErrOverflow) })
	})
}

// counting is a link that counts the bytes of its messages.
type counting struct {
	link.Link
	in, out *atomic.Int64
}

func (c counting) Send(m []byte) error {
	err := c.Link.Send(m)
	if err == nil {
		c.out.Add(int64(len(m)))
	}
	return err
}

func (c counting) Receive() ([]byte, error) {
	m, err := c.Link.Receive()
	c.in.Add(int64(len(m)))
	return m, err
}

// The bytes are those of all messages: of handshakes, warm-ups, exchanges, and refusals.
func TestStatsOfBytes(t *testing.T) {
	for _, mode := range modes {
		fake(t, mode.name, func(t *testing.T) {
			var in, out atomic.Int64
			x := new(exectest.Executor)
			if !mode.shared {
				x = &newWarming(time.Millisecond, nil).Executor
			}
			w := newWorldOver(t, x, executor.Options{Shared: mode.shared}, func(l link.Link) link.Link { return counting{l, &in, &out} })
			w.works(w.l)
			w.l.Raw(`{"id":7,"method":"anything"}`)
			synctest.Wait()
			w.x.CutAll()
			w.worksOnNewLink()
			synctest.Wait()
			s := w.rt.Stats()
			require.Greater(t, s.BytesIn, int64(500))
			require.Equal(t, in.Load(), s.BytesIn)
			require.Equal(t, out.Load(), s.BytesOut)
		})
	}
}
