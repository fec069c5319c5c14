package jsonrpc

// Skip reads the next value of any kind, checks its syntax and depth completely, and returns its
// bytes without surrounding white space. They alias the text. Skip returns nil on errors. It does
// not recurse.
func (c *Cursor) Skip() []byte {
	b := c.value()
	start := c.pos
	switch b {
	case '{', '[':
		c.skipContainer()
	default:
		c.skipScalar(b)
	}
	if c.err != nil {
		return nil
	}
	c.place = afterValue
	return c.data[start:c.pos:c.pos]
}

// skipScalar reads a value that begins with b and is neither an object nor an array.
func (c *Cursor) skipScalar(b byte) {
	switch b {
	case '"':
		c.skipString()
	case 't':
		c.literal("true")
	case 'f':
		c.literal("false")
	case 'n':
		c.literal("null")
	default:
		if kindOf[b] == Number {
			c.number()
			return
		}
		c.unexpected("value")
	}
}

// skipString reads a string without decoding it.
func (c *Cursor) skipString() {
	if n, _ := indexSpecial(c.data[c.pos+1:]); c.pos+1+n < len(c.data) && c.data[c.pos+1+n] == '"' {
		c.pos += n + 2
		return
	}
	q := scanString(c.data, c.pos+1)
	if q.bad != "" {
		c.syntax(q.end, q.bad)
		return
	}
	c.pos = q.end + 1
}

// nesting is a stack of open containers with one bit for each: 1 for an object.
type nesting struct {
	n     int                          // number of open containers
	words [DefaultMaxDepth / 64]uint64 // enough for DefaultMaxDepth
	more  []uint64                     // for a Cursor that goes deeper
}

// word returns the word with the bit of container i. It appends the word if i is the first
// container in it.
func (s *nesting) word(i int) *uint64 {
	w := i / 64
	if w < len(s.words) {
		return &s.words[w]
	}
	if w -= len(s.words); w == len(s.more) {
		s.more = append(s.more, 0)
	}
	return &s.more[w]
}

func (s *nesting) push(object bool) {
	word, bit := s.word(s.n), uint64(1)<<(s.n%64)
	*word &^= bit
	if object {
		*word |= bit
	}
	s.n++
}

// pop closes the innermost container and reports whether the one around it is an object.
func (s *nesting) pop() (object bool) {
	s.n--
	if s.n == 0 {
		return false
	}
	return *s.word(s.n - 1)>>((s.n-1)%64)&1 != 0
}

// skipContainer reads a whole object or array. The function is long because it is one loop over the
// grammar, with the stack of open containers in local variables.
func (c *Cursor) skipContainer() {
	var open nesting
	object := false // whether the innermost open container is an object
	for c.err == nil {
		// A value begins here.
		b := c.next()
		if b == '{' || b == '[' {
			if c.depth+open.n >= c.maxDepth {
				c.tooDeep(c.pos)
				return
			}
			object = b == '{'
			open.push(object)
			c.pos++
			if n := c.next(); n != b+2 { // '{' and '}' are two apart, and so are '[' and ']'
				if object {
					c.skipKey(n)
				}
				continue
			}
			c.pos++
			object = open.pop()
		} else {
			c.skipScalar(b)
		}
		// After a value: close the containers that end here, up to the next comma.
		for {
			if open.n == 0 {
				return
			}
			b = c.next()
			if b == ',' {
				c.pos++
				if object {
					c.skipKey(c.next())
				}
				break
			}
			if b != closing(object) {
				c.unexpected("a comma or closing bracket")
				return
			}
			c.pos++
			object = open.pop()
		}
	}
}

func closing(object bool) byte {
	if object {
		return '}'
	}
	return ']'
}

// skipKey reads the name of a member that begins with b, and its colon.
func (c *Cursor) skipKey(b byte) {
	if b != '"' {
		c.unexpected("the name of a member")
		return
	}
	c.skipString()
	if c.next() != ':' {
		c.unexpected("colon")
		return
	}
	c.pos++
}
