package memnet

import (
	"net"
	"sync"
)

// Listener is a net.Listener of a Network. Its queue of connections that wait to be accepted is
// unlimited.
type Listener struct {
	network *Network
	addr    Addr

	// Guarded by network.mu.
	cond   sync.Cond
	queue  []*Conn
	closed bool
}

// Accept returns the next connection, a *Conn. After Close, it returns an error that wraps
// net.ErrClosed.
func (l *Listener) Accept() (net.Conn, error) {
	l.network.mu.Lock()
	defer l.network.mu.Unlock()
	for len(l.queue) == 0 && !l.closed {
		l.cond.Wait()
	}
	if l.closed {
		return nil, l.failed("accept")
	}
	c := l.queue[0]
	l.queue = l.queue[1:]
	l.network.accepted++
	return c, nil
}

// Close frees the address and resets the connections that wait to be accepted. Accepted connections
// stay open.
func (l *Listener) Close() error {
	l.network.mu.Lock()
	if l.closed {
		l.network.mu.Unlock()
		return l.failed("close")
	}
	l.closed = true
	waiting := l.queue
	l.queue = nil
	delete(l.network.listeners, l.addr)
	l.cond.Broadcast()
	l.network.mu.Unlock()
	for _, c := range waiting {
		c.Reset()
		_ = c.Close() // the first Close cannot fail
	}
	return nil
}

// Addr returns the address given to Listen.
func (l *Listener) Addr() net.Addr { return l.addr }

func (l *Listener) failed(op string) error {
	return &net.OpError{Op: op, Net: "mem", Addr: l.addr, Err: net.ErrClosed}
}
