package verdict

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/streamablehttp"
	"github.com/hawser-mcp/hawser/transport"
)

func httpErr(status int) *streamablehttp.HTTPError {
	return &streamablehttp.HTTPError{Status: status, RetryAfter: -1}
}

// withRPC returns a status whose body has a JSON-RPC error without the request's ID.
func withRPC(status int, code int64) *streamablehttp.HTTPError {
	e := httpErr(status)
	e.RPC = &streamablehttp.RPCError{Code: code, Status: status}
	return e
}

func after(status int, d time.Duration) *streamablehttp.HTTPError {
	e := httpErr(status)
	e.RetryAfter = d
	return e
}

// The verdicts in the retry table. Each name combines the next step and the outcome.
var (
	unsent  = func(s Step) Verdict { return withWait(Verdict{Step: s, Kind: KindNotSent, Outcome: NotRun}) }
	limited = func(d time.Duration) Verdict {
		return Verdict{Step: StepWait, Kind: KindHTTP, Outcome: NotRun, Wait: d}
	}
	repeated = func(k Kind) Verdict { return Verdict{Step: StepWait, Kind: k, Wait: -1} }
	final    = func(k Kind, o Outcome) Verdict { return Verdict{Kind: k, Outcome: o} }
	unknown  = final(KindOutcomeUnknown, Unknown)

	toRecover   = Verdict{Step: StepRecover, Kind: KindSessionLost, Outcome: NotRun, Wait: -1}
	toProbe     = Verdict{Step: StepProbe, Kind: KindHTTP, Outcome: Answered, Wait: -1}
	toConfirm   = Verdict{Step: StepProbe, Kind: KindHTTP, Outcome: Answered, Confirms: true, Wait: -1}
	answerProbe = Verdict{Step: StepProbe, Kind: KindServer, Outcome: Answered, Wait: -1}
	answerDoubt = Verdict{Step: StepProbe, Kind: KindServer, Outcome: Answered, Doubtful: true, Wait: -1}
	doubted     = func(k Kind, o Outcome) Verdict {
		return Verdict{Step: StepProbe, Kind: k, Outcome: o, Doubtful: true, Wait: -1}
	}
	doubtedWait = func(d time.Duration) Verdict {
		return Verdict{Step: StepProbe, Else: StepWait, Kind: KindHTTP, Doubtful: true, Wait: d}
	}
	answerConfirm = Verdict{Step: StepProbe, Kind: KindServer, Outcome: Answered, Confirms: true, Wait: -1}
	newVersion    = func(o Outcome) Verdict { return Verdict{Step: StepVersion, Kind: KindVersion, Outcome: o, Wait: -1} }
	freshTools    = func(o Outcome) Verdict { return Verdict{Step: StepTools, Kind: KindServer, Outcome: o, Wait: -1} }
	answer        = func(o Outcome) Verdict { return Verdict{Kind: KindServer, Outcome: o, Wait: -1} }
	denied        = func(s Step, k Kind, o Outcome) Verdict { return Verdict{Step: s, Kind: k, Outcome: o, Wait: -1} }
)

// withWait sets Wait as Judge does for every Verdict with a step.
func withWait(v Verdict) Verdict {
	if v.Step != StepFail {
		v.Wait = -1
	}
	return v
}

// says returns a status whose body is text.
func says(status int, text string) *streamablehttp.HTTPError {
	e := httpErr(status)
	e.Preview = text
	return e
}

// challenged returns a status with a challenge.
func challenged(status int, challenge string) *streamablehttp.HTTPError {
	e := httpErr(status)
	e.Challenges = []string{challenge}
	return e
}

// began returns a status whose body shows that the server started to process the request.
func began(status int) *streamablehttp.HTTPError {
	e := httpErr(status)
	e.Began, e.Answered = true, true
	return e
}

// unclear returns a status whose body was not read to its end.
func unclear(status int) *streamablehttp.HTTPError {
	e := httpErr(status)
	e.Unclear = true
	return e
}

// ours returns a JSON-RPC error with the request's ID.
func ours(status int, code int64, text string) *streamablehttp.RPCError {
	return &streamablehttp.RPCError{Status: status, Code: code, Message: text}
}

