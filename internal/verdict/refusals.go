package verdict

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/httpstatus"
	"github.com/hawser-mcp/hawser/streamablehttp"
	"github.com/hawser-mcp/hawser/transport"
)

// Codes of JSON-RPC errors that the retry table uses. mcpclient exports and documents them.
const (
	codeInvalidRequest     = -32600
	codeMethodNotFound     = -32601
	codeInvalidParams      = -32602
	codeHeaderMismatch     = -32020
	codeMissingCapability  = -32021
	codeUnsupportedVersion = -32022
)

// proof returns the outcome of a refusal whose status proves that the request did not run, unless
// something shows that the server started to process it.
func (q *Situation) proof(e *streamablehttp.HTTPError) Outcome {
	if !q.Began && !e.Began {
		return NotRun
	}
	return finalWord(e)
}

// proofUnanswered is like proof, for a status that is proof only if the body is not a response to
// the request.
func (q *Situation) proofUnanswered(e *streamablehttp.HTTPError) Outcome {
	if e.Unclear {
		return finalWord(e)
	}
	return q.proof(e)
}

// finalWord returns the outcome of a status that does not prove whether the request ran. A 3xx or
// 4xx is the server's final answer; a 5xx is not.
func finalWord(e *streamablehttp.HTTPError) Outcome {
	if e.Status >= 500 && !e.Answered {
		return Unknown
	}
	return Answered
}

func judgeStatus(e *streamablehttp.HTTPError, q Situation) Verdict {
	named := NamesSession(e.Preview) || e.RPC != nil && NamesSession(e.RPC.Message)
	switch httpstatus.Of(e.Status) {
	case httpstatus.Limited:
		return Verdict{Step: StepWait, Kind: KindHTTP, Outcome: q.proof(e), Wait: e.RetryAfter}
	case httpstatus.Unsettled, httpstatus.Broken:
		return judgeBroken(e, q, named)
	case httpstatus.Denied:
		v := judgeDenied(e, q)
		if !named && v.Kind == KindForbidden && v.Outcome == Answered && !e.Answered {
			return q.doubt(v)
		}
		return q.probeIf(v, named)
	case httpstatus.NotFound:
		if q.established() && q.proofUnanswered(e) == NotRun && !IsUnknownMethod(e.RPC) {
			return Verdict{Step: StepRecover, Kind: KindSessionLost, Outcome: NotRun, Wait: -1}
		}
	default:
	}
	if httpstatus.Unread(e.Status) {
		return q.probeIf(Verdict{Kind: KindHTTP, Outcome: q.proofUnanswered(e)}, named)
	}
	if e.RPC != nil && e.Status == http.StatusBadRequest {
		if v, is := judgeCode(e.RPC, q, KindHTTP); is {
			v.Outcome = q.proof(e)
			return v
		}
	}
	v := Verdict{Kind: KindHTTP, Outcome: Answered}
	if q.established() && SaysSessionLost(e.Status) {
		v.Confirms = (named || IsUnknownMethod(e.RPC)) && q.proofUnanswered(e) == NotRun
		return q.probeIf(v, true)
	}
	if !named && e.Status/100 == 4 && !e.Answered {
		return q.doubt(v)
	}
	return q.probeIf(v, named)
}

// judgeBroken judges a status after which the request may have run, unless the body is its result.
// A text that names the session is in doubt: it may be about something that happened to the server.
func judgeBroken(e *streamablehttp.HTTPError, q Situation, named bool) (v Verdict) {
	switch {
	case q.Repeatable:
		v = Verdict{Step: StepWait, Kind: KindHTTP, Wait: e.RetryAfter}
	case e.Answered:
		return Verdict{Kind: KindHTTP, Outcome: Answered}
	default:
		v = unanswered(q)
	}
	if named {
		return q.doubt(v)
	}
	return v
}

// judgeDenied judges 401 and 403. Some servers answer 401 without a challenge when they have lost
// the session.
func judgeDenied(e *streamablehttp.HTTPError, q Situation) Verdict {
	v := Verdict{Kind: KindAuthRequired, Outcome: q.proof(e), Wait: -1}
	switch {
	case e.Status == http.StatusForbidden:
		v.Kind = KindForbidden
		if len(e.Challenges) == 0 {
			v.Outcome = Answered
		}
		if (e.InsufficientScope() || e.InvalidToken()) && q.Authorizes {
			v.Step = StepAuthorize
		}
	case len(e.Challenges) == 0 && q.established():
		v.Step = StepProbe
	case q.Authorizes:
		v.Step = StepAuthorize
	}
	return v
}

