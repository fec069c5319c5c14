package executor_test

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hawser-mcp/hawser/transport/executor"
)

func errorsAs[E error](err error) bool {
	var e E
	return errors.As(err, &e)
}

func is(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

// all reports whether an error passes each check.
func all(checks ...func(error) bool) func(error) bool {
	return func(err error) bool {
		for _, check := range checks {
			if !check(err) {
				return false
			}
		}
		return true
	}
}

func anything(error) bool { return true }

func hostileScripts() []script {
	list := append(upgradeScripts(), helloScripts()...)
	list = append(list, headScripts()...)
	list = append(list, bodyScripts()...)
	list = append(list, messageScripts()...)
	return append(list, frameScripts()...)
}

// times returns n copies of a text.
func times(n int, text string) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = text
	}
	return list
}

func upgradeScripts() []script {
	const switching = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
	list := []script{
		{name: "upgrade: not HTTP", upgrade: "SSH-2.0-OpenSSH\r\n\r\n", said: anything, text: "malformed HTTP"},
		{name: "upgrade: an ordinary page", upgrade: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", said: refuses, text: "status 200: hi", final: true},
		{name: "upgrade: a redirect", upgrade: "HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n", said: refuses, text: "status 302", final: true},
		{name: "upgrade: a wrong token", upgrade: "HTTP/1.1 401 Unauthorized\r\nContent-Length: 3\r\n\r\nno!", said: refuses, text: "status 401: no!", final: true},
		{name: "upgrade: control characters", upgrade: "HTTP/1.1 403 Forbidden\r\nContent-Length: 6\r\n\r\na\x1b[2J\x00", said: refuses, text: "status 403", final: true},
		{name: "upgrade: a long refusal", upgrade: "HTTP/1.1 403 Forbidden\r\nContent-Length: 99999\r\n\r\n" + strings.Repeat("no ", 33333), said: refuses, text: "status 403: no no", final: true},
		{name: "upgrade: status 1000", upgrade: "HTTP/1.1 1000 Odd\r\n\r\n", said: anything, text: "malformed HTTP status code"},
		{name: "upgrade: a wrong key", upgrade: switching + "AAAA\r\n\r\n", said: anything, text: "bad handshake"},
		{name: "upgrade: no Upgrade", upgrade: "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: $\r\n\r\n", said: anything, text: "bad handshake"},
		{name: "upgrade: a flood of headers", upgrade: switching + "$\r\n" + strings.Repeat("X: y\r\n", 1<<20), said: anything, text: "too long"},
		{name: "upgrade: half of a reply", upgrade: "HTTP/1.1 101 Swit", said: silent, text: "no link after 10s"},
		{name: "upgrade: silence after it", upgrade: switching + "$\r\n\r\n", said: silent, text: "no link after 10s"},
	}
	for i := range list {
		list[i].notSent = true
	}
	return list
}

func helloScripts() []script {
	list := []script{
		{name: "hello: refused", hello: []string{`{"error":{"code":-32600,"message":"go away\u001b[2J"},"id":$}`}, said: refuses, text: "go away", final: true},
		{name: "hello: not understood", hello: []string{`{"error":{"code":-32600,"message":"failed to parse"},"id":-1}`}, said: refuses, text: "failed to parse", final: true},
		{name: "hello: garbage", hello: []string{`SSH-2.0`}, said: violates, text: "invalid response to the handshake"},
		{name: "hello: a batch", hello: []string{`[{"id":$,"result":{}}]`}, said: violates, text: "batch"},
		{name: "hello: a number", hello: []string{`{"id":$,"result":7}`}, said: violates, text: "invalid response to the handshake"},
		{name: "hello: a wrong id", hello: []string{`{"id":"$","result":{}}`, `{"id":99,"result":{}}`}, said: silent, text: "no link after 10s"},
		{name: "hello: silence", hello: []string{}, said: silent, text: "no link after 10s"},
		{name: "hello: requests instead", hello: times(2000, `{"id":$,"method":"initialize"}`), said: silent, text: "no link after 10s"},
		{name: "hello: a huge message", hello: []string{`{"id":$,"result":{"x":"` + strings.Repeat("x", 2<<20) + `"}}`}, opts: executor.Options{MaxMessage: 1 << 20}, said: anything, text: "over the limit of 1048576 bytes"},
	}
	for i := range list {
		list[i].notSent = true
	}
	return list
}

func headScripts() []script {
	list := []script{
		{name: "head: no status", messages: []string{`{"id":$,"result":{}}`}, text: "missing field `status`"},
		{name: "head: status 0", messages: []string{`{"id":$,"result":{"status":0}}`}, text: "invalid HTTP status 0"},
		{name: "head: status 99", messages: []string{`{"id":$,"result":{"status":99}}`}, text: "invalid HTTP status 99"},
		{name: "head: status 1000", messages: []string{`{"id":$,"result":{"status":1000}}`}, text: "invalid HTTP status 1000"},
		{name: "head: status -200", messages: []string{`{"id":$,"result":{"status":-200}}`}, text: "invalid HTTP status -200"},
		{name: "head: a status in a string", messages: []string{`{"id":$,"result":{"status":"200"}}`}, text: "invalid response"},
		{name: "head: a huge status", messages: []string{`{"id":$,"result":{"status":200e99}}`}, text: "invalid response"},
		{name: "head: two statuses", messages: []string{`{"id":$,"result":{"status":200,"status":404}}`}, text: "duplicate field `status`"},
		{name: "head: headers in an object", messages: []string{`{"id":$,"result":{"status":200,"headers":{}}}`}, text: "invalid response"},
		{name: "head: a header without a value", messages: []string{`{"id":$,"result":{"status":200,"headers":[{"name":"a"}]}}`}, text: "missing field `value`"},
		{name: "head: a header name with a space", messages: []string{`{"id":$,"result":{"status":200,"headers":[{"name":"x y","value":""}]}}`}, text: `"x y"`},
		{name: "head: a second header in a value", messages: []string{`{"id":$,"result":{"status":200,"headers":[{"name":"x","value":"1\r\ny: 2"}]}}`}, text: `"x"`},
		{name: "head: a flood of headers", messages: []string{`{"id":$,"result":{"status":200,"headers":[` + strings.Repeat(`{"name":"a","value":""},`, 20000) + `{"name":"a","value":""}]}}`}, text: "headers"},
		{name: "head: a length that is no number", messages: []string{`{"id":$,"result":{"status":200,"headers":[{"name":"content-length","value":"-1"}]}}`}, text: "invalid Content-Length"},
		{name: "head: two lengths", messages: []string{`{"id":$,"result":{"status":200,"headers":[{"name":"content-length","value":"1"},{"name":"content-length","value":"2"}]}}`}, text: "invalid Content-Length"},
		{name: "head: a body in it", messages: []string{`{"id":$,"result":{"status":200,"bodyBase64":"eA=="}}`}, text: "contains a body"},
	}
	for i := range list {
		list[i].said = violates
	}
	return append(list,
		script{name: "head: never", opts: executor.Options{HeaderTimeout: 20 * time.Second}, said: silent, text: "no response after 20s"},
		script{name: "head: an error with control characters", messages: []string{`{"error":{"code":-32603,"message":"a\u0007b\r\nc"},"id":$}`}, said: fails, text: "the executor failed"},
		script{name: "head: a long error", messages: []string{`{"error":{"code":-32603,"message":"` + strings.Repeat("no ", 1<<20) + `"},"id":$}`}, said: fails, text: "the executor failed"},
		script{name: "head: an unknown code", messages: []string{`{"error":{"code":7,"message":"odd"},"id":$}`}, said: fails, text: "odd (7)"},
		script{name: "head: refused parameters", messages: []string{`{"error":{"code":-32602,"message":"no"},"id":$}`}, said: fails, text: "no (-32602)", notSent: true, final: true},
		script{name: "head: a stage that does not exist", messages: []string{`{"error":{"code":-32603,"message":"no","data":{"stage":"half"}},"id":$}`}, said: fails, text: "no (-32603)"},
		script{name: "head: a redirect to a metadata service", messages: []string{
			`{"id":$,"result":{"status":302,"headers":[{"name":"location","value":"http://169.254.169.254/"}]}}`, end(1),
		}},
	)
}

// ok is a valid head.
const ok = `{"id":$,"result":{"status":200,"headers":[]}}`

// piece is a delta of two bytes.
func piece(seq int) string {
	return fmt.Sprintf(`{"method":"http/request/bodyDelta","params":{"requestId":"$","seq":%d,"deltaBase64":"eHk=","done":false,"error":null}}`, seq)
}

// end is the last delta.
func end(seq int) string {
	return fmt.Sprintf(`{"method":"http/request/bodyDelta","params":{"requestId":"$","seq":%d,"deltaBase64":"","done":true,"error":null}}`, seq)
}

// odd is a delta with other members.
func odd(members string) string {
	return `{"method":"http/request/bodyDelta","params":{"requestId":"$",` + members + `}}`
}

func bodyScripts() []script {
	sized := `{"id":$,"result":{"status":200,"headers":[{"name":"content-length","value":"3"}]}}`
	list := []script{
		{name: "body: first delta not the first", messages: []string{ok, piece(2)}, text: "got body delta 2, expected 1"},
		{name: "body: seq 0", messages: []string{ok, piece(0)}, text: "got body delta 0, expected 1"},
		{name: "body: a negative seq", messages: []string{ok, piece(-1)}, text: "got body delta -1, expected 1"},
		{name: "body: a gap", messages: []string{ok, piece(1), piece(3)}, text: "got body delta 3, expected 2"},
		{name: "body: a repetition", messages: []string{ok, piece(1), piece(1)}, text: "got body delta 1, expected 2"},
		{name: "body: a gap at the end", messages: []string{ok, piece(1), end(9)}, text: "got body delta 9, expected 2"},
		{name: "body: not base64", messages: []string{ok, odd(`"seq":1,"deltaBase64":"!!!!"`)}, text: "body delta 1 is not base64"},
		{name: "body: base64 without padding", messages: []string{ok, odd(`"seq":1,"deltaBase64":"eA"`)}, text: "not base64"},
		{name: "body: base64 of URLs", messages: []string{ok, odd(`"seq":1,"deltaBase64":"-_-_"`)}, text: "not base64"},
		{name: "body: base64 with a line break", messages: []string{ok, odd(`"seq":1,"deltaBase64":"eH\nk="`)}, text: "not base64"},
		{name: "body: base64 with unused bits", messages: []string{ok, odd(`"seq":1,"deltaBase64":"eB=="`)}, text: "not base64"},
		{name: "body: longer than declared", messages: []string{sized, piece(1), piece(2), end(3)}, text: "more than the 3 bytes"},
		{name: "body: after status 204", messages: []string{`{"id":$,"result":{"status":204}}`, piece(1), end(2)}, text: "more than the 0 bytes"},
		{name: "body: wrong before the head", messages: []string{piece(1), piece(1), ok}, text: "got body delta 1, expected 2"},
	}
	for i := range list {
		list[i].said = violates
	}
	return append(list,
		script{name: "body: shorter than declared", messages: []string{sized, piece(1), end(2)}, said: anything, text: "got 2 bytes of 3"},
		script{name: "body: an error", messages: []string{ok, odd(`"seq":1,"done":true,"error":"cut\u0000off"`)}, said: fails, text: "the executor failed"},
		script{name: "body: an empty error", messages: []string{ok, odd(`"seq":1,"error":""`)}, said: fails, text: "the executor failed"},
		script{name: "body: an error before the head", messages: []string{odd(`"seq":1,"done":true,"error":"no"`), ok}, said: fails, text: "no"},
		script{name: "body: without end before the head", messages: times(100, odd(`"seq":1,"deltaBase64":"`+strings.Repeat("AAAA", 1000)+`"`)), opts: executor.Options{Buffer: 2000, BufferAll: 2000}, said: overflow, text: "buffer of a shared link is full"},
		script{name: "body: data after the end", messages: []string{ok, piece(1), end(2), piece(3), end(9), end(2)}},
		script{name: "body: two ends", messages: []string{ok, end(1), end(2), end(1)}},
		script{name: "body: end before the head", messages: []string{piece(1), end(2), piece(3), ok}},
		script{name: "body: two heads", messages: []string{ok, `{"id":$,"result":{"status":500}}`, end(1)}},
		script{name: "body: an error after the head", messages: []string{ok, `{"error":{"code":-32603,"message":"late"},"id":$}`, piece(1), end(2)}},
		script{name: "body: for nobody", messages: []string{
			ok, `{"method":"http/request/bodyDelta","params":{"requestId":"777","seq":9,"deltaBase64":"!","done":true}}`,
			`{"method":"http/request/bodyDelta","params":{"requestId":"0$","seq":1,"done":true}}`, `{"id":777,"result":{"status":500}}`, `{"id":"$","result":{}}`, end(1),
		}},
	)
}

// messageScripts violate the envelope, so the link ends.
func messageScripts() []script {
	list := []script{
		{name: "message: not JSON", messages: []string{ok, `{"id":`}, text: "invalid message"},
		{name: "message: empty", messages: []string{""}, text: "invalid message"},
		{name: "message: two values", messages: []string{`{}{}`}, text: "invalid message"},
		{name: "message: a batch", messages: []string{`[]`}, text: "batch"},
		{name: "message: deep nesting", messages: []string{`{"method":"x","params":` + strings.Repeat("[", 100_000) + `}`}, text: "invalid message"},
		{name: "message: invalid UTF-8 in a key", messages: []string{"{\"\xff\":1}"}, text: "invalid message"},
		{name: "message: NUL", messages: []string{"{\"id\":$\x00}"}, text: "invalid message"},
		{name: "message: a result and an error", messages: []string{`{"id":$,"result":{},"error":{"code":1}}`}, text: "neither a request nor"},
		{name: "message: neither", messages: []string{`{"id":$}`}, text: "neither a request nor"},
		{name: "message: two ids", messages: []string{`{"id":$,"id":$,"result":{}}`}, text: "duplicate field `id`"},
		{name: "message: an id in an object", messages: []string{`{"id":{},"result":{}}`}, text: "the id is neither"},
		{name: "message: a request with id null", messages: []string{`{"id":null,"method":"x"}`}, text: "id of a request is null"},
		{name: "message: a delta without an id", messages: []string{ok, `{"method":"http/request/bodyDelta","params":{"seq":1}}`}, text: "missing field `requestId`"},
		{name: "message: a seq in a string", messages: []string{ok, odd(`"seq":"1"`)}, text: "invalid message"},
		{name: "message: an error for nobody", messages: []string{`{"error":{"code":-32600,"message":"what?"},"id":-1}`}, text: "it could not parse"},
		{name: "message: over the limit", messages: []string{ok, `{"method":"` + strings.Repeat("x", 8<<20) + `"}`}, text: "limit of 8388608 bytes"},
		{name: "message: a flood of requests", play: func(f *far) {
			for f.frame(text, []byte(`{"id":1,"method":"are/you/there"}`)) == nil {
			}
		}, text: "faster than it reads"},
	}
	for i := range list {
		list[i].said = all(loses, violates)
	}
	return list
}

// frameScripts violate RFC 6455, or end the connection.
func frameScripts() []script {
	frame := func(first byte, payload string) func(*far) {
		return func(f *far) { _ = f.frame(first, []byte(payload)) }
	}
	bytes := func(b ...byte) func(*far) { return func(f *far) { _, _ = f.Write(b) } }
	flood := func(n int, first byte, payload string, then func(*far)) func(*far) {
		return func(f *far) {
			for range n {
				if f.frame(first, []byte(payload)) != nil {
					return
				}
			}
			then(f)
		}
	}
	hangUp := func(f *far) { _ = f.Close() }
	list := []script{
		{name: "frame: binary garbage", play: frame(binMsg, "\x00\xff"), text: "invalid message"},
		{name: "frame: an unknown opcode", play: frame(final|3, "x"), text: "opcode"},
		{name: "frame: an unknown control opcode", play: frame(final|11, "x"), text: "opcode"},
		{name: "frame: masked", play: bytes(text, 0x82, 1, 2, 3, 4, 5, 6), text: "MASK"},
		{name: "frame: a reserved bit", play: frame(text|0x20, "{}"), text: "RSV"},
		{name: "frame: a compressed message", play: frame(text|0x40, "{}"), text: "RSV"},
		{name: "frame: a fragmented ping", play: frame(websocketPing, "x"), text: "FIN"},
		{name: "frame: a long ping", play: frame(final|websocketPing, strings.Repeat("x", 126)), text: "len"},
		{name: "frame: a continuation of nothing", play: frame(final, "x"), text: "continuation"},
		{name: "frame: a message in a message", play: func(f *far) { _ = f.frame(1, []byte("{")); _ = f.frame(text, []byte("{}")) }, text: "data before FIN"},
		{name: "frame: a terabyte", play: func(f *far) {
			_, _ = f.Write([]byte{text, 127, 0, 0, 1, 0, 0, 0, 0, 0})
			for {
				if _, err := f.Write(make([]byte, 64<<10)); err != nil {
					return
				}
			}
		}, text: "limit of 8388608 bytes"},
		{name: "frame: a negative length", play: bytes(text, 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)},
		{name: "frame: fragments without end", play: func(f *far) {
			_ = f.frame(1, []byte(`"`))
			for f.frame(0, make([]byte, 10<<10)) == nil {
			}
		}, text: "limit of 8388608 bytes"},
		{name: "frame: 10,000 empty fragments", play: func(f *far) { _ = f.frame(1, nil); flood(10_000, 0, "", hangUp)(f) }},
		{name: "frame: 10,000 pings", play: flood(10_000, final|websocketPing, strings.Repeat("p", 125), hangUp)},
		{name: "frame: 10,000 pongs", play: flood(10_000, final|websocketPing+1, "", hangUp)},
		{name: "frame: half of a message", play: func(f *far) { _, _ = f.Write([]byte{text, 100, '{'}); hangUp(f) }},
		{name: "frame: half of a frame, for ever", play: bytes(text, 100, '{'), said: all(loses, silent), text: "does not answer"},
		{name: "frame: a close", play: frame(final|8, "\x03\xe8bye")},
		{name: "frame: a close with an invalid code", play: frame(final|8, "\x00\x01"), text: "close code"},
		{name: "frame: the connection ends", play: hangUp},
		{name: "frame: the connection ends in a body", messages: []string{ok, piece(1)}, play: hangUp},
		{name: "frame: half open", messages: []string{ok, piece(1)}, said: all(loses, silent), text: "does not answer"},
	}
	for i := range list {
		if list[i].said == nil {
			list[i].said = loses
		}
	}
	return list
}

const websocketPing = 9
