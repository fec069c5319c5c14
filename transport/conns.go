package transport

import (
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/hawser-mcp/hawser/internal/goroutines"
)

// connSet holds the connections and the dials of one Direct. Close needs it to reach connections in
// use: net/http itself closes only idle ones.
type connSet struct {
	dials goroutines.Group

	mu     sync.Mutex
	conns  map[*conn]struct{} // guarded by mu
	closed bool               // guarded by mu
}

// add adds c. It returns false if the set is closed.
func (s *connSet) add(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	if s.conns == nil {
		s.conns = make(map[*conn]struct{})
	}
	s.conns[c] = struct{}{}
	return true
}

func (s *connSet) remove(c *conn) {
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
}

// close closes every connection. It does not hold the lock while it does so.
func (s *connSet) close() {
	s.mu.Lock()
	s.closed = true
	open := slices.Collect(maps.Keys(s.conns))
	s.mu.Unlock()
	closeConns(open)
}

// closeOf closes the connections of p.
func (s *connSet) closeOf(p *pool) {
	s.mu.Lock()
	var open []*conn
	for c := range s.conns {
		if c.pool == p {
			open = append(open, c)
		}
	}
	s.mu.Unlock()
	closeConns(open)
}

func closeConns(open []*conn) {
	for _, c := range open {
		_ = c.Close()
		if e := c.user.Load(); e != nil {
			e.abandon()
		}
	}
}

// conn is a connection that counts its writes.
type conn struct {
	net.Conn
	set    *connSet
	pool   *pool         // nil if it has none
	writes atomic.Uint32 // number of writes begun; while it is 0, nothing can have reached the server
	unused atomic.Bool   // closed before its user wrote anything; see closeUnused

	// tail belongs to the reader of the body of the HTTP/1 exchange on this connection. It is nil
	// until needed.
	tail *tail

	// user is the HTTP/1 exchange on this connection, or leaving.
	user atomic.Pointer[exchange]
	// sending is the streamed body of the HTTP/1 request on this connection. Close of the
	// connection also closes this body; see requestBody.
	sending atomic.Pointer[requestBody]
}

func (c *conn) Write(p []byte) (int, error) {
	if c.unused.Load() {
		return 0, net.ErrClosed
	}
	c.writes.Add(1)
	return c.Conn.Write(p)
}

var copyBuffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// ReadFrom sends bodies of more than a few KiB for net/http. Without it, io.Copy would allocate 32
// KiB for each body.
func (c *conn) ReadFrom(r io.Reader) (int64, error) {
	buf := copyBuffers.Get().(*[32 << 10]byte)
	defer copyBuffers.Put(buf)
	return io.CopyBuffer(writerOnly{c}, r, buf[:])
}

type writerOnly struct{ io.Writer }

func (c *conn) Close() error {
	c.set.remove(c)
	err := c.Conn.Close()
	if body := c.sending.Swap(nil); body != nil {
		go func() { _ = body.Close() }() // the user's Close may block; net/http holds a lock here
	}
	return err
}

// closeUnused closes the connection before its user writes anything. Attempts to write do not count.
func (c *conn) closeUnused() {
	c.unused.Store(true)
	_ = c.Close()
}

var errNoConn = errors.New("DialContext returned neither a connection nor an error")

// dial makes every connection of the transport. net/http passes a ctx that has the values of a
// request's context but does not end with it. So after a request is canceled, the next request can
// use the connection. The dial ends with the timeout or with Close.
func (d *direct) dial(ctx context.Context, p *pool, network, addr string) (net.Conn, error) {
	if !d.conns.dials.Begin() {
		return nil, ErrClosed
	}
	defer d.conns.dials.End()
	var cancel context.CancelFunc
	if d.timeout > 0 {
		ctx, cancel = context.WithTimeout(ctx, d.timeout)
	} else {
		ctx, cancel = context.WithCancel(ctx)
	}
	defer cancel()
	defer context.AfterFunc(d.closing, cancel)()
	nc, err := d.dialer(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	if nc == nil {
		return nil, errNoConn
	}
	if err := judgeConn(ctx, nc); err != nil {
		_ = nc.Close()
		return nil, err
	}
	c := &conn{Conn: nc, set: &d.conns, pool: p}
	if !d.conns.add(c) {
		_ = nc.Close()
		return nil, ErrClosed
	}
	return c, nil
}
