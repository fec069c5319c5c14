package jsonrpc

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

// String reads a string and returns a copy of its decoded text. It makes one allocation of exactly
// the right size.
func (c *Cursor) String() string {
	raw, q, ok := c.scan()
	switch {
	case !ok:
		return ""
	case q.verbatim():
		return string(raw)
	}
	buf := q.decode(raw)
	return unsafe.String(unsafe.SliceData(buf), len(buf)) // buf is new and has no other reference
}

// StringBytes reads a string and returns its decoded text. The result aliases the text if there is
// nothing to decode, and is newly allocated otherwise.
func (c *Cursor) StringBytes() []byte {
	raw, q, ok := c.scan()
	switch {
	case !ok:
		return nil
	case q.verbatim():
		return raw
	}
	return q.decode(raw)
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

// scan reads a string value and returns the bytes between its quotes.
func (c *Cursor) scan() (raw []byte, q quoted, ok bool) {
	if c.value() != '"' {
		c.wrongKind(String)
		return nil, q, false
	}
	raw, q, ok = c.quoted()
	c.place = afterValue
	return raw, q, ok
}

// text reads the name of a member. The next byte is its opening quote.
func (c *Cursor) text() []byte {
	raw, q, ok := c.quoted()
	if ok && !q.verbatim() {
		return q.decode(raw)
	}
	return raw
}

// quoted scans a string whose opening quote is the next byte. It also determines how UTF-8 decoding
// changes the string.
func (c *Cursor) quoted() (raw []byte, q quoted, ok bool) {
	start := c.pos + 1
	q = scanString(c.data, start)
	if q.bad != "" {
		c.syntax(q.end, q.bad)
		return nil, q, false
	}
	c.pos = q.end + 1
	raw = c.data[start:q.end:q.end]
	// Escapes are ASCII, so they can neither hide nor complete an invalid sequence.
	if q.high && !utf8.Valid(raw) {
		q.broken = true
		q.size += 2 * countInvalid(raw) // one byte becomes the three bytes of U+FFFD
	}
	return raw, q, true
}

// quoted is the result of scanString.
type quoted struct {
	end    int    // offset of the closing quote, or of the offending byte
	size   int    // of the decoded text, in bytes
	high   bool   // it has bytes above 0x7f
	broken bool   // its UTF-8 is invalid; set, with the corrected size, by Cursor.quoted
	esc    bool   // it has escapes
	bad    string // what is wrong with the string
}

// verbatim reports whether the decoded text equals the bytes between the quotes.
func (q quoted) verbatim() bool { return !q.esc && !q.broken }

// scanString checks and measures a string. data[start] is the first byte after its opening quote.
// It does not check bytes above 0x7f.
func scanString(data []byte, start int) (q quoted) {
	i, saved := start, 0
	for {
		n, high := indexSpecial(data[i:])
		i += n
		q.high = q.high || high
		q.end = i
		if i >= len(data) {
			q.bad = "the text ends in a string"
			return q
		}
		switch data[i] {
		case '"':
			q.size = i - start - saved
			return q
		case '\\':
			width, size := measureEscape(data[i:])
			if width == 0 {
				q.bad = "invalid escape in a string"
				return q
			}
			q.esc = true
			saved += width - size
			i += width
		default:
			q.bad = "control character in a string"
			return q
		}
	}
}

const (
	lowBits  = 0x0101010101010101
	highBits = 0x8080808080808080
)

// special returns a word in which the high bit is set for each byte of x that ends plain text: a
// quote, a backslash or a control character. The lowest set bit is exact; bits above it may be
// wrong because of a borrow.
func special(x uint64) uint64 {
	// With bit 1 flipped, the quote (0x22) joins the bytes below 0x21, and the space (0x20) leaves
	// them.
	quoteOrControl := (x ^ lowBits*0x02) - lowBits*0x21
	backslash := (x ^ lowBits*'\\') - lowBits
	return (quoteOrControl | backslash) &^ x & highBits
}

// indexSpecial returns the offset of the first quote, backslash or control character, or len(b) if
// there is none. high reports whether there are bytes above 0x7f before it.
func indexSpecial(b []byte) (i int, high bool) {
	var seen uint64
	for len(b)-i >= 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		if m := special(x); m != 0 {
			seen |= x & (m&-m - 1)
			return i + bits.TrailingZeros64(m)/8, seen&highBits != 0
		}
		seen |= x
		if i += 8; i == longRun {
			n, more := indexBlock(b[i:])
			i, seen = i+n, seen|more
		}
	}
	for ; i < len(b); i++ {
		if b[i] == '"' || b[i] == '\\' || b[i] < 0x20 {
			break
		}
		seen |= uint64(b[i])
	}
	return i, seen&highBits != 0
}

