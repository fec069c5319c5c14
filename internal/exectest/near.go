package exectest

import (
	"net"
	"sync"
	"time"

	"github.com/hawser-mcp/hawser/internal/link"
)

// Near is the near end of a link whose network can be told to misbehave: to put
// it around what Dial returns.
type Near struct {
	link.Link
	closed chan struct{}
	end    sync.Once

	mu    sync.Mutex
	held  chan struct{} // guarded by mu; closed when Send may go on
	err   error         // guarded by mu; of each Send
	heard time.Time     // guarded by mu
	pings int           // guarded by mu
	deaf  bool          // guarded by mu; the far end does not answer pings
}

// NewNear wraps l.
func NewNear(l link.Link) *Near {
	return &Near{Link: l, closed: make(chan struct{}), heard: time.Now()}
}

// Hold has each Send wait for what it returns, and as long as the link is not closed.
func (n *Near) Hold() (release func()) {
	held := make(chan struct{})
	n.mu.Lock()
	n.held = held
	n.mu.Unlock()
	return sync.OnceFunc(func() { close(held) })
}

// FailSends has each Send fail with err.
func (n *Near) FailSends(err error) {
	n.mu.Lock()
	n.err = err
	n.mu.Unlock()
}

// Deaf has no ping answered from now on.
func (n *Near) Deaf() {
	n.mu.Lock()
	n.deaf = true
	n.mu.Unlock()
}

// Send sends, unless it was told otherwise.
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

// Receive receives, which is a sign of life.
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

// Ping is answered at once, if the far end is not deaf.
func (n *Near) Ping() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.pings++; !n.deaf {
		n.heard = time.Now()
	}
	return nil
}

// Pings returns how many pings there were.
func (n *Near) Pings() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.pings
}

// Heard returns when there last was a sign of life.
func (n *Near) Heard() time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.heard
}