// tableRow is a reply, with its verdicts for a request that is safe to repeat and for a tool call.
type tableRow struct {
	name       string
	err        error
	repeatable Verdict
	tool       Verdict
}

// same returns a row with the same verdict for both.
func same(name string, err error, v Verdict) tableRow { return tableRow{name, err, v, v} }

// retryRows is the retry table of DESIGN.md, "What a reply proves", in a legacy session. modernRows
// has the rows that differ in the modern era.
var retryRows = []tableRow{
	same("not sent", &transport.Error{Stage: transport.NotSent}, unsent(StepWait)),
	same("not sent, permanent", &transport.Error{Stage: transport.NotSent, Permanent: true}, unsent(StepFail)),
	{"maybe sent", &transport.Error{Stage: transport.MaybeSent}, repeated(KindUnanswered), unknown},
	{"maybe sent, permanent", &transport.Error{Stage: transport.MaybeSent, Permanent: true}, repeated(KindUnanswered), unknown},
	{"a 404 below a lost stream", &transport.Error{Stage: transport.MaybeSent, Err: httpErr(404)}, repeated(KindUnanswered), unknown},
	{"an unknown error", errors.New("?"), repeated(KindUnanswered), unknown},
	same("input that cannot be sent", &InvalidError{errors.New("?")}, final(KindInvalid, NotRun)),

	same("404", httpErr(404), toRecover),
	same("404 with an error without our ID", withRPC(404, -32001), toRecover),
	same("404, no such method, without our ID", withRPC(404, -32601), toConfirm),
	same("404 with our result", began(404), toProbe),
	same("404 that was not read", unclear(404), toProbe),
	same("405 that was not read", unclear(405), final(KindHTTP, Answered)),
	same("501 that was not read", unclear(501), final(KindHTTP, Unknown)),
	same("429 that was not read", unclear(429), limited(-1)),
	same("404 with an error of our id", ours(404, -32002, "no such resource"), answerProbe),
	same("404 of our id that names the session", ours(404, -32001, "Session not found"), answerConfirm),
	same("404 of our id that names the session, odd code", ours(404, -32603, "Session not found"), answerProbe),
	same("404, no such method", ours(404, -32601, "x"), answer(Answered)),
	same("400 plain", httpErr(400), toProbe),
	same("400 with an error without our ID", withRPC(400, -32000), toProbe),
	same("400 that names the session", says(400, "No valid session ID provided"), toConfirm),
	same("400 of our id", ours(400, -32602, "wrong arguments"), answer(Answered)),
	same("400 of our id that names the session", ours(400, -32000, "no valid session"), answerConfirm),
	same("410", httpErr(410), toProbe),
	same("410 that names the session", says(410, "session expired"), toConfirm),
	same("422 that names the session", says(422, `{"error":"unknown Session"}`), toConfirm),
	same("200 with an error", ours(200, -32603, "no"), answer(Answered)),
	same("200 with a code of refused sessions", ours(200, -32000, "no"), answerDoubt),
	same("another such code", ours(200, -32001, "no"), answerDoubt),
	same("200 with an invalid request", ours(200, -32600, "Invalid Request"), answerDoubt),
	same("200 with an HTTP status as the code", ours(200, 404, "no"), answerDoubt),
	same("200 with an unknown method that names the session", ours(200, -32601, "no session"), answerDoubt),
	same("200 with a text that is no MCP and names the session", &streamablehttp.ProtocolError{Status: 200, Preview: "Session expired"}, doubted(KindProtocol, Unknown)),
	same("200 with an error without an ID", &streamablehttp.ProtocolError{Status: 200, Err: ours(200, -32000, "no")}, doubted(KindProtocol, Unknown)),
	same("500 with an invalid request of our id", ours(500, -32600, "Invalid Request"), answerDoubt),
	same("200 with an invalid request of no id", &streamablehttp.RPCError{Code: -32600, Status: 200, NoID: true}, doubted(KindServer, Unknown)),
	same("200 with arguments that are refused", ours(200, -32602, "no"), answer(Answered)),
	same("200 with a resource that is not found", ours(200, -32002, "no"), answer(Answered)),
	same("200 with an error that names the session", ours(200, -32001, "Session not found"), answerProbe),
	same("200 with an error of no id", &streamablehttp.RPCError{Code: -32700, Status: 200, NoID: true}, final(KindServer, Unknown)),

	same("401", httpErr(401), denied(StepProbe, KindAuthRequired, NotRun)),
	same("401 with a challenge", challenged(401, "Bearer"), denied(StepFail, KindAuthRequired, NotRun)),
	same("403", httpErr(403), doubted(KindForbidden, Answered)),
	same("403 with our result", began(403), denied(StepFail, KindForbidden, Answered)),
	same("403 that names the session", says(403, "session expired"), denied(StepProbe, KindForbidden, Answered)),
	same("403 with a challenge", challenged(403, "Bearer"), denied(StepFail, KindForbidden, NotRun)),
	same("429 without a time", httpErr(429), limited(-1)),
	same("429 with a time", after(429, 7*time.Second), limited(7*time.Second)),
	same("425 with a time", after(425, 7*time.Second), limited(7*time.Second)),
	same("429 with our result", began(429), Verdict{Step: StepWait, Kind: KindHTTP, Outcome: Answered, Wait: -1}),

	{"408", httpErr(408), repeated(KindHTTP), unknown},
	{"408 with a time", after(408, time.Second), Verdict{Step: StepWait, Kind: KindHTTP, Wait: time.Second}, unknown},
	{"500", httpErr(500), repeated(KindHTTP), unknown},
	{"503 that names the session", says(503, "session is unknown"), doubtedWait(-1), doubted(KindOutcomeUnknown, Unknown)},
	{"500 whose error names the session", says(500, "No valid session ID provided"), doubtedWait(-1), doubted(KindOutcomeUnknown, Unknown)},
	{"503 with a time", after(503, time.Second), Verdict{Step: StepWait, Kind: KindHTTP, Wait: time.Second}, unknown},
	{"520, a gateway's own", httpErr(520), repeated(KindHTTP), unknown},
	{"600", httpErr(600), repeated(KindHTTP), unknown},
	{"999", httpErr(999), repeated(KindHTTP), unknown},
	{"0", httpErr(0), repeated(KindHTTP), unknown},
	same("500 with an error of our id", ours(500, -32603, "no"), answer(Answered)),

	same("no MCP", &streamablehttp.ProtocolError{}, final(KindProtocol, Unknown)),
	same("our result that does not decode", &streamablehttp.ProtocolError{Answers: true}, final(KindProtocol, Answered)),
	{"500 with our result", began(500), repeated(KindHTTP), final(KindHTTP, Answered)},
	same("over a limit", &streamablehttp.LimitError{}, final(KindLimit, Unknown)),
	same("redirect", &streamablehttp.RedirectError{Status: 302}, final(KindHTTP, Answered)),
	same("304", httpErr(304), final(KindHTTP, Answered)),
	same("402", httpErr(402), doubted(KindHTTP, Answered)),
	same("409", httpErr(409), doubted(KindHTTP, Answered)),
	same("409 that names the session", says(409, "no such session"), toProbe),
	same("405", httpErr(405), final(KindHTTP, NotRun)),
	same("406", httpErr(406), final(KindHTTP, NotRun)),
	same("411", httpErr(411), final(KindHTTP, NotRun)),
	same("413", httpErr(413), final(KindHTTP, NotRun)),
	same("414", httpErr(414), final(KindHTTP, NotRun)),
	same("415", httpErr(415), final(KindHTTP, NotRun)),
	same("421", httpErr(421), final(KindHTTP, NotRun)),
	same("426", httpErr(426), final(KindHTTP, NotRun)),
	same("431", httpErr(431), final(KindHTTP, NotRun)),
	same("501", httpErr(501), final(KindHTTP, NotRun)),
	same("505", httpErr(505), final(KindHTTP, NotRun)),
	same("501 with an error of our id", ours(501, -32601, "no"), answer(Answered)),
	same("405 with our result", began(405), final(KindHTTP, Answered)),

	same("a code that the era does not know", ours(400, -32022, "?"), answerProbe),
	same("another such code", ours(400, -32020, "?"), answerProbe),
	same("an upgraded server", upgraded(400), newVersion(NotRun)),
	same("an upgraded server, in a 200", upgraded(200), Verdict{Step: StepVersion, Kind: KindServer, Outcome: Answered, Wait: -1}),
}

