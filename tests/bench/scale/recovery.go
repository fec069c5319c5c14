package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/transport"
)

// measureRecovery restarts all servers and prints how the sessions come back.
func measureRecovery(o *options) error {
	var addrs []string
	servers, err := start(asServer, fmt.Sprint(o.servers), &addrs)
	if err != nil {
		return err
	}
	direct := transport.NewDirect(nil)
	sessions, err := connectAll(context.Background(), addrs, o.sessions, mcpclient.Options{Transport: direct, ProtocolVersion: legacyVersion})
	if err == nil {
		err = await(servers, o.sessions)
	}
	if err == nil {
		err = restart(o, servers)
	}
	return errors.Join(err, closeAll(sessions), direct.Close(), servers.stop())
}

func restart(o *options, servers *process) error {
	var (
		down string
		c    counts
	)
	if err := servers.ask("restart "+o.down.String(), &down); err != nil {
		return err
	}
	if err := await(servers, o.sessions); err != nil {
		return err
	}
	if err := servers.ask("count", &c); err != nil {
		return err
	}
	n := float64(o.sessions)
	bars := histogram(c.Initializes)
	fmt.Printf("### Recovery of %d sessions after %d servers restarted\n\n", o.sessions, o.servers)
	fmt.Printf("| all back | requests a recovery | most initializes in 100 ms |\n|---|---|---|\n| %.1f s | %.2f | %d |\n\n",
		slices.Max(c.Streams).Seconds(), float64(c.Requests)/n, slices.Max(bars))
	fmt.Print("| request | a recovery |\n|---|---|\n")
	for _, kind := range slices.Sorted(maps.Keys(c.By)) {
		fmt.Printf("| %s | %.2f |\n", kind, float64(c.By[kind])/n)
	}
	fmt.Print("\n| ms | initializes | |\n|---|---|---|\n")
	for i, bar := range bars {
		fmt.Printf("| %d | %d | %s |\n", 100*i, bar, strings.Repeat("█", bar*40/slices.Max(bars)))
	}
	fmt.Println()
	return nil
}

// histogram counts how many of the times are in each 100 ms.
func histogram(times []time.Duration) []int {
	bars := make([]int, 1)
	for _, at := range times {
		i := int(at / (100 * time.Millisecond))
		for len(bars) <= i {
			bars = append(bars, 0)
		}
		bars[i]++
	}
	return bars
}
