// Command hawser talks to an MCP server from the command line. It lists what the server offers,
// calls tools, reads resources, and lets the user answer requests from the server.
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
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/hawser-mcp/hawser/oauth"
)

func main() {
	signals := make(chan os.Signal, 2) // the second one must not be lost
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
		cache:   cacheDir(),
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

// cacheDir returns the user's cache directory, or "" if the system has none.
func cacheDir() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return dir
}

// environment is everything that the program uses from the machine. Tests replace it.
type environment struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	// person means that a user reads stderr and can type on stdin.
	person bool
	// watched means that stderr is a terminal, on which a line can be redrawn.
	watched bool
	columns int // width of that terminal, 0 if unknown
	width   int // columns of stdout, 0 if it is not a terminal
	// lookup reads an environment variable.
	lookup func(name string) (string, bool)
	// signals end the program: the first one cleanly, the second one at once.
	signals <-chan os.Signal
	now     func() time.Time
	// transport sends the requests. Nil means the session's default.
	transport http.RoundTripper
	// proxy returns the proxy for a request. Nil means that environment variables choose the proxy.
	proxy func(*http.Request) (*url.URL, error)
	// cache is the user's cache directory. If it is empty, nothing is cached.
	cache string
	// login takes the user to the authorization server. Nil means that a browser is opened.
	login oauth.Login
}
