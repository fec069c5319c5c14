package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/hawser-mcp/hawser/mcpclient"
)

// What ends a command from outside, as causes of its context.
var (
	errInterrupted = errors.New("cancelled")
	errTimeIsUp    = errors.New("timed out (--timeout)")
)

// run runs one command line and returns the exit code. The first signal
// cancels the command, which tells the server; at the second, run returns at
// once and leaves behind what is still running.
func run(ctx context.Context, env environment, args []string) int {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	a := newApp(env)
	done := make(chan int, 1)
	go func() { done <- a.execute(ctx, args) }()
	for interrupted := false; ; interrupted = true {
		select {
		case code := <-done:
			return code
		case <-env.signals:
			if interrupted {
				return exitCancelled
			}
			cancel(errInterrupted)
		}
	}
}

// app is one run of the program.
type app struct {
	env   environment
	flags flags
	out   *output
	con   *console
	desk  *desk
	log   *slog.Logger

	waiting *time.Timer // tells that the server is slow

	running bool               // the command line was understood, and its command has begun
	session *mcpclient.Session // nil until connected
	network http.RoundTripper  // that of an executor, once it is there
	closers []io.Closer        // what is to be closed after the session, the last one first
	shown   string             // the URL without what may be secret in it
	host    string             // of the server, for questions
	plain   bool               // the URL is http

	authorized bool // an Authorization header is sent
}

func newApp(env environment) *app {
	con := &console{
		w: env.stderr, watched: env.watched, colour: env.watched && !isSet(env, "NO_COLOR"), columns: env.columns, now: env.now,
	}
	return &app{
		env: env, con: con, out: &output{w: env.stdout, con: con, wide: env.width},
		desk: newDesk(con, env.stdin), log: slog.New(slog.DiscardHandler),
	}
}

func isSet(env environment, name string) bool {
	value, _ := env.lookup(name)
	return value != ""
}

// execute runs the command line to its end, and tells what went wrong.
func (a *app) execute(ctx context.Context, args []string) int {
	defer a.desk.close()
	root := a.rootCommand()
	root.SetArgs(args)
	root.SetIn(a.env.stdin)
	root.SetOut(a.env.stdout)
	root.SetErr(a.env.stderr)
	completeInBash(root)
	cmd, err := root.ExecuteContextC(ctx)
	a.con.endProgress()
	for _, late := range []error{a.out.err, a.out.late} {
		if err == nil {
			err = late
		}
	}
	if err == nil {
		return exitOK
	}
	f := a.explain(ctx, cmd, err)
	if mcpclient.KindOf(err) != 0 {
		a.log.Debug("failed", "error", err)
	}
	if f.code == exitCancelled && a.con.watched {
		a.con.write(clearLine) // the terminal shows ^C
	}
	if f.cause != "" {
		a.con.line(f.cause)
	}
	if f.hint != "" {
		a.con.line("hint: " + f.hint)
	}
	return f.code
}

// explain turns an error into what a person reads.
func (a *app) explain(ctx context.Context, cmd *cobra.Command, err error) failure {
	var f *failure
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errInterrupted):
		return failure{code: exitCancelled, cause: "cancelled"}
	case errors.As(err, &f):
		out := *f
		out.cause = "hawser: " + out.cause
		return out
	case !a.running:
		return usageFailure(cmd, err)
	}
	out := a.serverFailure(err)
	out.cause = "hawser: " + out.cause
	return out
}