// longRun is a number of plain bytes: after this many, many more are likely.
const longRun = 64

// indexBlock returns the offset of the first 32-byte block that has a quote, a backslash or a
// control character, or of the remaining bytes. It also returns the OR of all bytes before that
// offset. It is nearly twice as fast as one word at a time.
func indexBlock(b []byte) (i int, seen uint64) {
	for ; len(b)-i >= 32; i += 32 {
		w := b[i : i+32 : i+32]
		x0, x1 := binary.LittleEndian.Uint64(w), binary.LittleEndian.Uint64(w[8:])
		x2, x3 := binary.LittleEndian.Uint64(w[16:]), binary.LittleEndian.Uint64(w[24:])
		if special(x0)|special(x1)|special(x2)|special(x3) != 0 {
			break
		}
		seen |= x0 | x1 | x2 | x3
	}
	return i, seen
}

// measureEscape returns the length in bytes of the escape at the start of b, and of its decoded
// text. It returns 0 for an invalid escape. A surrogate pair counts as one escape.
func measureEscape(b []byte) (width, size int) {
	if len(b) >= 2 && unescaped[b[1]] != 0 {
		return 2, 1 // small enough to be inlined
	}
	return measureUnicode(b)
}

func measureUnicode(b []byte) (width, size int) {
	if len(b) < 2 || b[1] != 'u' {
		return 0, 0
	}
	r, width := decodeUnicode(b)
	if width == 0 {
		return 0, 0
	}
	return width, utf8.RuneLen(r)
}

// unescaped maps the byte after a backslash, except u, to its meaning.
var unescaped = [256]byte{
	'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t',
}

// decodeUnicode decodes the \uXXXX at the start of b, and the following one if they are a surrogate
// pair. A lone surrogate becomes U+FFFD. width is 0 unless four hexadecimal digits follow the first
// two bytes.
func decodeUnicode(b []byte) (r rune, width int) {
	r = hex4(b)
	if r < 0 {
		return 0, 0
	}
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if b = b[6:]; len(b) >= 6 && b[0] == '\\' && b[1] == 'u' {
		if pair := utf16.DecodeRune(r, hex4(b)); pair != utf8.RuneError {
			return pair, 12
		}
	}
	return utf8.RuneError, 6
}

// hex4 returns the value of the four hexadecimal digits after \u, or -1.
func hex4(b []byte) rune {
	if len(b) < 6 {
		return -1
	}
	// An invalid digit is -1, and the shifts keep it negative.
	return hexValue(b[2])<<12 | hexValue(b[3])<<8 | hexValue(b[4])<<4 | hexValue(b[5])
}

// hexValue returns the value of a hexadecimal digit, or -1.
func hexValue(d byte) rune { return rune(hexValues[d]) }

var hexValues = func() (values [256]int8) {
	for i := range values {
		values[i] = -1
	}
	for v, d := range []byte(hexDigits) {
		values[d] = int8(v)
		if d >= 'a' {
			values[d-'a'+'A'] = int8(v)
		}
	}
	return values
}()

// countInvalid counts the bytes that do not belong to a valid UTF-8 sequence.
func countInvalid(b []byte) (n int) {
	for len(b) > 0 {
		r, size := utf8.DecodeRune(b)
		if r == utf8.RuneError && size == 1 {
			n++
		}
		b = b[size:]
	}
	return n
}

// decode returns the decoded text of raw, which scanString has checked.
func (q quoted) decode(raw []byte) []byte {
	dst := make([]byte, 0, q.size)
	for {
		if len(raw) == 0 || raw[0] != '\\' { // escapes often follow each other
			n := bytes.IndexByte(raw, '\\')
			if n < 0 {
				return q.appendText(dst, raw)
			}
			dst = q.appendText(dst, raw[:n])
			raw = raw[n:]
		}
		if raw[1] != 'u' {
			dst = append(dst, unescaped[raw[1]])
			raw = raw[2:]
			continue
		}
		r, width := decodeUnicode(raw)
		dst = utf8.AppendRune(dst, r)
		raw = raw[width:]
	}
}

// appendText appends text without escapes, with U+FFFD for each byte that is not UTF-8.
func (q quoted) appendText(dst, text []byte) []byte {
	if !q.broken {
		return append(dst, text...)
	}
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		dst = utf8.AppendRune(dst, r)
		text = text[size:]
	}
	return dst
}
