package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// desk is where a person is asked: one question at a time, the next one waits.
type desk struct {
	con   *console
	lines *lineReader
	turn  chan struct{} // holds one token, that of the question that is being asked
}

func newDesk(con *console, stdin io.Reader) *desk {
	return &desk{con: con, lines: newLineReader(stdin), turn: make(chan struct{}, 1)}
}

// take waits for the turn and gives the terminal to a question, until its done.
func (d *desk) take(ctx context.Context) (*dialog, error) {
	select {
	case d.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if ctx.Err() != nil { // both were ready
		<-d.turn
		return nil, context.Cause(ctx)
	}
	d.con.question(true)
	return &dialog{desk: d, ctx: ctx}, nil
}

// close ends the reading. It does not wait for a question that is being asked:
// that one's context has ended, and the reader ends with the program.
func (d *desk) close() {
	select {
	case d.turn <- struct{}{}: // never given back: nobody reads after this
		d.lines.close()
	default:
	}
}

// dialog is one question that is being asked, of several parts.
type dialog struct {
	*desk
	ctx context.Context
}

// done gives the terminal back.
func (d *dialog) done() {
	d.con.question(false)
	<-d.turn
}

// What a person may answer instead of a value.
var (
	errDeclined = errors.New("declined")
	errClosed   = errors.New("cancelled by the user")
	// errEnd is the end of the input: nobody is there any more.
	errEnd = fmt.Errorf("%w: end of the input", errClosed)
)

// ask shows a prompt and returns the line that was typed. The end of the input
// is errEnd; !decline and !cancel are errDeclined and errClosed.
func (d *dialog) ask(prompt string) (string, error) {
	d.con.say(prompt)
	line, err := d.lines.read(d.ctx)
	switch {
	case err != nil && d.ctx.Err() != nil:
		d.con.say("\n(the request was cancelled)\n")
		return "", err
	case err != nil: // the end of the input, or a line that is too long
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

// say says a line, broken where the terminal ends.
func (d *dialog) say(text string) {
	text = clean(text)
	d.con.say(wrap(text, d.con.columns, margin(text)) + "\n")
}

// quote shows a server's text, of any number of lines, so that nobody takes it
// for hawser's: each line has a mark in front, also where the terminal breaks it.
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

// choose asks until one of the choices is typed, by its first letter or in
// full. Nothing typed is the first of them if there is a default.
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
