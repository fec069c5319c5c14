package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxOrigins is how many origins have a pool. The least recently used one loses its pool first.
	maxOrigins = 256
	// maxAbandoned is how many abandoned exchanges of one origin net/http may still be running.
	// Beyond it, the origin gets its next pool only after a pause, and that pool admits one request
	// at first.
	maxAbandoned = 64
	// firstPause is the first of these pauses. Each is twice as long as the one before: the number
	// of exchanges left behind grows with the logarithm of the time, and the origin can still
	// recover.
	firstPause = time.Second
)

// ErrTooManyAbandoned is wrapped by the error of a RoundTrip that [NewDirect] refused, because
// net/http is still running too many exchanges with that server that were abandoned before. The
// stage is [NotSent]. The server is tried again after a pause, which doubles each time.
var ErrTooManyAbandoned = errors.New("too many exchanges with this server were abandoned and have not ended: try again later")

// errProtocolChanged fails a connection before any request has used it.
var errProtocolChanged = errors.New("the server has changed from HTTP/1.1 to HTTP/2: try again")

// sender is what a pool needs of an http.Transport.
type sender interface {
	http.RoundTripper
	CloseIdleConnections()
}

// pools has a pool for each https origin. All HTTP/2 connections of an http.Transport share a lock,
// which every https request takes. A connection that never releases it would freeze all origins
// that share the http.Transport.
type pools struct {
	open  func(*pool) sender // makes the http.Transport of a pool
	conns *connSet

	mu     sync.Mutex
	byHost map[string]*origin // guarded by mu
	uses   uint64             // guarded by mu; the clock of origin.used
}

// origin is one https origin.
type origin struct {
	pools     *pools
	used      uint64       // guarded by pools.mu
	abandoned atomic.Int32 // exchanges that net/http still runs after their callers have left

	mu        sync.Mutex
	current   *pool         // guarded by mu; nil if the next request needs a new one
	pause     time.Duration // guarded by mu; before the next pool, while too many exchanges are abandoned
	notBefore time.Time     // guarded by mu; end of the pause
}

// What the connections of a pool speak. It is decided once, so that requests over HTTP/1 need no
// protection from HTTP/2.
const (
	undecided uint32 = iota
	http1
	http2
)

// pool is an http.Transport for one origin, with its own connections. The origin replaces it when
// net/http does not end an exchange. Exchanges in flight stay with the old pool.
type pool struct {
	sender   sender
	origin   *origin
	protocol atomic.Uint32
	trial    atomic.Bool // one request tries the server; others are refused until it returns
	idle     atomic.Bool // CloseIdleConnections was called

	once sync.Once
	dead chan struct{} // closed when the connections are closed for good

	// doubts counts exchanges that have ended for their callers before net/http returned. net/http
	// returns within microseconds, or never. New requests wait until that is known.
	doubts  atomic.Int32
	mu      sync.Mutex
	settled chan struct{} // guarded by mu; closed when doubts is 0, nil if nobody waits
}

// get returns the pool for a request to host, whose context is ctx.
func (ps *pools) get(ctx context.Context, host string) (*pool, error) {
	o, evicted := ps.origin(host)
	if evicted != nil {
		evicted.replace()
	}
	p, err := o.get()
	if err != nil || p.doubts.Load() == 0 {
		return p, err
	}
	if p.settle(ctx); ctx.Err() != nil {
		return nil, contextCause(ctx)
	}
	return o.get()
}

// settle waits, within bounds, until doubts is 0. A single doubt lasts at most for grace, but
// others may follow.
func (p *pool) settle(ctx context.Context) {
	p.mu.Lock()
	if p.settled == nil {
		p.settled = make(chan struct{})
	}
	settled := p.settled
	p.mu.Unlock()
	if p.doubts.Load() == 0 { // since before settled was made
		p.believe(0)
	}
	limit := time.NewTimer(2 * grace)
	defer limit.Stop()
	select {
	case <-settled:
	case <-ctx.Done():
	case <-limit.C:
	}
}