// upgraded is the refusal of a server that supports only the modern revision.
func upgraded(status int) *streamablehttp.RPCError {
	e := ours(status, -32022, "?")
	e.Data = []byte(`{"supported":["2026-07-28"],"requested":"2025-11-25"}`)
	return e
}

var modernRows = []tableRow{
	same("404", httpErr(404), final(KindHTTP, Answered)),
	same("400", httpErr(400), final(KindHTTP, Answered)),
	same("402", httpErr(402), final(KindHTTP, Answered)),
	same("403", httpErr(403), denied(StepFail, KindForbidden, Answered)),
	same("200 with an invalid request", ours(200, -32600, "Invalid Request"), answer(Answered)),
	same("400 with an error without our ID", withRPC(400, -32000), final(KindHTTP, Answered)),
	same("401", httpErr(401), denied(StepFail, KindAuthRequired, NotRun)),
	same("version refused", ours(400, -32022, "?"), newVersion(NotRun)),
	same("version refused without our ID", withRPC(400, -32022), newVersion(NotRun)),
	same("version refused in a 200", ours(200, -32022, "?"), newVersion(Answered)),
	same("version refused in a 500", ours(500, -32022, "?"), newVersion(Answered)),
	{"headers refused", ours(400, -32020, "?"), answer(NotRun), freshTools(NotRun)},
	{"headers refused in a 200", ours(200, -32020, "?"), answer(Answered), freshTools(Answered)},
	same("capability missing", ours(400, -32021, "?"), answer(NotRun)),
	same("capability missing in a 200", ours(200, -32021, "?"), answer(Answered)),
	{"500", httpErr(500), repeated(KindHTTP), unknown},
	{"maybe sent", &transport.Error{Stage: transport.MaybeSent}, repeated(KindUnanswered), unknown},
}

