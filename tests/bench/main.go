// Command bench compares Hawser with other MCP clients and with the floor, which is net/http with a
// prebuilt body and without decoding. It prints Markdown. docs/performance.md says what is measured
// and how to read the result.
//
//	go run .                                 # everything, 15 to 60 minutes
//	go run . -run 'one call.*200 B' -rounds 8
//	go run . -write                          # also writes docs/performance.md and its plots
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/hawser-mcp/hawser/tests/bench/internal/process"
	"github.com/hawser-mcp/hawser/tests/bench/internal/report"
	"github.com/hawser-mcp/hawser/tests/bench/internal/runner"
	"github.com/hawser-mcp/hawser/tests/bench/internal/worker"
)

func main() {
	err := run()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// codexVariable is the environment variable that has the default of -codex.
const codexVariable = "HAWSER_BENCH_CODEX"

// run runs the role of this process, or the benchmark.
func run() error {
	if role := process.Role(); role != "" {
		return worker.Main(role)
	}
	opts := runner.Options{Log: os.Stderr}
	flag.IntVar(&opts.Rounds, "rounds", 24, "`number` of rounds")
	flag.BoolVar(&opts.Smoke, "smoke", false, "make few calls in one round, to see that everything works")
	flag.StringVar(&opts.Codex, "codex", os.Getenv(codexVariable), "`path` of a codex program; by default $"+codexVariable)
	pattern := flag.String("run", "", "run only the scenarios whose name matches this `regexp`")
	names := flag.String("clients", "", "run only these clients and the floor, separated by `commas`")
	write := flag.Bool("write", false, "write the report and its plots to -docs")
	docs := flag.String("docs", filepath.Join("..", "..", "docs"), "`directory` of performance.md")
	flag.Parse()
	if flag.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flag.Arg(0))
	}
	if opts.Smoke {
		opts.Rounds = 1
	}
	if opts.Rounds < 1 {
		return fmt.Errorf("-rounds: expected at least 1, got %d", opts.Rounds)
	}
	var err error
	if *pattern != "" {
		if opts.Run, err = regexp.Compile(*pattern); err != nil {
			return fmt.Errorf("-run: %w", err)
		}
	}
	for name := range strings.SplitSeq(*names, ",") {
		if name = strings.TrimSpace(name); name != "" {
			opts.Clients = append(opts.Clients, name)
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	results, err := runner.Run(ctx, &opts)
	if err != nil {
		return err
	}
	machine := report.Machine(ctx)
	if *write {
		return results.Write(*docs, machine)
	}
	_, err = fmt.Print(results.Markdown(machine))
	return err
}
