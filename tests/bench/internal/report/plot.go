package report

import (
	"fmt"
	"image/color"
	"math"
	"path/filepath"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// plotPrefix begins the name of each plot.
const plotPrefix = "performance-"

// colors are the colors of the clients, in their order. They differ for the color-blind as well.
var colors = []color.Color{
	color.NRGBA{A: 255},
	color.NRGBA{R: 0, G: 114, B: 178, A: 255},
	color.NRGBA{R: 213, G: 94, B: 0, A: 255},
	color.NRGBA{R: 0, G: 158, B: 115, A: 255},
}

// plots draws the ratios of each protocol revision into a directory. It returns Markdown that shows
// them.
func (r *Results) plots(dir string) (string, error) {
	var b strings.Builder
	for _, p := range []struct {
		name, title string
		m           metric
	}{
		{"cpu", "CPU time relative to the floor (less is better)", cpu},
		{"speed", "calls/s relative to the floor (more is better)", speed},
	} {
		for _, version := range versions {
			rows := r.calls(version)
			if len(rows) == 0 {
				continue
			}
			title := p.title + ", " + version
			name := plotPrefix + p.name + "-" + version + ".svg"
			if err := r.draw(filepath.Join(dir, name), title, rows, p.m); err != nil {
				return "", fmt.Errorf("drawing %s: %w", name, err)
			}
			fmt.Fprintf(&b, "![%s](%s)\n\n", title, name)
		}
	}
	return b.String(), nil
}

// calls returns the rows of a version in which calls are measured.
func (r *Results) calls(version string) []*Row {
	var rows []*Row
	for _, row := range r.rows(version, "") {
		if !row.Scenario.Idle {
			rows = append(rows, row)
		}
	}
	return rows
}

// draw draws one line for each row, with a dot for each client that needs no executor. A bar
// connects the quartiles. The first row is at the top.
func (r *Results) draw(name, title string, rows []*Row, m metric) error {
	p := plot.New()
	p.Title.Text = title
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.ConstantTicks(ticks)
	p.Legend.Top = true
	labels := make([]string, len(rows))
	for i, row := range rows {
		labels[len(rows)-1-i] = row.label()
	}
	p.NominalY(labels...)
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = color.Gray{Y: 220}, color.Gray{Y: 240}
	p.Add(grid)
	for i, client := range r.Clients {
		if executor(client) || i == 0 {
			continue
		}
		var dots ratios
		for j, row := range rows {
			if ratio := row.ratio(client, m); ratio.Q1 > 0 && !math.IsInf(ratio.Q3, 1) { // else a clock is too coarse
				dots = append(dots, ratioAt{ratio, float64(len(rows) - 1 - j)})
			}
		}
		if len(dots) == 0 {
			continue
		}
		scatter, err := plotter.NewScatter(dots)
		if err != nil {
			return err
		}
		bars, err := plotter.NewXErrorBars(dots)
		if err != nil {
			return err
		}
		scatter.Color, scatter.Radius, scatter.Shape = colors[i%len(colors)], vg.Points(3), draw.CircleGlyph{}
		bars.Color, bars.CapWidth = colors[i%len(colors)], vg.Points(4)
		p.Add(bars, scatter)
		p.Legend.Add(client, scatter)
	}
	p.X.Min, p.X.Max = math.Min(p.X.Min, 1)/1.2, 1.2*math.Max(p.X.Max, 1) // shows the floor
	p.Y.Min, p.Y.Max = -0.5, float64(len(rows))+1                         // room for the legend
	return p.Save(22*vg.Centimeter, vg.Length(len(rows))*0.6*vg.Centimeter+4*vg.Centimeter, name)
}

// ticks are the marks of the axis.
var ticks = func() []plot.Tick {
	var all []plot.Tick
	for _, v := range []float64{0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000} {
		all = append(all, plot.Tick{Value: v, Label: fmt.Sprint(v)})
	}
	return all
}()

// ratioAt is a ratio at a height of the plot.
type ratioAt struct {
	Spread

	y float64
}

// ratios are the dots of a client and their bars.
type ratios []ratioAt

// Len implements [plotter.XYer].
func (r ratios) Len() int { return len(r) }

// XY implements [plotter.XYer].
func (r ratios) XY(i int) (x, y float64) { return r[i].Median, r[i].y }

// XError implements [plotter.XErrorer].
func (r ratios) XError(i int) (low, high float64) {
	return r[i].Q1 - r[i].Median, r[i].Q3 - r[i].Median
}
