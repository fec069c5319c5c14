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

// maxHeld bounds the lines that wait while the user is asked.
const maxHeld = 200

// console is stderr: notes, log messages, progress and questions. All text goes through clean and
// has its secrets masked. Methods are safe for concurrent use.
type console struct {
	w       io.Writer
	watched bool
	colour  bool
	columns int // of the terminal, 0 if unknown
	now     func() time.Time

	mu      sync.Mutex
	secrets []string        // guarded by mu
	said    map[string]bool // guarded by mu; see once
	bar     *progressBar    // guarded by mu; nil when none is shown
	asking  bool            // guarded by mu: the user is being asked
	held    []string        // guarded by mu: lines that wait until then
	dropped int             // guarded by mu
}

// line prints a line, or holds it back while the user is being asked.
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

// once is line, but prints each text only once.
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

// Write prints lines of the logger.
func (c *console) Write(p []byte) (int, error) {
	c.line(withoutRemains(string(p)))
	return len(p), nil
}

// question starts or ends a question, during which other lines are held back.
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

// say prints text of a question.
func (c *console) say(text string) { c.write(clean(text)) }

// emphasise prints text of a question in bold, if the terminal supports it.
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

// shortestSecret is the shortest text to hide. Shorter ones appear in too many other texts.
const shortestSecret = 6

// hide masks a secret in everything that is printed from now on, since a server may repeat it.
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

// masked returns a text without the secrets that are known.
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

// output is stdout, for results.
type output struct {
	w    io.Writer
	con  *console
	wide int   // columns of the terminal, 0 if stdout is not one
	err  error // the first error, after which nothing is written
	late error // an error that does not end the output
}

// text writes a server's text and a line break.
func (o *output) text(text string) {
	o.write(strings.TrimSuffix(clean(text), "\n") + "\n")
}

// item writes a line of a list, wrapped at the width of the terminal.
func (o *output) item(text, indent string) { o.text(wrap(clean(text), o.wide, indent)) }

// json writes a document on one line.
func (o *output) json(raw json.RawMessage) { o.write(string(safeJSON(raw)) + "\n") }

// value encodes a value and writes it on one line.
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
