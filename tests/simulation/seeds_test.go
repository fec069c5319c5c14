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
	seeds    = flag.Int("seeds", 100, "how many seeds to play")
	first    = flag.Uint64("first", 1, "the first seed")
	way      = flag.String("way", "", "play other histories: h2 for those over HTTP/2")
	trace    = flag.Bool("trace", false, "print each history and its trace")
	twice    = flag.Bool("twice", false, "play each seed twice and compare the traces")
	replay   = flag.String("history", "", "play the history in this `file` instead, ten times")
	shrinks  = flag.Bool("shrink", true, "make the history of a breach smaller")
	reported = flag.Int("report", 3, "how many breaches to report in full")
)

func TestMain(m *testing.M) {
	flag.Parse()
	log.SetOutput(io.Discard) // net/http complains of odd servers
	os.Exit(m.Run())
}

// TestSeeds plays the histories of seeds, or the one of -history.
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

// playing counts what many seeds bring to light.
type playing struct {
	t        *testing.T
	way      string
	began    time.Time
	calls    int
	differ   int
	breaches map[string]int    // by class
	firsts   map[string]uint64 // the first seed by class
	outcomes map[string]int    // of calls, by kind
	counts   map[string]int    // of what happened
	reported map[string]bool   // classes that were reported in full
}

func newPlaying(t *testing.T, way string) *playing {
	t.Helper()
	return &playing{
		t: t, way: way, began: time.Now(), breaches: map[string]int{}, firsts: map[string]uint64{}, outcomes: map[string]int{},
		counts: map[string]int{}, reported: map[string]bool{},
	}
}

// seeds plays n seeds and prints the counts.
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
				fmt.Printf("seed %d differs:\n%s%s\n", seed, h, difference(a, b))
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
	told := map[string]bool{}
	for _, b := range j.breaches {
		if told[b.Class] {
			continue
		}
		told[b.Class] = true
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
	}
	panic("-way: no such way: " + p.way)
}

// breach reports a promise that was broken, in full if it is one of the first.
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
	fmt.Printf("%v\n%s\nrepeated %d of %d; play it again:\n\tgo test ./tests/simulation -count=1 -cpu 1 -run TestSeeds -history %s\n", h, text, failed, times, file)
	if failed > 0 {
		t.Errorf("%s: promises were broken", file)
	}
}

// summary prints the counts.
func (p *playing) summary(first uint64, n int) {
	took := time.Since(p.began)
	fmt.Printf("%d seeds from %d, %d calls, %v, %.0f seeds/s, GOMAXPROCS %d\n",
		n, first, p.calls, took.Round(ms), float64(n)/took.Seconds(), runtime.GOMAXPROCS(0))
	fmt.Printf("happened: %v\noutcomes: %v\n", p.counts, p.outcomes)
	if *twice {
		fmt.Printf("%d seeds differ\n", p.differ)
		if may := p.mayDiffer(n); p.differ > may {
			p.t.Errorf("%d of %d seeds differ, at most %d may", p.differ, n, may)
		}
	}
	for _, class := range slices.Sorted(maps.Keys(p.breaches)) {
		fmt.Printf("breach %-50s %4d, first in seed %d\n", class, p.breaches[class], p.firsts[class])
	}
}

// mayDiffer is how many of n seeds may play differently the second time. Over HTTP/2 the streams of a broken connection
// fail at one instant, and net/http ends them in the order of a map: their backoffs take jitter in that order.
func (p *playing) mayDiffer(n int) int {
	if p.way == wayHTTP2 {
		return 1 + n/40
	}
	return 1 + n/200
}

// difference shows where two traces part.
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

// sortedKeys returns the keys of a map of texts in order.
func sortedKeys(m reflect.Value) []reflect.Value {
	keys := m.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	return keys
}
