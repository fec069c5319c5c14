package agent

import (
	"io"
	"sync"
)

const (
	aheadPiece = 64 << 10  // of one Read, in bytes
	aheadMost  = 256 << 10 // read ahead, and as much on its way to the link
)

// ahead is a body that is read while what came before is sent: pieces that
// arrive meanwhile become one delta, so a link that is slower than the server has
// fewer and larger messages to carry.
type ahead struct {
	mu      sync.Mutex
	changed sync.Cond
	buf     []byte // guarded by mu; at most aheadMost
	err     error  // guarded by mu; how the body ended, once buf is taken
	stopped bool   // guarded by mu; nobody takes any more
}

// aheadBuffers are what one ahead needs, kept for the next one.
type aheadBuffers struct {
	piece       [aheadPiece]byte
	filled, out []byte
}

var aheadPool = sync.Pool{New: func() any {
	return &aheadBuffers{filled: make([]byte, 0, aheadMost), out: make([]byte, 0, aheadMost)}
}}

// pumpAhead is pump for a body that comes in bulk. It returns at the end of the
// body, with its error, or when the body has become slow, with none.
func (e *exchange) pumpAhead(body io.Reader, seq int64) (int64, error) {
	b := aheadPool.Get().(*aheadBuffers)
	defer aheadPool.Put(b)
	a := &ahead{buf: b.filled[:0]}
	a.changed.L = &a.mu
	var reading sync.WaitGroup
	reading.Go(func() { a.fill(body, b.piece[:]) })
	out := b.out[:0]
	for {
		var err error
		if out, err = a.take(out); len(out) == 0 {
			reading.Wait()
			return seq, err
		}
		seq++
		if e.sendDelta(seq, out, false, "") != nil {
			a.stop() // the session is over, and with it the body
			reading.Wait()
			return seq, errLinkGone
		}
	}
}

// fill reads the body until it ends, becomes slow, or nobody takes any more.
func (a *ahead) fill(body io.Reader, piece []byte) {
	for {
		n, err := body.Read(piece)
		if !a.put(piece[:n], err, n < smallPiece) {
			return
		}
	}
}

// put adds a piece. It is false when no more is to be read.
func (a *ahead) put(piece []byte, err error, slow bool) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for len(a.buf)+len(piece) > aheadMost && !a.stopped {
		a.changed.Wait()
	}
	a.buf = append(a.buf, piece...)
	a.err = err
	a.stopped = a.stopped || err != nil || slow
	a.changed.Signal()
	return !a.stopped
}

// take returns what was read, in place of a buffer that is free; nothing when
// the body is at its end, or is not read ahead any more.
func (a *ahead) take(free []byte) ([]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for len(a.buf) == 0 && !a.stopped {
		a.changed.Wait()
	}
	taken := a.buf
	a.buf = free[:0]
	a.changed.Signal()
	return taken, a.err
}

func (a *ahead) stop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stopped = true
	a.changed.Signal()
}
