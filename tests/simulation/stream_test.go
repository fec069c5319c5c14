package simulation_test

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// event is one event on the stream of a call.
type event struct {
	text        string // lines of the event without the id line
	elicitation string // id of the elicitation in the event, if any; the stream continues after the client has answered it
}

// elicitation is an elicitation request that was sent to the client.
type elicitation struct {
	answered chan struct{} // closed by the first answer
	times    int           // number of answers received
}

// answerLimit is how long the server waits for the answer to an elicitation.
const answerLimit = 10 * time.Second

// resumableCut is a position in bytes. A stream that is cut there or later has already sent its
// first event id if History.Prime is set.
const resumableCut = 150

// events returns the events of a reply.
func (v *exchange) events(r Reply) []event {
	var events []event
	token, progress, elicitations := string(v.m.Params.Meta.ProgressToken), 0, 0
	for _, what := range r.Events {
		switch what {
		case eventProgress:
			if token != "" {
				progress++
				events = append(events, event{text: fmt.Sprintf(
					`data: {"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":%s,"progress":%d}}`, token, progress)})
			}
		case eventAgain:
			if len(events) > 0 && events[len(events)-1].elicitation == "" {
				events = append(events, events[len(events)-1])
			}
		case eventComment:
			events = append(events, event{text: ": heartbeat"})
		case eventLog:
			events = append(events, event{text: `data: {"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"x"}}`})
		case eventEmpty:
			events = append(events, event{text: "data:"})
		case eventElicitation:
			if v.h.Modern || !v.h.Asks || v.kind != "call" {
				continue
			}
			elicitations++
			id := fmt.Sprintf("q%d.%d.%d", v.op, v.try, elicitations)
			events = append(events, event{fmt.Sprintf(`data: {"jsonrpc":"2.0","id":%q,"method":"elicitation/create","params":%s}`, id, form(v.op)), id})
		}
	}
	return append(events, event{text: "data: " + v.payload(r)})
}

// stream answers a request with an event stream.
func (v *exchange) stream(r Reply) bool {
	if v.kind == "call" {
		v.checkRound()
	}
	name := fmt.Sprintf("s%d.%d", v.op, v.try)
	k := kept{v.events(r), r.answers()}
	ids := v.h.IDs && v.kind == "call"
	if ids {
		v.mu.Lock()
		v.streams[name] = k
		v.mu.Unlock()
	}
	return v.send(r, name, k, 0, ids)
}

// kept holds the data of a stream that the server needs to resume it.
type kept struct {
	events  []event // the last one is the answer
	answers bool    // the answer is a response with the id of the call
}

// send sends the events of a stream, starting at index from.
func (v *exchange) send(r Reply, name string, stream kept, from int, ids bool) bool {
	events := stream.events
	status, framing, wrap := 200, "Transfer-Encoding: chunked", chunk
	if r.How == "accepted" {
		status = 202
	}
	if r.Unchunked {
		framing, wrap = "Connection: close", func(text string) string { return text }
	}
	if !v.w.write(fmt.Sprintf("HTTP/1.1 %d X\r\nContent-Type: %s\r\n%s\r\n\r\n", status, typeStream, framing)) {
		return false
	}
	if ids && v.h.Prime && from == 0 && !v.w.write(wrap("id: "+name+"-0\ndata:\n\n")) {
		return false
	}
	for k := from; k < len(events); k++ {
		if r.Gap > 0 && !v.sleep(r.Gap.D()) {
			return false
		}
		text := events[k].text + "\n\n"
		if strings.HasPrefix(text, "data: ") {
			v.j.alive(v.op)
		}
		if ids && strings.HasPrefix(text, "data:") {
			text = fmt.Sprintf("id: %s-%d\n", name, k+1) + text
		}
		v.pose(events[k].elicitation)
		if k == len(events)-1 {
			v.j.said(v.op, false, stream.answers)
		}
		if !v.w.write(wrap(text)) || !v.awaitAnswer(events[k].elicitation) {
			return false
		}
	}
	if r.Late && stream.answers { // without an answer the client keeps reading, and would see a progress value that decreases
		v.sleep(time.Millisecond)
		v.w.write(wrap(events[0].text + "\n\n"))
	}
	return !r.Unchunked && v.w.write("0\r\n\r\n")
}

func chunk(text string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(text), text) }

// pose registers an elicitation. The server calls it before it sends the elicitation.
func (v *exchange) pose(id string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if id != "" && v.elicitations[id] == nil {
		v.elicitations[id] = &elicitation{answered: make(chan struct{})}
	}
}

// awaitAnswer waits for the answer to an elicitation, for answerLimit at most. It returns false if
// the server must close the connection.
func (v *exchange) awaitAnswer(id string) bool {
	if id == "" {
		return true
	}
	v.mu.Lock()
	q := v.elicitations[id]
	v.mu.Unlock()
	limit := time.NewTimer(answerLimit)
	defer limit.Stop()
	select {
	case <-q.answered:
		return true
	case <-limit.C:
		return true
	case <-v.done:
		return false
	}
}

// resume continues a stream that was cut.
func (v *exchange) resume(r Reply) bool {
	name, at, _ := strings.Cut(v.cursor, "-")
	from, _ := strconv.Atoi(at)
	v.mu.Lock()
	stream, known := v.streams[name]
	v.mu.Unlock()
	if !v.h.Resumable || !known {
		return v.w.write(plain(400, "", "text/plain", "cannot resume"))
	}
	return v.send(r, name, stream, from, true)
}

// resumeScripted answers the GET that resumes a stream. An error refers to the GET, not to the
// call.
func (v *exchange) resumeScripted(r Reply) bool {
	switch {
	case r.How == "reset" || r.How == "eof" || r.How == "hang":
		return v.fail(r.How)
	case r.How == "status" && r.Code != 0:
		return v.w.write(plain(r.Status, r.Header, typeJSON, rpcError("null", r.Code)))
	case r.How == "status":
		return v.w.write(plain(r.Status, r.Header, "text/plain", "gateway"))
	case r.Code != 0:
		return v.w.write(plain(200, "", typeStream, "data: "+rpcError("null", r.Code)+"\n\n"))
	}
	return v.resume(r)
}
