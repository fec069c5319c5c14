package jsonrpc

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
)

// Error is the error member of a response (JSON-RPC 2.0 section 5.1). It is a copy, not part of the
// message's text. Message and Data are the peer's text, unchanged.
type Error struct {
	Code    int64
	Message string
	Data    json.RawMessage // nil when absent
}

// ResultDecoder decodes the result of a response in place. data starts at the first byte of the
// result and continues after its end; n is the length of the result in bytes. The decoder must copy
// what it keeps if the buffer is reused.
type ResultDecoder interface {
	DecodeResult(data []byte) (n int, err error)
}

// Message is one decoded JSON-RPC 2.0 message. Its slices alias the text that it was decoded from.
type Message struct {
	ID        []byte // raw JSON of the id: a number, a string or null; nil when absent
	Method    string // "" when absent
	Params    []byte // raw and syntactically valid; nil when absent or null
	HasResult bool   // whether there was a result member; null is a result
	Result    []byte // raw and syntactically valid if there was no decoder or it failed; else nil
	ResultErr error  // error of the decoder; the rest of the message is valid
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

// memberOf returns the member of the envelope with exactly this name, or 0 for any other name.
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

var errResultLength = errors.New("jsonrpc: the decoder of the result returned an impossible length")

// Decode reads one message from data, which may also contain white space but nothing else. It
// resets m first. If dec is not nil, it decodes the result. If dec fails, the result is checked and
// kept raw in Result, ResultErr has the error, and the message is still valid.
//
// The error is a [*SyntaxError], a [*ShapeError], one that wraps [ErrDepth], or an
// [*EnvelopeError]. An EnvelopeError reports a batch; a jsonrpc member that is missing or not
// "2.0"; a duplicate member; more than one of a method, a result and an error; or none of these
// three. Members with other names are checked and ignored. After an error, m has the members read
// so far, for diagnosis only.
func (m *Message) Decode(data []byte, dec ResultDecoder) error {
	*m = Message{}
	c := NewCursor(data, 0)
	if c.Kind() == Array {
		return &EnvelopeError{"a batch (an array), which MCP does not allow"}
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
			c.Fail(&EnvelopeError{"duplicate member"})
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

// decodeMember reads the value of a member.
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
			c.wrongShape("number, string or null for the id")
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

// decodeResult passes the result to the decoder, or keeps it raw.
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

// decodeError reads an error object. An object without a code does not count as an error, so the
// request stays unanswered.
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

// decodeCode reads the code. If the code is a string or not an integer, Code stays 0, and the
// message shows the code as received.
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

// maxOddCode bounds how many bytes of a code that is not an integer are shown.
const maxOddCode = 64

// decodeMessage reads the message. If the message is not a string, its JSON text is kept.
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

// check reports whether the members that were found make a message.
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
		return ErrEmpty
	}
	return nil
}

// ErrEmpty is the error for a whole object that has neither a method nor a result nor an error.
var ErrEmpty error = &EnvelopeError{"neither a method nor a result nor an error"}

// IsRequest reports whether the message is a request, which expects an answer.
func (m *Message) IsRequest() bool { return m.Method != "" && !m.IsNotification() }

// IsNotification reports whether the message is a notification, which expects no answer. An ID of
// null is allowed, because some servers send it.
func (m *Message) IsNotification() bool {
	return m.Method != "" && (m.ID == nil || string(m.ID) == "null" && strings.HasPrefix(m.Method, "notifications/"))
}

// IsResponse reports whether the message is a response: a result or an error. Its ID may be absent
// or null if the peer could not identify the request.
func (m *Message) IsResponse() bool { return m.HasResult || m.Error != nil }

// IDIs reports whether the message's ID is the number id, such as 1 or 1.0, or a string of its
// decimal digits, which is how some servers return it.
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

// knownMethods are the methods that an MCP server may send to a client (2025-03-26 to 2026-07-28).
var knownMethods = func() map[string]string {
	known := map[string]string{}
	for _, name := range []string{
		methodProgress, "notifications/message", "notifications/cancelled", "notifications/resources/updated",
		"notifications/resources/list_changed", "notifications/tools/list_changed", "notifications/prompts/list_changed",
		"notifications/subscriptions/acknowledged", "notifications/elicitation/complete", "notifications/tasks/status",
		"ping", "sampling/createMessage", "elicitation/create", "roots/list", "tasks/get", "tasks/list", "tasks/result",
		"tasks/cancel",
	} {
		known[name] = name
	}
	return known
}()

const methodProgress = "notifications/progress"

// internMethod returns the name of a method as a string. A known method is not allocated.
func internMethod(name []byte) string {
	if string(name) == methodProgress { // a call may have thousands of them
		return methodProgress
	}
	if known, ok := knownMethods[string(name)]; ok {
		return known
	}
	return string(name)
}
