// Package sse reads a text/event-stream, the format of server-sent events
// (WHATWG HTML, section 9.2, "Server-sent events").
//
// It is a parser and nothing more: it keeps no last event ID, does not
// reconnect and gives no meaning to what it reads. The events it returns are
// not copied out of the window that the source was read into.
package sse

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// DefaultMaxEvent is how many bytes one block of a stream may take when the
// caller sets no limit of its own.
const DefaultMaxEvent = 64 << 20

const (
	firstBuffer = 4 << 10 // of a new window: enough for most events, cheap for an idle stream
	maxKept     = 4 << 20 // memory beyond it is not kept for the sake of a few large events
	smallBlocks = 64      // so many blocks in a row that fit in maxKept end the need of a larger window
	emptyReads  = 100     // of a source in a row, before it counts as broken
)

// TooLargeError says that one block, or one line, of a stream takes more bytes
// than the Reader's limit. The rest of the stream cannot be read.
type TooLargeError struct {
	Limit int // bytes
}

// Error implements error.
func (e *TooLargeError) Error() string {
	return fmt.Sprintf("sse: event exceeds the limit of %d bytes", e.Limit)
}

var (
	errNoSource = errors.New("sse: Reader has no source")
	errPanicked = errors.New("the source panicked in an earlier Read")
	errCount    = errors.New("the source returned an impossible count from Read")
)

// Reader reads the events of one stream. It reads no more of the source than
// the next event needs, apart from what one Read happens to return, and its
// memory is bounded by the limit on one block, however long the stream runs.
//
// A Reader may be used by one goroutine at a time.
type Reader struct {
	src   io.Reader
	limit int

	srcErr error // what the source's last Read returned
	err    error // what Next returns from now on

	// The window: buf[start:end] was read and not dropped. start is where the
	// block under way begins, or pos when there is none; pos is where the line
	// under way begins.
	buf             []byte
	start, pos, end int

	// lf and cr are where the search for the next line feed and carriage
	// return stands: no byte of buf[pos:lf] is a line feed, none of buf[pos:cr]
	// a carriage return. So each byte is looked at once for each of the two,
	// whichever of them the stream uses.
	lf, cr int

	begun  bool // the place for a byte order mark is behind us
	skipLF bool // the last line ended with CR: an LF that follows belongs to it

	block block
	small int // blocks in a row that fit in maxKept, counted while buf is larger
	moved int // bytes that makeRoom copied; read by the tests of linear time
	cut   int // lines that were cut; read by the tests of repeated blocks
}

// NewReader returns a Reader of the events of src. One block of the stream, all
// its lines together with the comments among them, may take maxEvent bytes;
// zero or less means DefaultMaxEvent.
func NewReader(src io.Reader, maxEvent int) *Reader {
	r := new(Reader)
	r.Reset(src, maxEvent)
	return r
}

// Reset makes r read src from its beginning, as NewReader does. It keeps the
// buffer unless that grew beyond 4 MiB, and nothing else of the stream before.
// Reset(nil, 0) lets go of the source, so that r can rest in a pool.
func (r *Reader) Reset(src io.Reader, maxEvent int) {
	if maxEvent <= 0 {
		maxEvent = DefaultMaxEvent
	}
	kept := Reader{src: src, limit: maxEvent, buf: r.buf}
	if len(r.buf) > maxKept {
		kept.buf = nil
	}
	kept.block.name, kept.block.id = r.block.name[:0], r.block.id[:0]
	kept.block.release()
	if src == nil {
		kept.err = errNoSource
	}
	*r = kept
}

