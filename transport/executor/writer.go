package executor

import "sync"

// keepFrame is the size in bytes of the largest message buffer that is reused.
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

// write runs on its own goroutine. It sends the queued messages.
func (c *conn) write() {
	defer c.dropQueue()
	for {
		select {
		case <-c.over:
			return
		case <-c.outbox:
		}
		for c.sendNext() {
		}
	}
}

// sendNext sends the first queued message. It returns false if there is none.
func (c *conn) sendNext() bool {
	c.mu.Lock()
	if len(c.queue) == 0 || c.err != nil {
		c.mu.Unlock()
		return false
	}
	out := c.queue[0]
	c.queue = append(c.queue[:0], c.queue[1:]...)
	if out.refusal {
		c.refusals--
	}
	c.mu.Unlock()
	defer freeFrame(out.frame)
	if out.e != nil && !out.e.writing() {
		return true // the exchange was canceled while it was queued
	}
	err := c.link.Send(*out.frame)
	if out.e != nil {
		out.e.written(err)
	}
	if err != nil {
		c.fail(lost(err))
	} else {
		c.stats.bytesOut.Add(int64(len(*out.frame)))
	}
	return true
}

// dropQueue frees the messages that are still queued when the link has ended.
func (c *conn) dropQueue() {
	c.mu.Lock()
	queue := c.queue
	c.queue = nil
	c.mu.Unlock()
	for _, out := range queue {
		freeFrame(out.frame)
	}
}
