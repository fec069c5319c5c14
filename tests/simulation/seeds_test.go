package simulation_test

import (
	"flag"
	"fmt"
	"io"
	"log"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	seeds    = flag.Int("seeds", 100, "number of seeds to play")
	first    = flag.Uint64("first", 1, "first seed")
	way      = flag.String("way", "", "route of the histories: agent, agent-shared, or h2 for HTTP/2")
	trace    = flag.Bool("trace", false, "print each history and its trace")
	twice    = flag.Bool("twice", false, "play each seed twice and compare the traces")
	replay   = flag.String("history", "", "play the history in this `file` ten times instead of seeds")
	shrinks  = flag.Bool("shrink", true, "reduce the history of a breach")
	reported = flag.Int("report", 3, "number of breaches to report in full")
)

func TestMain(m *testing.M) {
	flag.Parse()
	log.SetOutput(io.Discard) // net/http logs errors of misbehaving servers
	os.Exit(m.Run())
}

// TestSeeds plays the histories of the seeds, or the file given with -history.
func TestSeeds(t *testing.T) {
	if *replay != "" {
		h, err := load(*replay)
		if err != nil {
			t.Fatal(err)
		}
		report(t, h, *replay)
		return
	}
	newPlaying(t, *way).seeds(*first, *seeds)
}

// playing collects the results of many seeds.
type playing struct {
	t        *testing.T
	way      string
	began    time.Time
	calls    int
	differ   int
	breaches map[string]int    // number of breaches by class
	firsts   map[string]uint64 // first seed with a breach, by class
	outcomes map[string]int    // number of calls by the kind of error that they returned
	counts   map[string]int    // number of events by name
	reported map[string]bool   // classes of which a breach was reported in full
}

func newPlaying(t *testing.T, way string) *playing {
	t.Helper()
	return &playing{
		t: t, way: way, began: time.Now(), breaches: map[string]int{}, firsts: map[string]uint64{}, outcomes: map[string]int{},
		counts: map[string]int{}, reported: map[string]bool{},
	}
}

// seeds plays n seeds and prints the summary.
func (p *playing) seeds(first uint64, n int) {
	for seed := first; seed < first+uint64(n); seed++ {
		p.seed(seed)
	}
	p.summary(first, n)
}

// seed plays one seed.
func (p *playing) seed(seed uint64) {
	h := p.generate(seed)
	j := run(p.t, h)
	if *trace {
		fmt.Printf("seed %d\n%v%s", seed, h, j.Trace())
	}
	if *twice {
		if a, b := j.Trace(), run(p.t, h).Trace(); a != b {
			p.differ++
			if p.differ <= *reported {
				fmt.Printf("seed %d plays differently the second time:\n%s%s\n", seed, h, difference(a, b))
			}
		}
	}
	for kind, n := range j.outcomes {
		p.outcomes[kind] += n
		p.calls += n
	}
	for what, n := range j.counts {
		p.counts[what] += n
	}
	received := map[string]bool{}
	for _, b := range j.breaches {
		if received[b.Class] {
			continue
		}
		received[b.Class] = true
		if p.breaches[b.Class]++; p.breaches[b.Class] == 1 {
			p.firsts[b.Class] = seed
		}
		p.breach(seed, h, b)
	}
}

func (p *playing) generate(seed uint64) *History {
	switch p.way {
	case "":
		return generate(seed)
	case wayHTTP2:
		return generateHTTP2(seed)
	case "agent", "agent-shared":
		h := generate(seed)
		h.Way = p.way
		return h
	}
	panic("-way: unknown route: " + p.way)
}

// breach reports a broken promise. The first breach of each class, up to *reported classes, is
// reported in full, with its history (reduced if *shrinks is set).
func (p *playing) breach(seed uint64, h *History, b Breach) {
	p.t.Errorf("seed %d: %v\n\tgo test ./tests/simulation -count=1 -cpu 1 -run TestSeeds -way=%s -first %d -seeds 1", seed, b, p.way, seed)
	if p.reported[b.Class] || len(p.reported) >= *reported {
		return
	}
	p.reported[b.Class] = true
	if *shrinks {
		h = shrink(h, breaks(p.t, b.Class))
	}
	file := filepath.Join(os.TempDir(), fmt.Sprintf("history-%d-%s.json", seed, strings.ReplaceAll(b.Class, " ", "-")))
	if err := os.WriteFile(file, h.encode(), 0o600); err != nil {
		p.t.Error(err)
	}
	report(p.t, h, file)
}

// report plays a history ten times, prints what happened, and fails if a promise was broken.
func report(t *testing.T, h *History, file string) {
	t.Helper()
	const times = 10
	failed, text := 0, ""
	for range times {
		j := run(t, h)
		if len(j.breaches) > 0 {
			failed++
		}
		if len(j.breaches) > 0 || text == "" {
			text = j.Trace()
			for _, b := range j.breaches {
				text += fmt.Sprintf("%v\n", b)
			}
		}
	}
	fmt.Printf("%v\n%s\nbroken in %d of %d runs; play it again:\n\tgo test ./tests/simulation -count=1 -cpu 1 -run TestSeeds -history %s\n", h, text, failed, times, file)
	if failed > 0 {
		t.Errorf("%s: promises were broken", file)
	}
}

// summary prints the counts of all seeds.
func (p *playing) summary(first uint64, n int) {
	took := time.Since(p.began)
	fmt.Printf("%d seeds from %d, %d calls, %v, %.0f seeds/s, GOMAXPROCS %d\n",
		n, first, p.calls, took.Round(ms), float64(n)/took.Seconds(), runtime.GOMAXPROCS(0))
	fmt.Printf("events: %v\noutcomes: %v\n", p.counts, p.outcomes)
	if *twice {
		fmt.Printf("%d seeds play differently the second time\n", p.differ)
		if may := p.mayDiffer(n); p.differ > may {
			p.t.Errorf("%d of %d seeds play differently the second time, expected at most %d", p.differ, n, may)
		}
	}
	for _, class := range slices.Sorted(maps.Keys(p.breaches)) {
		fmt.Printf("breach %-50s %4d, first in seed %d\n", class, p.breaches[class], p.firsts[class])
	}
}

// mayDiffer returns how many of n seeds may play differently the second time. When an HTTP/2
// connection breaks, its streams fail at the same instant and net/http ends them in map order.
// Their backoffs then draw jitter in that order.
func (p *playing) mayDiffer(n int) int {
	if p.way == wayHTTP2 {
		return 1 + n/40
	}
	return 1 + n/200
}

// difference shows where two traces diverge.
func difference(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			around := func(lines []string) string { return strings.Join(lines[max(0, i-3):min(len(lines), i+3)], "\n") }
			return around(x) + "\n--\n" + around(y)
		}
	}
	return fmt.Sprintf("%d and %d lines", len(x), len(y))
}

// sortedKeys returns the keys of a map with string keys in sorted order.
func sortedKeys(m reflect.Value) []reflect.Value {
	keys := m.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	return keys
}
