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
	// maxOrigins is how many origins can have a pool. When another origin needs one, the least
	// recently used origin loses its pool.
	maxOrigins = 256
	// maxAbandoned is how many abandoned exchanges of one origin may still be running in net/http.
	// Above this number, the origin gets its next pool only after a pause, and that pool admits one
	// request at first.
	maxAbandoned = 64
	// firstPause is the length of the first pause. Each later pause is twice as long, so the number
	// of abandoned exchanges grows only with the logarithm of the time, and the origin can still
	// recover.
	firstPause = time.Second
)

// ErrTooManyAbandoned is wrapped by the error of a RoundTrip that a Transport from [NewDirect]
// refused because too many abandoned exchanges with that server are still running in net/http. The
// stage is [NotSent]. The next attempt is allowed after a pause, which doubles each time.
var ErrTooManyAbandoned = errors.New("too many abandoned exchanges with this server have not ended: try again later")

// errProtocolChanged fails a connection before any request has used it.
var errProtocolChanged = errors.New("the server changed from HTTP/1.1 to HTTP/2: try again")

// sender is the part of http.Transport that a pool uses.
type sender interface {
	http.RoundTripper
	CloseIdleConnections()
}

// pools holds one pool for each https origin. All HTTP/2 connections of an http.Transport share a
// lock, and every https request takes that lock. If one connection never released it, all origins
// of the http.Transport would freeze.
type pools struct {
	open  func(*pool) sender // makes the http.Transport of a pool
	conns *connSet

	mu     sync.Mutex
	byHost map[string]*origin // guarded by mu
	uses   uint64             // guarded by mu; counter for origin.used
}

// origin is one https origin.
type origin struct {
	pools     *pools
	used      uint64       // guarded by pools.mu
	abandoned atomic.Int32 // exchanges that net/http still runs although their callers have returned

	mu        sync.Mutex
	current   *pool         // guarded by mu; nil if the next request needs a new one
	pause     time.Duration // guarded by mu; length of the next pause before a new pool
	notBefore time.Time     // guarded by mu; end of the pause
}

// The protocol of a pool's connections is decided once. Requests over HTTP/1 then need no
// protection from HTTP/2. protection from HTTP/2.
const (
	undecided uint32 = iota
	http1
	http2
)

// pool is an http.Transport for one origin, with its own connections. If net/http does not end an
// exchange, the origin gets a new pool. Exchanges in flight stay with the old pool.
type pool struct {
	sender   sender
	origin   *origin
	protocol atomic.Uint32
	trial    atomic.Bool // one request tries the server; others are refused until it returns
	idle     atomic.Bool // CloseIdleConnections was called

	once sync.Once
	dead chan struct{} // closed when the connections are closed for good

	// suspects counts exchanges that have ended for their callers but not yet in net/http. net/http
	// returns either within microseconds or never. New requests wait until the outcome is known.
	suspects atomic.Int32
	mu       sync.Mutex
	settled  chan struct{} // guarded by mu; closed when suspects is 0; nil if no request waits
}

// get returns the pool for a request to host. ctx is the context of the request.
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

// settle waits until suspects is 0, but not forever. One exchange is a suspect for at most grace,
// but others may follow.
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

// confirm subtracts n from suspects, because net/http has returned or the exchanges now count as
// abandoned.
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

// origin returns the origin of host. evicted is the origin that lost its place, or nil.
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
// with abandoned exchanges are kept, because their counters bound the number of those exchanges.
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

// closeIdle closes the idle connections of all pools. Each pool has its own goroutine, because
// net/http may never release an HTTP/2 lock.
func (ps *pools) closeIdle() {
	ps.mu.Lock()
	all := slices.Collect(maps.Values(ps.byHost))
	ps.mu.Unlock()
	for _, o := range all {
		o.replace()
	}
}

// get returns the origin's current pool. If there is none, it makes one.
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

// mayTry reports whether the pause is over. If it is, mayTry begins the next one. The caller holds
// the lock.
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

// replace ensures that the next request uses a new pool.
func (o *origin) replace() {
	o.mu.Lock()
	p := o.current
	o.current = nil
	o.mu.Unlock()
	if p != nil {
		go p.closeIdle()
	}
}

// retire ensures that the next request uses a new pool instead of p. Exchanges in flight continue.
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

// giveUp closes all connections of the pool, and fails the exchanges on them even if net/http does
// not.
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

// handshake is called at the end of each TLS handshake, before a request gets the connection. It
// refuses an HTTP/2 connection if the pool has decided for HTTP/1.
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