// judgeAnswer judges a JSON-RPC error that answers the request.
func judgeAnswer(e *streamablehttp.RPCError, q Situation) Verdict {
	if e.NoID {
		v, named := Verdict{Kind: KindServer}, NamesSession(e.Message)
		if !named && doubtful(e.Code) {
			return q.doubt(v)
		}
		return q.probeIf(v, named)
	}
	if v, is := judgeCode(e, q, KindServer); is {
		if e.Status == http.StatusBadRequest && !q.Began {
			v.Outcome = NotRun
		}
		return v
	}
	v := Verdict{Kind: KindServer, Outcome: Answered, Wait: -1}
	named := NamesSession(e.Message)
	switch {
	case !q.established():
	case e.Code == codeMethodNotFound && named:
		return q.doubt(v)
	case e.Code == codeMethodNotFound:
	case e.Code == codeInvalidParams && e.Status != http.StatusNotFound && !named: // the error is about the arguments
	case named, SaysSessionLost(e.Status):
		v.Step = StepProbe
		v.Confirms = named && SaysSessionLost(e.Status) && -32099 <= e.Code && e.Code <= -32000 && !q.Began
	case doubtful(e.Code):
		return q.doubt(v)
	}
	return v
}

// doubtful reports whether a JSON-RPC error with this code may mean a lost session although its
// text does not say so. Servers are known to refuse sessions with these codes, or with an HTTP
// status as the code. Tools use them as well.
func doubtful(code int64) bool {
	return code == codeInvalidRequest || code == -32000 || code == -32001 || 400 <= code && code < 500
}

// RefusesPing reports whether a reply to a ping, sent after a doubtful reply, may mean that the
// session is lost. status is 0 if no reply arrived.
func RefusesPing(status int, challenged bool, rpc *streamablehttp.RPCError) bool {
	class := httpstatus.Of(status)
	switch {
	case status == 0, challenged, class == httpstatus.Limited, IsUnknownMethod(rpc):
		return false
	}
	return rpc != nil || status/100 == 4 && !class.Transient()
}

// judgeCode judges the codes that 2026-07-28 defines. In earlier revisions, each server defines
// their meaning, and they do not show whether the request ran. The specification requires status
// 400 for these refusals. With status 400 they prove that the request did not run. With any other
// status they only show what to repair.
func judgeCode(e *streamablehttp.RPCError, q Situation, kind Kind) (v Verdict, is bool) {
	v = Verdict{Kind: kind, Outcome: Answered, Wait: -1}
	switch {
	case e.Code == codeUnsupportedVersion && (q.Modern || namesModern(e)):
		if q.Fixed {
			break
		}
		if q.Modern || e.Status == http.StatusBadRequest {
			v.Kind = KindVersion
		}
		if !q.Versioned {
			v.Step = StepVersion
		}
	case e.Code == codeHeaderMismatch && q.Modern:
		if q.Tool && !q.Relisted {
			v.Step = StepTools
		}
	case e.Code == codeMissingCapability && q.Modern:
	default:
		return v, false
	}
	return v, true
}

// namesModern reports whether e refuses the revision and lists a modern revision as supported. Such
// a server was upgraded while a legacy session was open.
func namesModern(e *streamablehttp.RPCError) bool {
	supported, refused := RefusedVersion(e)
	return refused && slices.Contains(supported, mcp.ProtocolVersion20260728)
}

// RefusedVersion reports whether e says that the server does not support the revision of the
// request, and returns the revisions that the error lists as supported. refused is false if e is
// nil.
func RefusedVersion(e *streamablehttp.RPCError) (supported []string, refused bool) {
	if e == nil || e.Code != codeUnsupportedVersion {
		return nil, false
	}
	var data struct {
		Supported []string `json:"supported"`
	}
	_ = json.Unmarshal(e.Data, &data) // without a list, there is no common revision
	return data.Supported, true
}

// SaysSessionLost reports whether servers are known to send this status for an unknown session.
func SaysSessionLost(status int) bool {
	switch status {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusGone, http.StatusUnprocessableEntity:
		return true
	}
	return false
}

