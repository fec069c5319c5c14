package field

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	typeJSON   = "application/json"
	typeEvents = "text/event-stream"
	typeText   = "text/plain; charset=utf-8"
	typeHTML   = "text/html; charset=utf-8"
	aDay       = 24 * time.Hour

	// event is an event that contains the honest response.
	event = "event: message\ndata: $OK\n\n"
)

// on gives the n-th answer to the n-th request of a kind. Later requests get the honest answer.
func on(kind string, answers ...Answer) Script {
	return func(s *Server) { s.rules = append(s.rules, &rule{kind: kind, answers: answers}) }
}

// always gives the same answer to every request of a kind.
func always(kind string, answer Answer) Script {
	return func(s *Server) {
		s.rules = append(s.rules, &rule{kind: kind, answers: []Answer{answer}, forever: true})
	}
}

// first gives answer to the first n requests of a kind, and the others to the requests after them.
func first(kind string, n int, answer Answer, others ...Answer) Script {
	return on(kind, append(slices.Repeat([]Answer{answer}, n), others...)...)
}

// all combines scripts. If several scripts have an answer to a request, the first one that applies
// is given.
func all(scripts ...Script) Script {
	return func(s *Server) {
		for _, script := range scripts {
			script(s)
		}
	}
}

// each returns one script per answer, which gives it to the first request of a kind.
func each(kind string, answers ...Answer) []Script {
	scripts := make([]Script, len(answers))
	for i, answer := range answers {
		scripts[i] = on(kind, answer)
	}
	return scripts
}

// eachAlways returns one script per answer, which gives it to all requests of a kind.
func eachAlways(kind string, answers ...Answer) []Script {
	scripts := make([]Script, len(answers))
	for i, answer := range answers {
		scripts[i] = always(kind, answer)
	}
	return scripts
}

// one combines scripts into the only variant of a quirk.
func one(scripts ...Script) []Script { return []Script{all(scripts...)} }

// honest applies to no request, so the server answers honestly.
func honest(*Exchange) bool { return false }

// as replies with a status, a content type and a body.
func as(status int, contentType, body string) Answer {
	return func(x *Exchange) bool { x.reply(status, contentType, body); return true }
}

// status replies without a body.
func status(code int) Answer { return as(code, "", "") }

// object replies with JSON.
func object(code int, body string) Answer { return as(code, typeJSON, body) }

// text replies with plain text.
func text(code int, body string) Answer { return as(code, typeText, body) }

// page replies with HTML.
func page(code int, body string) Answer { return as(code, typeHTML, body) }

// message replies with a JSON-RPC message.
func message(body string) Answer { return object(http.StatusOK, body) }

// result replies with a JSON-RPC result.
func result(body string) Answer {
	return message(`{"jsonrpc":"2.0","id":$ID,"result":` + body + `}`)
}

// rpcError replies with an HTTP status and a JSON-RPC error that has the ID of the request.
func rpcError(code int, body string) Answer {
	return object(code, `{"jsonrpc":"2.0","id":$ID,"error":`+body+`}`)
}

// initialized replies to initialize with a result, and starts a session as the honest server does.
func initialized(body string) Answer {
	return func(x *Exchange) bool {
		x.w.Header().Set("Mcp-Session-Id", x.server.newSession())
		return result(body)(x)
	}
}

// sse replies with an event stream. It sends the parts 20 ms apart.
func sse(parts ...string) Answer { return events(http.StatusOK, parts...) }

func events(code int, parts ...string) Answer {
	return func(x *Exchange) bool {
		x.reply(code, typeEvents, "")
		for i, part := range parts {
			if i > 0 {
				x.wait(20 * time.Millisecond)
			}
			x.write(part)
		}
		return true
	}
}

// cut gives the answer and then breaks the connection.
func cut(answer Answer) Answer {
	return func(x *Exchange) bool {
		answer(x)
		panic(http.ErrAbortHandler)
	}
}

// nothing writes no bytes. cut(nothing) breaks the connection immediately.
func nothing(*Exchange) bool { return true }

// down makes the server refuse connections.
func down(s *Server) { s.down = true }

// never writes no answer and waits until the client disconnects.
func never(x *Exchange) bool { x.wait(aDay); return true }

// open gives the answer and leaves its stream open until the client disconnects.
func open(answer Answer) Answer {
	return func(x *Exchange) bool { answer(x); x.wait(aDay); return true }
}

// after gives the answer after a delay of d.
func after(d time.Duration, answer Answer) Answer {
	return func(x *Exchange) bool { x.wait(d); return answer(x) }
}

// when gives the answer only if the condition holds.
func when(condition func(x *Exchange) bool, answer Answer) Answer {
	return func(x *Exchange) bool { return condition(x) && answer(x) }
}

// with adds a header value to the reply.
func with(name string, value string, answer Answer) Answer {
	return func(x *Exchange) bool {
		header := x.w.Header()
		header[name] = append(header[name], x.expand(value))
		return answer(x)
	}
}

// zipped replies with a body that is compressed with gzip.
func zipped(contentType, body string) Answer {
	return func(x *Exchange) bool {
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		_, _ = io.WriteString(w, x.expand(body))
		_ = w.Close()
		x.w.Header().Set("Content-Encoding", "gzip")
		x.w.Header().Set("Content-Type", contentType)
		_, _ = x.w.Write(packed.Bytes())
		return true
	}
}

// redirect replies with a redirect.
func redirect(code int, location string) Answer {
	return with("Location", location, status(code))
}

// tell sends an event on the shared stream before the answer.
func tell(body string, answer Answer) Answer {
	return func(x *Exchange) bool {
		x.server.pending <- x.expand(body)
		return answer(x)
	}
}

// lost loses the session "s1" at the first call of the tool. From then on, all requests of this
// session get the answer.
func lost(answer Answer) Script {
	return always("*", func(x *Exchange) bool {
		return x.server.Count("tools/call") > 0 && x.header("Mcp-Session-Id", "s1") && answer(x)
	})
}

// slashless reports whether the path of the request has no final slash.
func slashless(x *Exchange) bool { return !strings.HasSuffix(x.URL.Path, "/") }

// says returns a condition: the body of the request contains the text.
func says(text string) func(x *Exchange) bool {
	return func(x *Exchange) bool { return x.contains(text) }
}

// not negates a condition.
func not(condition func(x *Exchange) bool) func(x *Exchange) bool {
	return func(x *Exchange) bool { return !condition(x) }
}

// sends returns a condition: the header of the request contains the text.
func sends(name, text string) func(x *Exchange) bool {
	return func(x *Exchange) bool { return strings.Contains(x.Header.Get(name), text) }
}
