package jsonrpc

import (
	"encoding/json"
	"errors"
	"fmt"
)

// DefaultMaxDepth is how many objects and arrays may be open at once if the caller of [NewCursor]
// sets no limit.
const DefaultMaxDepth = 512

// Kind is the kind of a JSON value. The first byte of the value determines it.
type Kind uint8

// The kinds of JSON values. Invalid means that no value begins here, for example at the end of the
// text.
const (
	Invalid Kind = iota
	Null
	Bool
	Number
	String
	Array
	Object
)

var kindNames = [...]string{"no value", "null", "boolean", "number", "string", "array", "object"}

// String returns the name of the kind for error texts.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return kindNames[Invalid]
}

var kindOf = [256]Kind{
	'n': Null, 't': Bool, 'f': Bool, '"': String, '[': Array, '{': Object,
	'-': Number, '0': Number, '1': Number, '2': Number, '3': Number, '4': Number,
	'5': Number, '6': Number, '7': Number, '8': Number, '9': Number,
}

// place is the position of a Cursor in the JSON grammar.
type place uint8

const (
	wantValue  place = iota // at the start of the text, after a colon, or at an element
	opened                  // just inside a container
	afterValue              // after a value: a comma, a closing bracket or the end follows
)

// Cursor reads one JSON text (RFC 8259) in a single pass, value by value, in the order of the text.
// Errors are sticky: after the first error every method returns a zero value, and Err returns the
// error. It is also an error to read a value twice, or to call NextKey or NextElement before the
// previous value was read.
//
// A Cursor keeps a reference to the text and never changes it. Make one with [NewCursor]; it is not
// for concurrent use.
type Cursor struct {
	data     []byte
	err      error
	pos      int // offset of the next unread byte
	depth    int // number of open objects and arrays
	maxDepth int
	place    place
}

// NewCursor returns a Cursor at the start of data. At most maxDepth objects and arrays may be open
// at once; zero or less means [DefaultMaxDepth].
func NewCursor(data []byte, maxDepth int) Cursor {
	if maxDepth <= 0 {
		maxDepth = DefaultMaxDepth
	}
	return Cursor{data: data, maxDepth: maxDepth}
}

// Err returns the first error: a [*SyntaxError], a [*ShapeError], an error that wraps [ErrDepth],
// or the argument of Fail.
func (c *Cursor) Err() error { return c.err }

// Fail stops the Cursor with err, unless it already has an error. Decoders use it to report values
// that are well-formed but not acceptable. A nil err has no effect.
func (c *Cursor) Fail(err error) {
	if c.err == nil && err != nil {
		c.err = err
		c.data = nil // so that every method is at the end of the text
	}
}

// Pos returns the offset of the next unread byte. After a value was read, that is the offset just
// after the value.
func (c *Cursor) Pos() int { return c.pos }

// Since returns the text from the offset start to the next unread byte, or nil after an error. It
// aliases the Cursor's text.
func (c *Cursor) Since(start int) []byte {
	if c.err != nil {
		return nil
	}
	return c.data[start:c.pos:c.pos]
}

// Left returns the number of unread bytes, or 0 after an error.
func (c *Cursor) Left() int { return max(0, len(c.data)-c.pos) }

// Kind returns the kind of the next value without reading it, or [Invalid] if no value begins here.
func (c *Cursor) Kind() Kind { return kindOf[c.next()] }

// EnterObject reads the opening brace of an object. NextKey then returns its members. If the next
// value is not an object, the error is a [*ShapeError].
func (c *Cursor) EnterObject() { c.enter('{', Object) }

// EnterArray reads the opening bracket of an array. NextElement then moves through its elements. If
// the next value is not an array, the error is a [*ShapeError].
func (c *Cursor) EnterArray() { c.enter('[', Array) }

func (c *Cursor) enter(open byte, kind Kind) {
	if c.value() != open {
		c.wrongKind(kind)
		return
	}
	if c.depth >= c.maxDepth {
		c.tooDeep(c.pos)
		return
	}
	c.pos++
	c.depth++
	c.place = opened
}

// NextKey reads up to the next member's value and returns the member's name, unescaped. ok is false
// after the closing brace and on errors. The value must be read (or skipped) before the next call.
// key is valid until then; it aliases the text unless it had escapes. NextKey does not check for
// duplicate names.
func (c *Cursor) NextKey() (key []byte, ok bool) {
	b := c.next()
	switch {
	case b == '}' && c.place != wantValue:
		c.leave()
		return nil, false
	case b == ',' && c.place == afterValue:
		c.pos++
		b = c.next()
	case c.place != opened:
		c.unexpected("a comma or closing brace")
		return nil, false
	}
	if b != '"' {
		c.unexpected("the name of a member")
		return nil, false
	}
	key, _ = c.text()
	if c.next() != ':' {
		c.unexpected("colon")
		return nil, false
	}
	c.pos++
	c.place = wantValue
	return key, true
}

// NextElement moves to the next element of an array. The element must be read (or skipped) before
// the next call. It returns false after the closing bracket and on errors.
func (c *Cursor) NextElement() bool {
	b := c.next()
	switch {
	case b == ']' && c.place != wantValue:
		c.leave()
		return false
	case b == ',' && c.place == afterValue:
		c.pos++
	case c.place != opened:
		c.unexpected("a comma or closing bracket")
	}
	c.place = wantValue
	return c.err == nil
}

