package main

import (
	"context"
	"errors"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/mcpclient/mcpconfig"
)

// Context causes for a command that is interrupted.
var (
	errInterrupted = errors.New("cancelled")
	errTimeIsUp    = errors.New("timed out (--timeout)")
)

// run runs a command line and returns the exit code. The first signal cancels the command, which
// notifies the server. On the second signal, run returns immediately without waiting for the
// command.
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

	waits *waits // notes about slow responses and retries

	running  bool               // the command line was valid and the command has started
	session  *mcpclient.Session // nil until connected
	network  *witness           // nil until opened
	found    evidence           // explains why the command failed
	closers  []io.Closer        // closed after the session, in reverse order
	spare    string             // directory for content that could not be saved in --save
	endpoint string             // the URL without its query
	shown    string             // endpoint, as it is printed
	host     string             // the server's host
	client   string             // the client ID of the token that login replaces; "" without one

	given        flags             // the flags as the user gave them; a.flags has what the configuration adds
	config       *mcpconfig.Config // the files of --config, nil without
	entry        *mcpconfig.Server // the server in them that the command uses, nil without
	clientSecret string            // of the entry's client ID

	authParams map[string]string // --auth-param
	authorized bool              // an Authorization header is sent
	loggedIn   bool              // the store has a token for the server
}

func newApp(env environment) *app {
	con := &console{
		w: env.stderr, watched: env.watched, colour: env.watched && !isSet(env, "NO_COLOR"), columns: env.columns, now: env.now,
	}
	return &app{
		env: env, con: con, out: &output{w: env.stdout, con: con, wide: env.width},
		desk: newDesk(con, env.stdin), log: slog.New(slog.DiscardHandler), waits: &waits{con: con},
	}
}

func isSet(env environment, name string) bool {
	value, _ := env.lookup(name)
	return value != ""
}

// execute runs the command line, prints its error and returns the exit code.
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
	a.report(f, err, args)
	return f.code
}

// explain converts an error into the failure that is printed.
func (a *app) explain(ctx context.Context, cmd *cobra.Command, err error) failure {
	var f *failure
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errInterrupted):
		return failure{code: exitCancelled, cause: "cancelled"}
	case errors.As(err, &f):
		return *f
	case !a.running:
		return usageFailure(cmd, err)
	}
	return a.serverFailure(cmd, err)
}
