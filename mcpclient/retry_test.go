package mcpclient_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// wire is one raw reply to a tool call. $id in its body stands for the request's ID.
type wire struct {
	status int
	body   string
	header string // "Name: value"
	gone   bool   // whether the server loses the session right after the reply
}

func rpcBody(id string, code int, text string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"error":{"code":%d,"message":%q,"data":{"supported":["2026-07-28"],"requested":"x"}}}`, id, code, text)
}

// own and foreign return replies with a JSON-RPC error: own has the request's ID, foreign has none.
func own(status, code int, text string) wire {
	return wire{status: status, body: rpcBody("$id", code, text)}
}
func foreign(status, code int, text string) wire {
	return wire{status: status, body: rpcBody("null", code, text)}
}

// lostAfter returns the same reply from a server that loses the session before the next request.
func lostAfter(w wire) wire { w.gone = true; return w }

const ownResult = `{"jsonrpc":"2.0","id":$id,"result":{"content":[],"resultType":"complete"}}`

// verdictRow describes what follows from a reply. Each column is a situation in which the reply may
// arrive; "" means that the reply cannot arrive in that situation. A value such as "N auth 1"
// consists of the call's outcome (N: not run, A: answered, U: unknown), the error's kind, and the
// number of requests that the server received. If the call succeeds, the value is only the number.
type verdictRow struct {
	reply                    wire
	direct, progress, resume string // legacy: immediately; after progress; as the reply to the GET that resumes a cut stream
	modern, modernProgress   string // modern: immediately; after progress
	round                    string // modern: as the reply to the second round of a call that required input
}

var verdictRows = []verdictRow{
	// Refusals, whatever their body.
	{wire{status: 401, header: "Www-Authenticate: Bearer"}, "N auth 1", "A auth 1", "U lost 1", "N auth 1", "", "A auth 1"},
	{own(401, -32603, "x"), "N auth 1", "A auth 1", "U lost 1", "N auth 1", "", "A auth 1"},
	{lostAfter(wire{status: 401}), "2", "A auth 1", "U lost 1", "N auth 1", "", "A auth 1"},
	{wire{status: 403}, "A forbidden 1", "A forbidden 1", "U lost 1", "A forbidden 1", "", "A forbidden 1"},
	{wire{status: 403, header: "Www-Authenticate: Bearer"}, "N forbidden 1", "A forbidden 1", "U lost 1", "N forbidden 1", "", "A forbidden 1"},
	{own(403, -32603, "x"), "A server 1", "A server 1", "U lost 1", "A server 1", "", "A server 1"},
	{wire{status: 425}, "2", "A http 1", "1", "2", "", "2"},
	{wire{status: 429}, "2", "A http 1", "1", "2", "", "2"},
	{own(429, -32603, "x"), "2", "A http 1", "1", "2", "", "2"},
	{wire{status: 429, body: ownResult}, "A http 1", "A http 1", "1", "A http 1", "", "A http 1"},
	{own(400, -32020, "x"), "A server 1", "A server 1", "U lost 1", "2", "", "2"},
	{own(400, -32021, "x"), "A server 1", "A server 1", "U lost 1", "N server 1", "", "A server 1"},
	{own(400, -32022, "x"), "2", "A version 1", "U lost 1", "2", "", "2"},
	{foreign(400, -32022, "x"), "2", "A version 1", "U lost 1", "2", "", "2"},
	// Refusals without a response to the request.
	{wire{status: 405}, "N http 1", "A http 1", "U lost 1", "N http 1", "", "A http 1"},
	{own(405, -32603, "x"), "A server 1", "A server 1", "U lost 1", "A server 1", "", "A server 1"},
	{wire{status: 406}, "N http 1", "A http 1", "U lost 1", "N http 1", "", "A http 1"},
	{wire{status: 413}, "N http 1", "A http 1", "U lost 1", "N http 1", "", "A http 1"},
	{wire{status: 413, body: ownResult}, "A http 1", "A http 1", "U lost 1", "A http 1", "", "A http 1"},
	{wire{status: 431}, "N http 1", "A http 1", "U lost 1", "N http 1", "", "A http 1"},
	{wire{status: 501}, "N http 1", "U http 1", "U lost 1", "N http 1", "", "A http 1"},
	{wire{status: 505}, "N http 1", "U http 1", "U lost 1", "N http 1", "", "A http 1"},
	// Lost sessions, and replies that look like them.
	{wire{status: 404, body: "no such thing"}, "2", "A http 1", "U lost 1", "A http 1", "", "A http 1"},
	{foreign(404, -32001, "x"), "2", "A http 1", "U lost 1", "A http 1", "", "A http 1"},
	{foreign(404, -32601, "x"), "A http 1", "A http 1", "U lost 1", "A http 1", "", "A http 1"},
	{lostAfter(foreign(404, -32601, "x")), "2", "A http 1", "U lost 1", "A http 1", "", "A http 1"},
	{lostAfter(own(404, -32002, "no such resource")), "A server 1", "A server 1", "U lost 1", "A server 1", "", "A server 1"},
	{lostAfter(own(404, -32001, "Session not found")), "2", "A server 1", "U lost 1", "A server 1", "", "A server 1"},
	{own(404, -32001, "Session not found"), "A server 1", "A server 1", "U lost 1", "A server 1", "", "A server 1"},
	{lostAfter(own(404, -32603, "Session not found")), "A server 1", "A server 1", "U lost 1", "A server 1", "", "A server 1"},
	{wire{status: 404, body: ownResult}, "A http 1", "A http 1", "U lost 1", "A http 1", "", "A http 1"},
	{wire{status: 400, body: "no session"}, "A http 1", "A http 1", "U lost 1", "A http 1", "", "A http 1"},
	{lostAfter(wire{status: 400, body: "no session"}), "2", "A http 1", "U lost 1", "A http 1", "", "A http 1"},
	{lostAfter(wire{status: 400, body: "bad request"}), "A http 1", "A http 1", "U lost 1", "A http 1", "", "A http 1"},
	{lostAfter(foreign(400, -32000, "No valid session ID")), "2", "A http 1", "U lost 1", "A http 1", "", "A http 1"},
	{lostAfter(own(400, -32000, "No valid session ID")), "2", "A server 1", "U lost 1", "A server 1", "", "A server 1"},
	{lostAfter(own(400, -32602, "no such session")), "A server 1", "A server 1", "U lost 1", "A server 1", "", "A server 1"},
	{lostAfter(wire{status: 410, body: "session gone"}), "2", "A http 1", "U lost 1", "A http 1", "", "A http 1"},
	{lostAfter(wire{status: 422, body: `{"error":"session"}`}), "2", "A http 1", "U lost 1", "A http 1", "", "A http 1"},
	// Other final answers.
	{wire{status: 302, header: "Location: /elsewhere"}, "A http 1", "A http 1", "U lost 1", "A http 1", "", "A http 1"},
	{wire{status: 409}, "A http 1", "A http 1", "1", "A http 1", "", "A http 1"},
	{own(500, -32603, "x"), "A server 1", "A server 1", "1", "A server 1", "", "A server 1"},
	{own(200, -32603, "x"), "A server 1", "A server 1", "A server 1", "A server 1", "A server 1", "A server 1"},
	{own(200, -32020, "x"), "A server 1", "A server 1", "A server 1", "A server 1", "A server 1", "A server 1"},
	{own(200, -32022, "x"), "A server 1", "A server 1", "A server 1", "A version 1", "A version 1", "A version 1"},
	{lostAfter(own(200, -32001, "Session not found")), "A server 1", "A server 1", "A server 1", "A server 1", "A server 1", "A server 1"},
	// No answer.
	{wire{status: 101}, "U protocol 1", "U protocol 1", "U lost 1", "U protocol 1", "", "U protocol 1"},
	{wire{status: 202}, "U protocol 1", "U protocol 1", "U lost 1", "U protocol 1", "", "U protocol 1"},
	{foreign(200, -32700, "x"), "U server 1", "U protocol 1", "U lost 1", "U server 1", "U protocol 1", "U server 1"},
	{foreign(200, -32022, "x"), "U server 1", "U protocol 1", "U lost 1", "U server 1", "U protocol 1", "U server 1"},
	{foreign(200, -32603, "x"), "U protocol 1", "U protocol 1", "U lost 1", "U protocol 1", "U protocol 1", "U protocol 1"},
	{wire{status: 200, body: `{"jsonrpc":"2.0","id":$id,"error":"it broke"}`}, "U protocol 1", "U protocol 1", "U protocol 1", "U protocol 1", "U protocol 1", "U protocol 1"},
	{wire{status: 408, header: "Retry-After: 1"}, "U lost 1", "U lost 1", "1", "U lost 1", "", "U lost 1"},
	{wire{status: 500}, "U lost 1", "U lost 1", "1", "U lost 1", "", "U lost 1"},
	{wire{status: 503, header: "Retry-After: 1"}, "U lost 1", "U lost 1", "1", "U lost 1", "", "U lost 1"},
	{wire{status: 600}, "U lost 1", "U lost 1", "1", "U lost 1", "", "U lost 1"},
	{wire{status: 999}, "U lost 1", "U lost 1", "1", "U lost 1", "", "U lost 1"},
}

var shortKinds = map[mcpclient.Kind]string{
	mcpclient.KindHTTP: "http", mcpclient.KindServer: "server", mcpclient.KindAuthRequired: "auth", mcpclient.KindForbidden: "forbidden",
	mcpclient.KindProtocol: "protocol", mcpclient.KindOutcomeUnknown: "lost", mcpclient.KindSessionLost: "session", mcpclient.KindVersion: "version",
}

// fate describes the result of a call in the notation of verdictRow.
func fate(err error, requests int) string {
	if err == nil {
		return fmt.Sprint(requests)
	}
	letter := map[mcpclient.Outcome]string{mcpclient.Unknown: "U", mcpclient.Answered: "A", mcpclient.NotRun: "N"}
	return fmt.Sprintf("%s %s %d", letter[mcpclient.OutcomeOf(err)], shortKinds[mcpclient.KindOf(err)], requests)
}

// In every situation, each reply leads to the outcome and kind in the table. The client sends the
// call again only if the reply proves that the call did not run.
func TestVerdicts(t *testing.T) {
	for _, row := range verdictRows {
		for name, want := range map[string]string{
			"legacy direct": row.direct, "legacy after progress": row.progress, "legacy resumed": row.resume,
			"modern direct": row.modern, "modern after progress": row.modernProgress, "modern second round": row.round,
		} {
			if want == "" {
				continue
			}
			for _, idempotent := range []bool{false, true} {
				t.Run(fmt.Sprintf("%v/%s/idempotent=%v", row.reply, name, idempotent), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { (&verdictRun{t: t, reply: row.reply, situation: name}).run(idempotent, want) })
				})
			}
		}
	}
}

// verdictRun runs one cell of the table.
type verdictRun struct {
	t         *testing.T
	reply     wire
	situation string
	srv       *mcptest.Server
	replied   atomic.Bool
	id        atomic.Value // ID of the call whose stream is resumed
}

func (v *verdictRun) is(situation string) bool { return strings.Contains(v.situation, situation) }

func (v *verdictRun) run(idempotent bool, want string) {
	era := mcptest.Legacy
	if v.is("modern") {
		era = mcptest.Modern
	}
	v.srv = newServer(mode{era, true})
	v.srv.SetIntercept(v.intercept)
	s := serve(v.t, v.srv, mcpclient.Options{Handlers: mcpclient.Handlers{
		Log:   func(context.Context, *mcpclient.Session, mcpclient.LogMessage) {},
		Roots: func(context.Context, *mcpclient.Session) ([]mcp.Root, error) { return nil, nil },
	}})
	synctest.Wait() // until the shared stream is open
	opts := []mcpclient.CallOption{mcpclient.OnProgress(func(context.Context, mcpclient.Progress) {})}
	if idempotent {
		opts = append(opts, mcpclient.WithIdempotent())
	}
	_, err := s.CallTool(v.t.Context(), "echo", nil, opts...)
	requests := v.srv.Count("tools/call")
	if v.is("second round") {
		requests--
	}
	if idempotent && err == nil && want != fmt.Sprint(requests) {
		return // the call was repeated, as the caller allowed, and succeeded
	}
	require.Equal(v.t, want, fate(err, requests), "%v", err)
	require.Equal(v.t, err != nil && (idempotent || want[0] == 'N'), mcpclient.SafeToRepeat(err))
	v.srv.SetIntercept(nil)
	echoes(v.t, s) // the next call works
}

// intercept sends the reply once, when the request of its situation arrives.
func (v *verdictRun) intercept(w http.ResponseWriter, r *http.Request, m *mcptest.Message) bool {
	resuming := r.Method == http.MethodGet && r.Header.Get("Last-Event-Id") == "cut-1"
	switch {
	case resuming && v.replied.Swap(true): // the reply was already sent
		mcptest.StartSSE(w)
		mcptest.WriteRaw(w, "data: "+strings.ReplaceAll(ownResult, "$id", v.id.Load().(string))+"\n\n")
		return true
	case resuming:
		v.write(w, v.id.Load().(string))
		return true
	case m == nil || m.Method != "tools/call" || v.replied.Load() && !v.is("resumed"):
		return false
	}
	return v.call(w, m)
}

func (v *verdictRun) call(w http.ResponseWriter, m *mcptest.Message) bool {
	switch {
	case v.is("second round") && !strings.Contains(string(m.Params), "inputResponses"):
		mcptest.WriteJSON(w, 200, mcptest.Result(m.ID, map[string]any{
			"resultType": "input_required", "inputRequests": map[string]any{"k": map[string]any{"method": "roots/list"}},
		}))
		return true
	case v.is("resumed"):
		if v.replied.Load() {
			return false
		}
		v.id.Store(string(m.ID))
		mcptest.StartSSE(w)
		mcptest.WriteRaw(w, "id: cut-1\nretry: 10\ndata:\n\n")
		panic(http.ErrAbortHandler)
	}
	v.replied.Store(true)
	v.write(w, string(m.ID))
	return true
}

// write sends the reply, after progress if the situation requires that.
func (v *verdictRun) write(w http.ResponseWriter, id string) {
	body := strings.ReplaceAll(v.reply.body, "$id", id)
	const progress = `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}`
	if v.reply.gone {
		defer v.srv.LoseSessions()
	}
	if name, value, found := strings.Cut(v.reply.header, ": "); found {
		w.Header().Set(name, value)
	}
	stream := v.reply.status == http.StatusOK
	switch {
	case v.is("after progress") && stream:
		mcptest.StartSSE(w)
		mcptest.WriteRaw(w, "data: "+progress+"\n\ndata: "+body+"\n\n")
		return
	case v.is("resumed") && stream:
		mcptest.StartSSE(w)
		mcptest.WriteRaw(w, "data: "+body+"\n\n")
		return
	case v.is("after progress"):
		v.srv.Notify("notifications/progress", map[string]any{"progressToken": 1, "progress": 1})
		time.Sleep(time.Millisecond) // fake time: the progress arrives on the shared stream before the status
	}
	v.reply.writeBody(w, body)
}

// write answers a request with the reply.
func (r wire) write(w http.ResponseWriter, m *mcptest.Message) {
	r.writeBody(w, strings.ReplaceAll(r.body, "$id", string(m.ID)))
}

func (r wire) writeBody(w http.ResponseWriter, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(r.status)
	_, _ = io.WriteString(w, body)
}
