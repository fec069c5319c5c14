// Scale measures many sessions in one process: what an idle session costs, how sessions come back
// after their servers restarted, how many sessions an executor carries, how long lists take, what a
// group of many servers costs, and what calls do while their servers are suspended. It prints tables
// in Markdown. The servers, and the executor, are processes of their own. docs/scale.md has results.
//
//	go run ./scale -sessions 5000 -servers 100
//
// Each session has a shared stream, so it needs a descriptor here and one in the process of the
// servers: see ulimit -n.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/hawser-mcp/hawser/transport/executor/agent"
)

// options are the flags.
type options struct {
	sessions int
	servers  int
	carried  int
	budget   int64
	tools    int
	members  int
	down     time.Duration
	stop     time.Duration
	heap     string
	parts    string
	out      io.Writer
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
}

func run() error {
	if n := os.Getenv(asServer); n != "" {
		return runAsServer(n)
	}
	if budget := os.Getenv(asExecutor); budget != "" {
		return runAsExecutor(budget, os.Stdin, os.Stdout)
	}
	o := options{out: os.Stdout}
	flag.IntVar(&o.sessions, "sessions", 1000, "`number` of sessions")
	flag.IntVar(&o.servers, "servers", 100, "`number` of servers")
	flag.IntVar(&o.carried, "carried", 1000, "`number` of sessions through the executor")
	flag.Int64Var(&o.budget, "budget", agent.DefaultBudget>>20, "budget of the executor, in `MiB`")
	flag.IntVar(&o.tools, "tools", 100_000, "the longest list, in `tools`")
	flag.IntVar(&o.members, "members", 1000, "`number` of servers of the group")
	flag.DurationVar(&o.stop, "stop", 5*time.Second, "how long the servers are suspended")
	flag.DurationVar(&o.down, "down", 0, "how long the servers refuse connections when they restart")
	flag.StringVar(&o.heap, "heap", "", "write a heap profile of the idle sessions to `file`")
	flag.StringVar(&o.parts, "parts", "idle,recovery,executor,lists,group,stops", "what to measure, `names` with commas")
	flag.Parse()
	if o.heap != "" {
		runtime.MemProfileRate = 512
	}
	return o.measure()
}

// measure runs the parts in the order of their names in the flag.
func (o *options) measure() error {
	parts := map[string]func(*options) error{
		"idle": measureIdle, "recovery": measureRecovery, "executor": measureExecutor, "lists": measureLists,
		"group": measureGroup, "stops": measureStops,
	}
	for name := range strings.SplitSeq(o.parts, ",") {
		part := parts[name]
		if part == nil {
			return errors.New("unknown part " + name)
		}
		if err := part(o); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}
