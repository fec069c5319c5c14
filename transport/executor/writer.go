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

// write runs on its own goroutine. It sends the messages that callers do not send themselves.
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

// sendNext sends the first queued message. It returns false if there is none, or if a caller is
// sending.
func (c *conn) sendNext() bool {
	c.mu.Lock()
	if len(c.queue) == 0 || c.err != nil || c.sending {
		c.mu.Unlock()
		return false
	}
	c.send(c.next())
	return true
}

// next takes the first queued message, to send it. The caller holds mu, and next unlocks it.
func (c *conn) next() outgoing {
	out := c.queue[0]
	c.queue = append(c.queue[:0], c.queue[1:]...)
	if out.refusal {
		c.refusals--
	}
	c.sending = true
	c.mu.Unlock()
	return out
}

// push sends the message that begin queued. On a link of its own, an exchange sends on the goroutine
// of its caller, which saves waking the writer. If the caller cancels the exchange, the link is
// closed, which ends the Send.
func (c *conn) push() {
	c.mu.Lock()
	if len(c.queue) != 1 || c.err != nil || c.sending || c.sharing.Load() {
		c.mu.Unlock()
		signal(c.outbox)
		return
	}
	c.own = true
	c.send(c.next())
	c.mu.Lock()
	more := len(c.queue) > 0
	c.mu.Unlock()
	if more {
		signal(c.outbox)
	}
}

// send sends a message that next returned.
func (c *conn) send(out outgoing) {
	defer freeFrame(out.frame)
	var err error
	if out.e == nil || out.e.writing() { // otherwise the exchange was canceled before
		err = c.link.Send(*out.frame)
		if out.e != nil {
			out.e.written(err)
		}
	}
	c.mu.Lock()
	c.sending, c.own = false, false
	c.mu.Unlock()
	if err != nil {
		c.fail(lost(err))
	} else {
		c.stats.bytesOut.Add(int64(len(*out.frame)))
	}
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
