package simulation_test

import (
	"slices"
	"strings"
)

// knownBreach is a defect that is known and not yet mended. It fails no run; it is counted.
type knownBreach struct {
	name  string
	class []string
	fits  func(h *History, o *Op) bool // o is nil if the breach is about no call
}

var (
	again   = []string{"executed twice", "success", "round executed twice", "progress out of order"}
	verdict = []string{"executed although NotRun", "Answered without an answer"}
	unwell  = []string{"had to work", "not healed", "event lost without a gap", "update lost without a gap"}
)

// known are the defects that are not yet mended. Delete the rows of what was mended.
var known = []knownBreach{
	{"C1", append(verdict, again...), replies(func(r *Reply) bool { // a refusal whose body breaks off may have had our id
		return r.How == "status" && r.Code != 0 && r.own() && r.Cut > 0 && r.runs(false)
	})},
	{"V5", append(verdict, again...), replies(func(r *Reply) bool { return r.Status == 404 && r.Code != 0 && r.runs(false) })},
	{"V1", append(verdict, again...), replies(func(r *Reply) bool { // a refusal of the headers or the version that is none
		return (r.Code == -32020 || r.Code == -32022) && r.runs(true)
	})},
	{"V2", append(verdict, again...), resumes(func(r *Reply) bool { return r.Code != 0 })},
	{"V3", verdict, replies(func(r *Reply) bool { return r.Code != 0 && r.ID == "null" && r.How != "status" })},
	{"V4", verdict, replies(func(r *Reply) bool { return r.How == "status" && (r.Status < 200 || r.Status > 599) })},
	{"V6", verdict, replies(func(r *Reply) bool { return r.Malformed })},
	{"S3", unwell, func(h *History, _ *Op) bool { return !h.Modern && slices.Contains(unmended, h.Loss) }},
	{"V7", []string{"had to work"}, func(h *History, _ *Op) bool { return h.count("lose") > 1 }},
	{"V8", unwell, func(h *History, o *Op) bool {
		tooEarly := func(r *Reply) bool { return r.Status == 425 }
		return replies(tooEarly)(h, o) || resumes(tooEarly)(h, o)
	}},
	{"V9", []string{"idle timeout overdue"}, replies(func(r *Reply) bool { return strings.Contains(r.Events, string(eventEmpty)) })},
	{"E1", []string{"event lost without a gap"}, func(h *History, _ *Op) bool { // the first standing GET broke off: what came meanwhile is lost
		first := h.Other["get"]
		return len(first) > 0 && (first[0].Cut > 0 || first[0].How == "reset" || first[0].How == "eof" || first[0].How == "hang")
	}},
	{"N1", []string{"executed although NotRun"}, replies(func(r *Reply) bool { return r.How == "ask" })}, // a round ran, the next was not sent
}

// unmended are the ways to tell of a lost session from which nothing recovers yet.
var unmended = []string{"400 own id", "400 text", "410", "422", "401", "200 stream"}

// name returns the name of a known breach, "" if it is a new one.
func (b Breach) name(h *History) string {
	for _, k := range known {
		if slices.Contains(k.class, b.Class) && k.fits(h, h.op(b.Op)) {
			return k.name
		}
	}
	return ""
}

// replies makes a test of one reply of the call.
func replies(fits func(r *Reply) bool) func(*History, *Op) bool {
	return func(_ *History, o *Op) bool {
		return o != nil && slices.ContainsFunc(o.Replies, func(r Reply) bool { return fits(&r) })
	}
}

// resumes makes a test of one reply to a GET that resumes a stream of the call.
func resumes(fits func(r *Reply) bool) func(*History, *Op) bool {
	return func(_ *History, o *Op) bool {
		return o != nil && slices.ContainsFunc(o.Resumes, func(r Reply) bool { return fits(&r) })
	}
}
