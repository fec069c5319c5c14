package link

import (
	"fmt"
	"io"
	"net"
	"sync"
)

// pipeDepth is how many messages one direction of a Pipe holds before Send waits.
const pipeDepth = 64

// Pipe returns the two ends of a Link in memory. maxMessage bounds messages, in bytes. As on a
// network, a Send succeeds before the other end receives, and messages in flight can still be
// received after Close, but not after [PipeEnd.Cut].
func Pipe(maxMessage int) (a, b *PipeEnd) {
	ab, ba := newFlow(), newFlow()
	return &PipeEnd{in: ba, out: ab, max: maxMessage}, &PipeEnd{in: ab, out: ba, max: maxMessage}
}

// PipeEnd is one end of a Pipe.
type PipeEnd struct {
	in, out *flow
	max     int
}

// Send sends a copy of the message to the other end.
func (p *PipeEnd) Send(message []byte) error {
	return p.out.put(append([]byte(nil), message...))
}

// Receive returns the next message from the other end.
func (p *PipeEnd) Receive() ([]byte, error) {
	message, err := p.in.take()
	if err == nil && len(message) > p.max {
		return nil, fmt.Errorf("%w of %d bytes", ErrTooLarge, p.max)
	}
	return message, err
}

// Close ends the link in both directions.
func (p *PipeEnd) Close() error {
	p.in.end(net.ErrClosed, nil, true)
	p.out.end(io.EOF, net.ErrClosed, false)
	return nil
}

// Cut ends the link like a network failure: messages in flight are lost.
func (p *PipeEnd) Cut() {
	p.in.end(io.ErrUnexpectedEOF, io.ErrClosedPipe, true)
	p.out.end(io.ErrUnexpectedEOF, io.ErrClosedPipe, true)
}

// Quiet reports whether Receive has returned everything that arrived.
func (p *PipeEnd) Quiet() bool {
	p.in.mu.Lock()
	defer p.in.mu.Unlock()
	return len(p.in.queue) == 0 && p.in.takeErr == nil
}

// flow is one direction of a Pipe.
type flow struct {
	mu      sync.Mutex
	changed sync.Cond
	queue   [][]byte // guarded by mu
	takeErr error    // guarded by mu; returned once queue is empty
	putErr  error    // guarded by mu
}

func newFlow() *flow {
	f := new(flow)
	f.changed.L = &f.mu
	return f
}

func (f *flow) put(message []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.queue) >= pipeDepth && f.putErr == nil {
		f.changed.Wait()
	}
	if f.putErr != nil {
		return f.putErr
	}
	f.queue = append(f.queue, message)
	f.changed.Broadcast()
	return nil
}

func (f *flow) take() ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.queue) == 0 && f.takeErr == nil {
		f.changed.Wait()
	}
	if len(f.queue) == 0 {
		return nil, f.takeErr
	}
	message := f.queue[0]
	f.queue = f.queue[1:]
	f.changed.Broadcast()
	return message, nil
}

// end ends the flow. Only the first call has an effect. drop discards messages in flight.
func (f *flow) end(takeErr, putErr error, drop bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if putErr == nil {
		putErr = io.ErrClosedPipe
	}
	if f.takeErr == nil {
		f.takeErr, f.putErr = takeErr, putErr
	}
	if drop {
		f.queue = nil
	}
	f.changed.Broadcast()
}