// leave reads a closing brace or bracket.
func (c *Cursor) leave() {
	if c.depth == 0 { // the caller entered no container: a bug of the caller, but the Cursor must stop
		c.unexpected("value")
		return
	}
	c.pos++
	c.depth--
	c.place = afterValue
}

// Bool reads true or false.
func (c *Cursor) Bool() bool {
	switch c.value() {
	case 't':
		return c.literal("true")
	case 'f':
		c.literal("false")
	default:
		c.wrongKind(Bool)
	}
	return false
}

// TryNull reads null and returns true if that is the next value. Otherwise it reads nothing.
func (c *Cursor) TryNull() bool {
	return c.value() == 'n' && c.literal("null")
}

func (c *Cursor) literal(word string) bool {
	end := c.skipWord(c.pos, word)
	if c.err != nil {
		return false
	}
	c.pos = end
	c.place = afterValue
	return true
}

// Raw returns a copy of the next value's bytes. It checks them as Skip does.
func (c *Cursor) Raw() json.RawMessage {
	b := c.Skip()
	if b == nil {
		return nil
	}
	return append(make(json.RawMessage, 0, len(b)), b...)
}

// End checks that only white space follows.
func (c *Cursor) End() {
	c.next()
	if c.err == nil && (c.pos < len(c.data) || c.depth > 0 || c.place != afterValue) {
		c.unexpected("the end of the text")
	}
}

// next moves to the next byte that is not white space and returns it. It returns 0 at the end and
// after an error. (A NUL byte in the text is no valid token either.)
func (c *Cursor) next() byte {
	if i := c.pos; i < len(c.data) && c.data[i] > ' ' {
		return c.data[i] // small enough to be inlined
	}
	return c.nextPastSpace()
}

func (c *Cursor) nextPastSpace() byte {
	c.pos = skipSpaces(c.data, c.pos)
	if c.pos >= len(c.data) {
		return 0
	}
	return c.data[c.pos]
}

// value calls next for a method that reads a value. It fails if no value is expected here.
func (c *Cursor) value() byte {
	if c.place != wantValue {
		c.syntax(c.pos, "a value was read where none is expected")
	}
	return c.next()
}

// skipSpace returns the offset of the first byte from i on that is not JSON white space.
func skipSpace(data []byte, i int) int {
	if i < len(data) && data[i] > ' ' {
		return i // small enough to be inlined
	}
	return skipSpaces(data, i)
}

func skipSpaces(data []byte, i int) int {
	for ; i < len(data); i++ {
		switch data[i] {
		case ' ', '\t', '\n', '\r':
		default:
			return i
		}
	}
	return i
}

func (c *Cursor) syntax(offset int, msg string) {
	c.Fail(&SyntaxError{Offset: offset, Msg: msg})
}

// unexpected fails at the next byte. want names what was expected there.
func (c *Cursor) unexpected(want string) {
	if c.err != nil {
		return
	}
	if c.pos >= len(c.data) {
		c.syntax(c.pos, "expected "+want+", got the end of the text")
		return
	}
	c.syntax(c.pos, fmt.Sprintf("expected %s, got %q", want, c.data[c.pos]))
}

// unexpectedAt is unexpected for the offset i, which it returns.
func (c *Cursor) unexpectedAt(i int, want string) int {
	c.pos = i
	c.unexpected(want)
	return i
}

// wrongKind fails because the next value is not of the kind want.
func (c *Cursor) wrongKind(want Kind) { c.wrongShape(want.String()) }

// wrongShape fails because the next value is not the one that want describes.
func (c *Cursor) wrongShape(want string) {
	if c.err != nil {
		return
	}
	got := Invalid
	if c.pos < len(c.data) {
		got = kindOf[c.data[c.pos]]
	}
	if got == Invalid {
		c.unexpected(want)
		return
	}
	c.Fail(&ShapeError{Offset: c.pos, Want: want, Got: got.String()})
}

func (c *Cursor) tooDeep(offset int) {
	c.Fail(fmt.Errorf("%w: more than %d levels at offset %d", ErrDepth, c.maxDepth, offset))
}

// ErrDepth is wrapped by the error for a text that is nested more deeply than the [Cursor] allows.
var ErrDepth = errors.New("jsonrpc: nested too deeply")

// SyntaxError says that the text is not JSON as RFC 8259 defines it.
type SyntaxError struct {
	Offset int    // of the invalid byte, from the start of the text
	Msg    string // what is wrong or missing
}

// Error implements error.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("jsonrpc: invalid JSON at offset %d: %s", e.Offset, e.Msg)
}

// ShapeError says that a well-formed JSON value is not of the expected kind, or that a number is
// not in the expected range or set.
type ShapeError struct {
	Offset int    // of the value's first byte, from the start of the text
	Want   string // the expected value
	Got    string // the value found
}

// Error implements error.
func (e *ShapeError) Error() string {
	return fmt.Sprintf("jsonrpc: expected %s at offset %d, got %s", e.Want, e.Offset, e.Got)
}

// EnvelopeError says that well-formed JSON is not one JSON-RPC 2.0 message. It may be a batch, lack
// a version, or have both a result and an error.
type EnvelopeError struct {
	Msg string // what is wrong, without any text from the peer
}

// Error implements error.
func (e *EnvelopeError) Error() string { return "jsonrpc: not a JSON-RPC 2.0 message: " + e.Msg }
