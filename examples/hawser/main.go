// Command hawser talks to one MCP server from the command line: it lists what
// the server offers, calls its tools, reads its resources, and answers what the
// server asks on the way.
//
//	hawser tools https://mcp.example.com/mcp
//	hawser call https://mcp.example.com/mcp search q=gophers limit=3
//
// See README.md for the commands, the flags and the exit codes.
package main

import (
	"context"
	"io"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/term"
)

func main() {
	signals := make(chan os.Signal, 2) // two of them mean something
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	os.Exit(run(context.Background(), environment{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
		person:  isTerminal(os.Stdin) && isTerminal(os.Stderr),
		watched: isTerminal(os.Stderr),
		columns: columns(os.Stderr),
		width:   columns(os.Stdout),
		lookup:  os.LookupEnv,
		signals: signals,
		now:     time.Now,
	}, os.Args[1:]))
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

func columns(f *os.File) int {
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// environment is all that the program sees of the machine, so that a test can
// be the machine.
type environment struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	// person: somebody reads stderr and can type an answer on stdin.
	person bool
	// watched: stderr is a terminal, where a line may be drawn again.
	watched bool
	columns int // of that terminal, 0 if unknown
	width   int // of the terminal that stdout is, 0 if it is none
	// lookup reads an environment variable.
	lookup func(name string) (string, bool)
	// signals ask to end: the first in good order, the second at once.
	signals <-chan os.Signal
	now     func() time.Time
	// transport carries the requests; nil is the session's own.
	transport http.RoundTripper
}
