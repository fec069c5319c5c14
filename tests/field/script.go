package field

import (
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

	// event is the honest response as an event.
	event = "event: message\ndata: $OK\n\n"
)

// on gives the answers to the first requests of a kind. Later requests are answered honestly.
func on(kind string, answers ...Answer) Script {
	return func(s *Server) { s.rules = append(s.rules, &rule{kind: kind, answers: answers}) }
}

// always gives the same answer to every request of a kind.
func always(kind string, answer Answer) Script {
	return func(s *Server) {
		s.rules = append(s.rules, &rule{kind: kind, answers: []Answer{answer}, forever: true})
	}
}

// first gives one answer to the first n requests of a kind, and then the others.
func first(kind string, n int, answer Answer, others ...Answer) Script {
	return on(kind, append(slices.Repeat([]Answer{answer}, n), others...)...)
}

// all combines scripts. Where several have an answer, the first that applies is given.
func all(scripts ...Script) Script {
	return func(s *Server) {
		for _, script := range scripts {
			script(s)
		}
	}
}

// each makes one variant of every answer to the first request of a kind.
func each(kind string, answers ...Answer) []Script {
	scripts := make([]Script, len(answers))
	for i, answer := range answers {
		scripts[i] = on(kind, answer)
	}
	return scripts
}

// eachAlways is each for all requests of a kind.
func eachAlways(kind string, answers ...Answer) []Script {
	scripts := make([]Script, len(answers))
	for i, answer := range answers {
		scripts[i] = always(kind, answer)
	}
	return scripts
}

// one is a quirk without variants.
func one(scripts ...Script) []Script { return []Script{all(scripts...)} }

// honest answers as if there were no script.
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

// rpcError replies with a JSON-RPC error with the ID of the request.
func rpcError(code int, body string) Answer {
	return object(code, `{"jsonrpc":"2.0","id":$ID,"error":`+body+`}`)
}

// initialized replies to initialize with a result and the session of the honest server.
func initialized(body string) Answer {
	return func(x *Exchange) bool {
		x.w.Header().Set("Mcp-Session-Id", x.server.newSession())
		return result(body)(x)
	}
}

// sse replies with an event stream, whose parts are sent one after the other.
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

// cut is an answer that breaks the connection at its end.
func cut(answer Answer) Answer {
	return func(x *Exchange) bool {
		answer(x)
		panic(http.ErrAbortHandler)
	}
}

// nothing is an answer without a byte; combined with cut it breaks the connection at once.
func nothing(*Exchange) bool { return true }

// down is a server that does not listen.
func down(s *Server) { s.down = true }

// never does not answer until the client leaves.
func never(x *Exchange) bool { x.wait(aDay); return true }

// open leaves the stream of an answer open until the client leaves.
func open(answer Answer) Answer {
	return func(x *Exchange) bool { answer(x); x.wait(aDay); return true }
}

// after delays an answer.
func after(d time.Duration, answer Answer) Answer {
	return func(x *Exchange) bool { x.wait(d); return answer(x) }
}

// when gives the answer only if the condition holds.
func when(condition func(x *Exchange) bool, answer Answer) Answer {
	return func(x *Exchange) bool { return condition(x) && answer(x) }
}

// with sets a header of the reply, to several values if there are several.
func with(name string, value string, answer Answer) Answer {
	return func(x *Exchange) bool {
		header := x.w.Header()
		header[name] = append(header[name], x.expand(value))
		return answer(x)
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

// lost reports with an answer that the session "s1" is lost, from the first call of the tool on.
func lost(answer Answer) Script {
	return always("*", func(x *Exchange) bool {
		return x.server.Count("tools/call") > 0 && x.header("Mcp-Session-Id", "s1") && answer(x)
	})
}

// slashless is the condition that the path of the endpoint lacks its final slash.
func slashless(x *Exchange) bool { return !strings.HasSuffix(x.URL.Path, "/") }

// says is the condition that the body of the request contains a text.
func says(text string) func(x *Exchange) bool {
	return func(x *Exchange) bool { return x.contains(text) }
}

// not negates a condition.
func not(condition func(x *Exchange) bool) func(x *Exchange) bool {
	return func(x *Exchange) bool { return !condition(x) }
}

// sends is the condition that a header of the request contains a text.
func sends(name, text string) func(x *Exchange) bool {
	return func(x *Exchange) bool { return strings.Contains(x.Header.Get(name), text) }
}