func TestRetryTable(t *testing.T) {
	for _, row := range retryRows {
		t.Run(row.name, func(t *testing.T) {
			require.Equal(t, row.repeatable, Judge(row.err, Situation{Repeatable: true, InSession: true}), "repeatable")
			require.Equal(t, row.tool, Judge(row.err, Situation{Tool: true, InSession: true}), "tool call")
		})
	}
	for _, row := range modernRows {
		t.Run("modern "+row.name, func(t *testing.T) {
			require.Equal(t, row.repeatable, Judge(row.err, Situation{Repeatable: true, Modern: true}), "repeatable")
			require.Equal(t, row.tool, Judge(row.err, Situation{Tool: true, Modern: true}), "tool call")
		})
	}
}

// A repair that happens at most once per call is not repeated; the error is returned.
func TestRetryTableEachRepairOnce(t *testing.T) {
	used := Situation{Tool: true, Modern: true, Versioned: true, Relisted: true}
	require.Equal(t, denied(StepFail, KindVersion, NotRun), Judge(ours(400, -32022, ""), used))
	require.Equal(t, answer(NotRun), Judge(ours(400, -32020, ""), used))
}

// A call probes the session once after doubtful replies. Later doubtful replies mean what they say.
func TestRetryTableDoubtsOnce(t *testing.T) {
	for _, repeatable := range []bool{false, true} {
		q := Situation{InSession: true, Repeatable: repeatable, Tool: !repeatable}
		for _, err := range []error{ours(200, -32600, "x"), says(503, "session"), httpErr(402), httpErr(403)} {
			q.Doubted = false
			first := Judge(err, q)
			require.True(t, first.Doubtful)
			q.Doubted = true
			later := Judge(err, q)
			require.Equal(t, Verdict{Step: first.Else, Kind: first.Kind, Outcome: first.Outcome, Wait: later.Wait}, later)
		}
	}
}

