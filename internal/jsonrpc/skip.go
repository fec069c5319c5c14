package jsonrpc

import (
	"encoding/binary"
	"math/bits"
)

// Skip reads the next value of any kind, checks its syntax and depth completely, and returns its
// bytes without surrounding white space. They alias the text. Skip returns nil on errors. It does
// not recurse.
func (c *Cursor) Skip() []byte {
	c.value()
	start := c.pos
	c.pos = c.skipValue(start)
	if c.err != nil {
		return nil
	}
	c.place = afterValue
	return c.data[start:c.pos:c.pos]
}

// The following methods return the offset after what begins at the offset i, or after an error the
// offset where reading stopped.

// skipScalar reads a value that is neither an object nor an array.
func (c *Cursor) skipScalar(i int) (end int) {
	switch b := byteAt(c.data, i); {
	case b == '"':
		return c.skipString(i)
	case isDigit(b), b == '-':
		return c.skipNumber(i)
	case b == 't':
		return c.skipWord(i, "true")
	case b == 'f':
		return c.skipWord(i, "false")
	case b == 'n':
		return c.skipWord(i, "null")
	}
	return c.unexpectedAt(i, "value")
}

// skipString reads a string without decoding it.
func (c *Cursor) skipString(i int) (end int) {
	i++
	for limit := i + longRun; i < limit && len(c.data)-i >= 8; i += 8 {
		if m := special(binary.LittleEndian.Uint64(c.data[i:])); m != 0 {
			i += bits.TrailingZeros64(m) / 8
			if c.data[i] == '"' {
				return i + 1
			}
			break
		}
	}
	return c.skipText(i)
}

// skipText reads the text of a string and its closing quote.
func (c *Cursor) skipText(i int) (end int) {
	for {
		n, _ := indexSpecial(c.data[i:])
		i += n
		switch byteAt(c.data, i) {
		case '"':
			return i + 1
		case '\\':
			if width := escapeWidth(c.data[i:]); width > 0 {
				i += width
				continue
			}
		}
		c.invalidString(i)
		return i
	}
}

// skipWord reads null, true or false.
func (c *Cursor) skipWord(i int, word string) (end int) {
	end = i + len(word)
	if end > len(c.data) || string(c.data[i:end]) != word {
		c.syntax(i, "invalid literal")
	}
	return end
}

// skipNumber reads a number.
func (c *Cursor) skipNumber(i int) (end int) {
	end, ok := scanNumber(c.data, i)
	if !ok {
		c.syntax(end, "invalid number")
	}
	return end
}

// skipValue reads a value of any kind. It is one loop over the grammar, with the stack of open
// containers in a local variable.
func (c *Cursor) skipValue(i int) (end int) {
	var open nesting
	data := c.data
	for c.err == nil {
		// A value begins here.
		if b := byteAt(data, i); b == '{' || b == '[' {
			if c.depth+open.n >= c.maxDepth {
				c.tooDeep(i)
				return i
			}
			open.push(b == '{')
			i = skipSpace(data, i+1)
			if byteAt(data, i) != b+2 { // '{' and '}' are two apart, and so are '[' and ']'
				if b == '{' {
					i = c.skipKey(i)
				}
				continue
			}
			open.pop()
			i++
		} else {
			i = c.skipScalar(i)
		}
		// After a value: close the containers that end here, up to the next comma.
		for c.err == nil {
			if open.n == 0 {
				return i
			}
			i = skipSpace(data, i)
			b := byteAt(data, i)
			if b == ',' {
				i = skipSpace(data, i+1)
				if open.object() {
					i = c.skipKey(i)
				}
				break
			}
			if b != open.closing() {
				return c.unexpectedAt(i, "a comma or closing bracket")
			}
			open.pop()
			i++
		}
	}
	return i
}

// skipKey reads the name of a member, its colon and the white space after it.
func (c *Cursor) skipKey(i int) (end int) {
	if byteAt(c.data, i) != '"' {
		return c.unexpectedAt(i, "the name of a member")
	}
	i = c.skipString(i)
	if c.err != nil {
		return i
	}
	i = skipSpace(c.data, i)
	if byteAt(c.data, i) != ':' {
		return c.unexpectedAt(i, "colon")
	}
	return skipSpace(c.data, i+1)
}

// nesting is a stack of open containers with one bit for each: 1 for an object. It is small, so
// that it stays in registers.
type nesting struct {
	n     int      // number of open containers
	top   uint64   // the innermost ones, up to 64, the last one in the lowest bit
	outer *nesting // the state before the first container of top was opened, if that is full
}

func (s *nesting) push(object bool) {
	if s.n%64 == 0 && s.n > 0 {
		s.outer = &nesting{s.n, s.top, s.outer}
	}
	s.n++
	s.top <<= 1
	if object {
		s.top |= 1
	}
}

func (s *nesting) pop() {
	s.n--
	s.top >>= 1
	if s.n%64 == 0 && s.n > 0 {
		*s = *s.outer
	}
}

// object reports whether the innermost container is an object.
func (s *nesting) object() bool { return s.top&1 != 0 }

// closing returns the byte that closes the innermost container.
func (s *nesting) closing() byte {
	if s.object() {
		return '}'
	}
	return ']'
}

// byteAt returns the byte at the offset i, or 0 after the end of data.
func byteAt(data []byte, i int) byte {
	if i < len(data) {
		return data[i]
	}
	return 0
}