// Next returns the next block that has a "data", "id" or "retry" field; blocks
// of other fields and comments alone are passed over. What it returns is valid
// until the next call.
//
// At the end of the stream the error is io.EOF when the stream ended between
// two blocks and io.ErrUnexpectedEOF when it ended inside of one, which is then
// discarded together with its ID, as the standard demands. A block beyond the
// limit is a *TooLargeError, and a failed source an error that wraps its own:
// compare with io.EOF by ==, since a broken link may be an error that wraps
// io.EOF. Every error is final: further calls return it again.
func (r *Reader) Next() (Event, error) {
	if r.err != nil {
		return Event{}, r.err
	}
	r.nextBlock()
	for {
		stop, found := r.lineEnd()
		if !found {
			if err := r.fill(); err != nil {
				return Event{}, err
			}
			continue
		}
		if stop-r.start >= r.limit {
			return Event{}, r.fail(&TooLargeError{Limit: r.limit})
		}
		r.cut++
		from := r.pos
		r.pos = stop + 1
		r.skipLF = r.buf[stop] == '\r'
		switch {
		case stop == from:
			if r.block.reportable() {
				return r.block.event(r.buf[r.start:]), nil
			}
			from = r.start
			r.nextBlock()
			r.passIdle(from)
		case r.buf[from] != ':':
			r.block.open = true
			r.block.field(r.buf[r.start:], from-r.start, stop-r.start)
		case !r.block.open: // a comment between blocks: keep-alives may go on for days
			r.passIdle(r.start)
		}
	}
}

// Rest returns what the stream held of a block that its end cut short: the data of the event as far
// as it came, and the raw bytes of the block. The standard discards both. It must be called after
// an error of Next, once at most, and both are nil between blocks.
func (r *Reader) Rest() (data, raw []byte) {
	raw = r.buf[r.start:r.end]
	if stop := r.end; r.pos < stop && r.buf[r.pos] != ':' {
		r.block.field(r.buf[r.start:], r.pos-r.start, stop-r.start)
	}
	if r.block.hasData {
		data = r.buf[r.start+r.block.dataFrom : r.start+r.block.dataTo]
	}
	return data, raw
}

// passIdle drops buf[from:pos], which said nothing, and the empty lines and comments
// behind it. Exact repetitions are compared, not cut into lines: a stream of nothing
// but those costs little more than reading it.
func (r *Reader) passIdle(from int) {
	b, pos, lf, cr := r.buf[:r.end], r.pos, r.lf, r.cr
	block, empty := from, true // where the block under way begins; whether the last line was its end
	for {
		if pos < len(b) && b[pos] == '\n' && b[pos-1] == '\r' {
			pos++
		}
		pos += repeated(b[from:], pos-from)
		if empty {
			block = pos
		}
		if pos == len(b) {
			break
		}
		if empty = b[pos] == '\n' || b[pos] == '\r'; empty {
			from = block // compare all of it, with its comments
			pos++
		} else {
			lf, cr = seek(b, max(lf, pos), '\n'), seek(b, max(cr, pos), '\r')
			stop := min(lf, cr)
			if b[pos] != ':' || stop == len(b) || stop-pos >= r.limit {
				break
			}
			from, pos = pos, stop+1
		}
		r.cut++
	}
	r.pos, r.start, r.lf, r.cr = pos, pos, lf, cr
	r.skipLF = b[pos-1] == '\r'
}

// repeated returns how many bytes behind b[:n] are whole repetitions of it.
func repeated(b []byte, n int) int {
	next := b[n:]
	if len(next) < n || next[n-1] != b[n-1] || next[0] != b[0] { // the usual case
		return 0
	}
	same := 0
	for len(next)-same >= 8 && binary.NativeEndian.Uint64(b[same:]) == binary.NativeEndian.Uint64(next[same:]) {
		same += 8
	}
	for same < len(next) && b[same] == next[same] {
		same++
	}
	if same < n {
		return 0
	}
	return same - same%n
}

// nextBlock drops the block that ends at pos.
func (r *Reader) nextBlock() {
	if len(r.buf) > maxKept {
		r.small++
		if r.pos-r.start > maxKept/2 {
			r.small = 0
		}
	}
	r.start = r.pos
	r.block.begin()
}

