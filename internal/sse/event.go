package sse

import (
	"bytes"
	"math"
	"time"
)

// Event is one block of the stream. Its slices alias the reader's buffer and are valid until the
// next call of Next or Reset. The caller must copy what it keeps.
type Event struct {
	// Name is the value of the "event" field. It is nil if the field is absent or empty; the type
	// of the event is then "message".
	Name []byte
	// Data holds the values of the "data" fields, joined by line feeds. It is nil if the block had
	// no such field, and empty but not nil if its only such field was empty.
	Data []byte
	// ID is the value of the "id" field. It is valid only if HasID; an empty ID resets the last
	// event ID.
	ID []byte
	// Retry is the value of the "retry" field. It is valid only if HasRetry. A value that is too
	// large becomes the largest number of whole milliseconds in a Duration.
	Retry time.Duration
	// HasID reports whether the block had an "id" field without a NUL character.
	HasID bool
	// HasRetry reports whether the block had a "retry" field that consists of ASCII digits.
	HasRetry bool
}

// block is the state of the current block, which begins at Reader.start. Names and IDs are short,
// so they are copied out of the window, where the joining of later data lines would overwrite them.
type block struct {
	open bool // the block had a line that is not a comment
	// data[from:to] relative to Reader.start, because both move when the window slides.
	dataFrom, dataTo         int
	hasData, hasID, hasRetry bool
	retry                    time.Duration
	name, id                 []byte
}

// begin clears the fields of the previous block. It reuses the memory of name and id.
func (b *block) begin() {
	b.open, b.hasData, b.hasID, b.hasRetry = false, false, false, false
	b.name, b.id = b.name[:0], b.id[:0]
}

// release drops memory that only an unusually large block needed.
func (b *block) release() {
	if cap(b.name) > maxKept {
		b.name = nil
	}
	if cap(b.id) > maxKept {
		b.id = nil
	}
}

// reportable reports whether the caller needs to see the block.
func (b *block) reportable() bool { return b.hasData || b.hasID || b.hasRetry }

// event returns the block as an Event; window begins at the block's first byte.
func (b *block) event(window []byte) Event {
	var e Event
	if len(b.name) > 0 {
		e.Name = b.name[:len(b.name):len(b.name)]
	}
	if b.hasData {
		e.Data = window[b.dataFrom:b.dataTo:b.dataTo]
	}
	if b.hasID {
		e.ID, e.HasID = b.id[:len(b.id):len(b.id)], true
	}
	if b.hasRetry {
		e.Retry, e.HasRetry = b.retry, true
	}
	return e
}

// field reads one line that is neither empty nor a comment: the bytes window[from:to]. window
// begins at the block's first byte.
func (b *block) field(window []byte, from, to int) {
	line := window[from:to]
	if len(line) >= 5 && string(line[:5]) == "data:" { // almost every line
		from += 5
		if from < to && window[from] == ' ' {
			from++
		}
		b.addData(window, from, to)
		return
	}
	var name, value []byte
	if len(line) >= 6 && string(line[:6]) == "event:" { // most of the others
		name, value = line[:5], line[6:]
	} else {
		name, value, _ = bytes.Cut(line, colon)
	}
	if len(value) > 0 && value[0] == ' ' {
		value = value[1:]
	}
	switch string(name) {
	case "data": // without a colon, and therefore without a value
		b.addData(window, to, to)
	case "event":
		b.name = append(b.name[:0], value...)
	case "id":
		if bytes.IndexByte(value, 0) < 0 {
			if b.id = append(b.id[:0], value...); b.id == nil {
				b.id = []byte{}
			}
			b.hasID = true
		}
	case "retry":
		if d, ok := parseRetry(value); ok {
			b.retry, b.hasRetry = d, true
		}
	}
}

// addData appends the value window[from:to] to the data of the block, in place. The joined data is
// never longer than the lines that it came from, so each byte moves only once, whatever the number
// of lines.
func (b *block) addData(window []byte, from, to int) {
	if !b.hasData {
		b.dataFrom, b.dataTo, b.hasData = from, to, true
		return
	}
	window[b.dataTo] = '\n'
	b.dataTo += 1 + copy(window[b.dataTo+1:], window[from:to])
}

// parseRetry parses a "retry" value: milliseconds in ASCII digits and nothing else.
func parseRetry(value []byte) (time.Duration, bool) {
	const most = math.MaxInt64 / int64(time.Millisecond)
	var ms int64
	for _, c := range value {
		if c < '0' || c > '9' {
			return 0, false
		}
		if ms <= most { // larger values are only checked for digits
			ms = ms*10 + int64(c-'0')
		}
	}
	if ms > most {
		return math.MaxInt64, true
	}
	return time.Duration(ms) * time.Millisecond, len(value) > 0
}

var colon = []byte{':'}
