package simulation_test

import (
	"errors"

	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/transport"
)

// outcome is what is known of a call that returned.
type outcome string

const (
	notRun   outcome = "not run"  // provably not executed
	answered outcome = "answered" // somebody gave a final word to that very call; it may have acted
	unknown  outcome = "unknown"  // everything else
)

// outcomeOf reads the outcome from an error. The library knows "may have run" only, so the rest is read from
// the kind; of a call that was declared harmless it says nothing.
func outcomeOf(err error, harmless bool) outcome {
	var e *mcpclient.Error
	switch {
	case err == nil:
		return answered
	case !errors.As(err, &e) || e.MayHaveRun:
		return unknown
	}
	switch e.Kind {
	case mcpclient.KindInvalid:
		return notRun
	case mcpclient.KindServer, mcpclient.KindHTTP, mcpclient.KindAuthRequired, mcpclient.KindForbidden, mcpclient.KindInput, mcpclient.KindVersion:
		var status *mcpclient.HTTPError
		if harmless && errors.As(err, &status) && (status.Status < 300 || status.Status >= 500 || status.Status == 408) {
			return unknown
		}
		return answered
	case mcpclient.KindNotSent, mcpclient.KindTimeout, mcpclient.KindCanceled, mcpclient.KindClosed:
		if harmless || e.Stage == transport.MaybeSent {
			return unknown
		}
		if e.Stage == transport.Answered {
			return answered
		}
		return notRun
	case mcpclient.KindSessionLost:
		if harmless {
			return unknown
		}
		return notRun
	default:
		return unknown
	}
}

// judgeVerdict compares what a tool call returned with what happened.
func (j *Journal) judgeVerdict(o *Op, err error) {
	rounds, most := j.asked(o.N)
	j.mu.Lock()
	ran, final, answer := j.ran[o.N], j.final[o.N], j.answered[o.N]
	j.mu.Unlock()
	result := outcomeOf(err, o.Harmless)
	switch {
	case result == notRun && ran+rounds > 0:
		j.breachf("executed although NotRun", o.N, "%d times: %v", ran+rounds, err)
	case result == answered && err != nil && !final:
		j.breachf("Answered without an answer", o.N, "executed %d times: %v", ran, err)
	case err == nil && !answer:
		j.breachf("success without an answer", o.N, "executed %d times", ran)
	case err == nil && (ran == 0 || ran > 1 && !o.Harmless):
		j.breachf("success", o.N, "executed %d times", ran)
	}
	if most > 1 && !o.Harmless {
		j.breachf("round executed twice", o.N, "%d times", most)
	}
}
