package simulation_test

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/hawser-mcp/hawser/internal/memnet"
)

// session is a legacy session.
type session struct {
	id         string
	subscribed bool
	events     []string // sent on the standing stream, for who resumes it
	standing   *outlet  // the open standing stream, nil if there is none
	opened     bool     // there was one
}

// knowsSession finds the session of a request: an honest server does nothing for one that it does not know.
func (v *visit) knowsSession() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.in = v.sessions[v.r.Header.Get("Mcp-Session-Id")]
	return v.in != nil
}

// lost refuses a request of an unknown session.
func (v *visit) lost() bool {
	v.j.logf(v.actor, "unknown session")
	id := string(v.m.ID)
	if id == "" {
		id = "null"
	}
	for _, style := range lossStyles {
		if style.name == v.h.Loss {
			status, contentType, body := style.reply(id)
			r := Reply{How: "status", Status: status}
			if strings.Contains(body, `"id":`+id) && v.m.ID != nil {
				r.Code = -32001
			}
			return v.say(r, plain(status, "", contentType, body))
		}
	}
	panic("no style of a lost session: " + v.h.Loss)
}

// proper answers as a server does on a good day.
func (v *visit) proper() bool {
	switch {
	case v.kind == "resume":
		return v.resume(Reply{})
	case v.kind == "get" && v.h.Modern:
		return v.serveListen()
	case v.kind == "get":
		return v.serveStanding()
	case v.kind == "delete":
		v.mu.Lock()
		delete(v.sessions, v.in.id)
		v.mu.Unlock()
		return v.refuse(200, "", "", "")
	case v.kind == "answer":
		return v.takeAnswer()
	case v.m.ID == nil:
		return v.refuse(202, "", "", "")
	case !v.h.Modern && v.kind == "discover":
		return v.refuse(400, "", typeJSON, rpcError("null", -32000))
	case v.kind == "initialize":
		return v.initialize()
	case v.kind == "subscribe" || v.kind == "unsubscribe":
		v.subscribe()
	case v.kind == "call":
		v.j.execute(v.op, v.actor)
	}
	return v.say(Reply{}, plain(200, "", typeJSON, v.response(string(v.m.ID), v.op)))
}

func (v *visit) subscribe() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.in.subscribed = v.kind == "subscribe"
}

// initialize begins a session. One whose reply cannot be written is not counted: the client has to begin another.
func (v *visit) initialize() bool {
	if v.h.Modern {
		v.j.beginSession()
		return v.refuse(404, "", typeJSON, rpcError(string(v.m.ID), -32601))
	}
	v.mu.Lock()
	v.created++
	id := fmt.Sprintf("session-%d", v.created)
	v.sessions[id] = &session{id: id}
	v.mu.Unlock()
	ok := v.w.write(plain(200, "Mcp-Session-Id: "+id, typeJSON, v.response(string(v.m.ID), 0)))
	if ok {
		v.j.beginSession()
	}
	return ok
}

// response is a result for a request id. It names the call, so that the caller sees whose answer it got.
func (v *visit) response(id string, op int) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{%s}}`, id, strings.TrimPrefix(v.result(op), ","))
}

// result is the members of a result.
func (v *visit) result(op int) string {
	complete := ""
	if v.h.Modern {
		complete = `,"resultType":"complete"`
	}
	const capabilities = `,"capabilities":{"tools":{"listChanged":true},"logging":{},"resources":{"subscribe":true}}`
	switch v.kind {
	case "call":
		return complete + fmt.Sprintf(`,"content":[{"type":"text","text":"answer %d"}]`, op)
	case "list":
		return complete + `,"tools":[{"name":"t","inputSchema":{"type":"object"}}]`
	case "discover":
		return complete + `,"supportedVersions":["` + modernVersion + `"]` + capabilities
	case "initialize":
		return `,"protocolVersion":"2025-11-25","serverInfo":{"name":"s","version":"1"}` + capabilities
	}
	return complete
}

func rpcError(id string, code int) string {
	data := ""
	if code == -32022 {
		data = `,"data":{"supported":["` + modernVersion + `"],"requested":"x"}`
	}
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"error":{"code":%d,"message":"no"%s}}`, id, code, data)
}

