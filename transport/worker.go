package transport

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"
)

const (
	// grace is how long net/http may take to return after a context or the Direct has ended.
	grace = 200 * time.Millisecond
	// patience is how long the connections of a pool with an abandoned exchange may stay open.
	patience = 5 * time.Second
)

// errGivenUp is the cause of exchanges that fail because their connection was closed on account of
// another exchange.
var errGivenUp = errors.New("the connection was closed: net/http did not end another exchange on it")

// worker runs net/http on its own goroutine, for one exchange that may use HTTP/2. The caller waits
// for the worker. When the caller's context or the Direct ends, the caller waits only for grace
// longer. net/http may never return: it takes locks, and a peer or a defect of net/http may keep
// them from being released.
type worker struct {
	pool    *pool
	ctx     context.Context // the caller's
	closing <-chan struct{} // ends with the Direct
	results chan result     // has capacity 1, so the worker never blocks
	asks    chan *pull      // reads to perform, each with its buffer
	quit    chan struct{}   // closed when the body is closed
	bulk    bool            // used by the reader: the last read was large

	mu        sync.Mutex
	waiting   bool        // guarded by mu; the caller waits for a result
	running   int         // guarded by mu; goroutines of the exchange
	abandoned bool        // guarded by mu; counted in the origin
	limit     *time.Timer // guarded by mu; bounds the close of the body
}

// result is the result of one call to net/http.
type result struct {
	resp *http.Response
	n    int
	err  error
}

// pull is the buffer for one Read of a body. The caller's buffer is not used, because net/http must
// not write to it after the caller's Read has returned.
type pull struct {
	b    []byte
	pool *sync.Pool
}

const (
	smallPull = 4 << 10 // buffer size in bytes, for idle streams
	largePull = 32 << 10
)

var smallPulls, largePulls = pullPool(smallPull), pullPool(largePull)

func pullPool(size int) *sync.Pool {
	pool := new(sync.Pool)
	pool.New = func() any { return &pull{make([]byte, size), pool} }
	return pool
}

func (b *pull) free() { b.pool.Put(b) }

// apart runs the RoundTrip of e on a worker.
func (e *exchange) apart(p *pool) (*http.Response, error) {
	w := &worker{
		pool: p, ctx: e.req.Context(), closing: e.d.closing.Done(),
		results: make(chan result, 1), asks: make(chan *pull), quit: make(chan struct{}),
		waiting: true, running: 1,
	}
	e.worker = w
	out := e.outgoing()
	e.lendBody(out)
	go w.run(out)
	r, ok := w.wait()
	if !ok {
		p.returned(0)
		if e.cancel != nil {
			e.cancel(nil)
		}
		e.takeBody()
		return nil, e.abandoned()
	}
	if r.err != nil {
		p.returned(0)
		e.takeBody()
		return nil, e.fail(r.err)
	}
	p.returned(r.resp.ProtoMajor)
	r.resp.Request = e.req
	e.accept(r.resp)
	return r.resp, nil
}

// run is the worker's goroutine. It ends with the exchange, or when net/http returns.
func (w *worker) run(out *http.Request) {
	defer w.exit()
	resp, err := w.pool.sender.RoundTrip(out)
	var body io.ReadCloser
	if err == nil {
		body = resp.Body // the caller replaces resp.Body
	}
	if !w.deliver(result{resp: resp, err: err}) {
		if err == nil {
			_ = body.Close()
		}
		return
	}
	if err != nil || resp.ProtoMajor != 2 || body == http.NoBody {
		return // over HTTP/1 the caller's goroutine reads the body
	}
	for w.read(body) {
	}
}

// read performs the next Read that the reader requests. It returns false if no more Reads follow.
func (w *worker) read(body io.Reader) bool {
	var buf *pull
	select {
	case buf = <-w.asks:
	case <-w.quit:
		return false
	case <-w.ctx.Done():
		return false
	case <-w.closing:
		return false
	case <-w.pool.dead:
		return false
	}
	n, err := body.Read(buf.b)
	if !w.deliver(result{n: n, err: err}) {
		buf.free()
		return false
	}
	return err == nil
}

// deliver passes a result to the caller. It returns false if the caller has left.
func (w *worker) deliver(r result) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.waiting {
		return false
	}
	w.waiting = false
	w.results <- r
	return true
}

