package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/hawser-mcp/hawser/mcpclient"
)

// measureLists prints how long lists of tools take, in one page.
func measureLists(o *options) error {
	var addrs []string
	servers, err := start(asServer, "1", &addrs)
	if err != nil {
		return err
	}
	s, err := mcpclient.Connect(context.Background(), "http://"+addrs[0]+"/mcp", &mcpclient.Options{ProtocolVersion: legacyVersion})
	if err != nil {
		return errors.Join(err, servers.stop())
	}
	fmt.Fprint(o.out, "### Lists of tools\n\n| tools | ms | µs a tool | B a tool | allocations a tool |\n|---|---|---|---|---|\n")
	for _, n := range []int{o.tools / 100, o.tools / 10, o.tools} {
		if err = list(o, s, servers, n); err != nil {
			break
		}
	}
	fmt.Fprintln(o.out)
	return errors.Join(err, s.Close(), servers.stop())
}

// list prints the second of two lists of n tools: the first one makes the connection and the
// buffers.
func list(o *options, s *mcpclient.Session, servers *process, n int) error {
	var done string
	if err := servers.ask(fmt.Sprint("tools ", n), &done); err != nil {
		return err
	}
	for round := range 2 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		began := time.Now()
		tools, _, err := s.AllTools(context.Background())
		took := time.Since(began)
		runtime.ReadMemStats(&after)
		if err != nil {
			return err
		}
		if len(tools) != n {
			return fmt.Errorf("got %d tools, want %d", len(tools), n)
		}
		if round == 1 {
			each := float64(n)
			fmt.Fprintf(o.out, "| %d | %.1f | %.2f | %.0f | %.1f |\n", n, float64(took.Microseconds())/1000, float64(took.Microseconds())/each,
				float64(after.TotalAlloc-before.TotalAlloc)/each, float64(after.Mallocs-before.Mallocs)/each)
		}
	}
	return nil
}
