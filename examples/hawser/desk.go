package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// desk asks the user questions, one at a time.
type desk struct {
	con   *console
	lines *lineReader
	turn  chan struct{} // full during a question
}

func newDesk(con *console, stdin io.Reader) *desk {
	return &desk{con: con, lines: newLineReader(stdin), turn: make(chan struct{}, 1)}
}

// take waits until no other question uses the terminal, and starts a dialog. The caller must call
// its done method.
func (d *desk) take(ctx context.Context) (*dialog, error) {
	select {
	case d.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if ctx.Err() != nil { // both cases were ready
		<-d.turn
		return nil, context.Cause(ctx)
	}
	d.con.question(true)
	return &dialog{desk: d, ctx: ctx}, nil
}

// close stops reading stdin. If a question is still open, close does nothing: the reader ends with
// the program.
func (d *desk) close() {
	select {
	case d.turn <- struct{}{}: // never released: no question can start after close
		d.lines.close()
	default:
	}
}

// dialog is the current question. It may have several prompts.
type dialog struct {
	*desk
	ctx context.Context
}

// done ends the question and releases the terminal.
func (d *dialog) done() {
	d.con.question(false)
	<-d.turn
}

// Errors of ask that mean the user gave no value.
var (
	errDeclined = errors.New("declined")
	errClosed   = errors.New("cancelled by the user")
	// errEnd means the end of input.
	errEnd = fmt.Errorf("%w: end of the input", errClosed)
)

// ask shows a prompt and returns the typed line. It returns errDeclined for !decline, errClosed for
// !cancel, and errEnd at the end of input.
func (d *dialog) ask(prompt string) (string, error) {
	d.con.say(prompt)
	line, err := d.lines.read(d.ctx)
	switch {
	case err != nil && d.ctx.Err() != nil:
		d.con.say("\n(the request was cancelled)\n")
		return "", err
	case err != nil: // end of input, or a line that is too long
		d.con.say("\n")
		return "", errEnd
	}
	switch strings.TrimSpace(line) {
	case "!decline":
		return "", errDeclined
	case "!cancel":
		return "", errClosed
	}
	return line, nil
}

// say prints a line, wrapped at the width of the terminal.
func (d *dialog) say(text string) {
	text = clean(text)
	d.con.say(wrap(text, d.con.columns, margin(text)) + "\n")
}

// quote shows text from the server. It marks each line, including wrapped lines, to distinguish the
// text from hawser's own output.
func (d *dialog) quote(text string) {
	const most, mark = 8000, "  | "
	text = strings.TrimSpace(strings.ReplaceAll(clean(text), "\t", "    "))
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "…"
	}
	if text == "" {
		return
	}
	room := max(d.con.columns-len(mark), 0)
	for line := range strings.SplitSeq(wrap(breakWords(text, room), room, ""), "\n") {
		d.con.say(mark + line + "\n")
	}
}

// choose asks until the user types one of the choices or its first letter. If hasDefault is true,
// an empty line means the first choice.
func (d *dialog) choose(prompt string, hasDefault bool, choices ...string) (string, error) {
	for {
		line, err := d.ask(prompt)
		if err != nil {
			return "", err
		}
		line = strings.ToLower(strings.TrimSpace(line))
		if line == "" && hasDefault {
			return choices[0], nil
		}
		for _, choice := range choices {
			if line == choice || line == choice[:1] {
				return choice, nil
			}
		}
		d.say("  answer " + strings.Join(choices, ", ") + " or a first letter")
	}
}