// wait waits for a result. It returns false if the caller must return without one.
func (w *worker) wait() (result, bool) {
	select {
	case r := <-w.results:
		return r, true
	case <-w.quit:
		return w.lastResult()
	case <-w.ctx.Done():
	case <-w.closing:
	case <-w.pool.dead:
	}
	w.pool.suspects.Add(1)
	defer w.pool.confirm(1)
	limit := time.NewTimer(grace)
	defer limit.Stop()
	select {
	case r := <-w.results:
		return r, true
	case <-w.quit:
		return w.lastResult()
	case <-limit.C:
	}
	r, ok := w.lastResult()
	if !ok {
		w.abandon()
	}
	return r, ok
}

// lastResult returns a result if one is available. Otherwise it returns false, and later results
// are refused.
func (w *worker) lastResult() (result, bool) {
	w.mu.Lock()
	leaves := w.waiting
	w.waiting = false
	w.mu.Unlock()
	if leaves {
		return result{}, false
	}
	return <-w.results, true
}

// pull reads from the body through the worker.
func (w *worker) pull(p []byte) (int, error) {
	pool := smallPulls
	if w.bulk && len(p) > smallPull {
		pool = largePulls
	}
	buf := pool.Get().(*pull)
	buf.b = buf.b[:min(len(p), cap(buf.b))]
	w.mu.Lock()
	w.waiting = true
	w.mu.Unlock()
	select {
	case w.asks <- buf:
	case <-w.quit:
		buf.free()
		return 0, http.ErrBodyReadAfterClose
	case <-w.ctx.Done():
		buf.free()
		return 0, w.ctx.Err()
	case <-w.closing:
		buf.free()
		return 0, ErrClosed
	case <-w.pool.dead:
		buf.free()
		return 0, errGivenUp
	}
	r, ok := w.wait()
	if !ok {
		return 0, errGivenUp
	}
	n := copy(p, buf.b[:r.n])
	buf.free()
	w.bulk = n >= smallPull
	return n, r.err
}

// close closes the body on a separate goroutine, because resetting a stream also takes locks.
func (w *worker) close(e *exchange) {
	w.pool.suspects.Add(1)
	w.mu.Lock()
	w.running++
	w.limit = time.AfterFunc(grace, w.overdue)
	w.mu.Unlock()
	go func() {
		defer w.exit()
		_ = e.body.Close()
		e.release()
	}()
}

// overdue is called if net/http has not closed the body in time.
func (w *worker) overdue() {
	w.abandon()
	w.pool.confirm(1)
}

// exit is called at the end of each goroutine of the exchange.
func (w *worker) exit() {
	w.mu.Lock()
	w.running--
	if w.running == 0 && w.abandoned {
		w.abandoned = false
		w.pool.origin.abandoned.Add(-1)
	}
	sure := w.running == 0 && w.limit != nil && w.limit.Stop()
	w.mu.Unlock()
	if sure {
		w.pool.confirm(1)
	}
}

// abandon has an effect only if net/http has not returned. The origin then uses a new pool, and
// counts the exchange as abandoned until net/http returns. After patience, the connections of the
// old pool are closed to end exchanges that wait for a peer.
func (w *worker) abandon() {
	w.mu.Lock()
	first := w.running > 0 && !w.abandoned
	if first {
		w.abandoned = true
		w.pool.origin.abandoned.Add(1)
	}
	w.mu.Unlock()
	if !first {
		return
	}
	w.pool.retire()
	time.AfterFunc(patience, w.judge)
}

// judge decides whether to close the connections of a pool that has an abandoned exchange.
func (w *worker) judge() {
	w.mu.Lock()
	still := w.abandoned
	w.mu.Unlock()
	if still {
		w.pool.giveUp()
	}
}

// abandoned returns the error of a RoundTrip whose worker is still running. It reads no field that
// net/http may write.
func (e *exchange) abandoned() *Error {
	err := &Error{Stage: MaybeSent, Op: "round trip", Err: errGivenUp}
	switch ctx := e.req.Context(); {
	case ctx.Err() != nil:
		err.Err = contextCause(ctx)
	case e.d.closed.Load():
		err.Permanent, err.Err = true, ErrClosed
	}
	return err
}