// Without a session ID, the server cannot have lost a session. Requests of the handshake have no
// session to recover.
func TestRetryTableWithoutSession(t *testing.T) {
	for name, q := range map[string]Situation{
		"no session id": {Tool: true},
		"handshake":     {Repeatable: true, InSession: true, Fixed: true},
	} {
		t.Run(name, func(t *testing.T) {
			for _, err := range []error{httpErr(404), withRPC(400, -32000), says(400, "no session"), says(410, "no session")} {
				require.Equal(t, final(KindHTTP, Answered), Judge(err, q))
			}
			require.Equal(t, denied(StepFail, KindAuthRequired, NotRun), Judge(httpErr(401), q))
		})
	}
	handshake := Situation{Repeatable: true, Fixed: true, Modern: true}
	require.Equal(t, answer(NotRun), Judge(ours(400, -32022, ""), handshake))
	require.Equal(t, answer(NotRun), Judge(ours(400, -32020, ""), handshake))
}

// An Authorizer is called for missing credentials and for a token without the required scope.
func TestRetryTableAuthorizes(t *testing.T) {
	q := Situation{Tool: true, Modern: true, Authorizes: true}
	require.Equal(t, denied(StepAuthorize, KindAuthRequired, NotRun), Judge(httpErr(401), q))
	require.Equal(t, denied(StepAuthorize, KindAuthRequired, NotRun), Judge(challenged(401, "Bearer"), q))
	require.Equal(t, denied(StepFail, KindForbidden, Answered), Judge(httpErr(403), q))
	require.Equal(t, denied(StepFail, KindForbidden, NotRun), Judge(challenged(403, "Bearer"), q))
	require.Equal(t, denied(StepAuthorize, KindForbidden, NotRun), Judge(challenged(403, `Bearer error="insufficient_scope"`), q))
	require.Equal(t, denied(StepAuthorize, KindForbidden, NotRun), Judge(challenged(403, `Bearer error="invalid_token"`), q))
}

// In every situation, only requests that were never sent, and refusals that DESIGN.md lists, have
// the outcome NotRun. Once anything shows that the server started the request, no reply has the
// outcome NotRun.
func TestRetryTableProvesLittle(t *testing.T) {
	unread := []int{405, 406, 411, 413, 414, 415, 421, 426, 431, 501, 505}
	proof := func(err error, q Situation) bool {
		switch e := err.(type) {
		case *transport.Error:
			return e.Stage == transport.NotSent
		case *InvalidError:
			return true
		case *streamablehttp.RPCError:
			return e.Status == 400 && (q.Modern && -32022 <= e.Code && e.Code <= -32020 || e.Code == -32022 && e.Data != nil)
		case *streamablehttp.HTTPError:
			modernCode := e.RPC != nil && q.Modern && -32022 <= e.RPC.Code && e.RPC.Code <= -32020
			return !e.Began && (e.Status == 401 || e.Status == 403 && e.Challenges != nil || e.Status == 425 || e.Status == 429 ||
				e.Status == 404 && q.InSession && !q.Fixed || e.Status == 400 && modernCode || slices.Contains(unread, e.Status))
		}
		return false
	}
	for _, row := range slices.Concat(retryRows, modernRows) {
		for bits := range 1 << 8 {
			q := Situation{
				Fixed: bits&1 != 0, InSession: bits&2 != 0, Repeatable: bits&4 != 0, Began: bits&8 != 0,
				Versioned: bits&16 != 0, Relisted: bits&32 != 0, Tool: bits&64 != 0, Modern: bits&128 != 0,
			}
			v := Judge(row.err, q)
			_, invalid := row.err.(*InvalidError)
			require.Equal(t, v.Outcome == NotRun, v.Outcome == NotRun && proof(row.err, q) && (!q.Began || invalid), "%s %+v", row.name, q)
			require.False(t, v.Confirms && (q.Began || v.Step != StepProbe), "%s %+v", row.name, q)
			require.NotZero(t, v.Kind, row.name)
		}
	}
}
