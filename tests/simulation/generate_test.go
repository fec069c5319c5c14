package simulation_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// dice makes the random choices of one seed.
type dice struct{ *rand.Rand }

// one returns true once in n times on average.
func (d dice) one(n int) bool { return d.IntN(n) == 0 }

// between returns a random duration from least up to limit, exclusive, in steps of a millisecond.
func (d dice) between(least, limit time.Duration) span {
	return span(least + time.Duration(d.Int64N(int64((limit-least)/ms)))*ms)
}

func pick[T any](d dice, of ...T) T { return of[d.IntN(len(of))] }

// generate draws the history of a seed. One history in four has a single kind of fault, because the
// rules of mustWork apply only to such histories.
func generate(seed uint64) *History {
	d := dice{rand.New(rand.NewPCG(seed, 17))}
	if d.one(4) {
		return intercepted(seed, d.profile())
	}
	return intercepted(seed, d.anything())
}

// anything draws a history in which any fault may happen.
func (d dice) anything() *History {
	h := d.setting()
	n := 0
	for worker := range 1 + d.IntN(4) {
		for range 1 + d.IntN(5) {
			n++
			h.Ops = append(h.Ops, d.op(h, n, worker))
		}
	}
	for _, kind := range []string{"ping", "list", "get", "delete", "cancelled", "subscribe"} {
		h.Other[kind] = d.others(h)
	}
	if d.one(2) {
		for range 1 + d.IntN(3) { // the first connection attempt succeeds
			h.Other["initialize"] = append(h.Other["initialize"], Reply{}, d.other(h))
		}
	}
	if h.Auth && d.one(2) {
		h.Other["token"] = append([]Reply{{}}, d.others(h)...)
	}
	for range d.IntN(6) {
		h.World = append(h.World, Event{d.between(0, 20*time.Second), pick(d, worldEvents...)})
	}
	for range d.IntN(3) {
		h.Subs = append(h.Subs, d.sub())
	}
	if d.one(4) {
		h.CloseAt = d.between(100*ms, 20*time.Second)
	}
	return h
}

// setting draws the era, the server's features and the route to it.
func (d dice) setting() *History {
	h := &History{
		Modern: d.one(2), IDs: !d.one(3), Prime: d.one(2), Resumable: !d.one(3), Handlers: d.one(2), Asks: d.one(2), Auth: d.one(5),
		Loss: d.loss(), Way: pick(d, "", "", "agent", "agent-shared"), Buffer: pick(d, 0, 0, 4096, 300, 64),
		Idle: d.between(2*time.Second, 20*time.Second), Try: d.between(2*time.Second, 10*time.Second), Other: map[string][]Reply{},
	}
	if h.Auth && d.one(2) {
		h.Lifetime = d.between(2*time.Second, time.Minute)
	}
	if h.Modern {
		h.IDs, h.Prime, h.Resumable, h.Loss = false, false, false, ""
	}
	return h
}

// loss draws how the server reports a lost session. A third of the draws use one of the first five
// styles, which are the most common.
func (d dice) loss() string {
	if d.one(3) {
		return lossStyles[d.IntN(5)].name
	}
	return lossStyles[d.IntN(len(lossStyles))].name
}

func (d dice) sub() Sub {
	s := Sub{At: d.between(0, 5*time.Second)}
	if d.one(2) {
		s.End = d.between(ms, 20*time.Second)
	}
	return s
}

func (d dice) op(h *History, n, worker int) Op {
	o := Op{N: n, Worker: worker, Gap: d.between(0, 800*ms), Kind: pick(d, "", "", "", "", "list", "ping"), Progress: d.one(2), Harmless: d.one(8)}
	if d.one(4) {
		o.Deadline, o.Cancel = d.between(ms, 6*time.Second), d.one(2)
	}
	if d.one(6) {
		o.Total = d.between(500*ms, 20*time.Second)
	}
	if d.one(6) {
		o.Size = 1 << d.IntN(18)
	}
	if d.one(3) {
		o.Answer = pick(d, "decline", "cancel", "fail", "slow")
	}
	for range d.IntN(3) {
		o.Replies = append(o.Replies, d.reply(h))
	}
	for range d.IntN(3) {
		o.Resumes = append(o.Resumes, d.reply(h))
	}
	return o
}

// others draws the replies to all requests of one kind. These requests belong to no call.
func (d dice) others(h *History) []Reply {
	var replies []Reply
	for range d.IntN(4) {
		if d.one(3) {
			replies = append(replies, d.other(h))
		} else {
			replies = append(replies, Reply{})
		}
	}
	return replies
}

func (d dice) other(h *History) Reply {
	r := d.reply(h)
	r.NoRun = true
	return r
}

