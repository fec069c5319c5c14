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
	// maxOrigins is how many origins have a pool. Beyond it, the least recently used origin loses
	// its pool.
	maxOrigins = 256
	// maxAbandoned is how many abandoned exchanges of one origin net/http may still be running.
	// Above this number, the origin gets its next pool only after a pause, and that pool admits one
	// request at first.
	maxAbandoned = 64
	// firstPause is the first of these pauses. Each pause is twice as long as the previous one. So
	// the number of abandoned exchanges grows with the logarithm of the time, and the origin can
	// still recover.
	firstPause = time.Second
)

// ErrTooManyAbandoned is wrapped by the error of a RoundTrip that [NewDirect] refused, because
// net/http is still running too many abandoned exchanges with that server. The stage is [NotSent].
// The server is tried again after a pause, which doubles each time.
var ErrTooManyAbandoned = errors.New("too many abandoned exchanges with this server have not ended: try again later")

// errProtocolChanged fails a connection before any request has used it.
var errProtocolChanged = errors.New("the server changed from HTTP/1.1 to HTTP/2: try again")

// sender is the part of http.Transport that a pool uses.
type sender interface {
	http.RoundTripper
	CloseIdleConnections()
}

// pools holds one pool for each https origin. All HTTP/2 connections of an http.Transport share a
// lock, which every https request takes. A connection that never releases the lock would freeze all
// origins that share the http.Transport.
type pools struct {
	open  func(*pool) sender // makes the http.Transport of a pool
	conns *connSet

	mu     sync.Mutex
	byHost map[string]*origin // guarded by mu
	uses   uint64             // guarded by mu; counts uses, for origin.used
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

// The protocol of a pool's connections. It is decided once, so that requests over HTTP/1 need no
// protection from HTTP/2.
const (
	undecided uint32 = iota
	http1
	http2
)

// pool is an http.Transport for one origin, with its own connections. The origin gets a new pool
// when net/http does not end an exchange. Exchanges in flight stay with the old pool.
type pool struct {
	sender   sender
	origin   *origin
	protocol atomic.Uint32
	trial    atomic.Bool // one request tries the server; others are refused until it returns
	idle     atomic.Bool // CloseIdleConnections was called

	once sync.Once
	dead chan struct{} // closed when the connections are closed for good

	// suspects counts exchanges that have ended for their callers although net/http has not
	// returned yet. net/http returns within microseconds, or never. New requests wait until it is
	// known which.
	suspects atomic.Int32
	mu       sync.Mutex
	settled  chan struct{} // guarded by mu; closed when suspects is 0; nil if no request waits for that
}

// get returns the pool for a request to host, whose context is ctx.
func (ps *pools) get(ctx context.Context, host string) (*pool, error) {
	o, evicted := ps.origin(host)
	if evicted != nil {
		evicted.replace()
	}
	p, err := o.get()
	if err != nil || p.suspects.Load() == 0 {
		return p, err
	}
	if p.settle(ctx); ctx.Err() != nil {
		return nil, contextCause(ctx)
	}
	return o.get()
}

// settle waits, within bounds, until suspects is 0. One exchange is suspect for grace at most, but
// others may follow.
func (p *pool) settle(ctx context.Context) {
	p.mu.Lock()
	if p.settled == nil {
		p.settled = make(chan struct{})
	}
	settled := p.settled
	p.mu.Unlock()
	if p.suspects.Load() == 0 { // it may have become 0 before settled was made
		p.confirm(0)
	}
	limit := time.NewTimer(2 * grace)
	defer limit.Stop()
	select {
	case <-settled:
	case <-ctx.Done():
	case <-limit.C:
	}
}

// confirm removes n suspects: net/http has returned, or the exchanges count as abandoned.
func (p *pool) confirm(n int32) {
	if p.suspects.Add(-n) > 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.settled != nil {
		close(p.settled)
		p.settled = nil
	}
}

// origin returns the origin of host, and the origin that was evicted to make room for it, if any.
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

// evict removes the least recently used origin and returns it. The caller holds the lock. Origins
// with abandoned exchanges are kept, because their counters bound those exchanges.
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

// closeIdle closes the idle connections of all pools, each on its own goroutine, because that takes
// HTTP/2 locks that net/http may never release.
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

// mayTry reports whether the pause is over. If so, it begins the next one. The caller holds the
// lock.
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

// retire makes the next request use a new pool instead of p. Exchanges in flight continue.
// Connections that are idle after patience are closed.
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

// giveUp closes the connections, and fails the exchanges that do not end with their connections.
func (p *pool) giveUp() {
	p.once.Do(func() {
		close(p.dead)
		p.origin.pools.conns.closeOf(p)
	})
}

// returned is called when net/http has ended a RoundTrip of p. proto is the major version of the
// response, or 0 if there was no response.
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
