package agent

import (
	"io"
	"sync"
)

const (
	aheadPiece = 64 << 10  // size of one Read, in bytes
	aheadMost  = 256 << 10 // limit of the bytes read ahead and, separately, of the bytes being sent
)

// ahead is a body that is read while earlier pieces are sent. All pieces that arrive during one
// Send become one delta. So a link that is slower than the server carries fewer but larger
// messages.
type ahead struct {
	mu      sync.Mutex
	changed sync.Cond
	buf     []byte // guarded by mu; at most aheadMost
	err     error  // guarded by mu; how the body ended; valid once buf is taken
	stopped bool   // guarded by mu; no more pieces will be taken
}

// aheadBuffers are the buffers of one ahead. The next ahead reuses them.
type aheadBuffers struct {
	piece       [aheadPiece]byte
	filled, out []byte
}

var aheadPool = sync.Pool{New: func() any {
	return &aheadBuffers{filled: make([]byte, 0, aheadMost), out: make([]byte, 0, aheadMost)}
}}

// pumpAhead does the work of pump for a body that arrives in bulk. It returns the error at the end
// of the body, or nil once the body has become slow, or if the link may not hold the buffers.
func (e *exchange) pumpAhead(body io.Reader, seq int64) (int64, error) {
	if !e.s.account.try(aheadCost) {
		return seq, nil
	}
	defer e.s.account.give(aheadCost)
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
		p := part{seq: seq, piece: out}
		seq++
		if e.send(p) != nil {
			a.stop() // the session is over, and so is the body
			reading.Wait()
			return seq, errLinkGone
		}
	}
}

// fill reads the body until the body ends or becomes slow, or until stop is called.
func (a *ahead) fill(body io.Reader, piece []byte) {
	for {
		n, err := body.Read(piece)
		if !a.put(piece[:n], err, n < smallPiece) {
			return
		}
	}
}

// put adds a piece. It returns false when no more should be read.
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

// take returns the bytes read so far, and gives the free buffer to the reader. It returns nil at
// the end of the body, or when the body is no longer read ahead.
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
