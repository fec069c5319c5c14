package memnet

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// Conn is one end of a connection. All its methods are safe for concurrent use; concurrent Writes
// do not mix their bytes.
type Conn struct {
	link          *link
	peer          *Conn
	local, remote Addr

	// Guarded by link.mu.
	out         stream // bytes that this end has written and the peer has not read
	closed      bool
	read, write deadline
}

// link is the state that both ends of a connection share.
type link struct {
	network *Network
	client  *Conn

	mu    sync.Mutex
	cond  sync.Cond // signals every change that a Read or Write may wait for
	state state
}

// state is the condition of a link.
type state int

const (
	up       state = iota
	silenced       // no bytes arrive, and no operation fails
	cut            // no bytes arrive; reads fail, writes succeed
	reset          // reads and writes fail
)

// stream is one direction of a link.
type stream struct {
	buf     []byte
	limit   int  // maximum of len(buf)
	fin     bool // the writer has finished
	eof     bool // the peer knows that the writer has finished
	refused bool // a Write came after the reader had closed
	writing bool // a Write is running; the next one waits
}

func newLink(n *Network, local, remote Addr, buffer int) (client, server *Conn) {
	l := &link{network: n}
	l.cond.L = &l.mu
	client = &Conn{link: l, local: local, remote: remote, out: stream{limit: buffer}}
	server = &Conn{link: l, local: remote, remote: local, out: stream{limit: buffer}}
	client.peer, server.peer = server, client
	l.client = client
	return client, server
}

// Read implements net.Conn. Bytes that have arrived are read before the peer's end of file and
// before the error of a cut; a reset discards them.
func (c *Conn) Read(p []byte) (int, error) {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	in := &c.peer.out
	for {
		switch {
		case c.closed:
			return 0, c.failed("read", net.ErrClosed)
		case c.link.state == reset:
			return 0, c.failed("read", os.NewSyscallError("read", syscall.ECONNRESET))
		case c.read.expired:
			return 0, c.failed("read", os.ErrDeadlineExceeded)
		case len(p) == 0:
			return 0, nil
		case len(in.buf) > 0:
			n := copy(p, in.buf)
			in.buf = in.buf[:copy(in.buf, in.buf[n:])]
			c.link.cond.Broadcast()
			return n, nil
		case in.eof:
			return 0, io.EOF
		case c.link.state == cut:
			return 0, c.failed("read", os.NewSyscallError("read", syscall.ECONNRESET))
		}
		c.link.cond.Wait()
	}
}

// Write implements net.Conn. It returns when the bytes are in the buffer, which does not mean that
// the peer will receive them. On a cut or silenced link they are lost. The first Write after the
// peer has closed also succeeds and its bytes are lost. TCP behaves the same: only the peer's reply
// to that Write reports the error.
func (c *Conn) Write(p []byte) (int, error) {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	for c.out.writing && c.writable() == nil {
		c.link.cond.Wait()
	}
	if err := c.writable(); err != nil {
		return 0, err
	}
	c.out.writing = true
	defer func() {
		c.out.writing = false
		c.link.cond.Broadcast()
	}()
	for n := 0; ; c.link.cond.Wait() {
		err := c.writable()
		switch {
		case err != nil:
			return n, err
		case c.link.state != up:
			return len(p), nil
		case c.peer.closed:
			c.out.refused = true
			if n > 0 { // the peer closed in the middle of a Write
				return n, c.failed("write", os.NewSyscallError("write", syscall.ECONNRESET))
			}
			return len(p), nil
		}
		room := min(c.out.limit-len(c.out.buf), len(p)-n)
		c.out.buf = append(c.out.buf, p[n:n+room]...)
		if room > 0 { // otherwise two Writes that both wait would wake each other for ever
			c.link.cond.Broadcast()
		}
		if n += room; n == len(p) {
			return n, nil
		}
	}
}

