package link

import (
	"net"
	"sync"
	"time"
)

// Corkable is a TCP connection whose writes can be collected, so that several small messages are
// written at once.
type Corkable struct {
	*net.TCPConn

	mu       sync.Mutex
	held     *[]byte // guarded by mu; what Write collects; nil while it does not
	flushing bool    // guarded by mu; what was collected is being written
}

// NewCorkable wraps nc.
func NewCorkable(nc *net.TCPConn) *Corkable { return &Corkable{TCPConn: nc} }

var corks = sync.Pool{New: func() any { return new([]byte) }}

// Write writes p, or keeps a copy of it for uncork.
func (c *Corkable) Write(p []byte) (int, error) {
	c.mu.Lock()
	if c.held != nil {
		*c.held = append(*c.held, p...)
		c.mu.Unlock()
		return len(p), nil
	}
	c.mu.Unlock()
	return c.TCPConn.Write(p)
}

// SetWriteDeadline has no effect on a write of uncork, which a deadline for a pong must not end.
func (c *Corkable) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.flushing {
		return nil
	}
	return c.TCPConn.SetWriteDeadline(t)
}

// cork makes Write collect what it is given.
func (c *Corkable) cork() {
	held := corks.Get().(*[]byte)
	c.mu.Lock()
	c.held = held
	c.mu.Unlock()
}

// uncork writes what was collected.
func (c *Corkable) uncork() error {
	c.mu.Lock()
	held := c.held
	c.held, c.flushing = nil, true
	err := c.TCPConn.SetWriteDeadline(time.Time{})
	c.mu.Unlock()
	if err == nil {
		_, err = c.TCPConn.Write(*held)
	}
	*held = (*held)[:0]
	corks.Put(held)
	c.mu.Lock()
	c.flushing = false
	c.mu.Unlock()
	return err
}
