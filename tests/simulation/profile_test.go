package simulation_test

import (
	"fmt"
	"time"
)

// profile draws a history with a single kind of fault. Most of its calls must succeed.
func (d dice) profile() *History {
	profiles := []func(*History){
		d.allWell, d.cutStreams, d.cutStreams, d.lostSessions, d.lostSessions, d.busyServer, d.recheckedRequests,
		d.refusedDials, d.expiredTokens, d.elicitations, d.unanswered, d.sharedStreams, d.sharedStreams, d.deadLinks, d.doubtfulReplies,
	}
	h := d.quiet()
	profiles[d.IntN(len(profiles))](h)
	return h
}

// quiet draws a history with calls and without faults.
func (d dice) quiet() *History {
	h := d.setting()
	h.Idle, h.Try, h.Auth, h.Lifetime, h.Loss = span(30*time.Second), span(10*time.Second), false, 0, ""
	n := 0
	for worker := range 1 + d.IntN(4) {
		for range 1 + d.IntN(4) {
			n++
			h.Ops = append(h.Ops, Op{
				N: n, Worker: worker, Gap: d.between(0, 800*ms), Progress: d.one(2),
				Replies: []Reply{{Wait: d.between(0, 300*ms)}},
			})
		}
	}
	return h
}

// allWell adds no fault.
func (d dice) allWell(h *History) {
	for i := range h.Ops {
		h.Ops[i].Kind = pick(d, "", "list", "ping")
		if h.Ops[i].Kind == "" {
			h.Ops[i].Replies = []Reply{{How: "stream", Events: "plpph", Gap: d.between(0, 400*ms), Late: d.one(4)}}
		}
	}
}

// cutStreams breaks resumable streams after their first event id. The server may refuse the first
// GET that resumes a stream with a retryable status.
func (d dice) cutStreams(h *History) {
	h.Modern, h.IDs, h.Prime, h.Resumable, h.Buffer = false, true, true, true, 0
	for i := range h.Ops {
		o := &h.Ops[i]
		o.Replies = []Reply{{How: "stream", Events: "ppp", Gap: d.between(ms, 300*ms), Cut: resumableCut + d.IntN(500), CutBy: pick(d, "", "reset")}}
		if d.one(3) {
			o.Resumes = []Reply{{How: "status", Status: pick(d, 408, 409, 425, 429, 500, 503), NoRun: true}}
		}
	}
}

// lostSessions makes the server forget its sessions while calls are running.
func (d dice) lostSessions(h *History) {
	h.Modern, h.Loss = false, d.loss()
	gap := 4 * time.Second
	if d.one(3) { // the session is lost twice during one call
		gap = 150 * ms
	}
	for at, n := d.between(200*ms, time.Second), 1+d.IntN(2); n > 0; n-- {
		h.World = append(h.World, Event{at, "lose"})
		at += d.between(gap, 2*gap)
	}
	h.Other["initialize"] = []Reply{{}, {Wait: d.between(0, 200*ms)}, {Wait: d.between(0, 200*ms)}}
	for i := range h.Ops { // the refusals arrive at different times, some of them after a new session has started
		h.Ops[i].Gap = d.between(0, 100*ms)
		h.Ops[i].Replies = append(h.Ops[i].Replies, Reply{Wait: d.between(0, 300*ms)})
		if !h.refusesLost() {
			h.Ops[i].Kind, h.Ops[i].Harmless = pick(d, "", "list", "ping"), d.one(2)
		}
	}
}

// busyServer asks the client to retry later.
func (d dice) busyServer(h *History) {
	for i := range h.Ops {
		for range 1 + d.IntN(2) {
			r := Reply{How: "status", Status: pick(d, 429, 429, 425), NoRun: true, Early: d.one(4)}
			d.retryAfter(&r)
			h.Ops[i].Replies = append([]Reply{r}, h.Ops[i].Replies...)
		}
	}
}

// recheckedRequests makes the server refuse the headers or the protocol version of requests, as the
// specification prescribes.
func (d dice) recheckedRequests(h *History) {
	h.Modern = true
	for i := range h.Ops {
		h.Ops[i].Replies = []Reply{{How: "status", Status: 400, Code: pick(d, -32020, -32022), NoRun: true}}
	}
}

