package execproto

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// Kind is the kind of a message.
type Kind uint8

// The kinds of messages.
const (
	Request Kind = iota + 1
	Notification
	BodyDelta // an http/request/bodyDelta notification
	Result
	Failure
)

// Message is a received message. Its slices alias the text.
type Message struct {
	Kind   Kind
	RawID  []byte // ID of a request, a result or a failure, as raw JSON
	Method string // of a request or a notification
	Params []byte // raw and syntactically valid; nil when absent
	Result []byte // raw and syntactically valid
	Error  Error
	Delta  Delta
}

// Error says why a request failed. Message is text from the far end. It may quote URLs, including
// their queries.
type Error struct {
	Code    int64
	Message string
	Data    json.RawMessage // a copy of the raw JSON; nil when absent
}

var (
	errEnvelope = errors.New("neither a request nor a notification nor a response")
	errBatch    = errors.New("a batch (an array)")
	errNull     = errors.New("the id of a request is null")
	errID       = errors.New("the id is neither a number nor a string")
)

// FindID returns the raw ID of a request of which only the beginning may be known. The ID must be
// the first member, as all clients write it. It returns nil if it is not there.
func FindID(beginning []byte) []byte {
	c := jsonrpc.NewCursor(beginning, maxDepth)
	c.EnterObject()
	if key, ok := c.NextKey(); !ok || string(key) != "id" {
		return nil
	}
	if k := c.Kind(); k != jsonrpc.Number && k != jsonrpc.String {
		return nil
	}
	raw := c.Skip()
	if c.Err() != nil || c.Left() == 0 { // the beginning may end within a number
		return nil
	}
	return raw
}

// Read reads the message in data into m, after resetting it.
func (m *Message) Read(data []byte) error {
	*m = Message{}
	c := jsonrpc.NewCursor(data, maxDepth)
	if c.Kind() == jsonrpc.Array {
		return errBatch
	}
	var seen members
	envelope.read(&c, func(member string) {
		m.member(&c, member, &seen)
	})
	c.End()
	if err := c.Err(); err != nil {
		return err
	}
	return m.classify(seen)
}

var envelope = object{members: []string{"id", "method", "params", "result", "error"}}

// members records which members of the envelope were present.
type members struct{ method, result, failure, delta bool }

func (m *Message) member(c *jsonrpc.Cursor, member string, seen *members) {
	switch member {
	case "id":
		switch c.Kind() {
		case jsonrpc.Number, jsonrpc.String, jsonrpc.Null:
			m.RawID = c.Skip()
		default:
			c.Fail(errID)
		}
	case "method":
		seen.method = true
		if name := c.StringBytes(); string(name) == MethodBodyDelta {
			m.Method = MethodBodyDelta // avoids a copy for the most frequent method
		} else {
			m.Method = string(name)
		}
	case "params":
		if m.Method == MethodBodyDelta && !seen.delta {
			m.Delta.read(c)
			seen.delta = true
			return
		}
		if !c.TryNull() {
			m.Params = c.Skip()
		}
	case "result":
		seen.result = true
		m.Result = c.Skip()
	case "error":
		seen.failure = m.Error.read(c)
	}
}

// classify sets the kind of the message from its members.
func (m *Message) classify(seen members) error {
	switch {
	case seen.method && (seen.result || seen.failure), seen.result && seen.failure:
		return errEnvelope
	case seen.method && string(m.RawID) == "null":
		return errNull
	case seen.method && m.RawID != nil:
		m.Kind = Request
	case seen.method && m.Method == MethodBodyDelta:
		m.Kind = BodyDelta
		if seen.delta {
			return nil
		}
		c := jsonrpc.NewCursor(m.Params, maxDepth) // params preceded the method
		m.Delta.read(&c)
		c.End()
		return c.Err()
	case seen.method:
		m.Kind = Notification
	case m.RawID == nil:
		return errEnvelope
	case seen.result:
		m.Kind = Result
	case seen.failure:
		m.Kind = Failure
	default:
		return errEnvelope
	}
	return nil
}

// ID returns the ID if it is an integer. All IDs of package executor are integers.
func (m *Message) ID() (int64, bool) {
	id, err := strconv.ParseInt(string(m.RawID), 10, 64)
	return id, err == nil
}

var errorObject = object{members: []string{"code", "message", "data"}}

// read reads the error object. It returns false if the value is null.
func (e *Error) read(c *jsonrpc.Cursor) bool {
	if c.TryNull() {
		return false
	}
	errorObject.read(c, func(member string) {
		switch member {
		case "code":
			e.Code = c.Int64()
		case "message":
			e.Message = c.String()
		case "data":
			e.Data = c.Raw()
		}
	})
	return true
}

// AppendResult appends the response to the request with the ID rawID. result is raw JSON.
func AppendResult(dst, rawID, result []byte) []byte {
	dst = append(append(dst, `{"id":`...), rawID...)
	dst = append(append(dst, `,"result":`...), result...)
	return append(dst, '}')
}

// AppendError appends the error response to the request with the ID rawID. data is raw JSON; nil
// omits the member.
func AppendError(dst, rawID []byte, code int64, message string, data []byte) []byte {
	dst = strconv.AppendInt(append(dst, `{"error":{"code":`...), code, 10)
	dst = jsonrpc.AppendString(append(dst, `,"message":`...), message)
	if data != nil {
		dst = append(append(dst, `,"data":`...), data...)
	}
	dst = append(append(dst, `},"id":`...), rawID...)
	return append(dst, '}')
}

// object describes a JSON object by its known members. Required members come first.
type object struct {
	members  []string
	required int
}

// read reads the object at c, and calls value for each known member. Unknown members are checked
// and skipped. A duplicate member is an error, because parsers disagree about which duplicate to
// use.
func (o object) read(c *jsonrpc.Cursor, value func(member string)) {
	c.EnterObject()
	var seen uint
	for {
		key, ok := c.NextKey()
		if !ok {
			break
		}
		i := slices.IndexFunc(o.members, func(member string) bool { return string(key) == member })
		switch {
		case i < 0:
			c.Skip()
		case seen&(1<<i) != 0:
			c.Fail(fmt.Errorf("duplicate field `%s`", o.members[i]))
		default:
			seen |= 1 << i
			value(o.members[i])
		}
	}
	for i, member := range o.members[:o.required] {
		if c.Err() == nil && seen&(1<<i) == 0 {
			c.Fail(fmt.Errorf("missing field `%s`", member))
		}
	}
}
