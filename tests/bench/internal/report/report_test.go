package report

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/tests/bench/internal/measure"
	"github.com/hawser-mcp/hawser/tests/bench/internal/scenario"
)

// results has samples for each scenario: call n of a client costs n+1 times what one of the floor
// costs. In each round, all of them cost what drift says, relative to the first.
func results(drift ...float64) *Results {
	r := &Results{Clients: []string{"floor", "hawser", "go-sdk", "hawser/agent"}, Rounds: len(drift)}
	for _, s := range scenario.All() {
		row := &Row{Scenario: s, Samples: map[string][]measure.Sample{}}
		for i, client := range r.Clients {
			for _, d := range drift {
				cost := time.Duration(d * float64(i+1) * float64(time.Millisecond))
				sample := measure.Sample{
					Calls: 10, Wall: 10 * cost, CPU: 20 * cost, Allocs: uint64(500 * (i + 1)), Bytes: 40_000, Conns: int64(i),
					Latencies: []time.Duration{cost, 3 * cost},
				}
				if s.Idle {
					sample = measure.Sample{Calls: 10, Idle: &measure.Idle{Memory: 1000 * d * float64(i+1), Goroutines: 3, Sockets: 1}}
				}
				if !executor(client) || s.Executors {
					row.Samples[client] = append(row.Samples[client], sample)
				}
			}
		}
		r.Rows = append(r.Rows, row)
	}
	return r
}

func TestQuartiles(t *testing.T) {
	require.Equal(t, Spread{}, spread(nil))
	require.Equal(t, Spread{3, 3, 3}, spread([]float64{3}))
	require.Equal(t, Spread{2, 3, 4}, spread([]float64{5, 1, 4, 2, 3}))
	require.Equal(t, Spread{1.75, 2.5, 3.25}, spread([]float64{4, 3, 2, 1}))
	require.InDelta(t, 0.6, spread([]float64{1, 2, 3, 4}).relative(), 1e-9)
}

// A ratio compares with the floor of the same round, so the drift of a machine does not affect it.
func TestRatiosAreOfOneRound(t *testing.T) {
	row := results(1, 5, 2, 9).Rows[0]
	require.Equal(t, Spread{2, 2, 2}, row.ratio("hawser", cpu))
	require.Equal(t, Spread{0.5, 0.5, 0.5}, row.ratio("hawser", speed))
	require.Equal(t, Spread{2, 2, 2}, row.added("hawser/agent", cpu))
	require.Equal(t, 10*time.Millisecond, row.percentile("hawser", 0.5))
	require.Equal(t, 15*time.Millisecond, row.percentile("floor", 0.9))
}

func TestUnsteadyRunsAreInvalid(t *testing.T) {
	steady := results(1, 1.02, 1, 0.98, 1, 1, 1.01, 0.99)
	require.Empty(t, steady.Unsteady())
	require.Contains(t, steady.Markdown("m"), "at most 10 % apart in every row")
	shaky := results(1, 1.3, 1, 0.7, 1.2, 0.8, 1.3, 1)
	require.Len(t, shaky.Unsteady(), len(shaky.Rows))
	text := shaky.Markdown("m")
	require.Contains(t, text, "**This run is invalid**")
	require.Contains(t, text, "| 200 B JSON † |")
	require.Contains(t, results(1, 1).Markdown("m"), "**This run is invalid**: it has fewer than 8 rounds.")
}

func TestMarkdownHasEveryMetric(t *testing.T) {
	text := results(1, 1).Markdown("a machine")
	require.Contains(t, text, "a machine. Rounds: 2.")
	require.Contains(t, text,
		"| 200 B JSON | hawser | 500 | 0.50 (0.50–0.50) | 4.00 ms | 2.00 (2.00–2.00) | 100 | 4.0 kB | 2.00 ms | 6.00 ms | 100 |\n")
	require.Contains(t, text, "| hawser | 2.0 kB | 2.00 (2.00–2.00) | 3.0 | 1.0 |\n")
	require.Contains(t, text, "| 200 B JSON | hawser/agent | 2.00 (2.00–2.00) |\n")
	for _, s := range scenario.All() {
		require.Contains(t, text, s.Name)
	}
	for line := range strings.Lines(text) {
		require.LessOrEqual(t, strings.Count(line, "|"), 12)
	}
}

func TestWriteKeepsTheRestOfTheDocument(t *testing.T) {
	dir := t.TempDir()
	page, stale := filepath.Join(dir, Page), filepath.Join(dir, plotPrefix+"old.svg")
	require.NoError(t, os.WriteFile(stale, nil, 0o600))
	require.Error(t, results(1).Write(dir, "m"), "there is no document")
	require.NoError(t, os.WriteFile(page, []byte("no lines"), 0o600))
	require.ErrorContains(t, results(1).Write(dir, "m"), "expected the lines")
	require.NoError(t, os.WriteFile(page, []byte("before\n"+begin+"old\n"+end+"after\n"), 0o600))
	for range 2 {
		require.NoError(t, results(1, 1).Write(dir, "m"))
	}
	data, err := os.ReadFile(page)
	require.NoError(t, err)
	text := string(data)
	require.True(t, strings.HasPrefix(text, "before\n"+begin))
	require.True(t, strings.HasSuffix(text, end+"after\n"))
	require.NotContains(t, text, "old")
	require.NoFileExists(t, stale)
	plots, err := filepath.Glob(filepath.Join(dir, plotPrefix+"*.svg"))
	require.NoError(t, err)
	require.Len(t, plots, 4)
	for _, plot := range plots {
		require.Contains(t, text, "]("+filepath.Base(plot)+")")
	}
}

func TestNumbersAreShort(t *testing.T) {
	for want, got := range map[string]string{
		"2.50M": count(2.5e6), "12.3k": count(12_345), "1234": count(1234), "7.5": count(7.5), "7": count(7),
		"1.20 MB": bytes(1.2e6), "1.2 kB": bytes(1200), "12 B": bytes(12),
		"1.50 s": seconds(1.5), "15.0 ms": seconds(0.015), "1.50 ms": seconds(0.0015), "15 µs": seconds(15e-6),
		"123": digits(123.4), "12.3": digits(12.34), "0.0072": digits(0.0072), "-0.16": digits(-0.161),
	} {
		require.Equal(t, want, got)
	}
}
