package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/rivo/uniseg"
	"github.com/schollz/progressbar/v3"

	"github.com/hawser-mcp/hawser/mcpclient"
)

const (
	barSteps   = 1000 // the resolution of the bar
	barWidth   = 20
	barMargin  = barWidth + 40 // columns of a line without the message
	barRedraw  = 50 * time.Millisecond
	clearLine  = "\r\x1b[K"
	fewColumns = 80 // assumed for a terminal of unknown width
)

// progressBar is the progress bar of the current call, on the last line of the terminal. The
// console's mutex guards it. The methods of a nil bar do nothing.
type progressBar struct {
	w     io.Writer
	line  string
	drawn time.Time
}

// progress shows a progress notification. It draws a bar if stderr is a terminal and the total is
// known. Otherwise, it prints a line.
func (c *console) progress(_ context.Context, p mcpclient.Progress) {
	if !c.watched || !p.HasTotal || p.Total <= 0 {
		c.line(progressLine(p))
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bar == nil {
		c.bar = &progressBar{w: c.w}
	}
	c.bar.line = renderBar(p, c.withoutSecrets(p.Message), c.columns)
	if now := c.now(); !c.asking && now.Sub(c.bar.drawn) >= barRedraw {
		c.bar.drawn = now
		c.bar.draw()
	}
}

// renderBar returns the bar as text that fits on one line of the terminal.
func renderBar(p mcpclient.Progress, message string, columns int) string {
	if columns <= 0 {
		columns = fewColumns
	}
	message = oneLine(message, 200)
	for room := max(columns-barMargin, 0); uniseg.StringWidth(message) > room; {
		runes := []rune(message)
		message = string(runes[:len(runes)-1])
	}
	bar := progressbar.NewOptions64(barSteps, progressbar.OptionSetWriter(io.Discard), progressbar.OptionSetWidth(barWidth),
		progressbar.OptionSetElapsedTime(false), progressbar.OptionSetPredictTime(false))
	// Stop one step short: the library does not redraw a full bar.
	share := min(max(p.Progress/p.Total, 0), 1)
	_ = bar.Set64(min(int64(share*barSteps), barSteps-1)) // io.Discard never fails
	return fmt.Sprintf("%s %s/%s %s", strings.TrimSpace(bar.String()), number(p.Progress), number(p.Total), message)
}

func (b *progressBar) draw() {
	if b != nil {
		fmt.Fprint(b.w, clearLine+b.line)
	}
}

func (b *progressBar) clear() {
	if b != nil {
		fmt.Fprint(b.w, clearLine)
	}
}

// progressLine returns progress as a line of text.
func progressLine(p mcpclient.Progress) string {
	text := "progress " + number(p.Progress)
	if p.HasTotal {
		text += "/" + number(p.Total)
	}
	if message := oneLine(p.Message, 200); message != "" {
		text += " " + message
	}
	return text
}

func number(f float64) string { return strconv.FormatFloat(f, 'g', 6, 64) }

// endProgress removes the bar at the end of a call.
func (c *console) endProgress() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bar.clear()
	c.bar = nil
}
