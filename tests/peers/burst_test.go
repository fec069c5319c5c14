package peers_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hawser-mcp/hawser/tests/peers/peer"
	"github.com/hawser-mcp/hawser/transport/executor"
)

const burstRounds = 5

// BenchmarkBursts measures calls that need links at the same time, through codex and the agent, with
// default options. It prints medians of 5 rounds; the executors take turns. "Cold" is measured with
// a Transport that has only the link that Dial has made. Run it once:
//
//	go test -run '^$' -bench Bursts -benchtime 1x .
func BenchmarkBursts(b *testing.B) {
	executors := startExecutors(b)
	for range b.N {
		t := newTable(executors)
		for range burstRounds {
			for i, x := range executors {
				for _, m := range measureBursts(b, x.url) {
					t.add(i, m)
				}
			}
		}
		fmt.Fprintln(os.Stdout, t.String()) // Log would cut it
	}
}

// column is an executor with the heading of its column.
type column struct{ name, url string }

func startExecutors(tb testing.TB) []column {
	tb.Helper()
	columns := []column{{"agent", peer.StartAgent(tb).URL}}
	for _, codex := range peer.Codexes {
		columns = append(columns, column{"codex " + codex.Version, codex.Start(tb).URL})
	}
	return columns
}

// table has the results of all rounds.
type table struct {
	columns []column
	lines   []string
	values  map[string][][]float64 // by line; one list for each column
}

func newTable(columns []column) *table {
	return &table{columns: columns, values: make(map[string][][]float64)}
}

func (t *table) add(column int, m measured) {
	if t.values[m.line] == nil {
		t.values[m.line] = make([][]float64, len(t.columns))
		t.lines = append(t.lines, m.line)
	}
	t.values[m.line][column] = append(t.values[m.line][column], m.value)
}

// String returns the medians.
func (t *table) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%-44s", "")
	for _, c := range t.columns {
		fmt.Fprintf(&text, "%16s", c.name)
	}
	for _, line := range t.lines {
		fmt.Fprintf(&text, "\n%-44s", line)
		for _, values := range t.values[line] {
			slices.Sort(values)
			fmt.Fprintf(&text, "%16.1f", values[len(values)/2])
		}
	}
	return text.String()
}

type measured struct {
	line  string
	value float64
}

// bursts is a Transport with an upstream that a benchmark measures.
type bursts struct {
	testing.TB
	rt      http.RoundTripper
	dials   atomic.Int64
	server  *httptest.Server
	gone    atomic.Int64 // requests for /hold whose end the upstream has seen
	results []measured
}

// newBursts opens a Transport to the executor at url. The caller must call the returned function.
func newBursts(tb testing.TB, url string) (*bursts, func()) {
	tb.Helper()
	w := newBurstServer(tb)
	rt, err := executor.Dial(tb.Context(), url, &executor.Options{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		w.dials.Add(1)
		return new(net.Dialer).DialContext(ctx, network, addr)
	}})
	if err != nil {
		tb.Fatal(err)
	}
	w.rt = rt
	return w, func() {
		_ = rt.Close()
		w.stop()
	}
}

// newBurstServer returns a bursts without a Transport. Its server runs to the end of the test, or until
// stop is called.
func newBurstServer(tb testing.TB) *bursts {
	tb.Helper()
	w := &bursts{TB: tb}
	w.server = httptest.NewServer(w)
	tb.Cleanup(w.stop)
	return w
}

func (w *bursts) stop() {
	w.server.CloseClientConnections()
	w.server.Close()
}

func (w *bursts) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	switch r.URL.Path {
	case "/tool":
		time.Sleep(100 * time.Millisecond)
	case "/hold":
		<-r.Context().Done()
		w.gone.Add(1)
		return
	case "/stream":
		rw.Header().Set("Content-Type", "text/event-stream")
		_ = http.NewResponseController(rw).Flush()
		<-r.Context().Done()
		return
	}
	_, _ = io.WriteString(rw, `{"jsonrpc":"2.0","id":1,"result":{}}`)
}

