package mcpclient

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/hawser-mcp/hawser/internal/httpstatus"
	"github.com/hawser-mcp/hawser/streamablehttp"
	"github.com/hawser-mcp/hawser/transport"
)

// step is what a failed try calls for. Whether the call is sent again after it is not decided by the
// step but by the outcome; see [call.mayResend].
type step uint8

const (
	stepFail      step = iota // nothing: return the error
	stepWait                  // wait
	stepRecover               // begin a new session
	stepProbe                 // ask whether the session is alive; if it is not, as stepRecover
	stepVersion               // negotiate the revision again, once
	stepTools                 // list the tools again, once
	stepAuthorize             // get authorization, a few times
)

// verdict is one row of the retry table.
type verdict struct {
	step step
	// kind is the error's when it is returned.
	kind Kind
	// outcome is what the reply proves about this try.
	outcome Outcome
	// confirms says that the try did not run if stepProbe finds that the session is gone.
	confirms bool
	// wait is what the server asked for; negative: the backoff decides.
	wait time.Duration
}

// situation is what the retry table looks at besides the error.
type situation struct {
	repeatable bool // class R: sending it twice does no harm
	handshake  bool // negotiation itself: nothing to recover to
	inSession  bool // a legacy session id was sent
	modern     bool // 2026-07-28: its error codes have their meaning
	began      bool // something came for this request besides the reply
	versioned  bool // this call has used its new version
	relisted   bool // this call has used its fresh tool list
	tool       bool // a tool call, whose mirrored headers depend on the list
	authorizes bool // there is an Authorizer, and this call may use it once more
}

// proof is the outcome of a refusal that proves whatever its body says that the request did not run,
// unless something shows that it began.
func (q *situation) proof(e *streamablehttp.HTTPError) Outcome {
	if !q.began && !e.Began {
		return NotRun
	}
	return finalWord(e)
}

// proofUnanswered is the same for a refusal that proves it only without a response to the request.
func (q *situation) proofUnanswered(e *streamablehttp.HTTPError) Outcome {
	if e.Unclear {
		return finalWord(e)
	}
	return q.proof(e)
}

// finalWord is the outcome of a status that proves nothing: a 3xx or 4xx is a final word, a 5xx is not.
func finalWord(e *streamablehttp.HTTPError) Outcome {
	if e.Status >= 500 && !e.Answered {
		return Unknown
	}
	return Answered
}

// established reports whether the request was part of a session that the server may have lost.
func (q *situation) established() bool { return q.inSession && !q.handshake }

// judge is the retry table (DESIGN.md, "What a reply proves"): the one place that says what is known
// of a request and what may be done about it. It has no side effects.
func judge(err error, q situation) verdict {
	switch e := err.(type) {
	case *transport.Error:
		return judgeLink(e, q)
	case *streamablehttp.HTTPError:
		return judgeStatus(e, q)
	case *streamablehttp.RPCError:
		return judgeAnswer(e, q)
	case *streamablehttp.RedirectError:
		return verdict{kind: KindHTTP, outcome: Answered}
	case *invalidError:
		return verdict{kind: KindInvalid, outcome: NotRun}
	case *streamablehttp.ProtocolError:
		return judgeNonsense(e, q)
	case *streamablehttp.LimitError:
		return verdict{kind: KindLimit}
	}
	return unanswered(q)
}

// judgeNonsense is for a reply that is not MCP. An error in it may show that the session is gone.
func judgeNonsense(e *streamablehttp.ProtocolError, q situation) verdict {
	v := verdict{kind: KindProtocol}
	if e.Answers {
		v.outcome = Answered
	}
	rpc, ok := e.Err.(*streamablehttp.RPCError)
	return q.heal(v, ok && namesSession(rpc.Message))
}

// unanswered is for an answer that did not come.
func unanswered(q situation) verdict {
	if q.repeatable {
		return verdict{step: stepWait, kind: KindUnanswered, wait: -1}
	}
	return verdict{kind: KindOutcomeUnknown}
}

func judgeLink(e *transport.Error, q situation) verdict {
	switch {
	case e.Stage != transport.NotSent || q.began:
		return unanswered(q)
	case e.Permanent:
		return verdict{kind: KindNotSent, outcome: NotRun}
	}
	return verdict{step: stepWait, kind: KindNotSent, outcome: NotRun, wait: -1}
}

