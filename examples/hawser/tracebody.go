package main

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
)

// maxTraced is the maximum number of bytes of a message that are kept to describe it.
const maxTraced = 64 << 10

// bodyMessages describes the messages in a body as it is read. It shows kinds, IDs and sizes. It
// omits arguments and results, since they may contain secrets.
type bodyMessages struct {
	kind   string // the media type
	stream bool   // the body is an event stream
	say    func(text string)

	message traced
	line    []byte // the current, incomplete line of a stream
	long    int    // length of line in bytes
	event   string // name of the current event
	hasID   bool
	hasData bool
	wasCR   bool // the last byte was a carriage return
}

// traced is the beginning and the size of a message.
type traced struct {
	begin []byte
	size  int
}

func (t *traced) add(p []byte) {
	t.begin = append(t.begin, p[:min(len(p), maxTraced-len(t.begin))]...)
	t.size += len(p)
}

// add processes the next bytes of the body.
func (m *bodyMessages) add(p []byte) {
	if !m.stream {
		m.message.add(p)
		return
	}
	for len(p) > 0 {
		at := bytes.IndexAny(p, "\r\n")
		if at < 0 {
			m.addLine(p)
			m.wasCR = false
			return
		}
		m.addLine(p[:at])
		if at > 0 || p[at] == '\r' || !m.wasCR { // otherwise, this is the LF of a CR LF pair
			m.endLine()
		}
		m.wasCR = p[at] == '\r'
		p = p[at+1:]
	}
}

func (m *bodyMessages) addLine(p []byte) {
	m.line = append(m.line, p[:min(len(p), maxTraced-len(m.line))]...)
	m.long += len(p)
}

// endLine processes a complete line of an event stream (HTML, section 9.2.6).
func (m *bodyMessages) endLine() {
	line, long := m.line, m.long
	m.line, m.long = m.line[:0], 0
	field, value, _ := bytes.Cut(line, []byte(":"))
	value = bytes.TrimPrefix(value, []byte(" "))
	switch {
	case len(line) == 0:
		m.endEvent()
	case len(field) == 0:
		m.say("comment")
	case string(field) == "event":
		m.event = oneLine(string(value), 60)
	case string(field) == "id":
		m.hasID = true
	case string(field) == "retry":
		m.say("retry: " + oneLine(string(value), 20))
	case string(field) == "data":
		m.hasData = true
		m.message.add(value)
		m.message.size += max(long-len(line), 0)
	}
}

func (m *bodyMessages) endEvent() {
	if m.hasData || m.hasID || m.event != "" {
		text := "event"
		if m.event != "" {
			text += " " + m.event
		}
		if m.hasID {
			text += " with an ID"
		}
		if m.hasData && m.message.size > 0 {
			text += ": " + m.message.describe("")
		}
		m.say(text)
	}
	m.message, m.event, m.hasID, m.hasData = traced{}, "", false, false
}

// end describes the remaining message, if any, and shows how the body ended.
func (m *bodyMessages) end(how string) {
	if m.message.size > 0 && !m.stream {
		m.say(m.message.describe(m.kind))
	}
	if m.stream || how != "end" {
		m.say(how)
	}
}

// errorCode matches the syntax of OAuth error codes.
var errorCode = regexp.MustCompile(`^[a-z_]{1,60}$`)

// describe returns a short description of the message.
func (t *traced) describe(kind string) string {
	length := ", " + size(t.size)
	d := json.NewDecoder(strings.NewReader(string(t.begin)))
	if token, err := d.Token(); err != nil || token != json.Delim('{') {
		if kind == "" {
			kind = "data"
		}
		return oneLine(kind, 60) + length
	}
	var envelope struct{ id, method, result, failed json.RawMessage }
	for d.More() {
		name, err := d.Token()
		if err != nil {
			break
		}
		var value json.RawMessage
		known := map[any]*json.RawMessage{"id": &envelope.id, "method": &envelope.method, "result": &envelope.result, "error": &envelope.failed}[name]
		if known == &envelope.result && known != nil {
			envelope.result = json.RawMessage("true") // even if the result is cut off
		}
		if d.Decode(&value) != nil {
			break
		}
		if known != nil {
			*known = value
		}
	}
	return describeEnvelope(envelope.id, envelope.method, envelope.result, envelope.failed) + length
}

func describeEnvelope(id, method, result, failed json.RawMessage) string {
	number := ""
	if len(id) > 0 && string(id) != "null" {
		number = " id=" + oneLine(string(id), 40)
	}
	var text string
	var rpc struct {
		Code    json.Number `json:"code"`
		Message string      `json:"message"`
	}
	switch {
	case json.Unmarshal(method, &text) == nil && text != "":
		return oneLine(text, 80) + number
	case len(result) > 0:
		return "result" + number
	case json.Unmarshal(failed, &text) == nil && errorCode.MatchString(text):
		return "error " + text
	case json.Unmarshal(failed, &rpc) == nil && rpc.Code != "":
		return strings.TrimSpace("error" + number + " " + rpc.Code.String() + ": " + oneLine(rpc.Message, 200))
	}
	return "JSON"
}
