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
	events     []string      // all messages of the shared stream; those that the client missed are sent again when it resumes the stream
	shared     *sharedStream // the open shared stream, nil if there is none
	opened     bool          // the shared stream has been open at least once
}

// knowsSession looks up the session of a legacy request, sets v.in to it, and reports whether it
// exists.
func (v *exchange) knowsSession() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.in = v.sessions[v.r.Header.Get("Mcp-Session-Id")]
	return v.in != nil
}

// lost refuses a request of an unknown session in the style that the history prescribes.
func (v *exchange) lost() bool {
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
	panic("unknown style of a lost session: " + v.h.Loss)
}

// proper answers the request without any fault.
func (v *exchange) proper() bool {
	switch {
	case v.kind == "resume":
		return v.resume(Reply{})
	case v.kind == "get" && v.h.Modern:
		return v.serveSubscription()
	case v.kind == "get":
		return v.serveShared()
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

func (v *exchange) subscribe() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.in.subscribed = v.kind == "subscribe"
}

// initialize starts a session. It counts the session only if it can write the reply: otherwise the
// client has to start another session.
func (v *exchange) initialize() bool {
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

// response returns a JSON-RPC response to the request with this id. The text of the result names
// the call, so the caller can check that the response belongs to its call.
func (v *exchange) response(id string, op int) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{%s}}`, id, strings.TrimPrefix(v.result(op), ","))
}

// result returns the members of the result object.
func (v *exchange) result(op int) string {
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

// scripted sends the reply that the history prescribes.
func (v *exchange) scripted() bool {
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

// fail breaks the connection instead of answering.
func (v *exchange) fail(how string) bool {
	switch how {
	case "reset":
		v.w.c.(*memnet.Conn).Reset()
	case "hang":
		v.w.silence()
		<-v.done
	}
	return false
}

// payload returns the JSON-RPC response in the body of a scripted reply.
func (v *exchange) payload(r Reply) string {
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

// ask answers a modern call with a result that requires an elicitation. The request state in it
// names the call and the round.
func (v *exchange) ask() bool {
	if v.kind != "call" || !v.h.Modern || !v.h.Asks {
		return v.proper()
	}
	v.checkRound()
	state := fmt.Sprintf("s%d.%d", v.op, v.try)
	v.j.ask(v.op, v.m.Params.RequestState, v.actor)
	elicitation := fmt.Sprintf(`{"resultType":"input_required","inputRequests":{"q":{"method":"elicitation/create","params":%s}},"requestState":%q}`, form(v.op), state)
	return v.say(v.script, plain(200, "", typeJSON, fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":%s}`, v.m.ID, elicitation)))
}

// checkRound checks the elicitation result that arrives with a later round of a modern call.
func (v *exchange) checkRound() {
	state := v.m.Params.RequestState
	if state == "" {
		return
	}
	if !strings.HasPrefix(state, fmt.Sprintf("s%d.", v.op)) {
		v.j.breachf("elicitation result for another call", v.op, "the request state is %q", state)
	}
	v.checkAnswer(v.op, v.m.Params.InputResponses["q"])
}

// form returns the parameters of an elicitation. Its message names the call.
func form(op int) string {
	return fmt.Sprintf(`{"message":"op %d","requestedSchema":{"type":"object","properties":{"n":{"type":"integer"}}}}`, op)
}

// checkAnswer checks that the elicitation result is the one that the user of this call entered.
func (v *exchange) checkAnswer(op int, answer json.RawMessage) {
	o := v.h.op(op)
	var got struct {
		Action  string
		Content struct{ N int }
	}
	err := json.Unmarshal(answer, &got)
	want := map[string]string{"": "accept", "slow": "accept", "decline": "decline", "cancel": "cancel"}[o.Answer]
	if err != nil || got.Action != want || want == "accept" && got.Content.N != op {
		v.j.breachf("wrong elicitation result", op, "got %s, the user chose %q", answer, want)
	}
}

// takeAnswer handles the client's response to an elicitation on a legacy stream.
func (v *exchange) takeAnswer() bool {
	var id string
	_ = json.Unmarshal(v.m.ID, &id) // if the id is not a string, the lookup below fails
	v.mu.Lock()
	q := v.elicitations[id]
	times := 0
	if q != nil {
		q.times++
		times = q.times
	}
	v.mu.Unlock()
	var op int
	_, _ = fmt.Sscanf(id, "q%d.", &op) // if the id has no number, op stays 0
	switch {
	case times != 1:
		v.j.breachf("wrong elicitation result", op, "response number %d to %q", times, id)
		return v.refuse(202, "", "", "")
	case v.m.Error == nil:
		v.checkAnswer(op, v.m.Result)
	case v.h.op(op).Answer != "fail":
		v.j.breachf("wrong elicitation result", op, "%s", v.m.Error)
	}
	close(q.answered)
	return v.refuse(202, "", "", "")
}

// lose makes the server forget all sessions.
func (s *server) lose() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := 1; i <= s.created; i++ {
		if in := s.sessions[fmt.Sprintf("session-%d", i)]; in != nil && in.shared != nil {
			_ = in.shared.w.c.Close()
		}
	}
	clear(s.sessions)
	s.j.mu.Lock()
	s.j.lost++
	s.j.mu.Unlock()
}
