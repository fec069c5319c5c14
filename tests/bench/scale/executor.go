package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/transport/executor"
	"github.com/hawser-mcp/hawser/transport/executor/agent"
)

// asExecutor is set in the process of the executor, to the limit of its budget in MiB.
const asExecutor = "HAWSER_SCALE_EXECUTOR"

// load is what the executor holds.
type load struct {
	Heap       float64     `json:"heap"`
	Stack      float64     `json:"stack"`
	Goroutines float64     `json:"goroutines"`
	Sockets    float64     `json:"sockets"`
	Stats      agent.Stats `json:"stats"`
}

// runAsExecutor serves links until its input ends. It prints its URL, and for each line of its
// input what it holds. budget is in MiB.
func runAsExecutor(budget string, in io.Reader, out io.Writer) error {
	limit, err := strconv.ParseInt(budget, 10, 64)
	if err != nil {
		return err
	}
	l, err := agent.Listen(context.Background(), "ws://127.0.0.1:0", &agent.Options{Budget: agent.NewBudget(limit << 20)})
	if err != nil {
		return err
	}
	reply := json.NewEncoder(out)
	if err := reply.Encode(l.URL()); err != nil {
		return errors.Join(err, l.Close())
	}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		c := held()
		if err := reply.Encode(load{c.heap, c.stack, c.goroutines, c.sockets, l.Stats()}); err != nil {
			return errors.Join(err, l.Close())
		}
	}
	return errors.Join(lines.Err(), l.Close())
}

// measureExecutor prints what it costs to carry sessions with streams through one executor.
func measureExecutor(o *options) error {
	var (
		addrs []string
		url   string
	)
	servers, err := start(asServer, strconv.Itoa(o.servers), &addrs)
	if err != nil {
		return err
	}
	far, err := start(asExecutor, strconv.FormatInt(o.budget, 10), &url)
	if err != nil {
		return errors.Join(err, servers.stop())
	}
	return errors.Join(carry(o, servers, far, addrs, url), far.stop(), servers.stop())
}

func carry(o *options, servers, far *process, addrs []string, url string) error {
	ctx := context.Background()
	var farBefore, farNow load
	if err := far.ask("", &farBefore); err != nil {
		return err
	}
	before, began := held(), time.Now()
	elsewhere, err := executor.Dial(ctx, url, nil)
	if err != nil {
		return err
	}
	sessions, err := connectAll(ctx, addrs, o.carried, mcpclient.Options{Transport: elsewhere, ProtocolVersion: legacyVersion})
	if err == nil {
		err = await(servers, o.carried)
	}
	if err != nil {
		return errors.Join(err, closeAll(sessions), elsewhere.Close())
	}
	connected := time.Since(began)
	near, links := held().over(before, o.carried), elsewhere.Stats().Links
	err = far.ask("", &farNow)
	fmt.Fprintf(o.out, "### %d sessions through one executor, %d servers\n\n", o.carried, o.servers)
	fmt.Fprintln(o.out, "| | kB heap | kB stack | goroutines | sockets |\n|---|---|---|---|---|")
	there := farNow.cost().over(farBefore.cost(), o.carried)
	fmt.Fprintf(o.out, "| a session here | %.1f | %.1f | %.2f | %.2f |\n", near.heap, near.stack, near.goroutines, near.sockets)
	fmt.Fprintf(o.out, "| a session in the executor | %.1f | %.1f | %.2f | %.2f |\n\n", there.heap, there.stack, there.goroutines, there.sockets)
	fmt.Fprintf(o.out, "All connected after %.1f s, over %d links; %d kB count against the budget.\n",
		connected.Seconds(), links, farNow.Stats.Held/1000)
	return errors.Join(err, pingAll(o, sessions), restart(o, o.carried, servers), closeAll(sessions), elsewhere.Close())
}

func (l load) cost() cost { return cost{l.Heap, l.Stack, l.Goroutines, l.Sockets} }

// pingAll prints how long it takes until each session has a ping answered.
func pingAll(o *options, sessions []*mcpclient.Session) error {
	errs := make([]error, len(sessions))
	began := time.Now()
	each(len(sessions), func(i int) { errs[i] = sessions[i].Ping(context.Background()) })
	took := time.Since(began)
	fmt.Fprintf(o.out, "A ping of each session, %d at once: %.1f s, %d µs a ping.\n\n", atOnce, took.Seconds(), took.Microseconds()/int64(len(sessions)))
	return errors.Join(errs...)
}