// believe subtracts n doubts.
func (p *pool) believe(n int32) {
	if p.doubts.Add(-n) > 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.settled != nil {
		close(p.settled)
		p.settled = nil
	}
}

// origin returns the origin of host, and the one that was evicted for it, if any.
func (ps *pools) origin(host string) (o, evicted *origin) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.uses++
	o = ps.byHost[host]
	if o == nil {
		if len(ps.byHost) >= maxOrigins {
			evicted = ps.evict()
		}
		o = &origin{pools: ps}
		ps.byHost[host] = o
	}
	o.used = ps.uses
	return o, evicted
}

// evict removes the least recently used origin and returns it. The lock is held. Origins with
// abandoned exchanges stay, because their count bounds those.
func (ps *pools) evict() *origin {
	var oldest *origin
	var host string
	for h, o := range ps.byHost {
		if o.abandoned.Load() == 0 && (oldest == nil || o.used < oldest.used) {
			oldest, host = o, h
		}
	}
	delete(ps.byHost, host)
	return oldest
}

// closeIdle closes the idle connections of all pools, each on its own goroutine: this takes HTTP/2
// locks that net/http may never release.
func (ps *pools) closeIdle() {
	ps.mu.Lock()
	all := slices.Collect(maps.Values(ps.byHost))
	ps.mu.Unlock()
	for _, o := range all {
		o.replace()
	}
}

// get returns the current pool, or a new one.
func (o *origin) get() (*pool, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if p := o.current; p != nil {
		if p.trial.Load() {
			return nil, ErrTooManyAbandoned
		}
		return p, nil
	}
	p := &pool{origin: o, dead: make(chan struct{})}
	switch {
	case o.abandoned.Load() < maxAbandoned:
		o.pause = 0
	case o.mayTry(time.Now()):
		p.trial.Store(true)
	default:
		return nil, ErrTooManyAbandoned
	}
	p.sender = o.pools.open(p)
	o.current = p
	return p, nil
}

// mayTry reports whether the pause is over, and begins the next one if so. The lock is held.
func (o *origin) mayTry(now time.Time) bool {
	if o.pause == 0 {
		o.pause = firstPause
		o.notBefore = now.Add(o.pause)
	}
	if now.Before(o.notBefore) {
		return false
	}
	o.pause *= 2
	o.notBefore = now.Add(o.pause)
	return true
}

// replace makes the next request use a new pool.
func (o *origin) replace() {
	o.mu.Lock()
	p := o.current
	o.current = nil
	o.mu.Unlock()
	if p != nil {
		go p.closeIdle()
	}
}

// retire makes the next request use another pool than p. Exchanges in flight continue. Connections
// that are idle after a while are closed.
func (p *pool) retire() {
	o := p.origin
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.current == p {
		o.current = nil
		time.AfterFunc(patience, p.closeIdle)
	}
}

// closeIdle closes the idle connections. It may block forever.
func (p *pool) closeIdle() {
	if p.idle.CompareAndSwap(false, true) {
		p.sender.CloseIdleConnections()
	}
}

// giveUp closes the connections, and fails the exchanges that do not end with them.
func (p *pool) giveUp() {
	p.once.Do(func() {
		close(p.dead)
		p.origin.pools.conns.closeOf(p)
	})
}

// returned is called when net/http has ended a RoundTrip of p. proto is the major version of the
// response, 0 if there was none.
func (p *pool) returned(proto int) {
	if p.trial.Load() {
		p.trial.Store(false)
	}
	if proto == 1 && p.protocol.Load() == undecided {
		p.protocol.CompareAndSwap(undecided, http1)
	}
}

// handshake is called at the end of each TLS handshake, before a request gets the connection. In a
// pool that has decided for HTTP/1, no connection may speak HTTP/2.
func (p *pool) handshake(cs tls.ConnectionState) error {
	if cs.NegotiatedProtocol != "h2" {
		return nil
	}
	if p.protocol.CompareAndSwap(undecided, http2) || p.protocol.Load() == http2 {
		return nil
	}
	p.retire()
	return errProtocolChanged
}
