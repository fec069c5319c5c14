package simulation_test

import (
	"slices"
	"time"
)

// fault is a kind of fault. The oracle decides for each kind which calls must succeed.
type fault string

const (
	cutStream    fault = "a stream that can be resumed was cut"
	lostSession  fault = "sessions were lost"
	busy         fault = "the server asked the client to retry later"
	recheck      fault = "headers or protocol version were refused"
	refusedDial  fault = "no request could be sent for a moment"
	windUp       fault = "the gateway sent GOAWAY"
	deadLink     fault = "an executor link broke between calls"
	expiredToken fault = "a token expired"
	askedUser    fault = "the user was prompted"
	noAnswer     fault = "an idempotent request got no answer"
	brokenStream fault = "a shared stream ended"
	doubtful     fault = "a live session got a doubtful reply"
	beyondHelp   fault = "anything else" // no promise applies
)

const (
	fewTries   = 2                // number of bad replies that every call certainly survives
	shortFault = time.Second      // a fault of this length ends before the retries of a call do
	longTry    = 10 * time.Second // a timeout of this length never fires in these histories
)

// faults returns the kinds of faults in a history.
func (h *History) faults() map[fault]bool {
	all := map[fault]bool{}
	for i := range h.Ops {
		o := &h.Ops[i]
		for k := range o.Replies {
			if f := h.faultOf(o, &o.Replies[k]); f != "" {
				all[f] = true
			}
		}
		if len(o.Resumes) > 0 && !all[beyondHelp] {
			all[h.faultOfResumes(o)] = true
		}
	}
	for kind, replies := range h.Other {
		for _, r := range replies {
			switch {
			case r == (Reply{Wait: r.Wait}) && r.Wait.D() <= shortFault:
			case kind == "get" && r.How == "status" && slices.Contains([]int{503, 429, 409}, r.Status) && r.Cut == 0 && r.Code == 0:
				all[brokenStream] = true
			default:
				all[beyondHelp] = true
			}
		}
	}
	h.faultsOfWorld(all)
	if h.Auth && h.Lifetime > 0 {
		all[expiredToken] = true
	}
	return all
}

// faultOf returns the kind of fault of one reply. It returns "" if the reply has no fault.
func (h *History) faultOf(o *Op, r *Reply) fault {
	plainStatus := r.How == "status" && r.Cut == 0 && r.Close == 0 && !r.Loses
	switch {
	case r.Wait.D() > shortFault || r.Gap.D() > shortFault || r.Close > 0 || r.Loses || r.Late && r.Unchunked:
		return beyondHelp
	case r.How == "ask" && r.Cut == 0 && h.Modern:
		return askedUser
	case plainStatus && (r.Status == 429 || r.Status == 425):
		return busy
	case plainStatus && r.Status == 400 && h.Modern && o.Kind == "" && r.own() && (r.Code == -32020 || r.Code == -32022):
		return recheck
	case o.safe() && (r.How == "reset" || r.How == "eof" || plainStatus && (r.Status >= 500 && r.Status <= 504 || r.Status == 408) && r.Status != 501):
		return noAnswer
	case !h.Modern && r.Cut == 0 && r.How == "json" && (r.own() || r.ID == "null") && slices.Contains([]int{-32600, -32000, -32001}, r.Code):
		return doubtful
	case !h.Modern && plainStatus && slices.Contains([]int{402, 403, 409}, r.Status) && r.Code == 0 && r.Header == "":
		return doubtful
	case r.How != "" && r.How != "json" && r.How != "stream" || r.Code != 0 || r.ID != "":
		return beyondHelp
	case r.Cut == 0 && r.How == "stream" && slices.Contains([]byte(r.Events), eventElicitation):
		return askedUser
	case r.Cut == 0:
		return ""
	case r.How == "stream" && r.Cut >= resumableCut && r.CutBy != "silence" && h.IDs && h.Prime && h.Resumable && !h.Modern && o.Kind == "" && h.Buffer == 0:
		return cutStream
	}
	return beyondHelp
}

// safe reports whether the server may safely execute the call twice.
func (o *Op) safe() bool { return o.Kind != "" || o.Harmless }

func (h *History) faultOfResumes(o *Op) fault {
	for _, r := range o.Resumes {
		if r.How != "status" || !slices.Contains([]int{408, 409, 425, 429, 500, 503}, r.Status) || r.Code != 0 || r.Cut > 0 || r.Close > 0 || r.Wait.D() > shortFault {
			return beyondHelp
		}
	}
	return cutStream
}

