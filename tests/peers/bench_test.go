package peers_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hawser-mcp/hawser/tests/peers/peer"
	"github.com/hawser-mcp/hawser/transport/executor"
)

// BenchmarkCodex measures a POST with a streamed reply of 200 bytes. It alternates between the
// routes: direct, and through codex over a warm exclusive link, over a shared link, and over pipes.
// Freshly dialed links are measured separately, because codex may still be closing the previous
// link when the next one arrives. It reports medians in µs: the time of each route, and the
// difference from the direct route.
func BenchmarkCodex(b *testing.B) {
	event := "data: " + strings.Repeat("x", 192) + "\n\n"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		_ = http.NewResponseController(w).Flush() // sends the head before the body, as streaming servers do
		_, _ = io.WriteString(w, event)
	}))
	b.Cleanup(server.Close)
	url := peer.StartCodex(b).URL
	b.Run("warm", func(b *testing.B) {
		compare(b, server.URL, len(event), []named{
			{"direct", openDirect(b)}, {"exclusive", openExecutor(b, url, nil)},
			{"shared", openExecutor(b, url, &executor.Options{Shared: true})}, {"pipes", openPipes(b)},
		})
	})
	b.Run("fresh", func(b *testing.B) {
		compare(b, server.URL, len(event), []named{{"direct", openDirect(b)}, {"fresh", openExecutor(b, url, &executor.Options{MaxIdleLinks: -1})}})
	})
}

type named struct {
	name string
	rt   http.RoundTripper
}

// compare makes requests over all routes in turn, after one warm-up round, and reports the medians.
func compare(b *testing.B, url string, size int, ways []named) {
	b.Helper()
	times := make([][]time.Duration, len(ways))
	for _, w := range ways {
		post(b, w.rt, url, size)
	}
	for round := 0; b.Loop(); round++ {
		for i := range ways {
			at := (i + round) % len(ways)
			start := time.Now()
			post(b, ways[at].rt, url, size)
			times[at] = append(times[at], time.Since(start))
		}
	}
	b.ReportMetric(0, "ns/op") // hides the time of a whole round, which has no meaning
	for i, w := range ways {
		slices.Sort(times[i])
		median := times[i][len(times[i])/2]
		b.ReportMetric(float64(median.Microseconds()), w.name+"-µs")
		if i > 0 {
			b.ReportMetric(float64((median - times[0][len(times[0])/2]).Microseconds()), w.name+"-added-µs")
		}
	}
}

func post(b *testing.B, rt http.RoundTripper, url string, size int) {
	b.Helper()
	req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, url, strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"ping"}`))
	if err != nil {
		b.Fatal(err)
	}
	resp, err := rt.RoundTrip(req)
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	if n, err := io.Copy(io.Discard, resp.Body); err != nil || n != int64(size) {
		b.Fatalf("%d bytes: %v", n, err)
	}
}
