package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// columns are the columns of the table, from left to right.
var columns = []struct {
	name string
	of   func(figures) string
}{
	{"files", func(f figures) string { return strconv.Itoa(f.files) }},
	{"lines", func(f figures) string { return strconv.Itoa(f.lines) }},
	{"names", func(f figures) string { return strconv.Itoa(f.names) }},
	{"func median/p90/max", func(f figures) string {
		return fmt.Sprintf("%d/%d/%d", quantile(f.functions, 50), quantile(f.functions, 90), quantile(f.functions, 100))
	}},
	{"longest file", func(f figures) string {
		return fmt.Sprintf("%d %s", f.longestLines, f.longestFile[strings.LastIndex(f.longestFile, "/")+1:])
	}},
}

// table returns a Markdown table with the figures of one revision, or of two revisions as before →
// after. A package that exists in only one revision has a dash for the other.
func table(counts []map[string]figures) string {
	packages := map[string]bool{}
	for _, count := range counts {
		for name := range count {
			packages[name] = true
		}
	}
	delete(packages, total)
	rows := [][]string{{"package"}}
	for _, c := range columns {
		rows[0] = append(rows[0], c.name)
	}
	for _, name := range append(slices.Sorted(maps.Keys(packages)), total) {
		rows = append(rows, row(counts, name))
	}
	return align(rows)
}

func row(counts []map[string]figures, name string) []string {
	cells := []string{name}
	for _, column := range columns {
		var values []string
		for _, count := range counts {
			if f, ok := count[name]; ok {
				values = append(values, column.of(f))
			} else {
				values = append(values, "-")
			}
		}
		cells = append(cells, strings.Join(slices.Compact(values), " → "))
	}
	return cells
}

// align pads the cells so the table is also readable as plain text.
func align(rows [][]string) string {
	width := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			width[i] = max(width[i], len([]rune(cell)))
		}
	}
	var b strings.Builder
	for i, row := range rows {
		for j, cell := range row {
			fmt.Fprintf(&b, "| %-*s ", width[j], cell)
		}
		b.WriteString("|\n")
		if i == 0 {
			for _, w := range width {
				b.WriteString("|" + strings.Repeat("-", w+2))
			}
			b.WriteString("|\n")
		}
	}
	return b.String()
}

// quantile returns the smallest length that is at least as large as the given percentage of all
// lengths. The result is 0 if there are no lengths.
func quantile(lengths []int, percent int) int {
	if len(lengths) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(lengths))
	return sorted[(len(sorted)*percent+99)/100-1]
}
