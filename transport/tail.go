package transport

import (
	"bytes"
	"net"
	"syscall"
)

// tail looks into the socket of an HTTP/1 connection for the end of a chunked body. The end often
// arrives after the last data, and a Read that waits for it could wait for ever. Only the reader of
// the body may use a tail.
type tail struct {
	sys  syscall.RawConn
	look func(fd uintptr) // made once, because RawConn would make each call allocate it

	b [len(lastChunk) + 1]byte
	n int // number of bytes in b; 0 if nothing has arrived
}

// lastChunk ends a chunked body without trailers, after the data of a chunk (RFC 9112 section 7.1).
const lastChunk = "\r\n0\r\n\r\n"

// newTail returns nil unless nc is the socket itself: what another net.Conn reads may differ from
// what its socket receives.
func newTail(nc net.Conn) *tail {
	socket, ok := nc.(*net.TCPConn)
	if !ok || !canPeek {
		return nil
	}
	sys, err := socket.SyscallConn()
	if err != nil {
		return nil
	}
	t := &tail{sys: sys}
	t.look = t.peek
	return t
}

// ends reports whether everything in the socket is the end of a chunked body, or the part of it
// that follows the line break after the data. net/http can then read the end without waiting,
// whatever state its reader is in: if the bytes are something else to it, they are data or an
// error.
func (t *tail) ends() bool {
	t.n = 0
	if err := t.sys.Control(t.look); err != nil {
		return false
	}
	arrived := t.b[:t.n]
	return string(arrived) == lastChunk || bytes.Equal(arrived, []byte(lastChunk[len("\r\n"):]))
}

// Ending reports whether all that is left of the body is its end, and the end has arrived: the next
// Read returns without waiting, and usually with io.EOF. False means that this is unknown. It knows
// the end of a chunked HTTP/1 body over plain TCP, on Unix. Only the reader of the body may call
// it.
func (b *responseBody) Ending() bool {
	switch {
	case b.readErr != nil:
		return true
	case b.h2 || b.closed.Load() || b.tls != nil || b.conn == nil:
		return false
	}
	c := b.conn
	if c.tail == nil {
		c.tail = newTail(c.Conn)
	}
	return c.tail != nil && c.tail.ends()
}