// refusedDials makes the server unreachable for a moment. Each connection serves one request, so
// each call has to dial.
func (d dice) refusedDials(h *History) {
	h.Way, h.Handlers = "", false
	for i := range h.Ops {
		h.Ops[i].Replies = []Reply{{How: "json", Wait: d.between(0, 100*ms), Header: "Connection: close"}}
	}
	at := d.between(100*ms, time.Second)
	h.World = []Event{{at, "refuse"}, {at + d.between(10*ms, 900*ms), "well"}}
}

// deadLinks breaks the executor links between the calls of one worker.
func (d dice) deadLinks(h *History) {
	h.Way, h.Handlers, h.Asks = pick(d, "agent", "agent-shared"), false, false
	at := span(0)
	for i := range h.Ops {
		o := &h.Ops[i]
		o.Worker, o.Replies, o.Gap = 0, nil, d.between(200*ms, 800*ms)
		if i > 0 && d.one(2) {
			h.World = append(h.World, Event{at + o.Gap/2, "cut-links"})
		}
		at += o.Gap
	}
	if n := len(h.World); n > 0 && d.one(2) {
		h.World[n-1].Kind = "no-executor"
	}
}

// expiredTokens expires tokens while calls are running. The client has a refresh token.
func (d dice) expiredTokens(h *History) {
	h.Auth = true
	h.Lifetime = pick(d, 0, 0, span(3*time.Second))
	for range pick(d, 1, 1, 2, 3) {
		h.World = append(h.World, Event{d.between(300*ms, 2*time.Second), "expire"})
	}
	if d.one(3) {
		h.Other["token"] = []Reply{{}, {Wait: d.between(0, time.Second)}}
	}
}

// elicitations makes calls prompt the user.
func (d dice) elicitations(h *History) {
	h.Asks = true
	for i := range h.Ops {
		h.Ops[i].Answer = pick(d, "", "", "decline", "cancel", "slow")
		h.Ops[i].Replies = []Reply{{How: "stream", Events: pick(d, "q", "pqp", "qpq"), Gap: d.between(0, 200*ms)}}
		if h.Modern {
			h.Ops[i].Replies = []Reply{{How: "ask"}, {How: pick(d, "ask", "json", "stream")}}
		}
	}
}

// unanswered drops the answers to calls that may safely run twice.
func (d dice) unanswered(h *History) {
	for i := range h.Ops {
		o := &h.Ops[i]
		o.Kind, o.Harmless, o.Progress = pick(d, "", "list", "ping"), true, false
		r := pick(d, Reply{How: "reset"}, Reply{How: "eof"}, Reply{How: "status", Status: pick(d, 500, 502, 503, 504, 408, 425)})
		r.Wait = d.between(0, 200*ms)
		o.Replies = []Reply{r}
	}
}

// doubtfulReplies answers some calls with replies that other servers send for a lost session. The
// session is alive.
func (d dice) doubtfulReplies(h *History) {
	h.Modern = false
	for i := range h.Ops {
		r := pick(d,
			Reply{How: "json", Code: pick(d, -32600, -32000, -32001)}, Reply{How: "json", Code: -32600, ID: "null"},
			Reply{How: "status", Status: pick(d, 402, 403, 409), NoRun: d.one(2)})
		if r.Wait = d.between(0, 200*ms); d.one(2) {
			h.Ops[i].Replies = []Reply{r}
		}
	}
}

// sharedStreams cuts shared streams while events arrive on them and calls run.
func (d dice) sharedStreams(h *History) {
	h.Handlers = true
	h.Subs = []Sub{{At: 0}, d.sub()}
	for at := d.between(0, 500*ms); at.D() < 4*time.Second; at += d.between(600*ms, 2*time.Second) {
		h.World = append(h.World, Event{at, pick(d, "end-shared", "cut-shared")})
		for range 1 + d.IntN(2) {
			h.World = append(h.World, Event{at + d.between(0, 600*ms), "emit"}) // before or while the stream is reopened
		}
	}
	for k := range 1 + d.IntN(3) {
		if d.one(2) {
			h.Other["get"] = append(h.Other["get"], Reply{How: "status", Status: pick(d, 503, 429, 409), Wait: d.between(0, 200*ms)})
		} else if k > 0 {
			h.Other["get"] = append(h.Other["get"], Reply{})
		}
	}
	for i := range h.Ops {
		h.Ops[i].Replies = []Reply{{How: "stream", Events: "pppp", Gap: d.between(0, 600*ms)}}
	}
}

