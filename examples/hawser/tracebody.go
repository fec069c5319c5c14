package main

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
)

// maxTraced bounds how much of a message is kept to describe it, in bytes.
const maxTraced = 64 << 10

// bodyMessages describes the messages of a body as it is read. It shows kinds, IDs and sizes, no
// arguments and no results, which may hold secrets.
type bodyMessages struct {
	kind   string // the media type
	stream bool   // it is an event stream
	say    func(text string)

	message traced
	line    []byte // of a stream, not complete
	long    int    // bytes of it
	event   string // name of the current event
	hasID   bool
	hasData bool
	wasCR   bool // the last byte was a carriage return
}

// traced is the beginning of a message, and its size.
type traced struct {
	begin []byte
	size  int
}

func (t *traced) add(p []byte) {
	t.begin = append(t.begin, p[:min(len(p), maxTraced-len(t.begin))]...)
	t.size += len(p)
}

// add takes the next bytes.
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
		if at > 0 || p[at] == '\r' || !m.wasCR { // else it is the second half of CR LF
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

// endLine takes a line of a stream (HTML, section 9.2.6).
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

// end describes what is left, and says how the body ended.
func (m *bodyMessages) end(how string) {
	if m.message.size > 0 && !m.stream {
		m.say(m.message.describe(m.kind))
	}
	if m.stream || how != "end" {
		m.say(how)
	}
}

// errorCode are the error codes of OAuth.
var errorCode = regexp.MustCompile(`^[a-z_]{1,60}$`)

// describe says what the message is, in a few words.
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
			envelope.result = json.RawMessage("true") // even if it is cut
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
