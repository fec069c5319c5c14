package workload

import (
	"bytes"
	"fmt"
	"strconv"
)

// The replies to what starts a session.
var (
	initialized = []byte(`,"result":{"protocolVersion":"` + Legacy + `","capabilities":{"tools":{"listChanged":true}},` +
		`"serverInfo":{"name":"bench","version":"1"}}}`)
	discovered = []byte(`,"result":{"supportedVersions":["` + Modern + `"],"capabilities":{"tools":{"listChanged":true}},"resultType":"complete",` +
		`"ttlMs":0,"cacheScope":"private","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"bench","version":"1"}}}}`)
)

const (
	envelope = `{"jsonrpc":"2.0","id":`
	event    = "event: message\ndata: "
)

// Reply is the reply to one message. Its slices are valid until the message is overwritten.
type Reply struct {
	None    bool // the message needs no answer: status 202 and no body
	Stream  bool // an event stream
	Unsized bool // no Content-Length
	Session bool // starts a legacy session

	// Last is the end of the body, after what Append adds. It is built once and is never changed.
	Last []byte

	tool  *Tool // nil if there are no progress notifications
	id    []byte
	token []byte // progress token
}

// Answer returns the reply to a message that was sent to a path. It allocates nothing. It returns
// an error for a message that clients of the benchmark do not send.
func Answer(path string, message []byte) (Reply, error) {
	id := member(message, `"id":`)
	if id == nil {
		return Reply{None: true}, nil
	}
	modern := bytes.Contains(message, []byte(Modern))
	switch {
	case bytes.Contains(message, []byte(`"method":"tools/call"`)):
		_, name, _ := bytes.Cut(message, []byte(`"name":"`+prefix))
		end := max(bytes.IndexByte(name, '"'), 0)
		t := byName[string(name[:end])]
		if t == nil {
			return Reply{}, fmt.Errorf("no such tool: %.200s", message)
		}
		r := Reply{Stream: t.Stream, Unsized: t.Unsized, Last: t.legacy, id: id}
		if modern {
			r.Last = t.modern
		}
		if t.Events > 0 {
			r.tool, r.token = t, member(message, `"progressToken":`)
		}
		return r, nil
	case bytes.Contains(message, []byte(`"method":"tools/list"`)):
		l := lists[path]
		if l == nil {
			return Reply{}, fmt.Errorf("no list of tools at %s", path)
		}
		if modern {
			return Reply{Last: l.modern, id: id}, nil
		}
		return Reply{Last: l.legacy, id: id}, nil
	case bytes.Contains(message, []byte(`"method":"initialize"`)):
		return Reply{Session: true, Last: initialized, id: id}, nil
	case bytes.Contains(message, []byte(`"method":"server/discover"`)):
		return Reply{Last: discovered, id: id}, nil
	}
	return Reply{}, fmt.Errorf("no reply for %.200s", message)
}

// Append appends the body to b, except for Last.
func (r *Reply) Append(b []byte) []byte {
	if r.None {
		return b
	}
	if r.tool != nil {
		b = r.tool.appendProgress(b, r.token)
	}
	if r.Stream {
		b = append(b, event...)
	}
	b = append(b, envelope...)
	return append(b, r.id...)
}

func (t *Tool) appendProgress(b, token []byte) []byte {
	for i := 1; i <= t.Events; i++ {
		b = append(b, event+`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":`...)
		b = append(b, token...)
		b = append(b, `,"progress":`...)
		b = strconv.AppendInt(b, int64(i), 10)
		b = append(b, `,"total":1000`...)
		if t.Message != "" {
			b = append(append(append(b, `,"message":"`...), t.Message...), '"')
		}
		b = append(b, "}}\n\n"...)
	}
	return b
}

// member returns the number or string that follows a key. It returns nil if the key is missing.
func member(message []byte, key string) []byte {
	_, rest, ok := bytes.Cut(message, []byte(key))
	if !ok {
		return nil
	}
	end := bytes.IndexAny(rest, ",}")
	if end < 0 {
		return nil
	}
	return rest[:end]
}
