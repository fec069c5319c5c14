// Package sse reads a text/event-stream, the format of server-sent events (WHATWG HTML, section
// 9.2, "Server-sent events").
//
// It only parses: it keeps no last event ID, does not reconnect, and does not interpret the events.
// The returned events are not copied out of the window that the source was read into.
package sse

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// DefaultMaxEvent is how many bytes one block of a stream may have if the caller sets no limit.
const DefaultMaxEvent = 64 << 20

const (
	idleBuffer  = 512     // size of a new window: enough for the heartbeats of an idle stream
	firstBuffer = 4 << 10 // size of the window once reads have filled it: enough for most events
	maxKept     = 4 << 20 // a few large events do not keep a larger buffer
	smallBlocks = 64      // after this many blocks in a row that fit in maxKept, a larger buffer is dropped
	emptyReads  = 100     // after this many empty reads in a row, the source counts as broken
)

// TooLargeError says that one block, or one line, of a stream has more bytes than the Reader's
// limit. The rest of the stream cannot be read.
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

// Reader reads the events of one stream. It does not read beyond the next event, apart from the
// bytes that the same Read returns. The limit on one block bounds its memory, however long the
// stream is.
//
// A Reader may be used by one goroutine at a time.
type Reader struct {
	src   io.Reader
	limit int

	srcErr error // error of the source's last Read
	err    error // what Next returns from now on

	// The window: buf[start:end] has been read and not dropped. start is the beginning of the
	// current block, or pos if there is none; pos is the beginning of the current line.
	buf             []byte
	start, pos, end int

	// lf and cr are the positions of the search for the next line feed and carriage return: no byte
	// of buf[pos:lf] is a line feed, no byte of buf[pos:cr] a carriage return. So each byte is
	// compared once for each of the two, whichever of them the stream uses.
	lf, cr int

	filled bool // the last read filled the window, so there may be more to read at once
	begun  bool // the position of a byte order mark has been passed
	skipLF bool // the last line ended with CR: an LF that follows belongs to it

	block block
	small int // blocks in a row that fit in maxKept, counted while buf is larger
	moved int // bytes that makeRoom copied; read by the tests of linear time
	cut   int // lines that were split; read by the tests of repeated blocks
}

// NewReader returns a Reader of the events of src. One block of the stream, with all its lines and
// comments, may have maxEvent bytes; zero or less means DefaultMaxEvent.
func NewReader(src io.Reader, maxEvent int) *Reader {
	r := new(Reader)
	r.Reset(src, maxEvent)
	return r
}

// Reset makes r read src from its beginning, like NewReader. It keeps the buffer unless that is
// larger than 4 MiB, and nothing else of the previous stream. Reset(nil, 0) drops the source, so
// that r can be kept in a pool.
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

// Next returns the next block that has a "data", "id" or "retry" field. It skips other blocks and
// comments. The event is valid until the next call.
//
// At the end of the stream the error is io.EOF if the stream ended between two blocks. It is
// io.ErrUnexpectedEOF if the stream ended inside a block, which is then discarded together with its
// ID, as the standard requires. A block that exceeds the limit is a *TooLargeError. A failure of
// the source is an error that wraps the source's error, which may itself wrap io.EOF: to detect the
// end of the stream, compare with ==. All errors are final: later calls return the same error.
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
		case !r.block.open: // a comment between blocks: a stream may consist of keep-alives for days
			r.passIdle(r.start)
		}
	}
}

// Rest returns the incomplete block at the end of a truncated stream: the event data received so
// far, and the raw bytes of the block. Both are nil if the stream ended between blocks. The
// standard discards such a block. Rest may be called once, after Next returned an error.
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

// SourceEnded reports whether the source has returned io.EOF. Events that it returned before may be
// unread.
func (r *Reader) SourceEnded() bool { return r.srcErr == io.EOF }

// passIdle drops buf[from:pos], which had no event, and the empty lines and comments after it. It
// compares exact repetitions as a whole instead of splitting them into lines, so a stream of
// nothing else costs little more than reading it.
func (r *Reader) passIdle(from int) {
	b, pos, lf, cr := r.buf[:r.end], r.pos, r.lf, r.cr
	block, empty := from, true // where the current block begins; whether its last line has been read
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
			from = block // compare the whole block, with its comments
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

// repeated returns the number of bytes after b[:n] that are whole repetitions of b[:n].
func repeated(b []byte, n int) int {
	next := b[n:]
	if len(next) < n || next[n-1] != b[n-1] || next[0] != b[0] { // the usual case: no repetition
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

// lineEnd returns the index of the CR or LF that ends the line at pos, if that has been read.
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

// seek returns the index of the first byte c at or after i, or len(b).
func seek(b []byte, i int, c byte) int {
	if i >= len(b) || b[i] == c {
		return i
	}
	if n := bytes.IndexByte(b[i:], c); n >= 0 {
		return i + n
	}
	return len(b)
}

// skip drops n bytes between two lines.
func (r *Reader) skip(n int) {
	r.pos += n
	if !r.block.open {
		r.start = r.pos
	}
}

// skipMark skips a byte order mark at the beginning of the stream. It returns false until there are
// enough bytes to decide.
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

// fill makes room in the window and reads once from the source. It returns an error if nothing more
// can be read.
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
		r.srcErr = errPanicked // stays set if Read panics and the caller recovers
		n, err := r.src.Read(free)
		r.srcErr = err // an error that came with bytes waits until those are used up
		if n < 0 || n > len(free) {
			return r.ended(errCount)
		}
		r.end += n
		r.filled = n == len(free)
		if n > 0 {
			return nil
		}
		if err != nil {
			return r.ended(err)
		}
	}
	return r.ended(io.ErrNoProgress)
}

// ended records the end of the source and returns the error that the caller gets.
func (r *Reader) ended(err error) error {
	switch {
	case err != io.EOF: // not errors.Is: a failure that wraps io.EOF is not the end of the stream
		return r.fail(fmt.Errorf("sse: reading the stream: %w", err))
	case r.block.open || r.pos < r.end && r.buf[r.pos] != ':':
		return r.fail(io.ErrUnexpectedEOF)
	default: // between blocks; a truncated comment does not matter
		return r.fail(io.EOF)
	}
}

// fail makes err the result of this and all later calls of Next.
func (r *Reader) fail(err error) error {
	r.err = err
	return err
}

// makeRoom slides the rest of the window to the front of the buffer. It replaces a buffer that is
// too small, or that has been too large for long. A block slides at most once, and the buffer
// doubles, so copying never costs more than reading.
func (r *Reader) makeRoom() {
	left := r.buf[r.start:r.end]
	buf := r.buf
	switch size := len(buf); {
	case size == 0:
		buf = make([]byte, idleBuffer)
	case r.filled && size < firstBuffer:
		buf = make([]byte, 2*size)
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
