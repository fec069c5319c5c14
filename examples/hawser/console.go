package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
)

// maxHeld is the maximum number of lines held back during a question.
const maxHeld = 200

// console writes notes, log messages, progress and questions to stderr. It cleans all text and
// masks secrets. Its methods are safe for concurrent use.
type console struct {
	w       io.Writer
	watched bool
	colour  bool
	columns int // width of the terminal, 0 if unknown
	now     func() time.Time

	mu      sync.Mutex
	secrets []string        // guarded by mu
	said    map[string]bool // guarded by mu: texts that once has printed
	bar     *progressBar    // guarded by mu; nil if no bar is shown
	asking  bool            // guarded by mu: the user is being asked
	held    []string        // guarded by mu: lines to print after the question
	dropped int             // guarded by mu
}

// line prints a line. During a question, it holds the line back until the question ends.
func (c *console) line(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	text = c.withoutSecrets(strings.TrimRight(clean(text), "\n")) + "\n"
	switch {
	case !c.asking:
		c.bar.clear()
		fmt.Fprint(c.w, text)
		c.bar.draw()
	case len(c.held) < maxHeld:
		c.held = append(c.held, text)
	default:
		c.dropped++
	}
}

func (c *console) linef(format string, args ...any) { c.line(fmt.Sprintf(format, args...)) }

// once prints a line unless it has printed the same text before.
func (c *console) once(text string) {
	c.mu.Lock()
	said := c.said[text]
	if c.said == nil {
		c.said = make(map[string]bool)
	}
	c.said[text] = true
	c.mu.Unlock()
	if !said {
		c.line(text)
	}
}

// Write prints lines from the logger.
func (c *console) Write(p []byte) (int, error) {
	c.line(withoutRemains(string(p)))
	return len(p), nil
}

// question starts a question if asking is true, and ends the current question otherwise. Other
// lines are held back during a question.
func (c *console) question(asking bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.asking = asking; asking {
		c.bar.clear()
		return
	}
	for _, text := range c.held {
		fmt.Fprint(c.w, text)
	}
	if c.dropped > 0 {
		fmt.Fprintf(c.w, "(%d more lines dropped)\n", c.dropped)
	}
	c.held, c.dropped = nil, 0
	c.bar.draw()
}

// say prints text that is part of a question.
func (c *console) say(text string) { c.write(clean(text)) }

// emphasise prints text that is part of a question, in bold if colour is on.
func (c *console) emphasise(text string) {
	if text = clean(text); c.colour {
		text = "\x1b[1m" + text + "\x1b[0m"
	}
	c.write(text)
}

func (c *console) write(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprint(c.w, c.withoutSecrets(text))
}

// shortestSecret is the minimum length of a secret to mask. A shorter secret would match unrelated
// text too often.
const shortestSecret = 6

// hide masks secret in all later output, since a server may repeat it.
func (c *console) hide(secret string) {
	if len(secret) < shortestSecret {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.Contains(c.secrets, secret) {
		c.secrets = append(c.secrets, secret)
	}
}

// masked returns text with all known secrets masked.
func (c *console) masked(text string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.withoutSecrets(text)
}

func (c *console) withoutSecrets(text string) string {
	for _, secret := range c.secrets {
		text = strings.ReplaceAll(text, secret, "[hidden]")
		for n := len(secret) - 1; n >= shortestSecret && strings.Contains(text, "…"); n-- { // the text was cut inside the secret
			text = strings.ReplaceAll(text, secret[:n]+"…", "[hidden]…")
		}
	}
	return text
}

// output writes results to stdout.
type output struct {
	w    io.Writer
	con  *console
	wide int   // columns of the terminal, 0 if stdout is not a terminal
	err  error // the first error, after which nothing is written
	late error // an error after which output continues
}

// text writes text from the server and a line break.
func (o *output) text(text string) {
	o.write(strings.TrimSuffix(clean(text), "\n") + "\n")
}

// item writes a line of a list, wrapped at the width of the terminal.
func (o *output) item(text, indent string) { o.text(wrap(clean(text), o.wide, indent)) }

// json writes a JSON document on one line.
func (o *output) json(raw json.RawMessage) { o.write(string(safeJSON(raw)) + "\n") }

// value writes v as JSON on one line.
func (o *output) value(v any) error {
	raw, err := json.Marshal(v)
	if err == nil {
		o.json(raw)
	}
	return err
}

func (o *output) write(text string) {
	if o.err != nil {
		return
	}
	if _, err := io.WriteString(o.w, text); err != nil {
		o.err = &failure{code: exitOutput, cause: "cannot write the output: " + err.Error()}
	}
}
