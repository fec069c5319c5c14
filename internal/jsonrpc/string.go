package jsonrpc

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"sync"
	"unicode/utf8"
	"unsafe"
)

// String reads a string and returns a copy of its decoded text. It makes one allocation of exactly
// the right size, and may have to enlarge a buffer that it reuses.
func (c *Cursor) String() string {
	text, fresh := c.stringValue()
	if fresh {
		return unsafe.String(unsafe.SliceData(text), len(text)) // text has no other reference
	}
	return string(text)
}

// StringBytes reads a string and returns its decoded text. The result aliases the text if there is
// nothing to decode, and is newly allocated otherwise.
func (c *Cursor) StringBytes() []byte {
	text, _ := c.stringValue()
	return text
}

// PlainBytes does what StringBytes does. It is faster for a long text without escapes. plain reports
// whether a text consists of printable ASCII characters.
func (c *Cursor) PlainBytes(plain func([]byte) bool) []byte {
	if c.value() == '"' {
		rest := c.data[c.pos+1:]
		n := max(0, bytes.IndexByte(rest, '"'))
		if text := rest[:n:n]; n > 0 && bytes.IndexByte(text, '\\') < 0 && plain(text) {
			c.pos += n + 2
			c.place = afterValue
			return text
		}
	}
	return c.StringBytes()
}

// stringValue reads a string value. The decoded text aliases the Cursor's text unless it is fresh.
func (c *Cursor) stringValue() (text []byte, fresh bool) {
	if c.value() != '"' {
		c.wrongKind(String)
		return nil, false
	}
	text, fresh = c.text()
	c.place = afterValue
	return text, fresh
}

// text reads the string whose opening quote is the next byte; see stringValue.
func (c *Cursor) text() (text []byte, fresh bool) {
	start := c.pos + 1
	i := start
	for ; i < start+shortText && len(c.data)-i >= 8; i += 8 {
		m := notPlainASCII(binary.LittleEndian.Uint64(c.data[i:]))
		if m == 0 {
			continue
		}
		if i += bits.TrailingZeros64(m) / 8; c.data[i] == '"' {
			c.pos = i + 1
			return c.data[start:i:i], false
		}
		break
	}
	n, high := indexSpecial(c.data[i:]) // before i, all is plain ASCII
	end := i + n
	if byteAt(c.data, end) != '"' {
		return c.escapedText(start), true
	}
	c.pos = end + 1
	text = c.data[start:end:end]
	if high && !validUTF8(text) {
		return replaceInvalid(text), true
	}
	return text, false
}

// shortText is a number of bytes: most names have fewer, and are read without a call of indexSpecial.
const shortText = 24

// scratch holds buffers for decoding, of minScratch to maxScratch bytes.
var scratch = sync.Pool{New: func() any {
	buf := make([]byte, minScratch)
	return &buf
}}

const (
	minScratch = 8 << 10
	maxScratch = 2 << 20
)

// escapedText reads a string that has escapes or is invalid. Its text begins at the offset start. It
// is decoded into a buffer, because its size is not known before, and then copied.
func (c *Cursor) escapedText(start int) []byte {
	buf := scratch.Get().(*[]byte)
	text, end, high := decodeText(buf, c.data, start)
	if byteAt(c.data, end) == '"' {
		c.pos = end + 1
		text = ownText(text, len(text) <= len(*buf), high)
	} else {
		c.invalidString(end)
		text = nil
	}
	scratch.Put(buf)
	return text
}

// decodeText decodes the text of a string, which begins at the offset i, into *buf. If that is too
// small, it makes a larger buffer, which replaces *buf if it may be kept. end is the offset of the
// closing quote or of an invalid byte; high is false only if no byte of the text is above 0x7f.
func decodeText(buf *[]byte, data []byte, i int) (text []byte, end int, high bool) {
	n, read, high := unescape(*buf, data[i:])
	i += read
	if n <= len(*buf)-unescapeSlack {
		return (*buf)[:n], i, high
	}
	quote := closingQuote(data, i)
	if quote < 0 {
		return nil, i, false // invalidString finds out why
	}
	larger := make([]byte, n+quote-i+unescapeSlack) // decoding never makes a text longer
	copy(larger, (*buf)[:n])
	more, read, moreHigh := unescape(larger[n:], data[i:])
	if len(larger) <= maxScratch {
		*buf = larger
	}
	return larger[:n+more], i + read, high || moreHigh
}

// ownText returns the text as UTF-8, in memory that nothing else uses. shared is false only if it is
// in such memory already; high is false only if no byte of it is above 0x7f.
func ownText(text []byte, shared, high bool) []byte {
	switch {
	case high && !validUTF8(text):
		return replaceInvalid(text)
	case !shared && len(text) > cap(text)-cap(text)/8: // little memory is wasted
		return text[:len(text):len(text)]
	}
	own := make([]byte, len(text)) // copied without being cleared first
	copy(own, text)
	return own
}

// closingQuote returns the offset of the first quote from i on that is not escaped, or -1. No escape
// may begin before i and end after it.
func closingQuote(data []byte, i int) int {
	for {
		n := bytes.IndexByte(data[i:], '"')
		if n < 0 {
			return -1
		}
		i += n
		escape := i
		for data[escape-1] == '\\' { // stops at the opening quote at the latest
			escape--
		}
		if (i-escape)%2 == 0 {
			return i
		}
		i++
	}
}

// invalidString fails at the first invalid byte of a string. Its text begins at the offset i.
func (c *Cursor) invalidString(i int) {
	for i < len(c.data) {
		width := 1
		if c.data[i] == '\\' {
			width = escapeWidth(c.data[i:])
		}
		switch {
		case width == 0:
			c.syntax(i, "invalid escape in a string")
			return
		case c.data[i] < 0x20:
			c.syntax(i, "control character in a string")
			return
		}
		i += width
	}
	c.syntax(len(c.data), "the text ends in a string")
}

// replaceInvalid returns a copy of text with U+FFFD for each byte that is not UTF-8.
func replaceInvalid(text []byte) []byte {
	size := len(text)
	for rest := text; len(rest) > 0; {
		r, n := utf8.DecodeRune(rest)
		if r == utf8.RuneError && n == 1 {
			size += len("\ufffd") - 1
		}
		rest = rest[n:]
	}
	replaced := make([]byte, 0, size)
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		replaced = utf8.AppendRune(replaced, r)
		text = text[n:]
	}
	return replaced
}
