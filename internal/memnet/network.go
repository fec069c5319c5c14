// Package memnet is an in-memory network for tests. Its connections behave like TCP where an HTTP
// client can notice.
//
// Connections are buffered in both directions. A Write therefore succeeds before the peer reads,
// and its bytes may be lost when the link breaks, which net.Pipe cannot reproduce. The buffers are
// limited, so a reader that stops reading causes back-pressure. Links can be half-closed, reset,
// cut and silenced; dials can be refused and stalled.
//
// All operations block on a sync.Cond or on a channel of the Network and take the time from package
// time. Inside a testing/synctest bubble, a waiting Network is therefore durably blocked, and its
// deadlines follow fake time.
package memnet

import (
	"context"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
)

// DefaultBuffer is how many unread bytes each direction of a connection holds.
const DefaultBuffer = 64 << 10

// Addr is an address of a Network: the text passed to Listen, or a number for a dialing end.
type Addr string

// Network implements net.Addr.
func (Addr) Network() string { return "mem" }

// String implements net.Addr.
func (a Addr) String() string { return string(a) }

// An Option configures a new Network.
type Option func(*Network)

// Buffer sets how many unread bytes each direction of a connection holds. A value below one means
// DefaultBuffer.
func Buffer(bytes int) Option {
	return func(n *Network) {
		if bytes > 0 {
			n.buffer = bytes
		}
	}
}

// Network connects dialers to listeners. Two Networks share nothing. Its methods are safe for
// concurrent use.
type Network struct {
	buffer int

	mu        sync.Mutex
	listeners map[Addr]*Listener
	links     []*Conn // dialing ends in the order of the dials, until both ends are closed
	dialed    int
	accepted  int
	refuse    bool
	stalled   chan struct{} // closed when stalled dials may continue; nil if dials are not stalled
}

// New returns an empty Network.
func New(options ...Option) *Network {
	n := &Network{buffer: DefaultBuffer, listeners: make(map[Addr]*Listener)}
	for _, o := range options {
		o(n)
	}
	return n
}

// Listen returns a listener at addr, which can be any text; http.Transport dials "host:port".
// Closing the listener frees the address. Listen panics if the address is in use, which is a defect
// of the test.
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

// DialContext connects to the listener at addr. It has the signature that http.Transport needs.
// Like a TCP dial, it does not wait for Accept. It fails with ECONNREFUSED if there is no listener,
// and with the context's error if the context is done. The connection is a *Conn, and the context
// does not affect it.
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

// connect adds a new connection to the queue of the listener at addr. If the dial is refused, it
// returns neither a connection nor a channel.
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

// forget removes a link whose ends are both closed.
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

// Refuse makes dials fail as if there were no listener, until Refuse(false) is called. It does not
// affect existing connections.
func (n *Network) Refuse(refuse bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.refuse = refuse
}

// Stall makes dials wait until Stall(false) is called or their context ends.
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

// Conns returns the number of connections with an end that is not closed. It includes reset and cut
// connections: both sides must still close them.
func (n *Network) Conns() int { return len(n.Links()) }

// Links returns the dialing ends of the connections that Conns counts, in the order of the dials.
func (n *Network) Links() []*Conn {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]*Conn(nil), n.links...)
}

// Dialed returns the number of successful dials so far.
func (n *Network) Dialed() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.dialed
}

// Accepted returns the number of connections that Accept has returned so far.
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