// scripted answers as the history has it.
func (v *visit) scripted() bool {
	r := v.script
	if v.kind == "call" && r.How != "ask" && r.runs(v.h.Modern) {
		v.j.execute(v.op, v.actor)
	}
	if r.Loses {
		v.lose()
	}
	if (v.kind == "subscribe" || v.kind == "unsubscribe") && r.answers() && r.Code == 0 {
		v.subscribe()
	}
	if v.kind == "resume" {
		return v.resumeScripted(r)
	}
	switch r.How {
	case "ask":
		return v.ask()
	case "json":
		return v.say(r, plain(200, r.Header, typeJSON, v.payload(r)))
	case "status":
		if r.Code != 0 {
			return v.say(r, plain(r.Status, r.Header, typeJSON, v.payload(r)))
		}
		return v.say(r, plain(r.Status, r.Header, "text/plain", "gateway"))
	case "redirect":
		location := v.h.endpoint()
		if r.Foreign {
			location = "http://127.0.0.2/elsewhere"
		}
		return v.say(r, plain(r.Status, "Location: "+location, "", ""))
	case "stream", "accepted":
		return v.stream(r)
	}
	return v.fail(r.How)
}

// fail ends the connection instead of answering.
func (v *visit) fail(how string) bool {
	switch how {
	case "reset":
		v.w.c.(*memnet.Conn).Reset()
	case "hang":
		v.w.silence()
		<-v.done
	}
	return false
}

// payload is the JSON-RPC response of a scripted reply.
func (v *visit) payload(r Reply) string {
	id, op := string(v.m.ID), v.op
	if id == "" {
		id = "null"
	}
	switch r.ID {
	case "string":
		id = `"` + strings.Trim(id, `"`) + `"`
	case "null":
		id = "null"
	case "wrong":
		id, op = "99999", 99999
	}
	switch {
	case r.Malformed:
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"error":"text"}`, id)
	case r.Code != 0:
		return rpcError(id, r.Code)
	}
	return v.response(id, op)
}

// ask answers a modern call with a question. The state says which call and which round it is for.
func (v *visit) ask() bool {
	if v.kind != "call" || !v.h.Modern || !v.h.Asks {
		return v.proper()
	}
	v.checkRound()
	state := fmt.Sprintf("s%d.%d", v.op, v.try)
	v.j.ask(v.op, v.m.Params.RequestState, v.actor)
	question := fmt.Sprintf(`{"resultType":"input_required","inputRequests":{"q":{"method":"elicitation/create","params":%s}},"requestState":%q}`, form(v.op), state)
	return v.say(v.script, plain(200, "", typeJSON, fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":%s}`, v.m.ID, question)))
}

// checkRound checks the answer that comes with a later round of a modern call.
func (v *visit) checkRound() {
	state := v.m.Params.RequestState
	if state == "" {
		return
	}
	if !strings.HasPrefix(state, fmt.Sprintf("s%d.", v.op)) {
		v.j.breachf("answer to another call", v.op, "the state is %q", state)
	}
	v.checkAnswer(v.op, v.m.Params.InputResponses["q"])
}

// form is a question of a call: it names the call.
func form(op int) string {
	return fmt.Sprintf(`{"message":"op %d","requestedSchema":{"type":"object","properties":{"n":{"type":"integer"}}}}`, op)
}

// checkAnswer checks that a question was answered as the user of that very call did.
func (v *visit) checkAnswer(op int, answer json.RawMessage) {
	o := v.h.op(op)
	var got struct {
		Action  string
		Content struct{ N int }
	}
	err := json.Unmarshal(answer, &got)
	want := map[string]string{"": "accept", "slow": "accept", "decline": "decline", "cancel": "cancel"}[o.Answer]
	if err != nil || got.Action != want || want == "accept" && got.Content.N != op {
		v.j.breachf("wrong answer to a question", op, "%s, the user's answer was %q", answer, want)
	}
}

// takeAnswer takes the answer to a question on a legacy stream.
func (v *visit) takeAnswer() bool {
	var id string
	_ = json.Unmarshal(v.m.ID, &id) // another id is an unknown one
	v.mu.Lock()
	q := v.questions[id]
	times := 0
	if q != nil {
		q.times++
		times = q.times
	}
	v.mu.Unlock()
	var op int
	_, _ = fmt.Sscanf(id, "q%d.", &op) // no number is an unknown one
	switch {
	case times != 1:
		v.j.breachf("wrong answer to a question", op, "answer number %d to %q", times, id)
		return v.refuse(202, "", "", "")
	case v.m.Error == nil:
		v.checkAnswer(op, v.m.Result)
	case v.h.op(op).Answer != "fail":
		v.j.breachf("wrong answer to a question", op, "%s", v.m.Error)
	}
	close(q.answered)
	return v.refuse(202, "", "", "")
}

// lose lets the server forget all sessions.
func (s *server) lose() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := 1; i <= s.created; i++ {
		if in := s.sessions[fmt.Sprintf("session-%d", i)]; in != nil && in.standing != nil {
			_ = in.standing.w.c.Close()
		}
	}
	clear(s.sessions)
	s.j.mu.Lock()
	s.j.lost++
	s.j.mu.Unlock()
}
