package simulation_test

import "github.com/hawser-mcp/hawser/mcpclient"

// judgeVerdict compares the outcome of a tool call with what the server did.
func (j *Journal) judgeVerdict(o *Op, err error) {
	rounds, most := j.asked(o.N)
	j.mu.Lock()
	ran, final, answer := j.ran[o.N], j.final[o.N], j.answered[o.N]
	j.mu.Unlock()
	outcome := mcpclient.OutcomeOf(err)
	switch {
	case outcome == mcpclient.NotRun && ran+rounds > 0:
		j.breachf("executed although NotRun", o.N, "%d times: %v", ran+rounds, err)
	case outcome == mcpclient.Answered && err != nil && !final:
		j.breachf("Answered without an answer", o.N, "executed %d times: %v", ran, err)
	case err == nil && !answer:
		j.breachf("success without an answer", o.N, "executed %d times", ran)
	case err == nil && (ran == 0 || ran > 1 && !o.Harmless):
		j.breachf("success without exactly one execution", o.N, "executed %d times", ran)
	}
	if safe := outcome == mcpclient.NotRun || o.Harmless; err != nil && mcpclient.SafeToRepeat(err) != safe {
		j.breachf("SafeToRepeat", o.N, "%v, outcome %v: %v", !safe, outcome, err)
	}
	if most > 1 && !o.Harmless {
		j.breachf("round executed twice", o.N, "%d times", most)
	}
}
