package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"

	"github.com/hawser-mcp/hawser/transport"
	"github.com/hawser-mcp/hawser/transport/executor"
)

// executorVariable is the environment variable that selects an executor for every command.
const executorVariable = "HAWSER_EXECUTOR"

const executorHint = "an executor is ws://HOST:PORT, wss://HOST:PORT or stdio:COMMAND"

// openExecutor returns the executor that sends the requests, or nil if this machine sends them.
func (a *app) openExecutor(ctx context.Context) (http.RoundTripper, error) {
	opts := &executor.Options{ClientName: "hawser-cli", Logger: a.log}
	where := a.flags.executor
	if where == "" && a.entry != nil && a.entry.Executor != "" {
		e := a.config.Executors[a.entry.Executor]
		where, opts.Token = e.URL, e.Token
	}
	if where == "" {
		where, _ = a.env.lookup(executorVariable)
	}
	if where == "" {
		return nil, nil
	}
	if a.flags.cert != "" || a.flags.key != "" || a.flags.cacert != "" {
		return nil, usageError("configure certificates where the executor runs", "--cert, --key and --cacert have no effect with an executor")
	}
	if a.entry != nil {
		opts.HeadersFromEnv = headersFromEnv(a.entry)
	}
	if file := a.flags.executorToken; file != "" {
		token, err := readSecret(file)
		if err != nil {
			return nil, usageError("--executor-token-file takes a file with the token for the executor", "%v", err)
		}
		opts.Token = token
	}
	t, err := dialExecutor(ctx, where, opts)
	if err != nil {
		return nil, a.executorFailure(err)
	}
	a.closers = append(a.closers, t)
	return t, nil
}

func dialExecutor(ctx context.Context, where string, opts *executor.Options) (transport.Transport, error) {
	command, ok := strings.CutPrefix(where, "stdio:")
	if !ok {
		return executor.Dial(ctx, where, opts)
	}
	words := strings.Fields(command)
	if len(words) == 0 {
		return nil, usageError(executorHint, "stdio: without a command")
	}
	return executor.Command(ctx, func(ctx context.Context) (*exec.Cmd, error) {
		cmd := exec.CommandContext(ctx, words[0], words[1:]...) //nolint:gosec // the user's own command, without a shell
		cmd.Stderr = os.Stderr
		return cmd, nil
	}, opts)
}

// executorFailure returns an error that explains why an executor cannot be used.
func (a *app) executorFailure(err error) error {
	var (
		refused *executor.RefusedError
		link    *transport.Error
		own     *failure
	)
	if errors.As(err, &own) {
		return own
	}
	f := &failure{code: exitNotRun, hint: "check that the executor is running at this address"}
	cause := err
	for errors.As(cause, &link) && link.Err != nil {
		cause = link.Err
	}
	f.cause = "cannot use the executor: " + withoutOperation(oneLine(cause.Error(), 300))
	switch {
	case errors.As(err, &refused) && (refused.Status == http.StatusUnauthorized || refused.Status == http.StatusForbidden):
		f.code, f.hint = exitAuth, "--executor-token-file takes a file with the token for the executor"
	case errors.As(err, &refused):
		f.hint = executorHint
	case errors.Is(err, exec.ErrNotFound):
		f.code, f.hint = exitUsage, executorHint
	case errors.As(err, &link) && link.Op == "executor":
		f.code, f.hint = exitUsage, executorHint
	}
	return f
}

// maxSecret is the maximum size of a file with a secret, in bytes.
const maxSecret = 64 << 10

// readSecret returns the secret in a file. Its errors do not contain the secret.
func readSecret(file string) (string, error) {
	f, err := os.Open(file) //nolint:gosec // the user names the file
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	switch secret := strings.TrimSpace(string(text)); {
	case err != nil:
		return "", err
	case len(text) > maxSecret:
		return "", fmt.Errorf("%s is too large to be a token", file)
	case secret == "":
		return "", fmt.Errorf("%s is empty", file)
	default:
		return secret, nil
	}
}
