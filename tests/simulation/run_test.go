//go:debug randseednop=0
package simulation_test

import (
	"fmt"
	"math/rand"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// run plays a history and returns its journal.
func run(t *testing.T, h *History) (j *Journal) {
	t.Helper()
	j = newJournal()
	// The jitter of backoffs uses the global random source. Seeding it gives the same jitter in
	// every run.
	rand.Seed(1) //nolint:staticcheck // the debug setting above makes it work
	defer func() {
		if failure := recover(); failure != nil {
			j.breaches = append(j.breaches, Breach{"goroutines left", 0, fmt.Sprint(failure)})
		}
	}()
	if h.Way == wayHTTP2 {
		emptyPools()
	}
	synctest.Test(t, func(t *testing.T) { play(t, h, j) })
	return j
}

// play runs the history inside a synctest bubble.
func play(t *testing.T, h *History, j *Journal) {
	t.Helper()
	j.start = time.Now()
	w, err := newWorld(h, j)
	if err != nil {
		t.Error(err)
		return
	}
	c := &client{t: t, h: h, j: j, w: newWatcher(j), received: map[int]time.Duration{}}
	if err := c.connect(w); err != nil {
		j.breachf("no connection", 0, "%v", err)
	} else {
		c.use(w)
	}
	if c.oauth != nil {
		if err := c.oauth.Close(); err != nil {
			j.breachf("slow Close", 0, "oauth client: %v", err)
		}
	}
	w.end()
	synctest.Wait()
	c.w.judgeEnd(c.session != nil)
	j.judgeEnd(h)
	if n, m := w.network.Conns(), w.back.Conns(); n+m != 0 {
		j.breachf("connections left open", 0, "%d to the client's network, %d behind the gateway", n, m)
	}
}

// use plays a whole session, from the first call to Close.
func (c *client) use(w *world) {
	var workers, others sync.WaitGroup
	stop := make(chan struct{})
	for i, s := range c.h.Subs {
		others.Go(func() { c.subscribe(i+1, s) })
	}
	for worker := range c.h.workers() {
		workers.Go(func() { c.work(worker) })
	}
	closing := make(chan struct{})
	go func() {
		defer close(closing)
		if c.h.CloseAt > 0 {
			time.Sleep(c.h.CloseAt.D() + 777*time.Microsecond)
			c.close()
			c.judgeLeft(w)
		}
	}()
	var happening sync.WaitGroup
	happening.Go(func() { w.follow(stop) })
	workers.Wait()
	close(stop)
	happening.Wait()
	<-closing
	w.calm()
	if c.h.CloseAt == 0 {
		c.settle(w)
		c.judgeEvents()
		c.close()
		c.judgeLeft(w)
	}
	others.Wait()
}

// settle lets the session recover, then sends a marker event. The marker arrives after all
// missed-events notices.
func (c *client) settle(w *world) {
	c.awaitRecovery()
	time.Sleep(2 * time.Minute) // time to reopen the shared streams
	w.happen("emit")
	time.Sleep(time.Second)
}

// workers returns the number of workers.
func (h *History) workers() int {
	n := 0
	for i := range h.Ops {
		n = max(n, h.Ops[i].Worker+1)
	}
	return n
}