// writable returns the error with which a Write must fail now, or nil.
func (c *Conn) writable() error {
	switch {
	case c.closed:
		return c.failed("write", net.ErrClosed)
	case c.link.state == reset:
		return c.failed("write", os.NewSyscallError("write", syscall.ECONNRESET))
	case c.write.expired:
		return c.failed("write", os.ErrDeadlineExceeded)
	case c.out.fin || c.out.refused:
		return c.failed("write", os.NewSyscallError("write", syscall.EPIPE))
	}
	return nil
}

// CloseWrite ends the outgoing data: the peer reads the bytes already written and then gets io.EOF.
// This end can still read.
func (c *Conn) CloseWrite() error {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	if c.closed {
		return c.failed("close", net.ErrClosed)
	}
	c.finish()
	return nil
}

// finish ends the outgoing data of this end.
func (c *Conn) finish() {
	c.out.fin = true
	c.out.eof = c.out.eof || c.link.state == up
	c.link.cond.Broadcast()
}

// Close implements net.Conn. The peer reads what was written and then io.EOF; data that this end
// has not read is discarded. Running Reads and Writes of this end fail with net.ErrClosed.
func (c *Conn) Close() error {
	c.link.mu.Lock()
	if c.closed {
		c.link.mu.Unlock()
		return c.failed("close", net.ErrClosed)
	}
	c.closed = true
	c.finish()
	c.peer.out.buf = nil
	c.read.stop()
	c.write.stop()
	both := c.peer.closed
	c.link.mu.Unlock()
	if both {
		c.link.network.forget(c.link.client)
	}
	return nil
}

// Reset breaks the connection for both ends. Running and later Reads and Writes fail with
// ECONNRESET, and unread bytes are lost.
func (c *Conn) Reset() { c.setState(reset) }

// Cut breaks the link, like a killed peer or a lost network. Each end can read the bytes that have
// arrived and then gets ECONNRESET. Writes still succeed, but their bytes are lost.
func (c *Conn) Cut() { c.setState(cut) }

// Silence drops everything written from now on without an error. After reading what has arrived,
// Reads wait until their deadline, or forever. Reads do not notice that the peer has called Close.
// Cut and Reset end the silence.
func (c *Conn) Silence() { c.setState(silenced) }

// setState changes the state of the link, which can only get worse.
func (c *Conn) setState(to state) {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	c.link.state = max(c.link.state, to)
	if to == reset {
		c.out.buf, c.peer.out.buf = nil, nil
	}
	c.link.cond.Broadcast()
}

// LocalAddr implements net.Conn.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr implements net.Conn.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline implements net.Conn.
func (c *Conn) SetDeadline(t time.Time) error { return c.setDeadlines(t, &c.read, &c.write) }

// SetReadDeadline implements net.Conn.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.setDeadlines(t, &c.read) }

// SetWriteDeadline implements net.Conn. A Write that fails at the deadline may have written some of
// its bytes.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.setDeadlines(t, &c.write) }

func (c *Conn) setDeadlines(t time.Time, deadlines ...*deadline) error {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	if c.closed {
		return c.failed("set", net.ErrClosed)
	}
	for _, d := range deadlines {
		d.set(t, &c.link.cond)
	}
	return nil
}

func (c *Conn) failed(op string, err error) error {
	return &net.OpError{Op: op, Net: "mem", Source: c.local, Addr: c.remote, Err: err}
}

// deadline is the time after which a waiting operation fails. The lock of the cond passed to set
// guards it.
type deadline struct {
	expired bool
	timer   *time.Timer // pending; nil if there is none
}

// set moves the deadline to t; the zero time means never. It wakes the goroutines that wait on
// cond, now and at t.
func (d *deadline) set(t time.Time, cond *sync.Cond) {
	d.stop()
	d.expired = false
	defer cond.Broadcast()
	if t.IsZero() {
		return
	}
	left := time.Until(t)
	if left <= 0 {
		d.expired = true
		return
	}
	var timer *time.Timer
	timer = time.AfterFunc(left, func() {
		cond.L.Lock()
		defer cond.L.Unlock()
		if d.timer == timer { // otherwise the deadline was moved before this function ran
			d.expired = true
			cond.Broadcast()
		}
	})
	d.timer = timer
}

// stop prevents a pending timer from expiring the deadline.
func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}
