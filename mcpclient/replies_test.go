package mcpclient_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/transport"
)

// expected is the expected result of a request that gets a bad reply. A bad reply to a tool call
// means either that the server executed the call and then answered badly, or that it refused the
// call.
type expected struct {
	kind    mcpclient.Kind    // 0 if the call succeeds
	outcome mcpclient.Outcome // for a call that fails
	tries   int               // number of HTTP requests with the method
	atLeast time.Duration     // duration in fake time
	atMost  time.Duration
}

var (
	works   = expected{tries: 1}
	refused = expected{kind: mcpclient.KindHTTP, tries: 1, outcome: mcpclient.Answered}
	unread  = expected{kind: mcpclient.KindHTTP, tries: 1, outcome: mcpclient.NotRun}
	noMCP   = expected{kind: mcpclient.KindProtocol, tries: 1}
	lost    = expected{kind: mcpclient.KindOutcomeUnknown, tries: 1}
	// unreadable is for a JSON-RPC error without an ID. Such an error does not say what happened to
	// the request.
	unreadable   = expected{kind: mcpclient.KindServer, tries: 1}
	server       = expected{kind: mcpclient.KindServer, tries: 1, outcome: mcpclient.Answered}
	unauthorized = expected{kind: mcpclient.KindAuthRequired, tries: 1, outcome: mcpclient.NotRun}
	forbidden    = expected{kind: mcpclient.KindForbidden, tries: 1, outcome: mcpclient.Answered}
	// again is for a bad reply that is followed by a good one, after the first backoff of 250 ms ±
	// 20%.
	again = expected{tries: 2, atLeast: 200 * time.Millisecond, atMost: 300 * time.Millisecond}
)

// reply is one way in which a server, or a gateway in front of it, answers one request badly.
type reply struct {
	name   string
	write  func(w http.ResponseWriter, m *mcptest.Message)
	list   expected
	tool   expected
	legacy *expected // for both kinds of requests in a legacy session, if the result differs there
}