// worldEvents are the events that affect all calls.
var worldEvents = []string{
	"reset", "cut", "silence", "refuse", "well", "stall", "well", "lose", "lose", "emit", "emit", "emit", "end-shared", "cut-shared",
	"cut-links", "no-executor", "well", "reset-accept", "expire", "revoke",
}

// lossStyle is a way in which servers, and gateways before them, report a lost session. The client
// recovers from each of them.
type lossStyle struct {
	name string
	// refuses is set if the reply proves that the request did not run, so the client sends the call
	// again. Otherwise it sends only those requests again that may run twice.
	refuses bool
	reply   func(id string) (status int, contentType, body string)
}

// bare returns a style whose reply does not depend on the request.
func bare(name string, status int, contentType, body string) lossStyle {
	return lossStyle{name, false, func(string) (int, string, string) { return status, contentType, body }}
}

var lossStyles = []lossStyle{
	{"", true, func(string) (int, string, string) { return 404, "text/plain", "session not found" }},
	{"404 page", true, func(string) (int, string, string) { return 404, "text/html", "<html>404 no such session</html>" }},
	{"404 null id", true, func(string) (int, string, string) { return 404, typeJSON, sessionError("null", -32001) }},
	{"404 own id", true, func(id string) (int, string, string) { return 404, typeJSON, sessionError(id, -32001) }},
	{"400 null id", true, func(string) (int, string, string) { return 400, typeJSON, sessionError("null", -32000) }},
	{"400 own id", true, func(id string) (int, string, string) { return 400, typeJSON, sessionError(id, -32000) }},
	{"400 text", true, func(string) (int, string, string) { return 400, "text/plain", "no valid session id" }},
	{"410", true, func(string) (int, string, string) { return 410, "text/plain", "session gone" }},
	{"422", true, func(string) (int, string, string) { return 422, typeJSON, `{"error":"unknown session"}` }},
	{"401", true, func(string) (int, string, string) { return 401, "text/plain", "session not found" }},
	{"200 stream", false, func(id string) (int, string, string) {
		return 200, typeStream, "data: " + sessionError(id, -32001) + "\n\n"
	}},
	{"400 json", true, func(string) (int, string, string) { return 400, typeJSON, `{"error":"Session not found"}` }},
	{"200 own id", false, func(id string) (int, string, string) { return 200, typeJSON, sessionError(id, -32000) }},
	{"200 null id", false, func(string) (int, string, string) { return 200, typeJSON, sessionError("null", -32001) }},
	{"200 invalid request", false, func(id string) (int, string, string) { return 200, typeJSON, rpcError(id, -32600) }},
	{"200 invalid request, null id", false, func(string) (int, string, string) { return 200, typeJSON, rpcError("null", -32600) }},
	{"200 own code", false, func(id string) (int, string, string) { return 200, typeJSON, rpcError(id, -32000) }},
	{"500 own id", false, func(id string) (int, string, string) { return 500, typeJSON, sessionError(id, -32603) }},
	bare("400 empty", 400, "", ""),
	bare("400 unnamed", 400, typeJSON, `{"error":"bad request"}`),
	bare("410 empty", 410, "", ""),
	bare("422 unnamed", 422, typeJSON, `{"detail":[]}`),
	bare("403 text", 403, typeJSON, `{"error":"session expired"}`),
	bare("403 empty", 403, "", ""),
	bare("409 text", 409, "text/plain", "no such session"),
	{"200 http code", false, func(id string) (int, string, string) { return 200, typeJSON, rpcError(id, 404) }},
	{"200 no method", false, func(id string) (int, string, string) { return 200, typeJSON, sessionError(id, -32601) }},
	bare("200 text", 200, "text/plain", "Session not found"),
	bare("200 json", 200, typeJSON, `{"error":"session not found"}`),
	bare("440", 440, "text/html", "<html>please log in</html>"),
	bare("500 text", 500, typeJSON, `{"error":"Error POSTing to endpoint (HTTP 400): Bad Request: No valid session ID provided"}`),
	bare("502 page", 502, "text/html", "<html>502: session not found</html>"),
	bare("503 null id", 503, typeJSON, sessionError("null", -32000)),
}

func sessionError(id string, code int) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"error":{"code":%d,"message":"session not found"}}`, id, code)
}