func (h *History) faultsOfWorld(all map[fault]bool) {
	var refused time.Duration = -1
	losses := 0
	events := slices.Clone(h.World)
	slices.SortStableFunc(events, func(a, b Event) int { return int(a.At - b.At) })
	for _, e := range events {
		switch e.Kind {
		case "emit":
		case "lose":
			all[lostSession] = all[lostSession] || !h.Modern
			if losses++; losses > 1 && h.Loss == "401" {
				all[beyondHelp] = true // the server may refuse even the first ping of a new session, as it refuses credentials
			}
		case "expire":
			all[expiredToken] = all[expiredToken] || h.Auth
		case "end-shared", "cut-shared":
			all[brokenStream] = true
		case "goaway":
			all[windUp] = all[windUp] || h.Way == wayHTTP2
		case "cut-links", "no-executor":
			all[deadLink] = true
		case "refuse":
			all[refusedDial], refused = true, e.At.D()
		case "well":
			if refused >= 0 && e.At.D()-refused > shortFault {
				all[beyondHelp] = true
			}
			refused = -1
		default:
			all[beyondHelp] = true
		}
	}
	if refused >= 0 {
		all[beyondHelp] = true // the event may last until the end of the run
	}
}

// mustWork decides from the history alone whether a call has to succeed, and returns the reason. It
// returns "" if the call may fail. A call has to succeed only if the history has at most one kind
// of fault.
func (h *History) mustWork(o *Op) string {
	all := h.faults()
	delete(all, brokenStream) // this fault affects no call
	if all[beyondHelp] || len(all) > 1 || h.CloseAt > 0 || o.Deadline > 0 || o.Total > 0 {
		return ""
	}
	if h.Idle > 0 && h.Idle.D() < 2*longTry || h.Try > 0 && h.Try.D() < longTry {
		return ""
	}
	if len(all) == 0 {
		return "no fault"
	}
	for f := range all {
		if h.survives(o, f) {
			return string(f)
		}
	}
	return ""
}

// survives reports whether a call must succeed if f is the only kind of fault in the history.
func (h *History) survives(o *Op, f fault) bool {
	switch f {
	case cutStream:
		return len(o.Resumes) <= fewTries
	case lostSession:
		if h.refusesLost() {
			return h.count("lose") <= fewTries
		}
		return h.count("lose") == 1 && o.safe()
	case busy, noAnswer:
		return faulty(o) <= fewTries
	case recheck:
		return faulty(o) <= 1
	case doubtful:
		return faulty(o) == 0
	case refusedDial:
		return (h.Way == "" || h.Way == wayHTTP2) && h.closesConnections() // a reset connection may have carried part of the request
	case deadLink:
		return h.breaksIdleLinks()
	case askedUser:
		return h.Asks && o.Answer != "fail"
	case expiredToken, windUp:
		return true
	default:
		return false
	}
}

// faulty returns the number of replies to a call that are not a complete and successful answer.
func faulty(o *Op) (n int) {
	for i := range o.Replies {
		if o.Replies[i].faulty() {
			n++
		}
	}
	return n
}

// closesConnections reports whether each connection serves one call.
func (h *History) closesConnections() bool {
	for i := range h.Ops {
		for _, r := range h.Ops[i].Replies {
			if r.Header != "Connection: close" {
				return false
			}
		}
	}
	return true
}

// breaksIdleLinks reports whether links break only while no call runs. This requires a single
// worker, whose calls take no time. The executors may become unavailable only in the last event,
// because the start times of later calls are unknown.
func (h *History) breaksIdleLinks() bool {
	var begin time.Duration
	for i := range h.Ops {
		if begin += h.Ops[i].Gap.D(); h.Ops[i].Worker != 0 || len(h.Ops[i].Replies) > 0 {
			return false
		}
		for _, e := range h.World {
			if (e.At.D() - begin).Abs() < 50*ms {
				return false
			}
		}
	}
	last := slices.IndexFunc(h.World, func(e Event) bool { return e.Kind == "no-executor" })
	return !h.Handlers && len(h.Subs) == 0 && (last < 0 || last == len(h.World)-1)
}

// count returns how many events of this kind the history has.
func (h *History) count(kind string) (n int) {
	for _, e := range h.World {
		if e.Kind == kind {
			n++
		}
	}
	return n
}

// refusesLost reports whether the server refuses requests of a lost session with a proof that they
// did not run, which makes it safe to resend the call. A request that may run twice is resent
// anyway. After a second loss it may fail, because pings after doubtful replies are paced.
func (h *History) refusesLost() bool {
	for _, style := range lossStyles {
		if style.name == h.Loss {
			return style.refuses
		}
	}
	return false
}

// mostInitializes returns the largest number of initialize requests that the client needs if the
// server lost its sessions lost times. known is false if the history does not determine the number.
func (h *History) mostInitializes(lost int) (limit int, known bool) {
	if h.Modern {
		lost = -1
	}
	return 1 + lost, h.only(lostSession, brokenStream, busy, cutStream, noAnswer, askedUser, doubtful)
}

// mostLogins returns the largest number of logins that the user needs. It is one, because the
// client gets later tokens with the refresh token. known is false if the history does not determine
// the number. The history determines it only if a single token expires: a second token may expire
// before the server accepts it for the first time, and the client does not refresh such a token.
func (h *History) mostLogins() (limit int, known bool) {
	return 1, h.count("expire") <= 1 && h.Lifetime == 0 && h.only(expiredToken, brokenStream)
}

// only reports whether the history has no faults of other kinds.
func (h *History) only(kinds ...fault) bool {
	all := h.faults()
	for _, f := range kinds {
		delete(all, f)
	}
	return len(all) == 0
}
