package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/hawser-mcp/hawser/tests/bench/internal/clients"
	"github.com/hawser-mcp/hawser/tests/bench/internal/scenario"
	"github.com/hawser-mcp/hawser/tests/bench/internal/workload"
)

// versions are the protocol revisions in the order of the report.
var versions = []string{workload.Legacy, workload.Modern}

// Markdown returns the report. machine describes the machine and the versions, on one line.
func (r *Results) Markdown(machine string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s. Rounds: %d.\n\n%s\n\n", machine, r.Rounds, r.verdict())
	for _, version := range versions {
		r.overview(&b, version)
	}
	for _, version := range versions {
		for _, group := range scenario.Groups {
			r.group(&b, version, group)
		}
	}
	r.executors(&b)
	return b.String()
}

// verdict says whether the run is valid.
func (r *Results) verdict() string {
	unsteady := r.Unsteady()
	switch {
	case r.Rounds < minRounds:
		return fmt.Sprintf("**This run is invalid**: it has fewer than %d rounds.", minRounds)
	case len(unsteady) > 0:
		return fmt.Sprintf("**This run is invalid**: in %d of %d rows, marked †, the quartiles of the floor are more than %.0f %% apart. "+
			"The machine was not quiet.", len(unsteady), len(r.Rows), 100*maxSpread)
	default:
		return fmt.Sprintf("The quartiles of the floor are at most %.0f %% apart in every row.", 100*maxSpread)
	}
}

// rows returns the rows of a version, and of a group unless it is "".
func (r *Results) rows(version, group string) []*Row {
	var rows []*Row
	for _, row := range r.Rows {
		if row.Scenario.Version == version && (group == "" || row.Scenario.Group == group) {
			rows = append(rows, row)
		}
	}
	return rows
}

// overview writes the CPU time of all calls relative to the floor, and the memory of idle sessions.
func (r *Results) overview(b *strings.Builder, version string) {
	rows := r.rows(version, "")
	if len(rows) == 0 {
		return
	}
	fmt.Fprintf(b, "### CPU time relative to the floor, %s\n\n", version)
	var names []string
	for _, name := range r.Clients[1:] {
		if !executor(name) {
			names = append(names, name)
		}
	}
	table(b, append([]string{"scenario", "floor"}, names...))
	for _, row := range rows {
		m, unit := cpu, seconds
		if row.Scenario.Idle {
			m, unit = memory, bytes
		}
		cells := []string{row.label(), unit(spread(row.values(clients.Floor, m)).Median)}
		for _, name := range names {
			cells = append(cells, digits(row.ratio(name, m).Median))
		}
		line(b, cells)
	}
	b.WriteString("\n")
}

// executor reports whether a client goes through an executor.
func executor(client string) bool { return strings.Contains(client, "/") }

// label returns the name of a scenario with its group where the name is not enough, and a mark if
// the floor was not steady.
func (r *Row) label() string {
	name := r.Scenario.Name
	if r.Scenario.Tools > 0 {
		name = "list of " + name
	}
	if r.Scenario.Group == scenario.Progress {
		name += ", one call"
	}
	if r.Scenario.Idle {
		name += ", memory"
	}
	if r.unsteady() > maxSpread {
		name += " †"
	}
	return name
}

// group writes the table of a group.
func (r *Results) group(b *strings.Builder, version, group string) {
	rows := r.rows(version, group)
	if len(rows) == 0 {
		return
	}
	fmt.Fprintf(b, "### %s, %s\n\n", capital(group), version)
	if group == scenario.IdleOnes {
		r.idle(b, rows)
		return
	}
	table(b, []string{
		"scenario", "client", "calls/s", "× floor", "CPU", "× floor", "allocations", "bytes", "p50", "p99", "new connections",
	})
	for _, row := range rows {
		for _, name := range r.Clients {
			if len(row.Samples[name]) > 0 {
				line(b, row.cells(name))
			}
		}
	}
	b.WriteString("\n")
	for _, row := range rows {
		for _, name := range r.Clients {
			if n := spread(row.values(name, late)).Median; n > 0 {
				fmt.Fprintf(b, "%s: when the call returns, %.0f of its notifications are still to arrive.\n\n", name, n)
			}
		}
	}
}

