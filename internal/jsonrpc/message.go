package jsonrpc

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
)

// Error is the error member of a response (JSON-RPC 2.0 section 5.1). It is in
// fresh memory. Message and Data are the peer's own words.
type Error struct {
	Code    int64
	Message string
	Data    json.RawMessage // nil when absent
}

// ResultDecoder decodes the result of a response where it stands in the
// buffer. data starts at the result's first byte and goes on past its end; n
// is how many bytes the value took. What is kept must be copied if the buffer
// is used again.
type ResultDecoder interface {
	DecodeResult(data []byte) (n int, err error)
}

// Message is one decoded JSON-RPC 2.0 message. Its slices alias the text it
// was decoded from.
type Message struct {
	ID        []byte // raw JSON of the id: a number, a string or null; nil when absent
	Method    string // "" when absent
	Params    []byte // raw and checked; nil when absent or null
	HasResult bool   // there was a result member; null is a result
	Result    []byte // raw and checked, when there was no decoder or it failed; else nil
	ResultErr error  // what the decoder said; the rest of the message is whole
	Error     *Error // nil when absent or null
}

// member is a set of members of the envelope.
type member uint8

const (
	memberVersion member = 1 << iota
	memberID
	memberMethod
	memberParams
	memberResult
	memberError
	nullResult // not a member: the result is null
)

// memberOf knows the envelope's members by their exact name; 0 is any other.
func memberOf(key []byte) member {
	switch string(key) {
	case "jsonrpc":
		return memberVersion
	case "id":
		return memberID
	case "method":
		return memberMethod
	case "params":
		return memberParams
	case "result":
		return memberResult
	case "error":
		return memberError
	}
	return 0
}

var errResultLength = errors.New("jsonrpc: the decoder of the result gave an impossible length")

// Decode reads the one message that data holds; nothing but white space may
// follow it. m is reset first. If dec is not nil, it decodes the result; when
// it fails, the result is checked and kept raw, ResultErr says why, and the
// message is whole nevertheless.
//
// The error is a [*SyntaxError], a [*ShapeError], one that wraps [ErrDepth],
// or an [*EnvelopeError]: for a batch, a jsonrpc member that is missing or not
// "2.0", a member that is there twice, a result other than null next to an error, a method
// next to one of them, and for none of the three. Members of other names are
// checked and ignored. After an error, m has what was read so far, for
// diagnosis only.
func (m *Message) Decode(data []byte, dec ResultDecoder) error {
	*m = Message{}
	c := NewCursor(data, 0)
	if c.Kind() == Array {
		return &EnvelopeError{"a batch (an array), which MCP does not have"}
	}
	c.EnterObject()
	var seen member
	for {
		key, ok := c.NextKey()
		if !ok {
			break
		}
		which := memberOf(key)
		if seen&which != 0 {
			c.Fail(&EnvelopeError{"a member is there twice"})
			break
		}
		seen |= which
		if which == memberResult && c.Kind() == Null {
			seen |= nullResult
		}
		m.decodeMember(&c, which, dec)
	}
	c.End()
	if err := c.Err(); err != nil {
		return err
	}
	return m.check(seen)
}

// decodeMember reads the value of the member which.
func (m *Message) decodeMember(c *Cursor, which member, dec ResultDecoder) {
	switch which {
	case memberVersion:
		if string(c.StringBytes()) != "2.0" {
			c.Fail(&EnvelopeError{`its "jsonrpc" is not "2.0"`})
		}
	case memberID:
		switch c.Kind() {
		case Number, String, Null:
			m.ID = c.Skip()
		default:
			c.wrongShape("number, string or null as id")
		}
	case memberMethod:
		if c.TryNull() {
			return
		}
		m.Method = internMethod(c.StringBytes())
		if m.Method == "" {
			c.Fail(&EnvelopeError{`its "method" is empty`})
		}
	case memberParams:
		if !c.TryNull() {
			m.Params = c.Skip()
		}
	case memberResult:
		m.decodeResult(c, dec)
	case memberError:
		m.Error = decodeError(c)
	default:
		c.Skip()
	}
}

