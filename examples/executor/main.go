// Command executor runs the agent of executor mode. It performs HTTP requests for remote clients,
// from the network of its machine.
//
//	go run ./examples/executor                                  # WebSockets on a free loopback port
//	go run ./examples/executor -listen stdio                    # one client, over stdin and stdout
//	go run ./examples/executor -allow mcp.example.com -allow-env MCP_TOKEN=https://mcp.example.com
//
// The first line on stdout is the URL that clients connect to. All other output goes to stderr.
// SIGTERM and SIGINT end the program with exit code 0, as does the end of stdin with -listen stdio.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/hawser-mcp/hawser/internal/release"
	"github.com/hawser-mcp/hawser/transport/executor/agent"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	set, err := parse(os.Args[1:], os.Stderr)
	if err == nil {
		set.limitMemory()
		err = set.run(ctx, streams{os.Stdin, os.Stdout, os.Stderr})
	}
	stop()
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
	default:
		fmt.Fprintln(os.Stderr, "executor:", err)
		os.Exit(1)
	}
}

// streams are the standard streams of the process.
type streams struct {
	in  io.ReadCloser
	out io.WriteCloser
	err io.Writer
}

// settings are the values of the command-line flags.
type settings struct {
	version     bool
	listen      string
	tokenFile   string
	allow, deny []string
	opts        agent.Options
}

// limitMemory makes the garbage collector work harder before the process uses twice its budget. The
// environment variable GOMEMLIMIT has precedence.
func (set *settings) limitMemory() {
	if os.Getenv("GOMEMLIMIT") == "" {
		budget := set.opts.Budget.Stats().Limit
		debug.SetMemoryLimit(budget + budget/4*3 + runtimeMemory)
	}
}

const runtimeMemory = 16 << 20 // what an idle program uses, in bytes

func (set *settings) run(ctx context.Context, s streams) (err error) {
	if set.version {
		_, err = fmt.Fprintln(s.out, "executor version", release.Version)
		return err
	}
	if set.opts.Policy, err = agent.NewPolicy(set.allow, set.deny); err != nil {
		return err
	}
	if set.tokenFile != "" {
		if set.opts.Token, err = readToken(set.tokenFile); err != nil {
			return err
		}
	}
	if set.listen == "stdio" {
		return serveStdio(ctx, s, &set.opts)
	}
	l, err := agent.Listen(ctx, set.listen, &set.opts)
	if err != nil {
		return err
	}
	defer l.Close()
	if _, err := fmt.Fprintln(s.out, l.URL()); err != nil {
		return err
	}
	<-ctx.Done()
	if set.opts.Logger != nil {
		logCounters(set.opts.Logger, l.Stats())
	}
	return nil
}

// logCounters logs what the agent did.
func logCounters(log *slog.Logger, s agent.Stats) {
	log.Debug("counters", "links", s.LinksTotal, "exchanges", s.ExchangesTotal, "bytesIn", s.BytesIn, "bytesOut", s.BytesOut,
		"heldPeak", s.HeldPeak, "overflows", s.Overflows, "evictions", s.Evictions, "lateMessages", s.LateMessages)
}

func parse(args []string, output io.Writer) (*settings, error) {
	set := new(settings)
	var verbose bool
	var budget int64
	flags := flag.NewFlagSet("executor", flag.ContinueOnError)
	flags.SetOutput(output)
	flags.BoolVar(&set.version, "version", false, "print the version and exit")
	flags.StringVar(&set.listen, "listen", "ws://127.0.0.1:0", "where to listen: ws://IP:PORT, or stdio")
	flags.StringVar(&set.tokenFile, "token-file", "",
		"`file` with the token that clients must present; required for addresses other than loopback")
	flags.Func("allow", "allow only this `host`, host:port, network (10.0.0.0/8), public, loopback or private; "+
		"may be repeated (default public and loopback)", appendTo(&set.allow))
	flags.Func("deny", "deny this `host`, host:port, network, public, loopback or private; may be repeated", appendTo(&set.deny))
	set.opts.HeaderEnv = make(map[string][]string)
	flags.Func("allow-env", "`VAR=ORIGIN`: an environment variable that clients may send in headers to that origin; may be repeated",
		func(text string) error {
			name, origin, ok := strings.Cut(text, "=")
			if !ok || name == "" || origin == "" {
				return errors.New("expected VAR=ORIGIN, such as MCP_TOKEN=https://mcp.example.com")
			}
			set.opts.HeaderEnv[name] = append(set.opts.HeaderEnv[name], origin)
			return nil
		})
	flags.BoolVar(&set.opts.HeaderEnvWithoutToken, "allow-env-without-token", false,
		"allow -allow-env without -token-file: every program on this machine can then use the variables")
	flags.Int64Var(&budget, "budget", agent.DefaultBudget>>20, "memory for all clients together, in `MiB`")
	flags.IntVar(&set.opts.Concurrent, "concurrent", agent.DefaultConcurrent, "maximum number of requests per link that wait for their response heads")
	flags.BoolVar(&verbose, "debug", false, "log links, exchanges and, at the end, counters to stderr")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	switch {
	case flags.NArg() > 0:
		return nil, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case set.opts.Concurrent < 1:
		return nil, errors.New("-concurrent must be at least 1")
	case budget < 1 || budget > 1<<20:
		return nil, errors.New("-budget must be at least 1 and at most 1048576")
	case set.listen == "stdio" && set.tokenFile != "":
		return nil, errors.New("-token-file requires WebSockets: a client that has the pipes needs no token")
	}
	set.opts.Budget = agent.NewBudget(budget << 20)
	if verbose {
		set.opts.Logger = slog.New(slog.NewTextHandler(output, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return set, nil
}

func appendTo(list *[]string) func(string) error {
	return func(text string) error {
		*list = append(*list, text)
		return nil
	}
}

func readToken(file string) (string, error) {
	text, err := os.ReadFile(file) //nolint:gosec // the user names the file
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(string(text))
	if token == "" {
		return "", fmt.Errorf("no token in %s", file)
	}
	return token, nil
}

// serveStdio serves one client. After a signal, the program exits without waiting, because a Read
// of stdin cannot be interrupted on some systems.
func serveStdio(ctx context.Context, s streams, opts *agent.Options) error {
	served := make(chan error, 1)
	go func() { served <- agent.ServeStdio(ctx, s.in, s.out, opts) }()
	select {
	case err := <-served:
		if ctx.Err() != nil {
			return nil //nolint:nilerr // a signal caused the error
		}
		return err
	case <-ctx.Done():
		return nil
	}
}
