package mcpclient

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/streamablehttp"
	"github.com/hawser-mcp/hawser/transport"
)

func httpErr(status int) *streamablehttp.HTTPError {
	return &streamablehttp.HTTPError{Status: status, RetryAfter: -1}
}

// withRPC is a status whose body has a JSON-RPC error of nobody's id.
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

var (
	retryIt = func(k Kind) verdict { return verdict{step: stepWait, kind: k, wait: -1} }
	giveUp  = func(k Kind) verdict { return verdict{kind: k} }
	flagged = func(k Kind) verdict { return verdict{kind: k, mayHaveRun: true} }
	unknown = flagged(KindOutcomeUnknown)
)

var (
	toRecover  = verdict{step: stepRecover, kind: KindSessionLost, wait: -1}
	toProbe    = verdict{step: stepProbe, kind: KindHTTP, wait: -1}
	toAsk      = verdict{step: stepProbe, kind: KindServer, wait: -1}
	newVersion = verdict{step: stepVersion, kind: KindVersion, wait: -1}
	freshTools = verdict{step: stepTools, kind: KindServer, wait: -1}
)

// retryRows is the retry table of DESIGN.md, "What may be retried", row by row:
// what came, in a legacy session, for what may be repeated and for a tool call.
// In the modern era the rows of modernRows differ.
var retryRows = []struct {
	name       string
	err        error
	repeatable verdict
	tool       verdict
}{
	{"not sent", &transport.Error{Stage: transport.NotSent}, retryIt(KindNotSent), retryIt(KindNotSent)},
	{"not sent, permanent", &transport.Error{Stage: transport.NotSent, Permanent: true}, giveUp(KindNotSent), giveUp(KindNotSent)},
	{"maybe sent", &transport.Error{Stage: transport.MaybeSent}, retryIt(KindUnanswered), unknown},
	{"maybe sent, permanent", &transport.Error{Stage: transport.MaybeSent, Permanent: true}, retryIt(KindUnanswered), unknown},
	{"a 404 below a lost stream", &transport.Error{Stage: transport.MaybeSent, Err: httpErr(404)}, retryIt(KindUnanswered), unknown},
	{"an error nobody knows", errors.New("?"), retryIt(KindUnanswered), unknown},
	{"404", httpErr(404), toRecover, toRecover},
	{"404 with an error of nobody's id", withRPC(404, -32001), toRecover, toRecover},
	{"400 with an error of nobody's id", withRPC(400, -32000), toProbe, toProbe},
	{"400 plain", httpErr(400), giveUp(KindHTTP), giveUp(KindHTTP)},
	{"401", httpErr(401), giveUp(KindAuthRequired), giveUp(KindAuthRequired)},
	{"403", httpErr(403), giveUp(KindForbidden), giveUp(KindForbidden)},
	{"429 without a time", httpErr(429), retryIt(KindHTTP), retryIt(KindHTTP)},
	{"429 with a time", after(429, 7*time.Second), verdict{step: stepWait, kind: KindHTTP, wait: 7 * time.Second}, verdict{step: stepWait, kind: KindHTTP, wait: 7 * time.Second}},
	{"500", httpErr(500), retryIt(KindHTTP), unknown},
	{"502", httpErr(502), retryIt(KindHTTP), unknown},
	{"503 without a time", httpErr(503), retryIt(KindHTTP), unknown},
	{"503 with a time", after(503, time.Second), verdict{step: stepWait, kind: KindHTTP, wait: time.Second}, unknown},
	{"504", httpErr(504), retryIt(KindHTTP), unknown},
	{"408", httpErr(408), retryIt(KindHTTP), unknown},
	{"425", httpErr(425), retryIt(KindHTTP), unknown},
	{"no MCP", &streamablehttp.ProtocolError{}, giveUp(KindProtocol), flagged(KindProtocol)},
	{"over a limit", &streamablehttp.LimitError{}, giveUp(KindLimit), flagged(KindLimit)},
	{"an error with our id", &streamablehttp.RPCError{Code: -32000, Status: 400}, giveUp(KindServer), giveUp(KindServer)},
	{"an error with our id and 500", &streamablehttp.RPCError{Code: -32603, Status: 500}, giveUp(KindServer), giveUp(KindServer)},
	{"404 with an error of our id", &streamablehttp.RPCError{Code: -32001, Status: 404}, toAsk, toAsk},
	{"404, no such method", &streamablehttp.RPCError{Code: -32601, Status: 404}, giveUp(KindServer), giveUp(KindServer)},
	{"404, no such method, by nobody's id", withRPC(404, -32601), toProbe, toProbe},
	{"a code that the era does not know", &streamablehttp.RPCError{Code: -32022, Status: 400}, giveUp(KindServer), giveUp(KindServer)},
	{"another such code", &streamablehttp.RPCError{Code: -32020, Status: 400}, giveUp(KindServer), giveUp(KindServer)},
	{"input that cannot be sent", &invalidError{errors.New("?")}, giveUp(KindInvalid), giveUp(KindInvalid)},
	{"redirect", &streamablehttp.RedirectError{Status: 302}, giveUp(KindHTTP), giveUp(KindHTTP)},
	{"304", httpErr(304), giveUp(KindHTTP), giveUp(KindHTTP)},
	{"405", httpErr(405), giveUp(KindHTTP), giveUp(KindHTTP)},
	{"413", httpErr(413), giveUp(KindHTTP), giveUp(KindHTTP)},
	{"501", httpErr(501), giveUp(KindHTTP), giveUp(KindHTTP)},
	{"505", httpErr(505), giveUp(KindHTTP), giveUp(KindHTTP)},
	{"520, a gateway's own", httpErr(520), retryIt(KindHTTP), unknown},
	{"599 with a time", after(599, time.Second), verdict{step: stepWait, kind: KindHTTP, wait: time.Second}, unknown},
}

