package link

import (
	"errors"
	"net"
	"sync/atomic"
	"syscall"
	"time"
)

// maxHandshake bounds the reply to a WebSocket handshake, in bytes.
const maxHandshake = 256 << 10

var errLongHandshake = errors.New("the reply to the WebSocket handshake is too long")

// Conn is the connection below a dialed WebSocket. Conn acknowledges received bytes at once.
// Otherwise an executor that uses Nagle's algorithm would wait about 40 ms in each exchange for the
// delayed acknowledgment.
type Conn struct {
	net.Conn
	sys    syscall.RawConn  // nil if the connection is not a socket
	ackNow func(fd uintptr) // nil if the far end does not wait for acknowledgments
	heard  atomic.Int64     // time of the last read, in nanoseconds since 1970
	moved  atomic.Int64     // time of the last write, in the same unit
	budget atomic.Int64     // bytes that may still be read; negative means no limit
	onWait func()           // called before each Read; may be nil
}

// NewConn wraps a connection on which the handshake has not begun.
func NewConn(nc net.Conn) *Conn {
	c := &Conn{Conn: nc}
	c.budget.Store(maxHandshake)
	c.heard.Store(time.Now().UnixNano())
	if tcp, ok := nc.(*net.TCPConn); ok {
		if sys, err := tcp.SyscallConn(); err == nil {
			c.sys, c.ackNow = sys, quickAck
		}
	}
	return c
}

// HandshakeDone removes the read limit.
func (c *Conn) HandshakeDone() { c.budget.Store(-1) }

// Read reads, and acknowledges the received bytes at once, if the far end needs that.
func (c *Conn) Read(p []byte) (int, error) {
	if budget := c.budget.Load(); budget >= 0 {
		if budget == 0 {
			return 0, errLongHandshake
		}
		p = p[:min(int64(len(p)), budget)]
	}
	if c.onWait != nil {
		c.onWait()
	}
	n, err := c.Conn.Read(p)
	if n > 0 {
		if c.budget.Load() >= 0 {
			c.budget.Add(int64(-n))
		}
		c.heard.Store(time.Now().UnixNano())
		if c.ackNow != nil && n < len(p) { // otherwise more data is available, and the far end does not wait
			_ = c.sys.Control(c.ackNow)
		}
	}
	return n, err
}

// Write writes p and records the time.
func (c *Conn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.moved.Store(time.Now().UnixNano())
	return n, err
}

// quiet reports whether the socket has no unread data and no pending EOF or error.
func (c *Conn) quiet() bool {
	if c.sys == nil {
		return true
	}
	return peekQuiet(c.sys)
}
