package jsonrpc

import (
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// reference reads JSON one byte at a time and keeps its first error. It is slow and simple. The
// fuzz tests require that a Cursor reads the same values and stops with the same errors.
type reference struct {
	data            []byte
	pos, depth, max int
	err             error
}

// referenceSkip returns the bytes of the first value in data.
func referenceSkip(data []byte, maxDepth int) (value []byte, err error) {
	r := reference{data: data, max: maxDepth}
	r.space()
	start := r.pos
	r.value()
	if r.err != nil {
		return nil, r.err
	}
	return data[start:r.pos], nil
}

// referenceString returns the decoded text of the string at the start of data.
func referenceString(data []byte) (text string, err error) {
	r := reference{data: data}
	decoded := r.text()
	return string(decoded), r.err
}

func (r *reference) fail(offset int, msg string) {
	if r.err == nil {
		r.err = &SyntaxError{Offset: offset, Msg: msg}
	}
}

func (r *reference) unexpected(want string) {
	if r.pos >= len(r.data) {
		r.fail(r.pos, "expected "+want+", got the end of the text")
		return
	}
	r.fail(r.pos, fmt.Sprintf("expected %s, got %q", want, r.data[r.pos]))
}

// at returns the byte at offset i, or 0 after the end.
func (r *reference) at(i int) byte {
	if i >= len(r.data) {
		return 0
	}
	return r.data[i]
}

// space skips white space and returns the next byte.
func (r *reference) space() byte {
	for b := r.at(r.pos); b == ' ' || b == '\t' || b == '\n' || b == '\r'; b = r.at(r.pos) {
		r.pos++
	}
	return r.at(r.pos)
}

func (r *reference) value() {
	switch b := r.space(); {
	case b == '{' || b == '[':
		r.container(b)
	case b == '"':
		r.text()
	case b == 't':
		r.word("true")
	case b == 'f':
		r.word("false")
	case b == 'n':
		r.word("null")
	case b == '-' || b >= '0' && b <= '9':
		r.number()
	default:
		r.unexpected("value")
	}
}

func (r *reference) container(open byte) {
	if r.depth >= r.max {
		r.err = fmt.Errorf("%w: more than %d levels at offset %d", ErrDepth, r.max, r.pos)
		return
	}
	r.depth++
	r.pos++
	end := open + 2 // '{' and '}' are two apart, and so are '[' and ']'
	for more := r.space() != end; more && r.err == nil; {
		if open == '{' {
			r.key()
		}
		if r.err == nil {
			r.value()
		}
		if more = r.err == nil && r.space() == ','; more {
			r.pos++
		}
	}
	if r.err == nil && r.space() != end {
		r.unexpected("a comma or closing bracket")
	}
	r.pos++
	r.depth--
}

func (r *reference) key() {
	if r.err == nil && r.space() != '"' {
		r.unexpected("the name of a member")
	}
	if r.err == nil {
		r.text()
	}
	if r.err == nil && r.space() != ':' {
		r.unexpected("colon")
	}
	r.pos++
}

func (r *reference) word(word string) {
	for i := range len(word) {
		if r.at(r.pos+i) != word[i] {
			r.fail(r.pos, "invalid literal")
		}
	}
	r.pos += len(word)
}

func (r *reference) number() {
	if r.at(r.pos) == '-' {
		r.pos++
	}
	if r.at(r.pos) == '0' {
		r.pos++
	} else {
		r.digits()
	}
	if r.at(r.pos) == '.' {
		r.pos++
		r.digits()
	}
	if b := r.at(r.pos); r.err == nil && (b == 'e' || b == 'E') {
		r.pos++
		if b := r.at(r.pos); b == '+' || b == '-' {
			r.pos++
		}
		r.digits()
	}
}

// digits reads at least one digit.
func (r *reference) digits() {
	start := r.pos
	for b := r.at(r.pos); b >= '0' && b <= '9'; b = r.at(r.pos) {
		r.pos++
	}
	if r.pos == start {
		r.fail(start, "invalid number")
	}
}

// text reads the string whose opening quote is the next byte.
func (r *reference) text() (decoded []byte) {
	r.pos++
	for r.err == nil {
		switch b := r.at(r.pos); {
		case r.pos >= len(r.data):
			r.fail(r.pos, "the text ends in a string")
		case b == '"':
			r.pos++
			return decoded
		case b < 0x20:
			r.fail(r.pos, "control character in a string")
		case b == '\\':
			decoded = utf8.AppendRune(decoded, r.escape())
		default:
			char, size := utf8.DecodeRune(r.data[r.pos:])
			decoded = utf8.AppendRune(decoded, char)
			r.pos += size
		}
	}
	return nil
}

func (r *reference) escape() rune {
	const from, to = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
	for i := range len(from) {
		if r.at(r.pos+1) == from[i] && r.pos+1 < len(r.data) {
			r.pos += 2
			return rune(to[i])
		}
	}
	first := r.hex(r.pos)
	if first < 0 {
		r.fail(r.pos, "invalid escape in a string")
		return 0
	}
	r.pos += 6
	if utf16.IsSurrogate(first) {
		pair := utf16.DecodeRune(first, r.hex(r.pos))
		if pair != utf8.RuneError {
			r.pos += 6
		}
		return pair
	}
	return first
}

// hex returns the value of the \uXXXX at offset i, or -1.
func (r *reference) hex(i int) (v rune) {
	if r.at(i) != '\\' || r.at(i+1) != 'u' {
		return -1
	}
	for _, d := range []byte{r.at(i + 2), r.at(i + 3), r.at(i + 4), r.at(i + 5)} {
		switch {
		case d >= '0' && d <= '9':
			v = v<<4 | rune(d-'0')
		case d|0x20 >= 'a' && d|0x20 <= 'f':
			v = v<<4 | rune(d|0x20-'a'+10)
		default:
			return -1
		}
	}
	return v
}
