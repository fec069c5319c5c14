// Package verdict is the retry table (DESIGN.md, "What a reply proves"): a pure function. It maps
// the result of one try to send a request to what the result proves and what to do next.
package verdict

import (
	"errors"
	"fmt"
	"time"

	"github.com/hawser-mcp/hawser/streamablehttp"
	"github.com/hawser-mcp/hawser/transport"
)

// Kind says how a request failed. The values are those of mcpclient.Kind, which documents them.
// mcpclient has further kinds that do not depend on a reply.
type Kind uint8

// Kinds that [Judge] returns.
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

// Outcome says what is known about whether the server acted on a request. The values are those of
// mcpclient.Outcome, which documents them.
type Outcome uint8

// Outcomes, worst first.
const (
	Unknown Outcome = iota
	Answered
	NotRun
)

// And returns the combined outcome of two tries or rounds of one call: the worse of the two.
func (o Outcome) And(other Outcome) Outcome { return min(o, other) }

// Step says what to do after a failed try. It does not decide whether the request is sent again;
// the outcome does.
type Step uint8

const (
	StepFail      Step = iota // return the error
	StepWait                  // wait
	StepRecover               // start a new session
	StepProbe                 // ping the session; if it is gone, start a new one
	StepVersion               // negotiate the revision again, once
	StepTools                 // list the tools again, once
	StepAuthorize             // obtain authorization, a few times at most
)

// Verdict is one row of the retry table.
type Verdict struct {
	Step Step
	// Kind is the kind of the error, in case it is returned.
	Kind Kind
	// Outcome is what the reply proves about this try.
	Outcome Outcome
	// Confirms is set if the request did not run in case StepProbe shows that the session is gone.
	Confirms bool
	// Doubtful is set for a StepProbe after a reply that has another cause more often than a lost
	// session. The session paces such probes. Else is the next step without a probe, and after one
	// that finds the session alive.
	Doubtful bool
	Else     Step
	// Wait is the time that the server told the client to wait. If it is negative, the client's
	// backoff applies.
	Wait time.Duration
}

// Situation is what the retry table needs to know besides the error.
type Situation struct {
	Repeatable bool // class R of the table: sending it twice does no harm
	Fixed      bool // sent on a given session state, as in negotiation, so that nothing can be recovered
	InSession  bool // a legacy session ID was sent
	Modern     bool // sent to a modern server: the codes of 2026-07-28 have their meaning
	Began      bool // something other than the reply showed that the server started the request
	Versioned  bool // this call has already renegotiated
	Relisted   bool // this call has already listed the tools again
	Doubted    bool // this call has already probed the session after a doubtful reply
	Tool       bool // a tool call, whose mirrored headers depend on the tool list
	Authorizes bool // this call may use the Authorizer once more
}

// InvalidError reports input that cannot be sent.
type InvalidError struct{ Err error }

// Error returns the text of Err.
func (e *InvalidError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *InvalidError) Unwrap() error { return e.Err }

// ResultTypeError reports a result whose type the client does not know. Such a result need not be
// the end of the request: the type may mean that the server still works on it.
type ResultTypeError struct{ Type string }

// Error returns a text that quotes the type.
func (e *ResultTypeError) Error() string { return fmt.Sprintf("unknown resultType %q", e.Type) }

// StageOf extends [transport.StageOf] to the errors of package streamablehttp. If the server
// replied, the stage is Answered.
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

// Judge returns the row of the retry table for err. It has no side effects.
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

// judgeNonsense judges a reply that is not valid MCP. A JSON-RPC error in the reply may show that
// the session is gone.
func judgeNonsense(e *streamablehttp.ProtocolError, q Situation) Verdict {
	v := Verdict{Kind: KindProtocol}
	if unfinal := (*ResultTypeError)(nil); e.Answers && !errors.As(e.Err, &unfinal) {
		v.Outcome = Answered
	}
	rpc, ok := e.Err.(*streamablehttp.RPCError)
	switch {
	case ok && NamesSession(rpc.Message):
		return q.probeIf(v, true)
	case ok && doubtful(rpc.Code), !ok && !e.Answers && NamesSession(e.Preview):
		return q.doubt(v)
	}
	return v
}

// unanswered judges a request whose answer did not arrive.
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

// established reports whether the request belongs to a session that the server may have lost.
func (q *Situation) established() bool { return q.InSession && !q.Fixed }

// probeIf turns a final refusal that mentions the session into a probe of the session.
func (q *Situation) probeIf(v Verdict, named bool) Verdict {
	if named && v.Step == StepFail && q.established() && v.Kind != KindAuthRequired {
		v.Step, v.Wait = StepProbe, -1
	}
	return v
}

// doubt turns a verdict into a doubtful probe of the session, once per call.
func (q *Situation) doubt(v Verdict) Verdict {
	if !q.established() || q.Doubted || v.Step != StepFail && v.Step != StepWait {
		return v
	}
	if v.Step == StepFail {
		v.Wait = -1
	}
	v.Step, v.Else, v.Doubtful = StepProbe, v.Step, true
	return v
}
