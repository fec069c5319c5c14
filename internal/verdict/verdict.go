// Package verdict is the retry table (DESIGN.md, "What a reply proves"): a pure function from what
// came of one try of a request to what it proves and to what may be done next.
package verdict

import (
	"time"

	"github.com/hawser-mcp/hawser/streamablehttp"
	"github.com/hawser-mcp/hawser/transport"
)

// Kind says how a request failed. The values are those of mcpclient.Kind, which documents them;
// mcpclient has more, for what no reply decides.
type Kind uint8

// The kinds that [Judge] returns.
const (
	KindInvalid Kind = iota + 1
	KindNotSent
	KindOutcomeUnknown
	KindUnanswered
	KindServer
	KindHTTP
	KindAuthRequired
	KindForbidden
	KindProtocol
	KindLimit
	KindVersion
	KindSessionLost
)

// Outcome is what is known of whether the server acted on a request. The values are those of
// mcpclient.Outcome, which documents them.
type Outcome uint8

// The outcomes, the worst first.
const (
	Unknown Outcome = iota
	Answered
	NotRun
)

// And returns the outcome of two tries, or rounds, of one call: the worse of the two.
func (o Outcome) And(other Outcome) Outcome { return min(o, other) }

// Step is what a failed try calls for. It does not decide whether the request is sent again: the
// outcome does.
type Step uint8

const (
	StepFail      Step = iota // return the error
	StepWait                  // wait
	StepRecover               // start a new session
	StepProbe                 // ping the session; if it is gone, as StepRecover
	StepVersion               // negotiate the revision again, once
	StepTools                 // list the tools again, once
	StepAuthorize             // get authorization, a few times
)

// Verdict is one row of the retry table.
type Verdict struct {
	Step Step
	// Kind is the kind of the error, if it is returned.
	Kind Kind
	// Outcome is what the reply proves about this try.
	Outcome Outcome
	// Confirms says that the try did not run if StepProbe finds that the session is gone.
	Confirms bool
	// Wait is how long the server asked to wait. A negative value leaves it to the backoff.
	Wait time.Duration
}

// Situation is what the retry table considers besides the error.
type Situation struct {
	Repeatable bool // class R of the table: sending it twice does no harm
	Fixed      bool // sent on one given session state, as in negotiation: nothing to recover to
	InSession  bool // a legacy session ID was sent
	Modern     bool // sent to a modern server: the codes of 2026-07-28 have their meaning
	Began      bool // something besides the reply came for this request
	Versioned  bool // this call has used its renegotiation
	Relisted   bool // this call has used its new tool list
	Tool       bool // a tool call, whose mirrored headers depend on the list
	Authorizes bool // there is an Authorizer, and this call may use it once more
}

// InvalidError is input that cannot be sent.
type InvalidError struct{ Err error }

// Error returns the text of the cause.
func (e *InvalidError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *InvalidError) Unwrap() error { return e.Err }

// StageOf extends [transport.StageOf] to errors above the seam: after a verdict of the server the
// stage is Answered.
func StageOf(err error) transport.Stage {
	switch err.(type) {
	case *InvalidError:
		return transport.NotSent
	case *streamablehttp.HTTPError, *streamablehttp.RPCError, *streamablehttp.ProtocolError,
		*streamablehttp.RedirectError, *streamablehttp.LimitError:
		return transport.Answered
	}
	return transport.StageOf(err)
}

// Judge returns the row of the retry table that fits err. It has no side effects.
func Judge(err error, q Situation) Verdict {
	switch e := err.(type) {
	case *transport.Error:
		return judgeLink(e, q)
	case *streamablehttp.HTTPError:
		return judgeStatus(e, q)
	case *streamablehttp.RPCError:
		return judgeAnswer(e, q)
	case *streamablehttp.RedirectError:
		return Verdict{Kind: KindHTTP, Outcome: Answered}
	case *InvalidError:
		return Verdict{Kind: KindInvalid, Outcome: NotRun}
	case *streamablehttp.ProtocolError:
		return judgeNonsense(e, q)
	case *streamablehttp.LimitError:
		return Verdict{Kind: KindLimit}
	}
	return unanswered(q)
}

// judgeNonsense is for a reply that is not MCP. An error in it may show that the session is gone.
func judgeNonsense(e *streamablehttp.ProtocolError, q Situation) Verdict {
	v := Verdict{Kind: KindProtocol}
	if e.Answers {
		v.Outcome = Answered
	}
	rpc, ok := e.Err.(*streamablehttp.RPCError)
	return q.heal(v, ok && NamesSession(rpc.Message))
}

// unanswered is for an answer that did not come.
func unanswered(q Situation) Verdict {
	if q.Repeatable {
		return Verdict{Step: StepWait, Kind: KindUnanswered, Wait: -1}
	}
	return Verdict{Kind: KindOutcomeUnknown}
}

func judgeLink(e *transport.Error, q Situation) Verdict {
	switch {
	case e.Stage != transport.NotSent || q.Began:
		return unanswered(q)
	case e.Permanent:
		return Verdict{Kind: KindNotSent, Outcome: NotRun}
	}
	return Verdict{Step: StepWait, Kind: KindNotSent, Outcome: NotRun, Wait: -1}
}

// established reports whether the request was part of a session that the server may have lost.
func (q *Situation) established() bool { return q.InSession && !q.Fixed }

// heal turns a final refusal that speaks of the session into a probe of the session.
func (q *Situation) heal(v Verdict, named bool) Verdict {
	if named && v.Step == StepFail && q.established() && v.Kind != KindAuthRequired {
		v.Step, v.Wait = StepProbe, -1
	}
	return v
}
