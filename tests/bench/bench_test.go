package bench_test

import (
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/hawser-mcp/hawser/mcpclient"
)

// compare runs b.N rounds. In each round every client makes batch calls, and a different client
// goes first. compare reports the time, allocations and bytes per call of each client. It also
// reports each client's time relative to the first client, as the median over all rounds.
func compare(b *testing.B, s *scenario, batch int, clients ...client) {
	b.Helper()
	type sum struct {
		time           time.Duration
		allocs, bytes  uint64
		rounds, ratios []float64
	}
	sums := make([]sum, len(clients))
	for _, c := range clients {
		run(b, c, s, min(batch, 20))
	}
	runtime.GC()
	rounds := 0
	for b.Loop() {
		for i := range clients {
			at := (i + rounds) % len(clients)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := time.Now()
			run(b, clients[at], s, batch)
			took := time.Since(start)
			runtime.ReadMemStats(&after)
			sums[at].time += took
			sums[at].allocs += after.Mallocs - before.Mallocs
			sums[at].bytes += after.TotalAlloc - before.TotalAlloc
			sums[at].rounds = append(sums[at].rounds, float64(took))
		}
		rounds++
	}
	b.ReportMetric(0, "ns/op") // the time of a whole round is not meaningful
	calls := float64(rounds * batch)
	for i, c := range clients {
		for r, took := range sums[i].rounds {
			sums[i].ratios = append(sums[i].ratios, took/sums[0].rounds[r])
		}
		slices.Sort(sums[i].ratios)
		b.ReportMetric(sums[i].ratios[len(sums[i].ratios)/2], c.name+"-x")
		b.ReportMetric(float64(sums[i].time.Microseconds())/calls, c.name+"-µs/call")
		b.ReportMetric(float64(sums[i].allocs)/calls, c.name+"-allocs/call")
		b.ReportMetric(float64(sums[i].bytes)/calls, c.name+"-B/call")
	}
}

func run(tb testing.TB, c client, s *scenario, calls int) {
	tb.Helper()
	for range calls {
		if err := c.call(s); err != nil {
			tb.Fatal(c.name, err)
		}
	}
}

// BenchmarkLoopback measures calls over TCP to a server that does no decoding.
func BenchmarkLoopback(b *testing.B) {
	for _, s := range []*scenario{json200, sse200, json10k, sse10k, json1m, sse1m} {
		b.Run(s.name, func(b *testing.B) {
			url := newServer(b).url
			clients := []client{floorClient(b, url, nil), hawserClient(b, url, legacy)}
			if s != json10k && s != sse10k {
				clients = append(clients, goSDKClient(b, url, nil), mcpGoClient(b, url, nil))
			}
			batch := 20
			if len(s.text) >= mebi {
				batch = 2
			}
			compare(b, s, batch, clients...)
		})
	}
	for _, s := range []*scenario{progress1000, messages1000} {
		b.Run(s.name, func(b *testing.B) {
			url := newServer(b).url
			compare(b, s, 2, floorClient(b, url, nil), hawserClient(b, url, legacy))
		})
	}
}

// BenchmarkMemory measures calls without sockets, which leaves only the cost of the client.
func BenchmarkMemory(b *testing.B) {
	const url = "http://memory.test/mcp"
	with := func(name string, opts mcpclient.Options) client {
		opts.Transport = new(memory)
		c := hawserClient(b, url, opts)
		c.name = name
		return c
	}
	for _, s := range []*scenario{json200, sse200, json10k, sse10k, json1m, sse1m, progress1000, messages1000} {
		b.Run(s.name, func(b *testing.B) {
			batch := 200
			if len(s.text) > 1000 || s.events > 0 {
				batch = 4
			}
			compare(b, s, batch, floorClient(b, url, new(memory)), with("hawser", legacy), with("hawser-modern", modern))
		})
	}
}

// BenchmarkCall runs a single client, for profiling.
func BenchmarkCall(b *testing.B) {
	for name, opts := range map[string]mcpclient.Options{"legacy": legacy, "modern": modern} {
		b.Run(name, func(b *testing.B) {
			opts.Transport = new(memory)
			c := hawserClient(b, "http://memory.test/mcp", opts)
			b.ReportAllocs()
			for b.Loop() {
				if err := c.call(json200); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
