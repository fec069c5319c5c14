// Package memnet is a network in memory for tests: listeners, and connections
// that behave like TCP where a client of HTTP notices it.
//
// Connections are buffered both ways, so a Write succeeds before anybody reads
// and may be lost when the link dies, which net.Pipe cannot show; the buffers
// are bounded, so a reader that stops exerts back-pressure. Links can be
// half-closed, reset, cut and silenced, and dials refused and stalled.
//
// Everything blocks on a sync.Cond or on a channel of the Network's own and
// time comes from package time, so a Network made inside a testing/synctest
// bubble is durably blocked when it waits, and its deadlines follow fake time.
package memnet

import (
	"context"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
)

// DefaultBuffer is how many bytes one direction of a connection holds that were
// written and not yet read.
const DefaultBuffer = 64 << 10

// Addr is an address of a Network: the text given to Listen, or a number for a
// dialing end.
type Addr string

// Network implements net.Addr.
func (Addr) Network() string { return "mem" }

// String implements net.Addr.
func (a Addr) String() string { return string(a) }

// An Option changes a Network that New makes.
type Option func(*Network)

// Buffer sets the bytes that each direction of a connection can hold. A value
// below one means DefaultBuffer.
func Buffer(bytes int) Option {
	return func(n *Network) {
		if bytes > 0 {
			n.buffer = bytes
		}
	}
}

// Network connects those who dial to those who listen. Nothing is shared
// between two Networks. Its methods may be called by several goroutines at once.
type Network struct {
	buffer int

	mu        sync.Mutex
	listeners map[Addr]*Listener
	links     []*Conn // the dialing ends, in the order of the dials, until both ends were closed
	dialed    int
	accepted  int
	refuse    bool
	stalled   chan struct{} // closed when dials may go on; nil when they may anyway
}

// New returns an empty Network.
func New(options ...Option) *Network {
	n := &Network{buffer: DefaultBuffer, listeners: make(map[Addr]*Listener)}
	for _, o := range options {
		o(n)
	}
	return n
}

// Listen returns a listener at addr, any text; http.Transport dials
// "host:port". The address is free again when the listener is closed. Listen
// panics when the address is taken, which is a mistake of the test.
func (n *Network) Listen(addr string) *Listener {
	n.mu.Lock()
	defer n.mu.Unlock()
	a := Addr(addr)
	if n.listeners[a] != nil {
		panic("memnet: address in use: " + addr)
	}
	l := &Listener{network: n, addr: a}
	l.cond.L = &n.mu
	n.listeners[a] = l
	return l
}

// DialContext connects to the listener at addr; it fits http.Transport. Like a
// TCP dial it does not wait for Accept. It fails with ECONNREFUSED where nobody
// listens, and with the context's error once that is done. The connection is a
// *Conn and not bound to the context.
func (n *Network) DialContext(ctx context.Context, _, addr string) (net.Conn, error) {
	fail := func(err error) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: "mem", Addr: Addr(addr), Err: err}
	}
	for {
		if err := ctx.Err(); err != nil {
			return fail(err)
		}
		client, stalled := n.connect(Addr(addr))
		switch {
		case client != nil:
			return client, nil
		case stalled == nil:
			return fail(os.NewSyscallError("connect", syscall.ECONNREFUSED))
		}
		select {
		case <-stalled:
		case <-ctx.Done():
		}
	}
}

// connect puts a new connection into the queue of the listener at addr. It
// returns neither a connection nor a channel when the dial is refused.
func (n *Network) connect(addr Addr) (client *Conn, stalled <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.stalled != nil {
		return nil, n.stalled
	}
	l := n.listeners[addr]
	if l == nil || n.refuse {
		return nil, nil
	}
	n.dialed++
	client, server := newLink(n, Addr(fmt.Sprintf("client:%d", n.dialed)), addr, n.buffer)
	n.links = append(n.links, client)
	l.queue = append(l.queue, server)
	l.cond.Signal()
	return client, nil
}

// forget takes a link whose ends are both closed off the list.
func (n *Network) forget(client *Conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for i, c := range n.links {
		if c == client {
			n.links = append(n.links[:i:i], n.links[i+1:]...)
			return
		}
	}
}

// Refuse makes dials fail as if nobody listened, until it is called with false.
// Connections that exist are left alone.
func (n *Network) Refuse(refuse bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.refuse = refuse
}

// Stall makes dials wait, until it is called with false or their context ends.
func (n *Network) Stall(stall bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case stall && n.stalled == nil:
		n.stalled = make(chan struct{})
	case !stall && n.stalled != nil:
		close(n.stalled)
		n.stalled = nil
	}
}

// Conns returns how many connections have an end that was not closed. One that
// was reset or cut still counts: both sides owe it a Close.
func (n *Network) Conns() int { return len(n.Links()) }

// Links returns the dialing ends of the connections that Conns counts, in the
// order in which they were dialed.
func (n *Network) Links() []*Conn {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]*Conn(nil), n.links...)
}

// Dialed returns how many dials have succeeded so far.
func (n *Network) Dialed() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.dialed
}

// Accepted returns how many connections Accept has returned so far.
func (n *Network) Accepted() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.accepted
}

// CutAll cuts every connection; see Conn.Cut.
func (n *Network) CutAll() { n.each((*Conn).Cut) }

// ResetAll resets every connection; see Conn.Reset.
func (n *Network) ResetAll() { n.each((*Conn).Reset) }

// SilenceAll silences every connection; see Conn.Silence.
func (n *Network) SilenceAll() { n.each((*Conn).Silence) }

func (n *Network) each(do func(*Conn)) {
	for _, c := range n.Links() {
		do(c)
	}
}
