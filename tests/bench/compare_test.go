package main_test

import (
	"runtime"
	"slices"
	"testing"
	"time"
)

// variant is one of several ways to do the same.
type variant struct {
	name string
	do   func() error
}

// compare runs b.N rounds. In each round every variant works times times, and another variant is
// the first. compare reports the time and the allocations of each variant, and its time relative to
// the first one, which is the median over all rounds.
func compare(b *testing.B, times int, variants ...variant) {
	b.Helper()
	type cost struct {
		took        []float64
		allocs, all uint64
	}
	costs := make([]cost, len(variants))
	work := func(v variant) {
		for range times {
			if err := v.do(); err != nil {
				b.Fatal(v.name, ": ", err)
			}
		}
	}
	for _, v := range variants {
		work(v)
	}
	rounds := 0
	for b.Loop() {
		for i := range variants {
			at := (i + rounds) % len(variants)
			runtime.GC()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := time.Now()
			work(variants[at])
			took := time.Since(start)
			runtime.ReadMemStats(&after)
			costs[at].took = append(costs[at].took, float64(took))
			costs[at].allocs += after.Mallocs - before.Mallocs
			costs[at].all += after.TotalAlloc - before.TotalAlloc
		}
		rounds++
	}
	b.ReportMetric(0, "ns/op") // the time of a round has no meaning
	total := float64(rounds * times)
	for i, v := range variants {
		ratios := make([]float64, rounds)
		for r := range ratios {
			ratios[r] = costs[i].took[r] / costs[0].took[r]
		}
		b.ReportMetric(median(ratios), v.name+"-x")
		b.ReportMetric(median(costs[i].took)/float64(times)/1000, v.name+"-µs")
		b.ReportMetric(float64(costs[i].allocs)/total, v.name+"-allocs")
		b.ReportMetric(float64(costs[i].all)/total, v.name+"-B")
	}
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