// cells returns the cells of a row for a client.
func (r *Row) cells(name string) []string {
	median := func(m metric) float64 { return spread(r.values(name, m)).Median }
	speedRatio, cpuRatio := "1", "1"
	if name != clients.Floor {
		speedRatio, cpuRatio = r.ratio(name, speed).String(), r.ratio(name, cpu).String()
	}
	return []string{
		r.label(), name, count(median(speed)), speedRatio, seconds(median(cpu)), cpuRatio,
		count(median(allocs)), bytes(median(size)), short(r.percentile(name, 0.5)), short(r.percentile(name, 0.99)), count(median(conns)),
	}
}

// idle writes what idle sessions hold.
func (r *Results) idle(b *strings.Builder, rows []*Row) {
	table(b, []string{"client", "heap and stacks", "× floor", "goroutines", "sockets"})
	for _, row := range rows {
		for _, name := range r.Clients {
			if len(row.Samples[name]) == 0 {
				continue
			}
			median := func(m metric) float64 { return spread(row.values(name, m)).Median }
			line(b, []string{
				name, bytes(median(memory)), row.ratio(name, memory).String(),
				fmt.Sprintf("%.1f", median(goroutines)), fmt.Sprintf("%.1f", median(sockets)),
			})
		}
	}
	b.WriteString("\n")
}

// executors writes what executors add to calls over HTTP.
func (r *Results) executors(b *strings.Builder) {
	begun := false
	for _, row := range r.Rows {
		for _, name := range r.Clients {
			if !executor(name) || len(row.Samples[name]) == 0 || len(row.Samples[directClient]) == 0 {
				continue
			}
			if !begun {
				begun = true
				b.WriteString("### What executor mode adds\n\n")
				table(b, []string{"scenario", "client", "CPU added, × floor"})
			}
			line(b, []string{row.label(), name, row.added(name, cpu).String()})
		}
	}
	if begun {
		b.WriteString("\n")
	}
}

// String returns the median and the quartiles.
func (s Spread) String() string {
	return digits(s.Median) + " (" + digits(s.Q1) + "–" + digits(s.Q3) + ")"
}

// digits returns a ratio with two or three digits.
func digits(ratio float64) string {
	switch size := max(ratio, -ratio); {
	case size >= 100:
		return fmt.Sprintf("%.0f", ratio)
	case size >= 10:
		return fmt.Sprintf("%.1f", ratio)
	case size >= 0.1:
		return fmt.Sprintf("%.2f", ratio)
	default:
		return fmt.Sprintf("%.4f", ratio)
	}
}

// table writes the head of a table. All columns but the first are numbers or short.
func table(b *strings.Builder, names []string) {
	line(b, names)
	b.WriteString("|---|" + strings.Repeat("---:|", len(names)-1) + "\n")
}

func line(b *strings.Builder, cells []string) {
	b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
}

func capital(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

// count returns a number with three digits or as a whole number.
func count(n float64) string {
	switch {
	case n >= 1e6:
		return fmt.Sprintf("%.2fM", n/1e6)
	case n >= 1e4:
		return fmt.Sprintf("%.1fk", n/1e3)
	case n >= 100 || n == float64(int64(n)):
		return fmt.Sprintf("%.0f", n)
	default:
		return fmt.Sprintf("%.1f", n)
	}
}

// bytes returns a number of bytes in B, kB or MB.
func bytes(n float64) string {
	switch {
	case n >= 1e6:
		return fmt.Sprintf("%.2f MB", n/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%.1f kB", n/1e3)
	default:
		return fmt.Sprintf("%.0f B", n)
	}
}

// seconds returns a duration in seconds with three digits.
func seconds(n float64) string { return short(time.Duration(n * float64(time.Second))) }

// short returns a duration with three digits, in µs, ms or s.
func short(d time.Duration) string {
	switch {
	case d >= time.Second:
		return fmt.Sprintf("%.2f s", d.Seconds())
	case d >= 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", d.Seconds()*1e3)
	case d >= time.Millisecond:
		return fmt.Sprintf("%.2f ms", d.Seconds()*1e3)
	default:
		return fmt.Sprintf("%.0f µs", d.Seconds()*1e6)
	}
}
