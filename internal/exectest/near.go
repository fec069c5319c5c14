package exectest

import (
	"net"
	"sync"
	"time"

	"github.com/hawser-mcp/hawser/internal/link"
)

// Near wraps the near end of a link, which Dial returns, and simulates network faults.
type Near struct {
	link.Link
	closed chan struct{}
	end    sync.Once

	mu    sync.Mutex
	held  chan struct{} // guarded by mu; closed when Send may continue
	err   error         // guarded by mu; returned by each Send
	heard time.Time     // guarded by mu
	pings int           // guarded by mu
	deaf  bool          // guarded by mu; the far end does not answer pings
}

// NewNear wraps l.
func NewNear(l link.Link) *Near {
	return &Near{Link: l, closed: make(chan struct{}), heard: time.Now()}
}

// Hold makes each Send wait until release is called or the link is closed.
func (n *Near) Hold() (release func()) {
	held := make(chan struct{})
	n.mu.Lock()
	n.held = held
	n.mu.Unlock()
	return sync.OnceFunc(func() { close(held) })
}

// FailSends makes each Send fail with err.
func (n *Near) FailSends(err error) {
	n.mu.Lock()
	n.err = err
	n.mu.Unlock()
}

// Deaf stops answers to pings.
func (n *Near) Deaf() {
	n.mu.Lock()
	n.deaf = true
	n.mu.Unlock()
}

// Send implements link.Link, subject to Hold and FailSends.
func (n *Near) Send(message []byte) error {
	n.mu.Lock()
	held, err := n.held, n.err
	n.mu.Unlock()
	if held != nil {
		select {
		case <-held:
		case <-n.closed:
			return net.ErrClosed
		}
	}
	if err != nil {
		return err
	}
	return n.Link.Send(message)
}

// Receive implements link.Link. A received message counts as a sign of life.
func (n *Near) Receive() ([]byte, error) {
	m, err := n.Link.Receive()
	if err == nil {
		n.mu.Lock()
		n.heard = time.Now()
		n.mu.Unlock()
	}
	return m, err
}

// Close closes the link.
func (n *Near) Close() error {
	n.end.Do(func() { close(n.closed) })
	return n.Link.Close()
}

// Ping is answered immediately, unless Deaf was called.
func (n *Near) Ping() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.pings++; !n.deaf {
		n.heard = time.Now()
	}
	return nil
}

// Pings returns the number of pings so far.
func (n *Near) Pings() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.pings
}

// Heard returns the time of the last sign of life.
func (n *Near) Heard() time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.heard
}