// lineEnd finds the end of the line that begins at pos: the index of its CR or
// LF, if that has been read.
func (r *Reader) lineEnd() (int, bool) {
	if r.pos == r.end {
		return 0, false
	}
	if r.skipLF {
		r.skipLF = false
		if r.buf[r.pos] == '\n' {
			r.skip(1)
		}
	}
	if !r.begun && !r.skipMark() {
		return 0, false
	}
	r.lf = seek(r.buf[:r.end], max(r.lf, r.pos), '\n')
	r.cr = seek(r.buf[:r.end], max(r.cr, r.pos), '\r')
	stop := min(r.lf, r.cr)
	return stop, stop < r.end
}

// seek returns the index of the first c at or after i, or len(b).
func seek(b []byte, i int, c byte) int {
	if i >= len(b) || b[i] == c {
		return i
	}
	if n := bytes.IndexByte(b[i:], c); n >= 0 {
		return i + n
	}
	return len(b)
}

// skip passes over n bytes between two lines.
func (r *Reader) skip(n int) {
	r.pos += n
	if !r.block.open {
		r.start = r.pos
	}
}

// skipMark passes over a byte order mark at the beginning of the stream. It
// returns false as long as the bytes that tell whether there is one are missing.
func (r *Reader) skipMark() bool {
	const mark = "\ufeff"
	head := string(r.buf[r.pos:min(r.pos+len(mark), r.end)])
	if head == mark {
		r.skip(len(mark))
	} else if head == mark[:len(head)] {
		return false
	}
	r.begun = true
	return true
}

// fill makes room in the window and reads once from the source, or reports why
// there is nothing more to read.
func (r *Reader) fill() error {
	if r.begun && r.end-r.start >= r.limit {
		return r.fail(&TooLargeError{Limit: r.limit})
	}
	if r.srcErr != nil {
		return r.ended(r.srcErr)
	}
	r.makeRoom()
	for range emptyReads {
		free := r.buf[r.end:]
		r.srcErr = errPanicked // stays if Read does panic and the caller recovers
		n, err := r.src.Read(free)
		r.srcErr = err // one that came with bytes waits until they are used up
		if n < 0 || n > len(free) {
			return r.ended(errCount)
		}
		r.end += n
		if n > 0 {
			return nil
		}
		if err != nil {
			return r.ended(err)
		}
	}
	return r.ended(io.ErrNoProgress)
}

// ended records the end of the source as the caller is to see it.
func (r *Reader) ended(err error) error {
	switch {
	case err != io.EOF: // not errors.Is: a failure that wraps io.EOF is no end
		return r.fail(fmt.Errorf("sse: reading the stream: %w", err))
	case r.block.open || r.pos < r.end && r.buf[r.pos] != ':':
		return r.fail(io.ErrUnexpectedEOF)
	default: // between blocks; a comment cut short is no loss
		return r.fail(io.EOF)
	}
}

// fail makes err the answer of this call of Next and of all that follow.
func (r *Reader) fail(err error) error {
	r.err = err
	return err
}

// makeRoom slides what is left of the window to the front of the buffer, and
// replaces a buffer that is too small or has long been too large. A block
// slides at most once, and the buffer doubles, so that the copying costs no
// more than the reading did.
func (r *Reader) makeRoom() {
	left := r.buf[r.start:r.end]
	buf := r.buf
	switch size := len(buf); {
	case size == 0:
		buf = make([]byte, firstBuffer)
	case size-len(left) < size/4 && size < r.limit:
		buf = make([]byte, min(2*size, r.limit))
	case r.small >= smallBlocks && len(left) <= firstBuffer/2:
		buf, r.small = make([]byte, firstBuffer), 0
		r.block.release()
	case r.start == 0:
		return
	}
	r.moved += copy(buf, left)
	r.pos -= r.start
	r.end -= r.start
	r.lf = max(r.lf-r.start, 0)
	r.cr = max(r.cr-r.start, 0)
	r.start = 0
	r.buf = buf
}
