// Command client drives the session through the scenarios of the official MCP
// conformance suite. The suite appends the server's URL as the last argument
// and names the scenario in the environment:
//
//	MCP_CONFORMANCE_SCENARIO          the scenario
//	MCP_CONFORMANCE_PROTOCOL_VERSION  the revision to speak
//	MCP_CONFORMANCE_CONTEXT           JSON with what the scenario needs
//	HAWSER_TRANSPORT                  direct (the default) or executor
//	HAWSER_EXECUTOR                   the executor's ws:// URL
//
// It exits with 0 only if every call that the scenario needs was made and
// ended as it must; 1 if not; 2 if it was not asked properly.
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
	// patience bounds a scenario: the suite's own bound is 30 s.
	patience = 25 * time.Second
)

// errUsage marks a question that the program cannot answer.
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
		return fmt.Errorf("%w: client URL, with MCP_CONFORMANCE_SCENARIO set", errUsage)
	}
	name := env("MCP_CONFORMANCE_SCENARIO")
	sc, ok := scenarios[name]
	if !ok {
		sc, ok = authScenarios[name]
	}
	if !ok {
		return fmt.Errorf("%w: no scenario %q", errUsage, name)
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

// run connects, runs the scenario and closes.
func (t *trial) run(ctx context.Context, url string, opts *mcpclient.Options, sc *scenario) (err error) {
	if t.session, err = mcpclient.Connect(ctx, url, opts); err != nil {
		return err
	}
	if err := sc.try(ctx, t); err != nil {
		_ = t.session.Close() // the scenario's error is the one that matters
		return err
	}
	return t.session.Close()
}

// outcome is what the error of a run means for the scenario.
func (sc *scenario) outcome(err error) error {
	switch {
	case sc.refused == nil:
		return err
	case err == nil:
		return errors.New("the client went on where it must stop")
	case !sc.refused(err):
		return fmt.Errorf("the client stopped for another reason: %w", err)
	}
	fmt.Fprintln(os.Stderr, "stopped, as it must:", err)
	return nil
}

func chooseTransport(ctx context.Context, env func(string) string) (transport.Transport, error) {
	switch name := env("HAWSER_TRANSPORT"); name {
	case "", "direct":
		return transport.NewDirect(nil), nil
	case "executor":
		url := env("HAWSER_EXECUTOR")
		if url == "" {
			return nil, fmt.Errorf("%w: HAWSER_TRANSPORT=executor needs HAWSER_EXECUTOR", errUsage)
		}
		return executor.Dial(ctx, url, nil)
	default:
		return nil, fmt.Errorf("%w: HAWSER_TRANSPORT=%q: direct or executor", errUsage, name)
	}
}