// call sends a request and reads the response.
func (w *bursts) call(ctx context.Context, path string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.server.URL+path, strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"ping"}`))
	if err != nil {
		return err
	}
	resp, err := w.rt.RoundTrip(req)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return errors.Join(err, resp.Body.Close())
}

// burst makes n calls at once, records how long all of them took and, if dials is not empty, how
// many links were dialed since before.
func (w *bursts) burst(n int, path, line, dials string, before int64) {
	w.Helper()
	began := time.Now()
	var calls sync.WaitGroup
	for range n {
		calls.Go(func() {
			if err := w.call(w.Context(), path); err != nil {
				w.Error(err)
			}
		})
	}
	calls.Wait()
	w.record(line, float64(time.Since(began).Microseconds())/1000)
	if dials != "" {
		w.record(dials, float64(w.dials.Load()-before))
	}
}

func (w *bursts) record(line string, value float64) {
	w.results = append(w.results, measured{line, value})
}

// holdHead starts a call whose response head does not come.
func (w *bursts) holdHead() {
	go func() { _ = w.call(w.Context(), "/hold") }()
	time.Sleep(200 * time.Millisecond)
}

func measureBursts(tb testing.TB, url string) (all []measured) {
	tb.Helper()
	for _, measure := range []func(*bursts){
		func(w *bursts) {
			w.burst(100, "/", "100 calls, cold: ms", "  links in all", 0)
			w.burst(100, "/", "100 calls, again: ms", "  links more", w.dials.Load())
		},
		func(w *bursts) {
			w.burst(32, "/tool", "32 calls of 100 ms, cold: ms", "  links for them", 0)
			w.burst(32, "/tool", "32 calls of 100 ms, again: ms", "", 0)
		},
		func(w *bursts) {
			w.holdHead()
			w.burst(20, "/", "20 calls behind a held head: ms", "", 0)
		},
		(*bursts).manyStreams,
		func(w *bursts) {
			began := time.Now()
			for range 500 {
				if err := w.call(w.Context(), "/"); err != nil {
					w.Fatal(err)
				}
			}
			w.record("500 calls in sequence: ms", float64(time.Since(began).Microseconds())/1000)
		},
		(*bursts).cancels,
	} {
		w, end := newBursts(tb, url)
		measure(w)
		all = append(all, w.results...)
		end()
	}
	return all
}

// manyStreams opens 64 streams, and then calls behind a held head.
func (w *bursts) manyStreams() {
	var opened sync.WaitGroup
	began := time.Now()
	for range 64 {
		opened.Go(func() {
			req, err := http.NewRequestWithContext(w.Context(), http.MethodGet, w.server.URL+"/stream", nil)
			if err != nil {
				w.Error(err)
				return
			}
			req.Header.Set("Accept", "text/event-stream")
			if _, err = w.rt.RoundTrip(req); err != nil { // the body stays open until the Transport is closed
				w.Error(err)
			}
		})
	}
	opened.Wait()
	w.record("64 streams are open after: ms", float64(time.Since(began).Microseconds())/1000)
	w.record("  links for the streams", float64(w.dials.Load()))
	w.holdHead()
	w.burst(20, "/", "20 calls behind a held head and them: ms", "", 0)
}

// cancels makes 24 calls of 100 ms and 8 calls without a response head, which it cancels after
// 600 ms.
func (w *bursts) cancels() {
	ctx, cancel := context.WithTimeout(w.Context(), 600*time.Millisecond)
	defer cancel()
	var calls sync.WaitGroup
	var failed atomic.Int64
	began := time.Now()
	for i := range 32 {
		calls.Go(func() {
			if i%4 == 3 {
				_ = w.call(ctx, "/hold")
			} else if w.call(w.Context(), "/tool") != nil {
				failed.Add(1)
			}
		})
	}
	calls.Wait()
	w.record("24 calls of 100 ms and 8 cancels: ms", float64(time.Since(began).Microseconds())/1000)
	for range 100 { // the upstream learns of the cancel a little later
		if w.gone.Load() == 8 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	w.record("  cancels that reached the upstream", float64(w.gone.Load()))
	w.record("  other calls that failed", float64(failed.Load()))
}
