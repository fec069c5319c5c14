package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/transport"
)

// measureRecovery restarts all servers and prints how the sessions come back.
func measureRecovery(o *options) error {
	var addrs []string
	servers, err := start(asServer, strconv.Itoa(o.servers), &addrs)
	if err != nil {
		return err
	}
	direct := transport.NewDirect(nil)
	sessions, err := connectAll(context.Background(), addrs, o.sessions, mcpclient.Options{Transport: direct, ProtocolVersion: legacyVersion})
	if err == nil {
		err = await(servers, o.sessions)
	}
	if err == nil {
		err = restart(o, o.sessions, servers)
	}
	return errors.Join(err, closeAll(sessions), direct.Close(), servers.stop())
}

// restart restarts all servers and prints how n sessions come back.
func restart(o *options, n int, servers *process) error {
	var (
		down string
		c    counts
	)
	if err := servers.ask("restart "+o.down.String(), &down); err != nil {
		return err
	}
	if err := await(servers, n); err != nil {
		return err
	}
	if err := servers.ask("count", &c); err != nil {
		return err
	}
	bars := histogram(c.Initializes)
	fmt.Fprintf(o.out, "### Recovery of %d sessions after %d servers restarted\n\n", n, o.servers)
	fmt.Fprintf(o.out, "| all back | requests a recovery | most initializes in 100 ms |\n|---|---|---|\n| %.1f s | %.2f | %d |\n\n",
		slices.Max(c.Streams).Seconds(), float64(c.Requests)/float64(n), slices.Max(bars))
	fmt.Fprint(o.out, "| request | a recovery |\n|---|---|\n")
	for _, kind := range slices.Sorted(maps.Keys(c.By)) {
		fmt.Fprintf(o.out, "| %s | %.2f |\n", kind, float64(c.By[kind])/float64(n))
	}
	fmt.Fprint(o.out, "\n| ms | initializes | |\n|---|---|---|\n")
	for i, bar := range bars {
		fmt.Fprintf(o.out, "| %d | %d | %s |\n", 100*i, bar, strings.Repeat("█", bar*40/slices.Max(bars)))
	}
	fmt.Fprintln(o.out)
	return nil
}

// histogram counts how many of the times are in each 100 ms.
func histogram(times []time.Duration) []int {
	const width = 100 * time.Millisecond
	last := time.Duration(0)
	for _, at := range times {
		last = max(last, at)
	}
	bars := make([]int, last/width+1)
	for _, at := range times {
		bars[at/width]++
	}
	return bars
}
