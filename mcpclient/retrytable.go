package mcpclient

import (
	"net/http"
	"slices"
	"time"

	"github.com/hawser-mcp/hawser/streamablehttp"
	"github.com/hawser-mcp/hawser/transport"
)

// step is what follows a failed try.
type step uint8

const (
	stepFail      step = iota // return the error
	stepWait                  // wait, then send again
	stepRecover               // begin a new session, then send again, once
	stepProbe                 // ask whether the session is alive; if not, as stepRecover
	stepVersion               // negotiate the revision again, then send again, once
	stepTools                 // list the tools again, then send again, once
	stepAuthorize             // get authorization, then send again, a few times
)

// verdict is one row of the retry table.
type verdict struct {
	step step
	// kind is the error's when it is returned.
	kind Kind
	// mayHaveRun says that the server may have acted on a request that must not be repeated.
	mayHaveRun bool
	// wait is what the server asked for; negative: the backoff decides.
	wait time.Duration
}

// situation is what the retry table looks at besides the error.
type situation struct {
	repeatable bool // class R: sending it twice does no harm
	handshake  bool // negotiation itself: nothing to recover to
	inSession  bool // a legacy session id was sent
	modern     bool // 2026-07-28: its error codes have their meaning
	recovered  bool // this call has used its replay after a recovery
	versioned  bool // this call has used its new version
	relisted   bool // this call has used its fresh tool list
	tool       bool // a tool call, whose mirrored headers depend on the list
	authorizes bool // there is an Authorizer, and this call may use it once more
}

// judge is the retry table (DESIGN.md, "What may be retried"): the one place
// that decides whether anything is sent twice. It has no side effects.
func judge(err error, q situation) verdict {
	switch e := err.(type) {
	case *transport.Error:
		return judgeLink(e, q)
	case *streamablehttp.HTTPError:
		return judgeStatus(e, q)
	case *streamablehttp.RPCError:
		if e.Status == http.StatusNotFound && e.Code != CodeMethodNotFound && q.inSession && !q.handshake {
			return once(stepProbe, q.recovered, KindServer) // it may be the tool's answer, or the session's end
		}
		return judgeCode(e, q, verdict{kind: KindServer})
	case *invalidError:
		return verdict{kind: KindInvalid}
	case *streamablehttp.ProtocolError:
		return verdict{kind: KindProtocol, mayHaveRun: !q.repeatable}
	case *streamablehttp.LimitError:
		return verdict{kind: KindLimit, mayHaveRun: !q.repeatable}
	case *streamablehttp.RedirectError:
		return verdict{kind: KindHTTP}
	}
	return unknownOutcome(q)
}

// unknownOutcome is for an answer that is lost: repeat what is safe to repeat.
func unknownOutcome(q situation) verdict {
	if q.repeatable {
		return verdict{step: stepWait, kind: KindUnanswered, wait: -1}
	}
	return verdict{kind: KindOutcomeUnknown, mayHaveRun: true}
}

func judgeLink(e *transport.Error, q situation) verdict {
	switch {
	case e.Stage != transport.NotSent:
		return unknownOutcome(q)
	case e.Permanent:
		return verdict{kind: KindNotSent}
	}
	return verdict{step: stepWait, kind: KindNotSent, wait: -1}
}

func judgeStatus(e *streamablehttp.HTTPError, q situation) verdict {
	switch e.Status {
	case http.StatusNotFound:
		if q.inSession && !q.handshake {
			if e.RPC != nil && e.RPC.Code == CodeMethodNotFound {
				return once(stepProbe, q.recovered, KindHTTP) // it may be the method that was not found
			}
			return once(stepRecover, q.recovered, KindSessionLost)
		}
	case http.StatusUnauthorized:
		return once(stepAuthorize, !q.authorizes, KindAuthRequired)
	case http.StatusForbidden:
		return once(stepAuthorize, !q.authorizes || !e.InsufficientScope(), KindForbidden)
	case http.StatusTooManyRequests:
		return verdict{step: stepWait, kind: KindHTTP, wait: e.RetryAfter}
	case http.StatusRequestTimeout, http.StatusTooEarly:
		return unsettled(q, -1)
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return verdict{kind: KindHTTP}
	}
	if e.Status/100 == 5 {
		return unsettled(q, e.RetryAfter) // 500 to 504, and what gateways have of their own: 520, 524 and the like
	}
	if e.RPC != nil {
		v := judgeCode(e.RPC, q, verdict{kind: KindHTTP})
		if v.step == stepFail && e.Status == http.StatusBadRequest && q.inSession && !q.handshake {
			// Real servers answer so for a session they do not know.
			return once(stepProbe, q.recovered, KindHTTP)
		}
		return v
	}
	return verdict{kind: KindHTTP}
}

// unsettled is for a status behind which the request may have run.
func unsettled(q situation, wait time.Duration) verdict {
	if q.repeatable {
		return verdict{step: stepWait, kind: KindHTTP, wait: wait}
	}
	return unknownOutcome(q)
}

// judgeCode reads the codes that 2026-07-28 gave a meaning; before it they are
// the server's own and say nothing about whether the request ran.
func judgeCode(e *streamablehttp.RPCError, q situation, otherwise verdict) verdict {
	switch {
	case q.handshake:
	case e.Code == CodeUnsupportedVersion && (q.modern || namesModern(e)):
		return once(stepVersion, q.versioned, KindVersion)
	case e.Code == CodeHeaderMismatch && q.modern && q.tool:
		return once(stepTools, q.relisted, otherwise.kind)
	}
	return otherwise
}

// namesModern reports whether a refused version came with a list that has a
// modern one: a server that was upgraded under a legacy session.
func namesModern(e *streamablehttp.RPCError) bool {
	supported, refused := refusedVersion(e)
	return refused && slices.Contains(supported, modernVersion)
}

func once(s step, used bool, kind Kind) verdict {
	if used {
		return verdict{kind: kind}
	}
	return verdict{step: s, kind: kind, wait: -1}
}