// reply draws one reply of an honest server, or of a gateway in front of it.
func (d dice) reply(h *History) Reply {
	r := Reply{Wait: d.between(0, 300*ms), NoRun: d.one(3)}
	if d.one(12) {
		r.Wait = d.between(0, 40*time.Second)
	}
	switch d.IntN(13) {
	case 0, 1:
		d.json(&r)
	case 2, 3, 4, 5:
		d.stream(&r)
	case 6:
		r.How, r.Status = "status", pick(d, 500, 502, 503, 504, 520, 408, 425, 599)
		d.retryAfter(&r)
	case 7:
		d.refusal(&r, h)
	case 8: // an error of the tool, with an HTTP error status
		r.How, r.Status, r.NoRun = "status", pick(d, 400, 404, 404, 404, 405, 409, 410, 422, 500, 501), false
		r.Code = pick(d, -32603, -32000, -32602, -32001, -32020, -32021, -32022)
		r.Loses = !h.Modern && d.one(2)
	case 9:
		r.How = pick(d, "reset", "eof", "hang")
	case 10:
		r.How, r.Status = "status", pick(d, 101, 600, 999, 99, 700)
	case 11: // a stream that breaks off
		r.How, r.NoRun, r.Events, r.Gap = "stream", false, "ppp", d.between(ms, 500*ms)
		r.Cut, r.CutBy = 1+d.IntN(700), pick(d, "", "reset", "silence")
	case 12:
		if r.How = "ask"; !h.Modern {
			r.How, r.Events, r.Gap, r.NoRun = "stream", "pqp", d.between(0, 300*ms), false
		}
	}
	if d.one(6) {
		r.Close = d.between(ms, 400*ms)
	}
	r.Early = r.NoRun && r.Code == 0 && r.How == "status" && d.one(3)
	if r.Cut == 0 && d.one(5) && r.How != "hang" {
		r.Cut, r.CutBy = 1+d.IntN(600), pick(d, "", "", "reset", "silence")
	}
	return r
}

// json draws an answer whose body is a single JSON message.
func (d dice) json(r *Reply) {
	r.How = "json"
	if d.one(3) {
		r.ID = pick(d, "string", "wrong", "null")
	}
	if d.one(3) {
		r.Code, r.Malformed = d.code(), d.one(8)
	}
	r.NoRun = r.NoRun && r.Code != 0
}

// stream draws an answer sent as an event stream.
func (d dice) stream(r *Reply) {
	r.How, r.NoRun = "stream", false
	r.Gap, r.Late, r.Unchunked = d.between(0, 900*ms), d.one(4), d.one(8)
	if d.one(10) {
		r.Gap = d.between(time.Second, 30*time.Second)
	}
	for range d.IntN(6) {
		r.Events += string(pick(d, eventProgress, eventProgress, eventProgress, eventComment, eventAgain, eventLog, eventEmpty))
	}
	switch {
	case d.one(5):
		r.Code, r.ID, r.Malformed = d.code(), pick(d, "", "", "null"), d.one(12)
	case d.one(20): // only comments and empty events, which carry no data
		r.Events, r.Gap = strings.Repeat(string(eventEmpty), 60), d.between(time.Second, 6*time.Second)
	case d.one(10):
		r.ID = pick(d, "string", "wrong")
	}
	if d.one(12) {
		r.How = "accepted"
	}
}

// code draws the code of a JSON-RPC error.
func (d dice) code() int {
	return pick(d, -32603, -32000, -32602, -32601, -32600, -32700, -32020, -32021, -32022, -32001)
}

// refusal draws a status that refuses the request.
func (d dice) refusal(r *Reply, h *History) {
	r.How, r.NoRun = "status", true
	switch r.Status = pick(d, 400, 403, 404, 405, 406, 409, 410, 413, 415, 421, 422, 426, 429, 431, 501, 505, 301, 307, 401); {
	case h.Modern && d.one(2):
		r.Status, r.Code, r.ID = 400, pick(d, -32020, -32021, -32022, -32602, -32600), pick(d, "", "", "null")
	case r.Status == 307 || r.Status == 301:
		r.How, r.Foreign = "redirect", d.one(2)
	case r.Status == 403 && d.one(2):
		r.Header = `WWW-Authenticate: Bearer error="insufficient_scope", scope="more"`
	case r.Status == 429:
		d.retryAfter(r)
	case r.Status == 409 || r.Status == 410 || r.Status == 422:
		r.NoRun = d.one(2)
	}
}

func (d dice) retryAfter(r *Reply) {
	if d.one(3) {
		r.Header = fmt.Sprintf("Retry-After: %d", d.IntN(5))
	}
}
