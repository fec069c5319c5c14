// Command gotest runs go test and treats a skipped test as failed. It prints the output of go test
// without -v, and the whole output of each test that failed or was skipped. It passes all arguments
// to go test.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
)

func main() {
	if err := run(os.Stdout, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "gotest:", err)
		os.Exit(1)
	}
}

func run(out io.Writer, args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	//nolint:gosec // the arguments come from the command line
	cmd := exec.CommandContext(ctx, "go", append([]string{"test", "-json"}, args...)...)
	cmd.Stderr = os.Stderr
	events, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	verdict := report(out, events)
	_, _ = io.Copy(io.Discard, events) // only after a read error: go test must not block on its pipe
	if err := cmd.Wait(); err != nil {
		return errors.Join(fmt.Errorf("go test: %w", err), verdict)
	}
	return verdict
}
