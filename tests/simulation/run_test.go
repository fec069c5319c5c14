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

// run plays a history and returns what happened.
func run(t *testing.T, h *History) (j *Journal) {
	t.Helper()
	j = newJournal()
	// The jitter of backoffs comes from the global source: with this it is the same each time.
	rand.Seed(1) //nolint:staticcheck // that is what the debug setting above is for
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

// play is a run inside its bubble.
func play(t *testing.T, h *History, j *Journal) {
	t.Helper()
	j.start = time.Now()
	w, err := newWorld(h, j)
	if err != nil {
		t.Error(err)
		return
	}
	c := &client{t: t, h: h, j: j, told: map[int]time.Duration{}}
	if err := c.connect(w); err != nil {
		j.breachf("no connection", 0, "%v", err)
	} else {
		c.use(w)
	}
	if c.oauth != nil {
		if err := c.oauth.Close(); err != nil {
			j.breachf("slow Close", 0, "of the oauth client: %v", err)
		}
	}
	w.end()
	synctest.Wait()
	j.judgeEnd(h)
	if n, m := w.network.Conns(), w.back.Conns(); n+m != 0 {
		j.breachf("connections left", 0, "%d, behind the gateway %d", n, m)
	}
}

// use is the life of a session, from the first call to Close.
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

// settle lets the session recover, and sends a marker behind which every gap was told.
func (c *client) settle(w *world) {
	c.heal()
	time.Sleep(2 * time.Minute) // streams are opened again
	w.happen("emit")
	time.Sleep(time.Second)
}

// workers is how many there are.
func (h *History) workers() int {
	n := 0
	for i := range h.Ops {
		n = max(n, h.Ops[i].Worker+1)
	}
	return n
}