var modernRows = []struct {
	name       string
	err        error
	repeatable verdict
	tool       verdict
}{
	{"404", httpErr(404), giveUp(KindHTTP), giveUp(KindHTTP)},
	{"400 with an error of nobody's id", withRPC(400, -32000), giveUp(KindHTTP), giveUp(KindHTTP)},
	{"version refused", &streamablehttp.RPCError{Code: -32022, Status: 400}, newVersion, newVersion},
	{"version refused by nobody's id", withRPC(400, -32022), newVersion, newVersion},
	{"headers refused", &streamablehttp.RPCError{Code: -32020, Status: 400}, giveUp(KindServer), freshTools},
	{"500", httpErr(500), retryIt(KindHTTP), unknown},
	{"maybe sent", &transport.Error{Stage: transport.MaybeSent}, retryIt(KindUnanswered), unknown},
}

func TestRetryTable(t *testing.T) {
	for _, row := range retryRows {
		t.Run(row.name, func(t *testing.T) {
			require.Equal(t, row.repeatable, judge(row.err, situation{repeatable: true, inSession: true}), "repeatable")
			require.Equal(t, row.tool, judge(row.err, situation{tool: true, inSession: true}), "tool call")
		})
	}
	for _, row := range modernRows {
		t.Run("modern "+row.name, func(t *testing.T) {
			require.Equal(t, row.repeatable, judge(row.err, situation{repeatable: true, modern: true}), "repeatable")
			require.Equal(t, row.tool, judge(row.err, situation{tool: true, modern: true}), "tool call")
		})
	}
}

// What happens at most once per call is returned the second time.
func TestRetryTableEachRepairOnce(t *testing.T) {
	used := situation{tool: true, inSession: true, recovered: true, versioned: true, relisted: true}
	require.Equal(t, giveUp(KindSessionLost), judge(httpErr(http.StatusNotFound), used))
	require.Equal(t, giveUp(KindHTTP), judge(withRPC(400, -32000), used))
	used.modern = true
	require.Equal(t, giveUp(KindVersion), judge(&streamablehttp.RPCError{Code: -32022}, used))
	require.Equal(t, giveUp(KindServer), judge(&streamablehttp.RPCError{Code: -32020}, used))
}

// Without a session id nothing can have been forgotten; the handshake has nothing to recover to.
func TestRetryTableWithoutSession(t *testing.T) {
	for name, q := range map[string]situation{
		"no session id": {tool: true},
		"handshake":     {repeatable: true, inSession: true, handshake: true},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, giveUp(KindHTTP), judge(httpErr(http.StatusNotFound), q))
			require.Equal(t, giveUp(KindHTTP), judge(withRPC(400, -32000), q))
		})
	}
	handshake := situation{repeatable: true, handshake: true, modern: true}
	require.Equal(t, giveUp(KindServer), judge(&streamablehttp.RPCError{Code: -32022}, handshake))
	require.Equal(t, giveUp(KindServer), judge(&streamablehttp.RPCError{Code: -32020}, handshake))
}

// However it is asked, a request with side effects is sent again only when it
// certainly did not run: it never left, or the server refused it.
func TestRetryTableNeverRepeatsWhatMayHaveRun(t *testing.T) {
	refused := func(err error) bool {
		var link *transport.Error
		if errors.As(err, &link) {
			return link.Stage == transport.NotSent
		}
		var status *streamablehttp.HTTPError
		var rpc *streamablehttp.RPCError
		return errors.As(err, &rpc) || errors.As(err, &status) && (status.Status == 404 || status.Status == 400 || status.Status == 429)
	}
	for _, row := range append(retryRows[:len(retryRows):len(retryRows)], modernRows...) {
		for bits := range 1 << 7 {
			q := situation{
				handshake: bits&1 != 0, inSession: bits&2 != 0, recovered: bits&4 != 0,
				versioned: bits&8 != 0, relisted: bits&16 != 0, tool: bits&32 != 0, modern: bits&64 != 0,
			}
			v := judge(row.err, q)
			if v.step != stepFail {
				require.True(t, refused(row.err), "%s %+v", row.name, q)
			}
			require.NotZero(t, v.kind, row.name)
		}
	}
}
