package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"time"

	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/transport"
)

// cost is what this process holds.
type cost struct {
	heap, stack, goroutines, sockets int
}

// held collects garbage and returns what is left. A second collection frees what had a finalizer
// or was in a pool, and stacks shrink.
func held() cost {
	for range 3 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	c := cost{heap: int(m.HeapAlloc), stack: int(m.StackInuse), goroutines: runtime.NumGoroutine()}
	if open, err := os.ReadDir("/dev/fd"); err == nil {
		c.sockets = len(open)
	}
	return c
}

// over returns the cost of one of n sessions, before being the cost without them.
func (c cost) over(before cost, n int) (heap, stack, goroutines, sockets float64) {
	per := func(now, then int) float64 { return float64(now-then) / float64(n) }
	return per(c.heap, before.heap) / 1000, per(c.stack, before.stack) / 1000, per(c.goroutines, before.goroutines), per(c.sockets, before.sockets)
}

// measureIdle prints what sessions cost that only hold their streams open.
func measureIdle(o *options) error {
	var addrs []string
	servers, err := start(asServer, fmt.Sprint(o.servers), &addrs)
	if err != nil {
		return err
	}
	fmt.Printf("### Idle sessions with a shared stream, %d servers\n\n", o.servers)
	fmt.Println("| sessions | kB heap | kB stack | kB | goroutines | sockets | all connected |")
	fmt.Println("|---|---|---|---|---|---|---|")
	for _, n := range []int{o.sessions / 10, o.sessions} {
		if err = idle(o, servers, addrs, n); err != nil {
			break
		}
	}
	fmt.Println()
	return errors.Join(err, servers.stop())
}

func idle(o *options, servers *process, addrs []string, n int) error {
	direct := transport.NewDirect(nil)
	before, began := held(), time.Now()
	sessions, err := connectAll(context.Background(), addrs, n, mcpclient.Options{Transport: direct})
	if err != nil {
		return errors.Join(err, direct.Close())
	}
	connected := time.Since(began)
	if err = await(servers, n); err == nil {
		heap, stack, goroutines, sockets := held().over(before, n)
		fmt.Printf("| %d | %.1f | %.1f | %.1f | %.2f | %.2f | %.1f s |\n", n, heap, stack, heap+stack, goroutines, sockets, connected.Seconds())
		err = profile(o.heap)
	}
	return errors.Join(err, closeAll(sessions), direct.Close())
}

// await waits until n streams are open.
func await(servers *process, n int) error {
	for {
		open := 0
		if err := servers.ask("open", &open); err != nil || open == n {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// profile writes a heap profile of what is in use, if file is not empty.
func profile(file string) error {
	if file == "" {
		return nil
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	return errors.Join(pprof.WriteHeapProfile(f), f.Close())
}
