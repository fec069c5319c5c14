package memnet

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// Conn is one end of a connection. All its methods may be called by several
// goroutines at once; concurrent Writes do not mix their bytes.
type Conn struct {
	link          *link
	peer          *Conn
	local, remote Addr

	// Under link.mu.
	out         stream // what this end wrote and the peer did not yet read
	closed      bool
	read, write deadline
}

// link is what both ends of a connection share.
type link struct {
	network *Network
	client  *Conn

	mu    sync.Mutex
	cond  sync.Cond // of everything that a Read or Write may wait for
	state state
}

// state is how a link fares.
type state int

const (
	up       state = iota
	silenced       // nothing comes through and nobody is told
	cut            // nothing comes through: reads fail, writes do not
	reset          // everything fails
)

// stream is one direction of a link.
type stream struct {
	buf     []byte
	limit   int  // of len(buf)
	fin     bool // the writer will write no more
	eof     bool // and its peer got to know
	refused bool // a Write came after the reader had closed
	writing bool // a Write is under way: the next one waits
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

// Read implements net.Conn. Bytes that arrived come before the peer's end of
// file and before the error of a cut, but are lost to a reset.
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

// Write implements net.Conn. It returns once the bytes are in the buffer, which
// does not mean that the peer will ever see them: on a link that is cut or
// silenced they vanish, and so does the first Write after the peer was closed,
// as on TCP, where only the answer to it tells.
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
			if n > 0 { // the peer closed on a Write half done
				return n, c.failed("write", os.NewSyscallError("write", syscall.ECONNRESET))
			}
			return len(p), nil
		}
		room := min(c.out.limit-len(c.out.buf), len(p)-n)
		c.out.buf = append(c.out.buf, p[n:n+room]...)
		c.link.cond.Broadcast()
		if n += room; n == len(p) {
			return n, nil
		}
	}
}

// writable tells why a Write must fail now, if so.
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

// CloseWrite ends what this end sends: the peer reads what was written and then
// io.EOF. This end can still read.
func (c *Conn) CloseWrite() error {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	if c.closed {
		return c.failed("close", net.ErrClosed)
	}
	c.finish()
	return nil
}

// finish ends what this end sends.
func (c *Conn) finish() {
	c.out.fin = true
	c.out.eof = c.out.eof || c.link.state == up
	c.link.cond.Broadcast()
}

// Close implements net.Conn. The peer reads what was written and then io.EOF;
// what this end did not read is discarded. Reads and Writes under way at this
// end fail with net.ErrClosed.
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

// Reset breaks the connection for both ends: Reads and Writes fail with
// ECONNRESET, at once and from now on, and bytes not yet read are lost.
func (c *Conn) Reset() { c.fare(reset) }

// Cut breaks the link the way a killed peer or a lost network does: each end
// can read what had arrived and then gets ECONNRESET, while Writes go on to
// succeed and their bytes vanish.
func (c *Conn) Cut() { c.fare(cut) }

// Silence loses everything that is written from now on and tells nobody: Reads
// wait, for ever or until their deadline, once they have read what had arrived.
// A Close of the peer is not seen either. Cut and Reset end the silence.
func (c *Conn) Silence() { c.fare(silenced) }

// fare changes the state of the link, which can only get worse.
func (c *Conn) fare(to state) {
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

// SetWriteDeadline implements net.Conn. A Write that fails with it may have
// written a part.
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
