package bench_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// scenario describes a tool's reply.
type scenario struct {
	name    string // also the tool's name
	stream  bool   // sent as an event stream
	unknown bool   // the response has no Content-Length
	events  int    // number of progress notifications before the answer
	message string // message of each notification
	text    string // text of the result

	result []byte // JSON encoding of text
}

// newScenario encodes the text once.
func newScenario(s scenario) *scenario {
	data, err := json.Marshal(s.text)
	if err != nil {
		panic(err)
	}
	s.result = data
	return &s
}

// toolText resembles the output of tools: a newline every 60 bytes, quotes, some text beyond ASCII.
func toolText(size int) string {
	const line = "the \"quick\" brown fox jumps over the lazy dog, déjà vu 1234\n"
	return strings.Repeat(line, size/len(line)+1)[:size/len(line)*len(line)] + strings.Repeat("x", size%len(line))
}

const mebi = 1 << 20

var (
	json200 = newScenario(scenario{name: "j200", text: toolText(120)}) // 200 bytes with the envelope
	sse200  = newScenario(scenario{name: "s200", stream: true, unknown: true, text: toolText(120)})
	json10k = newScenario(scenario{name: "j10k", text: toolText(10_000)})
	sse10k  = newScenario(scenario{name: "s10k", stream: true, unknown: true, text: toolText(10_000)})
	json1m  = newScenario(scenario{name: "j1m", unknown: true, text: toolText(mebi)})
	sse1m   = newScenario(scenario{name: "s1m", stream: true, unknown: true, text: toolText(mebi)})

	progress1000 = newScenario(scenario{name: "p1000", stream: true, unknown: true, events: 1000, text: "done"})
	messages1000 = newScenario(scenario{name: "m1000", stream: true, unknown: true, events: 1000, text: "done", message: "step of the work"})
	progress0    = newScenario(scenario{name: "p0", stream: true, unknown: true, text: "done"})

	scenarios = []*scenario{json200, sse200, json10k, sse10k, json1m, sse1m, progress1000, messages1000, progress0}
)

// The replies to all methods except tools/call.
const (
	initialized = `{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"bench","version":"1"}}`
	discovered  = `{"supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"resultType":"complete","ttlMs":0,"cacheScope":"private",` +
		`"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"bench","version":"1"}}}`
	noTools = `{"tools":[]}`
)

// reply is the reply to a request.
type reply struct {
	body    []byte
	stream  bool
	unknown bool
	session bool // starts a legacy session
	none    bool // answered with 202 and no body
}

// answer appends the reply to a message to buf. It allocates nothing once buf is large enough, so
// only the client's allocations are measured.
func answer(buf, message []byte) reply {
	id := member(message, `"id":`)
	if id == nil {
		return reply{body: buf[:0], none: true}
	}
	result := func(text string) reply {
		return reply{body: append(append(envelope(buf[:0], id), text...), '}')}
	}
	switch {
	case bytes.Contains(message, []byte(`"method":"initialize"`)):
		r := result(initialized)
		r.session = true
		return r
	case bytes.Contains(message, []byte(`"method":"server/discover"`)):
		return result(discovered)
	case bytes.Contains(message, []byte(`"method":"tools/list"`)):
		return result(noTools)
	}
	for _, s := range scenarios {
		if bytes.Contains(message, []byte(s.name)) {
			return s.render(buf[:0], id, member(message, `"progressToken":`), bytes.Contains(message, []byte("2026-07-28")))
		}
	}
	panic(fmt.Sprintf("no reply for %.200s", message))
}

func envelope(b, id []byte) []byte {
	b = append(b, `{"jsonrpc":"2.0","id":`...)
	b = append(b, id...)
	return append(b, `,"result":`...)
}

// member returns the number or string that follows a key. It returns nil if the key is missing.
func member(message []byte, key string) []byte {
	_, rest, ok := bytes.Cut(message, []byte(key))
	if !ok {
		return nil
	}
	end := bytes.IndexAny(rest, ",}")
	return rest[:end]
}

func (s *scenario) render(b, id, token []byte, modern bool) reply {
	for i := 1; i <= s.events; i++ {
		b = append(b, "event: message\ndata: "+`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":`...)
		b = append(b, token...)
		b = append(b, `,"progress":`...)
		b = strconv.AppendInt(b, int64(i), 10)
		b = append(b, `,"total":1000`...)
		if s.message != "" {
			b = append(append(append(b, `,"message":"`...), s.message...), '"')
		}
		b = append(b, "}}\n\n"...)
	}
	if s.stream {
		b = append(b, "event: message\ndata: "...)
	}
	b = envelope(b, id)
	if modern {
		b = append(b, `{"resultType":"complete","content":[{"type":"text","text":`...)
	} else {
		b = append(b, `{"content":[{"type":"text","text":`...)
	}
	b = append(b, s.result...)
	b = append(b, `}]}}`...)
	if s.stream {
		b = append(b, "\n\n"...)
	}
	return reply{body: b, stream: s.stream, unknown: s.unknown}
}