// decodeResult gives the result to the decoder, or keeps it raw.
func (m *Message) decodeResult(c *Cursor, dec ResultDecoder) {
	m.HasResult = true
	if dec != nil && c.Kind() != Invalid {
		rest := c.data[c.pos:]
		n, err := dec.DecodeResult(rest)
		switch {
		case err != nil:
			m.ResultErr = err
		case n <= 0 || n > len(rest):
			m.ResultErr = errResultLength
		default:
			c.pos += n
			c.place = afterValue
			return
		}
	}
	m.Result = c.Skip()
}

// decodeError reads an error object. One without a code is no error object: what it answers stays open.
func decodeError(c *Cursor) *Error {
	if c.TryNull() {
		return nil
	}
	e := new(Error)
	coded := false
	c.EnterObject()
	for {
		key, ok := c.NextKey()
		if !ok {
			if !coded {
				c.Fail(&EnvelopeError{"an error without a code"})
			}
			return e
		}
		switch string(key) {
		case "code":
			e.decodeCode(c)
			coded = true
		case "message":
			e.decodeMessage(c)
		case "data":
			e.Data = c.Raw()
		default:
			c.Skip()
		}
	}
}

// decodeCode reads the code. A text, or a number that is no integer, leaves 0, which proves nothing, and stays in the
// message.
func (e *Error) decodeCode(c *Cursor) {
	kind := c.Kind()
	if kind != Number && kind != String {
		e.Code = c.Int64() // fails
		return
	}
	raw := c.Skip()
	if raw == nil {
		return
	}
	if kind == Number {
		if code, ok := parseInteger(raw); ok {
			e.Code = code
			return
		}
	}
	e.Message += "(code " + string(raw[:min(len(raw), maxOddCode)]) + ") "
}

// maxOddCode bounds what is shown of a code that is no integer, in bytes.
const maxOddCode = 64

// decodeMessage reads the message. One that is no string is kept as its JSON.
func (e *Error) decodeMessage(c *Cursor) {
	switch c.Kind() {
	case String:
		e.Message += c.String()
	case Null:
		c.TryNull()
	default:
		e.Message += string(c.Skip())
	}
}

// check tells whether the members that were there make a message.
func (m *Message) check(seen member) error {
	if seen&nullResult != 0 && m.Error != nil { // as JSON-RPC 1.0 has it
		m.HasResult, m.Result, m.ResultErr = false, nil, nil
	}
	answers := m.HasResult || m.Error != nil
	switch {
	case seen&memberVersion == 0:
		return &EnvelopeError{`its "jsonrpc":"2.0" is missing`}
	case m.HasResult && m.Error != nil:
		return &EnvelopeError{"both a result and an error"}
	case m.Method != "" && answers:
		return &EnvelopeError{"both a method and a result or an error"}
	case m.Method == "" && !answers:
		return &EnvelopeError{"neither a method nor a result nor an error"}
	}
	return nil
}

// IsRequest reports whether the peer asks for an answer.
func (m *Message) IsRequest() bool { return m.Method != "" && !m.IsNotification() }

// IsNotification reports whether the peer tells something and wants no answer. Some servers give
// notifications the ID null.
func (m *Message) IsNotification() bool {
	return m.Method != "" && (m.ID == nil || string(m.ID) == "null" && strings.HasPrefix(m.Method, "notifications/"))
}

// IsResponse reports whether the message is an answer: a result or an error.
// Its ID may be absent or null if the peer could not tell what it answers.
func (m *Message) IsResponse() bool { return m.HasResult || m.Error != nil }

// IDIs reports whether the message's ID is the number id: 1, even 1.0, or its
// decimal digits as a string, which is how some servers return it.
func (m *Message) IDIs(id int64) bool {
	if len(m.ID) == 0 {
		return false
	}
	switch kindOf[m.ID[0]] {
	case Number:
		v, ok := parseInteger(m.ID)
		return ok && v == id
	case String:
		return string(m.ID[1:len(m.ID)-1]) == strconv.FormatInt(id, 10)
	default:
		return false
	}
}
