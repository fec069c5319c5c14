package executor_test

import (
	"context"
	"flag"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/transport"
	"github.com/hawser-mcp/hawser/transport/executor"
	"github.com/hawser-mcp/hawser/transport/executor/agent"
)

var churnSize = flag.Int("churn", 500, "exchanges of TestChurn, in each mode")

const (
	churnWorkers = 16
	churnLinks   = 8
	churnRounds  = 10
	churnSlack   = 128 // of the numbers in two rounds, which depend on the open links
)

// churn is a Transport to an agent over WebSockets that break at random.
type churn struct {
	*testing.T
	rt       *executor.Transport
	agent    *agent.Listener
	upstream *httptest.Server

	mu    sync.Mutex
	conns []net.Conn // guarded by mu; of the links
}

// TestChurn makes many exchanges over links that break at random, from callers that read, cancel or
// close the response early. Goroutines and descriptors do not grow, and none is left after Close.
func TestChurn(t *testing.T) {
	httptest.NewServer(http.NotFoundHandler()).Close() // the first use of the network opens descriptors that stay
	for _, mode := range modes {
		t.Run(mode.name, func(t *testing.T) {
			goroutines, descriptors := runtime.NumGoroutine(), openDescriptors()
			w := newChurn(t, mode.shared)
			var most [churnRounds][2]int
			for i := range most {
				w.round(*churnSize / churnRounds)
				w.settle()
				most[i] = [2]int{runtime.NumGoroutine(), openDescriptors()}
			}
			t.Logf("goroutines and descriptors: %d, %d; %v; %+v", goroutines, descriptors, most, w.rt.Stats())
			first, last := most[1], most[churnRounds-1]
			require.LessOrEqual(t, last[0], first[0]+churnSlack, "goroutines")
			require.LessOrEqual(t, last[1], first[1]+churnSlack, "descriptors")
			require.Greater(t, w.rt.Stats().LinksLost, int64(*churnSize/100))
			w.close()
			w.eventually("all goroutines and descriptors are gone", func() bool {
				return runtime.NumGoroutine() <= goroutines && openDescriptors() <= descriptors
			})
		})
	}
}

func newChurn(t *testing.T, shared bool) *churn {
	t.Helper()
	w := &churn{T: t}
	w.upstream = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		for i := range 3 {
			_, _ = io.WriteString(rw, pattern(i*1000, 1000))
			_ = http.NewResponseController(rw).Flush()
		}
	}))
	var err error
	w.agent, err = agent.Listen(t.Context(), "ws://127.0.0.1:0", nil)
	require.NoError(t, err)
	w.rt, err = executor.Dial(t.Context(), w.agent.URL(), &executor.Options{DialContext: w.dial, Shared: shared, MaxLinks: churnLinks})
	require.NoError(t, err)
	return w
}

func (w *churn) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err == nil {
		w.mu.Lock()
		w.conns = append(w.conns, c)
		w.mu.Unlock()
	}
	return c, err
}

// cut breaks the connection of a link.
func (w *churn) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.conns) > 0 {
		i := rand.IntN(len(w.conns))
		_ = w.conns[i].Close()
		w.conns = append(w.conns[:i], w.conns[i+1:]...)
	}
}

// round makes n exchanges.
func (w *churn) round(n int) {
	var workers sync.WaitGroup
	for worker := range churnWorkers {
		workers.Go(func() {
			for i := worker; i < n; i += churnWorkers {
				w.exchange()
			}
		})
	}
	workers.Wait()
}

func (w *churn) exchange() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.upstream.URL, strings.NewReader("hello"))
	if err != nil {
		w.Error(err)
		return
	}
	switch rand.IntN(10) {
	case 0:
		go cancel()
	case 1, 2:
		go w.cut()
	}
	resp, err := w.rt.RoundTrip(req)
	if err != nil {
		w.judge(err)
		return
	}
	defer resp.Body.Close()
	if rand.IntN(10) == 0 {
		return // the body is not read
	}
	switch got, err := io.ReadAll(resp.Body); {
	case err != nil:
		w.judge(err)
	case string(got) != pattern(0, 3000):
		w.Errorf("wrong body of %d bytes", len(got))
	}
}

// judge checks the error of an exchange.
func (w *churn) judge(err error) {
	if _, ok := err.(*transport.Error); !ok {
		w.Errorf("%T: %v", err, err)
	}
}

// settle waits until the Transport and the agent have ended all exchanges.
func (w *churn) settle() {
	w.eventually("all exchanges have ended", func() bool {
		s, a := w.rt.Stats(), w.agent.Stats()
		return s.Exchanges == 0 && s.Waiting == 0 && s.Dialing == 0 && a.Exchanges == 0 && a.Links == s.Links
	})
}

// eventually waits for a condition.
func (w *churn) eventually(what string, holds func() bool) {
	w.Helper()
	for range 10_000 {
		if holds() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	var stacks strings.Builder
	_ = pprof.Lookup("goroutine").WriteTo(&stacks, 1) // a Builder accepts every write
	w.Fatalf("not so: %s: %+v, %+v, %d descriptors\n%s", what, w.rt.Stats(), w.agent.Stats(), openDescriptors(), &stacks)
}

func (w *churn) close() {
	require.NoError(w, w.rt.Close())
	require.NoError(w, w.agent.Close())
	w.upstream.Close()
}

// openDescriptors returns the number of file descriptors of this process, or a constant if the
// system does not list them.
func openDescriptors() int {
	list, _ := os.ReadDir("/dev/fd")
	return len(list)
}
