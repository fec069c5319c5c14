// Package report turns samples into ratios, and ratios into Markdown and plots.
package report

import (
	"slices"
	"time"

	"github.com/hawser-mcp/hawser/tests/bench/internal/clients"
	"github.com/hawser-mcp/hawser/tests/bench/internal/measure"
	"github.com/hawser-mcp/hawser/tests/bench/internal/scenario"
)

// Results are the samples of a run.
type Results struct {
	Clients []string // the floor first
	Rounds  int
	Rows    []*Row
}

// Row has the samples of one scenario.
type Row struct {
	Scenario *scenario.Scenario
	Samples  map[string][]measure.Sample // by client, one for each round
}

// Spread is a median between quartiles.
type Spread struct{ Q1, Median, Q3 float64 }

const (
	// maxSpread is how far apart the quartiles of the floor may be, relative to its median.
	maxSpread = 0.10
	// minRounds is the number of rounds from which quartiles mean something.
	minRounds = 8
)

// relative returns the distance between the quartiles relative to the median.
func (s Spread) relative() float64 {
	if s.Median == 0 {
		return 0
	}
	return (s.Q3 - s.Q1) / s.Median
}

// spread returns the quartiles of values. It interpolates between values.
func spread(values []float64) Spread {
	sorted := slices.Sorted(slices.Values(values))
	at := func(q float64) float64 {
		if len(sorted) == 0 {
			return 0
		}
		position := q * float64(len(sorted)-1)
		i := int(position)
		if i+1 == len(sorted) {
			return sorted[i]
		}
		return sorted[i] + (position-float64(i))*(sorted[i+1]-sorted[i])
	}
	return Spread{Q1: at(0.25), Median: at(0.5), Q3: at(0.75)}
}

// A metric is one number of a sample.
type metric func(*measure.Sample) float64

func speed(s *measure.Sample) float64  { return float64(s.Calls) / s.Wall.Seconds() }
func cpu(s *measure.Sample) float64    { return s.CPU.Seconds() / float64(s.Calls) }
func allocs(s *measure.Sample) float64 { return float64(s.Allocs) / float64(s.Calls) }
func size(s *measure.Sample) float64   { return float64(s.Bytes) / float64(s.Calls) }
func conns(s *measure.Sample) float64  { return 1000 * float64(s.Conns) / float64(s.Calls) }
func late(s *measure.Sample) float64   { return float64(s.Late) / float64(s.Calls) }

func memory(s *measure.Sample) float64     { return s.Idle.Memory }
func goroutines(s *measure.Sample) float64 { return s.Idle.Goroutines }
func sockets(s *measure.Sample) float64    { return s.Idle.Sockets }

// values returns a metric of a client, by round.
func (r *Row) values(client string, m metric) []float64 {
	values := make([]float64, len(r.Samples[client]))
	for i := range values {
		values[i] = m(&r.Samples[client][i])
	}
	return values
}

// ratio returns the quartiles of a client's metric relative to the floor's in the same round.
func (r *Row) ratio(client string, m metric) Spread {
	values, floor := r.values(client, m), r.values(clients.Floor, m)
	for i := range values {
		values[i] /= floor[i]
	}
	return spread(values)
}

// added returns the quartiles of what a client costs more than hawser over HTTP, relative to the
// floor in the same round.
func (r *Row) added(client string, m metric) Spread {
	values, direct, floor := r.values(client, m), r.values(directClient, m), r.values(clients.Floor, m)
	for i := range values {
		values[i] = (values[i] - direct[i]) / floor[i]
	}
	return spread(values)
}

// directClient is the client that those with executors are compared with.
const directClient = "hawser"

// percentile returns a percentile of the latencies of all rounds.
func (r *Row) percentile(client string, q float64) time.Duration {
	var all []time.Duration
	for i := range r.Samples[client] {
		all = append(all, r.Samples[client][i].Latencies...)
	}
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[int(q*float64(len(all)-1))]
}

// unsteady returns how far apart the quartiles of the floor are, of its speed or its CPU time,
// whichever is worse. For idle sessions, it is about their memory.
func (r *Row) unsteady() float64 {
	if r.Scenario.Idle {
		return spread(r.values(clients.Floor, memory)).relative()
	}
	return max(spread(r.values(clients.Floor, speed)).relative(), spread(r.values(clients.Floor, cpu)).relative())
}

// Unsteady returns the rows in which the quartiles of the floor are more than 10 % apart. With any,
// the run is invalid.
func (r *Results) Unsteady() []*Row {
	var rows []*Row
	for _, row := range r.Rows {
		if row.unsteady() > maxSpread {
			rows = append(rows, row)
		}
	}
	return rows
}
