package link

import (
	"errors"
	"fmt"
	"io"
	"sync"
)

// Meter counts the memory that a link uses for a message that it receives, and watches how long the
// message takes. A link calls its methods on the goroutine that calls Receive.
type Meter interface {
	// Hold reports whether the link may use n more bytes.
	Hold(n int) bool
	// Try is Hold for bytes that the link can do without.
	Try(n int) bool
	// Release says that the link no longer uses n bytes.
	Release(n int)
	// Begun says that the first part of a message arrived.
	Begun()
	// Arrived says that the last part of the message arrived.
	Arrived()
}

// ErrNoRoom is returned by Receive of a link with a [Meter], if the Meter does not let the link
// hold the message. Receive then returns the beginning of the message. The error is not final.
var ErrNoRoom = errors.New("no room for a message")

// keepPrefix is how much of a dropped message is returned, in bytes.
const keepPrefix = 1 << 10

// inbox is the buffer for a message that is larger than the buffer of its connection. The first
// readBuffer bytes are not metered.
type inbox struct {
	max   int
	meter Meter // may be nil
	buf   []byte
	held  int // what the meter counts
}

// buffers keep large buffers of metered links, so that an idle link holds none.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// reset empties the inbox. A large buffer is given up.
func (in *inbox) reset() {
	if in.meter == nil {
		if cap(in.buf) > keepBuffer {
			in.buf = nil
		}
		in.buf = in.buf[:0]
		return
	}
	if in.held == 0 {
		in.buf = in.buf[:0]
		return
	}
	if kept := in.buf; cap(kept) <= keepBuffer {
		buffers.Put(&kept)
	}
	in.meter.Release(in.held)
	in.buf, in.held = nil, 0
}

// grow makes room for more bytes. It returns false if the meter refuses.
func (in *inbox) grow() bool {
	size := max(2*cap(in.buf), readBuffer)
	if 2*size > in.max { // the last step; a smaller one would be followed by a copy of almost the whole
		size = in.max + 1
	}
	switch {
	case size <= readBuffer || in.meter == nil:
		in.buf = append(make([]byte, 0, size), in.buf...)
		return true
	case !in.meter.Hold(size):
		return false
	}
	grown := *buffers.Get().(*[]byte)
	if cap(grown) < size || cap(grown) > size && !in.meter.Try(cap(grown)-size) {
		grown = make([]byte, 0, size)
	}
	in.buf = append(grown[:0], in.buf...)
	in.meter.Release(in.held)
	in.held = cap(in.buf)
	return true
}

// receive adds what r yields, up to io.EOF.
func (in *inbox) receive(r io.Reader) error {
	for len(in.buf) <= in.max {
		if len(in.buf) == cap(in.buf) && !in.grow() {
			return in.drop(r)
		}
		n, err := r.Read(in.buf[len(in.buf):cap(in.buf)])
		in.buf = in.buf[:len(in.buf)+n]
		if err != nil {
			return in.check(err)
		}
	}
	return in.check(nil)
}

// check returns how a message ended after a Read with the error err.
func (in *inbox) check(err error) error {
	switch {
	case len(in.buf) > in.max:
		return tooLarge(in.max)
	case err == io.EOF:
		return nil
	}
	return fmt.Errorf("in the middle of a message: %w", err)
}

// drop reads the rest of a message and keeps only its beginning.
func (in *inbox) drop(r io.Reader) error {
	total := len(in.buf)
	in.buf = in.buf[:min(total, keepPrefix)]
	scratch := in.buf[len(in.buf):cap(in.buf)]
	for total <= in.max {
		n, err := r.Read(scratch)
		total += n
		switch {
		case err == io.EOF && total <= in.max:
			return ErrNoRoom
		case err != nil && total <= in.max:
			return in.check(err)
		}
	}
	return tooLarge(in.max)
}

func tooLarge(limit int) error { return fmt.Errorf("%w of %d bytes", ErrTooLarge, limit) }

// begun and arrived call the meter, if there is one.
func (in *inbox) begun() {
	if in.meter != nil {
		in.meter.Begun()
	}
}

func (in *inbox) arrived() {
	if in.meter != nil {
		in.meter.Arrived()
	}
}