func status(code int, body string) func(http.ResponseWriter, *mcptest.Message) {
	return func(w http.ResponseWriter, _ *mcptest.Message) {
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

func body(contentType, text string) func(http.ResponseWriter, *mcptest.Message) {
	return func(w http.ResponseWriter, _ *mcptest.Message) {
		w.Header().Set("Content-Type", contentType)
		_, _ = io.WriteString(w, text)
	}
}

// stream answers with an event stream that contains text. %s in text stands for the good answer.
func stream(text string, abort bool) func(http.ResponseWriter, *mcptest.Message) {
	return func(w http.ResponseWriter, m *mcptest.Message) {
		mcptest.StartSSE(w)
		mcptest.WriteRaw(w, strings.ReplaceAll(text, "%s", answerTo(m)))
		if abort {
			panic(http.ErrAbortHandler)
		}
	}
}

// answerTo returns a good answer in the era of the request.
func answerTo(m *mcptest.Message) string {
	switch m.Method {
	case "tools/list":
		return string(mcptest.Result(m.ID, map[string]any{"tools": []any{}, "resultType": "complete"}))
	default:
		return string(mcptest.Result(m.ID, map[string]any{"content": []any{}, "resultType": "complete"}))
	}
}

var replies = []reply{
	{name: "200 HTML", write: body("text/html", "<html>Sign in to the hotel's network</html>"), list: noMCP, tool: noMCP},
	{name: "200 empty", write: body("application/json", ""), list: noMCP, tool: noMCP},
	{name: "200 garbage", write: body("application/json", "{\"jsonrpc\":\x00"), list: noMCP, tool: noMCP},
	{name: "200 wrong id", write: body("application/json", `{"jsonrpc":"2.0","id":999999,"result":{}}`), list: noMCP, tool: noMCP},
	{name: "200 id as a string", write: func(w http.ResponseWriter, m *mcptest.Message) {
		mcptest.WriteJSON(w, 200, mcptest.Result([]byte(fmt.Sprintf("%q", m.ID)), map[string]any{"tools": []any{}, "content": []any{}, "resultType": "complete"}))
	}, list: works, tool: works},
	{name: "200 with an error that is not an object", write: func(w http.ResponseWriter, m *mcptest.Message) {
		body("application/json", fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"error":"it broke"}`, m.ID))(w, m)
	}, list: noMCP, tool: noMCP},
	{name: "202", write: status(202, ""), list: noMCP, tool: noMCP},
	{name: "204", write: status(204, ""), list: noMCP, tool: noMCP},
	{name: "400 plain", write: status(400, "Bad Request"), list: refused, tool: refused},
	{name: "400 with an error of our id", write: func(w http.ResponseWriter, m *mcptest.Message) {
		mcptest.WriteError(w, 400, m.ID, -32000, "no")
	}, list: server, tool: server},
	{name: "400 with an error of no id", write: func(w http.ResponseWriter, _ *mcptest.Message) {
		mcptest.WriteError(w, 400, nil, -32000, "no")
	}, list: refused, tool: refused},
	{name: "200 with an error of no id", write: func(w http.ResponseWriter, _ *mcptest.Message) {
		mcptest.WriteError(w, 200, nil, -32700, "no")
	}, list: unreadable, tool: unreadable},
	{name: "500 with an error of our id", write: func(w http.ResponseWriter, m *mcptest.Message) {
		mcptest.WriteError(w, 500, m.ID, -32603, "no")
	}, list: server, tool: server},
	{name: "401", write: status(401, ""), list: unauthorized, tool: unauthorized},
	{name: "403", write: status(403, ""), list: forbidden, tool: forbidden},
	{name: "404", write: status(404, "not found"), list: refused, tool: refused, legacy: &expected{tries: 2}},
	{name: "408", write: status(408, ""), list: again, tool: lost},
	{name: "413", write: status(413, ""), list: unread, tool: unread},
	{name: "425", write: status(425, ""), list: again, tool: again},
	{name: "429", write: status(429, ""), list: again, tool: again},
	{name: "500", write: status(500, "oops"), list: again, tool: lost},
	{name: "501", write: status(501, ""), list: unread, tool: unread},
	{name: "600", write: status(600, ""), list: again, tool: lost},
	{name: "999", write: status(999, "oops"), list: again, tool: lost},
	{name: "502", write: status(502, "<html>Bad Gateway</html>"), list: again, tool: lost},
	{name: "503 with Retry-After", write: func(w http.ResponseWriter, m *mcptest.Message) {
		w.Header().Set("Retry-After", "7")
		status(503, "")(w, m)
	}, list: expected{tries: 2, atLeast: 7 * time.Second, atMost: 7 * time.Second}, tool: lost},
	{name: "302 elsewhere", write: redirect(302, "http://elsewhere.test/mcp?token=secret"), list: refused, tool: refused},
	{name: "307 elsewhere", write: redirect(307, "http://elsewhere.test/mcp?token=secret"), list: refused, tool: refused},
	{name: "SSE line without a colon", write: stream("garbage\nevent\n\ndata: %s\n\n", false), list: works, tool: works},
	{name: "SSE event that is no JSON", write: stream("data: hello\n\n", false), list: again, tool: lost},
	{name: "SSE damaged event", write: stream("data: {hello\n\n", false), list: noMCP, tool: noMCP},
	{name: "SSE answer of another id", write: stream("data: {\"jsonrpc\":\"2.0\",\"id\":999999,\"result\":{}}\n\n", false), list: noMCP, tool: noMCP},
	{name: "SSE cut before any event", write: stream(": hello\n\n", true), list: again, tool: lost},
	{name: "SSE cut in an event", write: stream("data: {\"json", true), list: again, tool: lost},
	{name: "SSE ended without an answer", write: stream("event: endpoint\ndata: /messages\n\n", false), list: again, tool: lost},
	{name: "body cut", write: func(w http.ResponseWriter, _ *mcptest.Message) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, `{"jsonrpc":"2.0",`)
		panic(http.ErrAbortHandler)
	}, list: again, tool: lost},
	{name: "connection lost before the headers", write: func(http.ResponseWriter, *mcptest.Message) {
		panic(http.ErrAbortHandler)
	}, list: again, tool: lost},
}

func redirect(code int, to string) func(http.ResponseWriter, *mcptest.Message) {
	return func(w http.ResponseWriter, _ *mcptest.Message) {
		w.Header().Set("Location", to)
		w.WriteHeader(code)
	}
}

// Each bad reply leads to the expected result, either at once or after the pauses of the retry
// table. It affects only its own call, and the next call works.
func TestBadReplies(t *testing.T) {
	for _, row := range replies {
		for _, era := range []mcptest.Era{mcptest.Legacy, mcptest.Modern} {
			for _, method := range []string{"tools/list", "tools/call"} {
				t.Run(row.name+"/"+era.String()+"/"+method, func(t *testing.T) {
					want := row.list
					if method == "tools/call" {
						want = row.tool
					}
					if era == mcptest.Legacy && row.legacy != nil {
						want = *row.legacy
					}
					synctest.Test(t, func(t *testing.T) {
						badReply(t, newServer(mode{era, false}), method, row.write, want)
					})
				})
			}
		}
	}
}

// badReply makes the server answer one request badly.
func badReply(t *testing.T, srv *mcptest.Server, method string, write func(http.ResponseWriter, *mcptest.Message), want expected) {
	t.Helper()
	var bad atomic.Int32
	srv.Intercept = func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
		if m == nil || m.Method != method || bad.Add(1) != 1 {
			return false
		}
		write(w, m)
		return true
	}
	s := serve(t, srv, mcpclient.Options{})
	start := time.Now()
	var err error
	if method == "tools/call" {
		_, err = s.CallTool(t.Context(), "echo", nil)
	} else {
		_, err = s.ListTools(t.Context(), nil)
	}
	took := time.Since(start)
	require.Equal(t, want.tries, srv.Count(method), "requests sent (%v)", err)
	require.GreaterOrEqual(t, took, want.atLeast)
	require.LessOrEqual(t, took, want.atMost)
	if want.kind == 0 {
		require.NoError(t, err)
	} else {
		e := failure(t, err)
		require.Equal(t, want.kind, e.Kind, "%v", err)
		require.Equal(t, want.outcome, e.Outcome, "%v", err)
		require.Equal(t, want.outcome == mcpclient.NotRun || method == "tools/list", mcpclient.SafeToRepeat(err))
		require.Equal(t, method, e.Method)
		require.Equal(t, 1, e.Tries)
		require.NotContains(t, err.Error(), "secret")
		require.NotEqual(t, transport.NotSent, e.Stage)
	}
	srv.Reset()
	echoes(t, s)
	require.Equal(t, []string{"tools/call"}, srv.Methods(), "the next call succeeds at once")
}

// Retries end when the tries are used up, even before the time limit for retries.
func TestRepeatedFailuresEnd(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		var broken atomic.Bool
		srv.Intercept = func(w http.ResponseWriter, _ *http.Request, _ *mcptest.Message) bool {
			if broken.Load() {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
			return broken.Load()
		}
		s := serve(t, srv, mcpclient.Options{})
		broken.Store(true)
		srv.Reset()
		start := time.Now()
		_, err := s.ListTools(t.Context(), nil)
		e := failure(t, err)
		require.Equal(t, mcpclient.KindHTTP, e.Kind)
		require.Equal(t, 4, e.Tries)
		require.Equal(t, 4, srv.Count("tools/list"))
		// pauses of 250 ms, 1 s and 4 s, each ± 20%
		require.GreaterOrEqual(t, time.Since(start), 4200*time.Millisecond)
		require.LessOrEqual(t, time.Since(start), 6300*time.Millisecond)
		broken.Store(false)
		echoes(t, s)
	})
}

// Retry.MaxElapsed ends the retries even if more tries are allowed. Pauses that the server
// requested with Retry-After do not count towards it.
func TestRetriesEndWithTheirTime(t *testing.T) {
	for _, row := range []struct {
		retry       mcpclient.Retry
		retryAfter  string        // Retry-After of the first two refusals; if it is "0", of all refusals
		slow        time.Duration // time that the server takes for each refusal
		least, most int           // number of tries
		after       time.Duration
	}{
		// The pauses are 250 ms, 1 s, 4 s and then 8 s, each ± 20%.
		{mcpclient.Retry{MaxTries: 1000}, "", 0, 4, 5, 15 * time.Second},
		{mcpclient.Retry{MaxTries: 1000, MaxElapsed: 3 * time.Second}, "", 0, 3, 3, 3 * time.Second},
		{mcpclient.Retry{MaxTries: 1000}, "60", 0, 5, 7, 2*time.Minute + 15*time.Second},
		{mcpclient.Retry{MaxTries: 1000}, "0", 2 * time.Second, 8, 8, 16 * time.Second},
	} {
		t.Run(fmt.Sprintf("%+v %q", row.retry, row.retryAfter), func(t *testing.T) {
			eachEra(t, func(t *testing.T, srv *mcptest.Server) {
				s := serve(t, srv, mcpclient.Options{Retry: row.retry})
				var refusals atomic.Int32
				srv.SetIntercept(func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
					if m == nil || m.Method != "tools/list" {
						return false
					}
					time.Sleep(row.slow)
					if n := refusals.Add(1); row.retryAfter != "" && (n <= 2 || row.retryAfter == "0") {
						w.Header().Set("Retry-After", row.retryAfter)
					}
					w.WriteHeader(http.StatusServiceUnavailable)
					return true
				})
				start := time.Now()
				_, err := s.ListTools(t.Context(), nil)
				e := failure(t, err)
				require.GreaterOrEqual(t, e.Tries, row.least)
				require.LessOrEqual(t, e.Tries, row.most)
				require.LessOrEqual(t, time.Since(start), row.after)
			})
		})
	}
}

// If a connection is refused, the request was not sent and cannot have run, so the client retries
// even a tool call.
func TestRefusedConnectionIsTriedAgain(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		link := srv.InMemory(t)
		s := connect(t, link, mcpclient.Options{})
		link.Network.Refuse(true)
		link.Network.ResetAll()
		synctest.Wait()
		call := begin(t.Context(), s, "echo")
		time.Sleep(500 * time.Millisecond) // fake time: the second try has failed, the third has not started
		link.Network.Refuse(false)
		got := <-call
		require.NoError(t, got.err)
		require.Equal(t, 1, srv.Executions("echo"))

		link.Network.Refuse(true)
		link.Network.ResetAll()
		synctest.Wait()
		_, err := s.CallTool(t.Context(), "echo", nil)
		e := failure(t, err)
		require.Equal(t, mcpclient.KindNotSent, e.Kind)
		require.True(t, unsent(err))
		require.Equal(t, mcpclient.NotRun, e.Outcome)
		require.Equal(t, 4, e.Tries)
		link.Network.Refuse(false)
		echoes(t, s)
		require.Equal(t, 2, srv.Executions("echo"))
	})
}

// The client obeys Retry-After in both formats (seconds and date), but waits at most a minute.
func TestRetryAfterIsObeyedUpToAMinute(t *testing.T) {
	for name, header := range map[string]func() (string, time.Duration){
		"seconds": func() (string, time.Duration) { return "42", 42 * time.Second },
		"date": func() (string, time.Duration) {
			return time.Now().Add(20 * time.Second).UTC().Format(http.TimeFormat), 20 * time.Second
		},
		"a day":       func() (string, time.Duration) { return "86400", time.Minute },
		"beyond ints": func() (string, time.Duration) { return "99999999999999999999", time.Minute },
		"zero":        func() (string, time.Duration) { return "0", 0 },
	} {
		for _, code := range []int{429, 503} {
			t.Run(fmt.Sprintf("%d %s", code, name), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					value, wait := header()
					want := expected{tries: 2, atLeast: wait - time.Second, atMost: wait}
					badReply(t, newServer(mode{mcptest.Legacy, false}), "tools/list", func(w http.ResponseWriter, m *mcptest.Message) {
						w.Header().Set("Retry-After", value)
						status(code, "")(w, m)
					}, want)
				})
			})
		}
	}
}