func judgeStatus(e *streamablehttp.HTTPError, q situation) verdict {
	named := namesSession(e.Preview) || e.RPC != nil && namesSession(e.RPC.Message)
	switch httpstatus.Of(e.Status) {
	case httpstatus.Limited:
		return verdict{step: stepWait, kind: KindHTTP, outcome: q.proof(e), wait: e.RetryAfter}
	case httpstatus.Unsettled, httpstatus.Broken:
		return judgeBroken(e, q)
	case httpstatus.Denied:
		return q.heal(judgeDenied(e, q), named)
	case httpstatus.NotFound:
		if q.established() && q.proofUnanswered(e) == NotRun && !isUnknownMethod(e.RPC) {
			return verdict{step: stepRecover, kind: KindSessionLost, outcome: NotRun, wait: -1}
		}
	default:
	}
	if httpstatus.Unread(e.Status) {
		return q.heal(verdict{kind: KindHTTP, outcome: q.proofUnanswered(e)}, named)
	}
	if e.RPC != nil && e.Status == http.StatusBadRequest {
		if v, is := judgeCode(e.RPC, q, KindHTTP); is {
			v.outcome = q.proof(e)
			return v
		}
	}
	v := verdict{kind: KindHTTP, outcome: Answered}
	if q.established() && tellsOfSessions(e.Status) {
		v.confirms = (named || isUnknownMethod(e.RPC)) && q.proofUnanswered(e) == NotRun
		return q.heal(v, true)
	}
	return q.heal(v, named)
}

// heal has a session examined of which a final refusal speaks.
func (q *situation) heal(v verdict, named bool) verdict {
	if named && v.step == stepFail && q.established() && v.kind != KindAuthRequired {
		v.step, v.wait = stepProbe, -1
	}
	return v
}

// judgeBroken is for a status behind which the request may have run, unless the body is its result.
func judgeBroken(e *streamablehttp.HTTPError, q situation) verdict {
	switch {
	case q.repeatable:
		return verdict{step: stepWait, kind: KindHTTP, wait: e.RetryAfter}
	case e.Answered:
		return verdict{kind: KindHTTP, outcome: Answered}
	}
	return unanswered(q)
}

// judgeDenied is for 401 and 403. Some servers say 401 for a session that they have lost: it carries
// no challenge then.
func judgeDenied(e *streamablehttp.HTTPError, q situation) verdict {
	v := verdict{kind: KindAuthRequired, outcome: q.proof(e), wait: -1}
	switch {
	case e.Status == http.StatusForbidden:
		v.kind = KindForbidden
		if len(e.Challenges) == 0 {
			v.outcome = Answered
		}
		if e.InsufficientScope() && q.authorizes {
			v.step = stepAuthorize
		}
	case len(e.Challenges) == 0 && q.established():
		v.step = stepProbe
	case q.authorizes:
		v.step = stepAuthorize
	}
	return v
}

// judgeAnswer is for a JSON-RPC error that answers the request.
func judgeAnswer(e *streamablehttp.RPCError, q situation) verdict {
	if e.NoID {
		return q.heal(verdict{kind: KindServer}, namesSession(e.Message))
	}
	if v, is := judgeCode(e, q, KindServer); is {
		if e.Status == http.StatusBadRequest && !q.began {
			v.outcome = NotRun
		}
		return v
	}
	v := verdict{kind: KindServer, outcome: Answered, wait: -1}
	named := namesSession(e.Message)
	switch {
	case !q.established() || e.Code == CodeMethodNotFound:
	case e.Code == CodeInvalidParams && e.Status != http.StatusNotFound && !named: // it is about the arguments
	case named, tellsOfSessions(e.Status):
		v.step = stepProbe
		v.confirms = named && tellsOfSessions(e.Status) && -32099 <= e.Code && e.Code <= -32000 && !q.began
	}
	return v
}

// judgeCode reads the codes that 2026-07-28 gave a meaning; before it they are the server's own and
// say nothing about whether the request ran. The specification puts these refusals into an HTTP 400:
// only there are they proof, elsewhere they are an answer that shows what to mend.
func judgeCode(e *streamablehttp.RPCError, q situation, kind Kind) (v verdict, is bool) {
	v = verdict{kind: kind, outcome: Answered, wait: -1}
	switch {
	case e.Code == CodeUnsupportedVersion && (q.modern || namesModern(e)):
		if q.handshake {
			break
		}
		if q.modern || e.Status == http.StatusBadRequest {
			v.kind = KindVersion
		}
		if !q.versioned {
			v.step = stepVersion
		}
	case e.Code == CodeHeaderMismatch && q.modern:
		if q.tool && !q.relisted {
			v.step = stepTools
		}
	case e.Code == CodeMissingCapability && q.modern:
	default:
		return v, false
	}
	return v, true
}

// namesModern reports whether a refused version came with a list that has a
// modern one: a server that was upgraded under a legacy session.
func namesModern(e *streamablehttp.RPCError) bool {
	supported, refused := refusedVersion(e)
	return refused && slices.Contains(supported, modernVersion)
}

// tellsOfSessions reports whether servers are known to answer with a status for a session that they
// do not know.
func tellsOfSessions(status int) bool {
	switch status {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusGone, http.StatusUnprocessableEntity:
		return true
	}
	return false
}

// namesSession reports whether a server's text speaks of the session, or of a client that has not
// initialized one.
func namesSession(text string) bool {
	text = strings.ToLower(text)
	return strings.Contains(text, "session") || strings.Contains(text, "initializ")
}

func isUnknownMethod(e *streamablehttp.RPCError) bool {
	return e != nil && e.Code == CodeMethodNotFound
}
