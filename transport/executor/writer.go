package executor

import (
	"sync"
	"time"
)

// keepFrame is how large a buffer of a message is kept for the next one, in bytes.
const keepFrame = 1 << 20

var frames = sync.Pool{New: func() any { return new([]byte) }}

func newFrame() *[]byte {
	f := frames.Get().(*[]byte)
	*f = (*f)[:0]
	return f
}

func freeFrame(f *[]byte) {
	if cap(*f) <= keepFrame {
		frames.Put(f)
	}
}

// pinger is a link that can ask for a sign of life.
type pinger interface {
	Ping() error
	Heard() time.Time
}

// write is the goroutine that sends what is in the queue.
func (c *conn) write() {
	var tick <-chan time.Time
	if _, ok := c.link.(pinger); ok && c.opts.KeepAlive > 0 {
		t := time.NewTicker(c.opts.KeepAlive)
		defer t.Stop()
		tick = t.C
	}
	defer c.dropQueue()
	for {
		select {
		case <-c.over:
			return
		case <-tick:
			c.askForLife()
			continue
		case <-c.outbox:
		}
		for c.sendNext() {
		}
	}
}

// sendNext sends the first message of the queue. It is false when there is none.
func (c *conn) sendNext() bool {
	c.mu.Lock()
	if len(c.queue) == 0 || c.err != nil {
		c.mu.Unlock()
		return false
	}
	out := c.queue[0]
	c.queue = append(c.queue[:0], c.queue[1:]...)
	if out.e == nil {
		c.refusals--
	}
	c.mu.Unlock()
	defer freeFrame(out.frame)
	if out.e != nil && !out.e.writing() {
		return true // it was cancelled while it waited
	}
	err := c.link.Send(*out.frame)
	if out.e != nil {
		out.e.written(err)
	}
	if err != nil {
		c.fail(lost(err))
	}
	return true
}

// dropQueue frees what the end of the link has left in the queue.
func (c *conn) dropQueue() {
	c.mu.Lock()
	queue := c.queue
	c.queue = nil
	c.mu.Unlock()
	for _, out := range queue {
		freeFrame(out.frame)
	}
}

// askForLife asks a silent executor for a sign of life, and ends a link that
// stays silent. A link whose reader waits for a slow consumer is not silent.
func (c *conn) askForLife() {
	p := c.link.(pinger)
	heard := p.Heard()
	if heard.IsZero() || c.stalled.Load() {
		return
	}
	switch silence := time.Since(heard); {
	case silence >= 2*c.opts.KeepAlive:
		c.fail(lost(ErrSilent))
	case silence >= c.opts.KeepAlive/2:
		_ = p.Ping() // an error shows when something is sent or read
	}
}
