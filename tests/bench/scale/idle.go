package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"strconv"
	"time"

	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/transport"
)

// cost is what this process holds, or one of its sessions. Memory is in kB, of 1,000 bytes.
type cost struct {
	heap, stack, goroutines, sockets float64
}

// held collects garbage and returns what is left. Each collection frees more of what pools hold,
// and shrinks stacks.
func held() cost {
	for range 3 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	c := cost{heap: float64(m.HeapAlloc) / 1000, stack: float64(m.StackInuse) / 1000, goroutines: float64(runtime.NumGoroutine())}
	if open, err := os.ReadDir("/dev/fd"); err == nil {
		c.sockets = float64(len(open))
	}
	return c
}

// over returns the cost of one of n sessions, before being the cost without them.
func (c cost) over(before cost, n int) cost {
	per := func(now, then float64) float64 { return (now - then) / float64(n) }
	return cost{per(c.heap, before.heap), per(c.stack, before.stack), per(c.goroutines, before.goroutines), per(c.sockets, before.sockets)}
}

// measureIdle prints what sessions cost that only hold their streams open.
func measureIdle(o *options) error {
	var addrs []string
	servers, err := start(asServer, strconv.Itoa(o.servers), &addrs)
	if err != nil {
		return err
	}
	fmt.Fprintf(o.out, "### Idle sessions with a shared stream, %d servers\n\n", o.servers)
	fmt.Fprintln(o.out, "| revision | sessions | kB heap | kB stack | kB | goroutines | sockets | all connected |")
	fmt.Fprintln(o.out, "|---|---|---|---|---|---|---|---|")
	for _, version := range []string{modernVersion, legacyVersion} {
		for _, n := range []int{o.sessions / 2, o.sessions} {
			if err = printIdle(o, servers, addrs, version, n); err != nil {
				break
			}
		}
	}
	if err == nil && o.heap != "" {
		_, _, err = idle(servers, transport.NewDirect(nil), addrs, legacyVersion, o.sessions, func() error { return profile(o.heap) })
	}
	fmt.Fprintln(o.out)
	return errors.Join(err, servers.stop())
}

func printIdle(o *options, servers *process, addrs []string, version string, n int) error {
	c, connected, err := idle(servers, transport.NewDirect(nil), addrs, version, n, nil)
	if err != nil {
		return err
	}
	fmt.Fprintf(o.out, "| %s | %d | %.1f | %.1f | %.1f | %.2f | %.2f | %.1f s |\n",
		version, n, c.heap, c.stack, c.heap+c.stack, c.goroutines, c.sockets, connected.Seconds())
	return nil
}

// idle starts n sessions and returns what one of them costs, and how long it took until all were
// connected. It calls then, if not nil, before it closes them. It closes direct.
func idle(
	servers *process, direct transport.Transport, addrs []string, version string, n int, then func() error,
) (c cost, connected time.Duration, err error) {
	before, began := held(), time.Now()
	sessions, err := connectAll(context.Background(), addrs, n, mcpclient.Options{Transport: direct, ProtocolVersion: version})
	if err != nil {
		return c, 0, errors.Join(err, direct.Close())
	}
	connected = time.Since(began)
	if err = await(servers, n); err == nil {
		c = held().over(before, n)
		if then != nil {
			err = then()
		}
	}
	return c, connected, errors.Join(err, closeAll(sessions), direct.Close(), await(servers, 0))
}

// await waits until n streams are open. It gives up after two minutes.
func await(servers *process, n int) error {
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		open := 0
		if err := servers.ask("open", &open); err != nil || open == n {
			return err
		}
		if time.Since(began) > 2*time.Minute {
			return fmt.Errorf("%d streams are open, want %d", open, n)
		}
	}
}

// profile writes a heap profile of what is in use, if file is not empty.
func profile(file string) error {
	if file == "" {
		return nil
	}
	f, err := os.Create(file) //nolint:gosec // the user names the file
	if err != nil {
		return err
	}
	return errors.Join(pprof.WriteHeapProfile(f), f.Close())
}
