package agent

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// opened returns n links of a Budget and a channel that receives the index of each link that the
// Budget ends.
func opened(t *testing.T, b *Budget, n int) ([]*account, <-chan int) {
	t.Helper()
	links, ended := make([]*account, n), make(chan int, n)
	for i := range links {
		a, err := b.open()
		require.NoError(t, err)
		a.register(func(cause error) {
			require.ErrorIs(t, cause, errEvicted)
			ended <- i
		})
		links[i] = a
	}
	return links, ended
}

// last returns the link that was ended last, or −1. The Budget ends links within the calls of try.
func last(ended <-chan int) int {
	select {
	case i := <-ended:
		return i
	default:
		return -1
	}
}

// One link gets at most half of the limit, the next ones less and less, and links that hold little
// always find room.
func TestSharesOfABudget(t *testing.T) {
	const mib = 1 << 20
	b := NewBudget(0)
	require.Equal(t, int64(DefaultBudget), b.Stats().Limit)
	links, ended := opened(t, b, 4)
	fill := func(a *account) {
		for a.try(mib) {
		}
	}
	fill(links[0])
	require.InDelta(t, 128*mib, links[0].held.Load(), mib)
	fill(links[1])
	require.InDelta(t, 43*mib, links[1].held.Load(), mib)
	require.Empty(t, ended, "they compete for room, and none is starved")
	fill(links[2])
	require.Less(t, links[2].held.Load(), int64(20*mib))
	require.Less(t, b.Stats().Held, int64(193*mib), "three quarters")
	require.True(t, links[3].try(b.small-linkCost), "the last quarter is for links that hold little")
	for _, a := range links {
		a.close(0)
	}
	require.Zero(t, b.Stats().Held)
}

// A link that holds the most is ended if another one gets no room, or if the Budget is almost full.
// One link is ended at a time.
func TestGreedyLinksAreEnded(t *testing.T) {
	const mib = 1 << 20
	b := NewBudget(64 * mib)
	links, ended := opened(t, b, 3)
	for i := range links[:2] {
		for links[i].try(mib) {
		}
	}
	require.Empty(t, ended)
	require.False(t, links[2].try(6*mib))
	require.Equal(t, 0, last(ended), "it holds the most")
	require.False(t, links[2].try(6*mib))
	require.Empty(t, ended, "the first one is still ending")
	links[0].close(0)
	require.True(t, links[2].try(6*mib))
	require.Equal(t, int64(1), b.Stats().Evictions)

	b = NewBudget(64 * mib)
	links, ended = opened(t, b, 100)
	for links[0].try(mib) {
	}
	for i := 1; len(ended) == 0; i++ {
		require.True(t, links[i].try(b.small-linkCost), "link %d of those that hold little", i)
	}
	require.Equal(t, 0, last(ended))
	require.Less(t, b.Stats().Held, int64(58*mib), "an eighth is still free")
}

// Concurrent use never exceeds the limit.
func TestBudgetIsExact(t *testing.T) {
	b := NewBudget(4 << 20)
	links, _ := opened(t, b, 4)
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			a := links[i%len(links)]
			for n := range int64(2000) {
				if a.take(n * 100) {
					if used := b.used.Load(); used > b.limit {
						t.Errorf("%d bytes held", used)
					}
					a.give(n * 100)
				}
			}
		})
	}
	all.Wait()
	require.Equal(t, int64(4*linkCost), b.Stats().Held)
	require.LessOrEqual(t, b.Stats().HeldPeak, b.Stats().Limit)
}

// A program can read what the agents do.
func TestStats(t *testing.T) {
	next := make(chan struct{})
	handler := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/stream" {
			say(w, "piece")
			select {
			case <-next:
			case <-r.Context().Done():
			}
		}
		_, _ = io.WriteString(w, "hello")
	}
	inWorld(t, nil, handler, func(w *world) {
		synctest.Wait()
		require.Equal(w.t, Stats{Links: 1, LinksTotal: 1, Held: linkCost, HeldPeak: linkCost, Limit: DefaultBudget}, w.budget.Stats())
		w.handshake()
		before := w.budget.Stats()
		require.Positive(w.t, before.BytesIn)
		require.Positive(w.t, before.BytesOut)
		w.ok(get(upstream+"/stream", "a"))
		w.delta("a", 1)
		s := w.budget.Stats()
		require.Equal(w.t, [2]int64{1, 1}, [2]int64{s.Exchanges, s.ExchangesTotal})
		require.Greater(w.t, s.Held, int64(linkCost+exchangeCost))
		require.Less(w.t, s.Held, int64(linkCost+exchangeCost+headerRoom), "the headers have arrived")
		next <- struct{}{}
		require.Equal(w.t, "hello", string(w.delta("a", 2).DeltaBase64))
		w.delta("a", 3)
		synctest.Wait()
		s = w.budget.Stats()
		require.Equal(w.t, [2]int64{0, 1}, [2]int64{s.Exchanges, s.ExchangesTotal})
		require.Equal(w.t, int64(linkCost), s.Held)
		require.Greater(w.t, s.HeldPeak, s.Held)
		require.Equal(w.t, int64(0), s.Overflows+s.Evictions+s.LateMessages)
		require.Zero(w.t, testing.AllocsPerRun(10, func() { w.budget.Stats() }))

		other := w.join()
		require.Equal(w.t, int64(2), w.budget.Stats().Links, "the agents of both links share the Budget")
		_ = other.link.Close()
		time.Sleep(time.Second)
		require.Equal(w.t, int64(1), w.budget.Stats().Links)
	})
	l := listen(t, &Options{Budget: NewBudget(1 << 30)})
	require.Equal(t, Stats{Limit: 1 << 30}, l.Stats())
}

// Exchanges that wait for a slot when their link ends leave nothing behind.
func TestWaitingExchangesAreCounted(t *testing.T) {
	inWorld(t, &Options{Concurrent: 1}, hostileServer, func(w *world) {
		w.handshake()
		for i := range 10 {
			w.request(get(upstream+"/wait", fmt.Sprint(i)))
		}
		synctest.Wait()
		require.Equal(w.t, int64(10), w.budget.Stats().Exchanges)
		w.end()
		require.ErrorIs(w.t, <-w.served, context.Canceled)
		w.served = nil
		s := w.budget.Stats()
		require.Equal(w.t, [2]int64{0, 0}, [2]int64{s.Exchanges, s.Held})
	})
}