// NamesSession reports whether a server's text mentions the session, or a client that is not
// initialized.
func NamesSession(text string) bool {
	text = strings.ToLower(text)
	return strings.Contains(text, "session") || strings.Contains(text, "initializ")
}

// SaysTaken reports whether the refusal of a stream says that there is such a stream already.
func SaysTaken(e *streamablehttp.HTTPError) bool {
	text := strings.ToLower(e.Preview)
	return strings.Contains(text, "already") || strings.Contains(text, "conflict")
}

// StreamLost reports whether the refusal of a stream that was open before proves that the session is
// gone: a 404 whose text names the session. A server that refuses only the stream, or only its
// cursor, says so, does not know the method, or does not name the session.
func StreamLost(e *streamablehttp.HTTPError) bool {
	text := strings.ToLower(e.Preview)
	return httpstatus.Of(e.Status) == httpstatus.NotFound && !e.Unclear && !IsUnknownMethod(e.RPC) &&
		NamesSession(text) && !SaysTaken(e) && !strings.Contains(text, "stream") && !strings.Contains(text, "event")
}

// IsUnknownMethod reports whether e says that the server does not know the method.
func IsUnknownMethod(e *streamablehttp.RPCError) bool {
	return e != nil && e.Code == codeMethodNotFound
}

// RPCError returns the JSON-RPC error in err: the answer itself, or the body of a refusal. It
// returns nil if err has no such error.
func RPCError(err error) *streamablehttp.RPCError {
	var (
		rpc    *streamablehttp.RPCError
		status *streamablehttp.HTTPError
	)
	if !errors.As(err, &rpc) && errors.As(err, &status) {
		rpc = status.RPC
	}
	return rpc
}

// ProvesModern reports whether err, the refusal of an initialize request, proves that the server is
// modern.
func ProvesModern(err error) bool {
	rpc := RPCError(err)
	var status *streamablehttp.HTTPError
	switch {
	case rpc != nil && modernCode(rpc.Code):
		return true
	case !errors.As(err, &status):
		return IsUnknownMethod(rpc)
	}
	return status.Status == http.StatusBadRequest || status.Status == http.StatusNotFound || status.Status == http.StatusMethodNotAllowed
}

// Guess says what a failed server/discover shows about the era of the server: legacy or modern.
type Guess uint8

const (
	NoGuess Guess = iota // nothing, or that the server is modern: the failure stands
	Legacy               // the server does not know the method: it is a legacy server
	Perhaps              // something on the way may hide a legacy server: one initialize decides
	Outage               // as Perhaps, but the success of initialize proves nothing for later
)

// GuessEra returns what err, the error of a server/discover request, shows about the era. The
// method is mandatory in 2026-07-28, so a server that does not know it is a legacy server, whatever
// the status.
func GuessEra(err error) Guess {
	var (
		status   *streamablehttp.HTTPError
		protocol *streamablehttp.ProtocolError
	)
	rpc := RPCError(err)
	switch {
	case errors.As(err, &status):
		return guessByStatus(status.Status, len(status.Challenges) > 0, rpc)
	case rpc != nil:
		return guessByStatus(rpc.Status, false, rpc)
	case errors.As(err, &protocol):
		return Legacy
	}
	var link *transport.Error
	if errors.As(err, &link) && link.Stage == transport.MaybeSent {
		return Perhaps // silence, or a connection that was cut
	}
	return NoGuess
}

func guessByStatus(status int, challenged bool, rpc *streamablehttp.RPCError) Guess {
	class := httpstatus.Of(status)
	switch {
	case rpc != nil && modernCode(rpc.Code):
		return NoGuess
	case class == httpstatus.NotFound && IsUnknownMethod(rpc): // of a modern server for any other method
		return Perhaps
	case status == http.StatusForbidden && !challenged: // a gateway with a list of methods
		return Perhaps
	case class == httpstatus.Broken || status == http.StatusNotImplemented || status == http.StatusHTTPVersionNotSupported:
		return Outage
	case class == httpstatus.Denied, class == httpstatus.Limited, class == httpstatus.Unsettled, class == httpstatus.Redirect:
		return NoGuess
	}
	return Legacy // another 4xx, or an error in a 2xx: a server that does not know the method
}

// modernCode reports whether 2026-07-28 introduced a code.
func modernCode(code int64) bool {
	return code == codeHeaderMismatch || code == codeMissingCapability || code == codeUnsupportedVersion
}
