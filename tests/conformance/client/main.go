// Command client drives a session through the scenarios of the official MCP conformance suite. The
// suite appends the server's URL as the last argument and names the scenario in the environment:
//
//	MCP_CONFORMANCE_SCENARIO          the scenario
//	MCP_CONFORMANCE_PROTOCOL_VERSION  the protocol revision to use
//	MCP_CONFORMANCE_CONTEXT           JSON input of the scenario
//	HAWSER_TRANSPORT                  direct (the default) or executor
//	HAWSER_EXECUTOR                   the executor's ws:// URL
//	HAWSER_EXECUTOR_SHARED            if it is not empty, all exchanges share one link
//
// The exit status is 0 if all calls of the scenario were made and ended as expected, 1 if not, and
// 2 if the arguments or the environment are invalid.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/transport"
	"github.com/hawser-mcp/hawser/transport/executor"
)

const (
	exitFailed = 1
	exitUsage  = 2
	// patience limits the time of a scenario. The suite's own limit is 30 s.
	patience = 25 * time.Second
)

// errUsage marks invalid arguments or environment variables.
var errUsage = errors.New("usage")

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	err := run(ctx, os.Args[1:], os.Getenv)
	cancel()
	switch {
	case errors.Is(err, errUsage):
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitUsage)
	case err != nil:
		fmt.Fprintln(os.Stderr, "failed:", err)
		os.Exit(exitFailed)
	}
}

func run(ctx context.Context, args []string, env func(string) string) error {
	if len(args) == 0 {
		return fmt.Errorf("%w: expected the server's URL as argument and MCP_CONFORMANCE_SCENARIO in the environment", errUsage)
	}
	name := env("MCP_CONFORMANCE_SCENARIO")
	sc, ok := scenarios[name]
	if !ok {
		sc, ok = authScenarios[name]
	}
	if !ok {
		return fmt.Errorf("%w: unknown scenario %q", errUsage, name)
	}
	network, err := chooseTransport(ctx, env)
	if err != nil {
		return err
	}
	defer network.Close()
	t := &trial{input: []byte(env("MCP_CONFORMANCE_CONTEXT"))}
	opts := &mcpclient.Options{
		Transport: network,
		Logger:    slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if !sc.negotiated {
		opts.ProtocolVersion = env("MCP_CONFORMANCE_PROTOCOL_VERSION")
	}
	if sc.handlers != nil {
		opts.Handlers = sc.handlers(t)
	}
	url := args[len(args)-1]
	if sc.auth != nil {
		auth, err := sc.authorizer(url, t.input)
		if err != nil {
			return err
		}
		defer auth.Close()
		opts.Auth = auth
	}
	return sc.outcome(t.run(ctx, url, opts, &sc))
}

// run connects, runs the scenario and closes the session.
func (t *trial) run(ctx context.Context, url string, opts *mcpclient.Options, sc *scenario) (err error) {
	if t.session, err = mcpclient.Connect(ctx, url, opts); err != nil {
		return err
	}
	if err := sc.try(ctx, t); err != nil {
		_ = t.session.Close() // the scenario's error is more useful
		return err
	}
	return t.session.Close()
}

// outcome evaluates the error of a run for the scenario.
func (sc *scenario) outcome(err error) error {
	switch {
	case sc.refused == nil:
		return err
	case err == nil:
		return errors.New("the client continued, expected it to stop")
	case !sc.refused(err):
		return fmt.Errorf("the client stopped for the wrong reason: %w", err)
	}
	fmt.Fprintln(os.Stderr, "stopped as expected:", err)
	return nil
}

func chooseTransport(ctx context.Context, env func(string) string) (transport.Transport, error) {
	switch name := env("HAWSER_TRANSPORT"); name {
	case "", "direct":
		return transport.NewDirect(nil), nil
	case "executor":
		url := env("HAWSER_EXECUTOR")
		if url == "" {
			return nil, fmt.Errorf("%w: HAWSER_TRANSPORT=executor requires HAWSER_EXECUTOR", errUsage)
		}
		return executor.Dial(ctx, url, &executor.Options{Shared: env("HAWSER_EXECUTOR_SHARED") != ""})
	default:
		return nil, fmt.Errorf("%w: invalid HAWSER_TRANSPORT %q: expected direct or executor", errUsage, name)
	}
}
