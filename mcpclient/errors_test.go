package mcpclient_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/transport"
)

func TestErrorText(t *testing.T) {
	cause := errors.New("it rained")
	for want, e := range map[string]*mcpclient.Error{
		"mcp tools/call: outcome unknown: it rained":                    {Kind: mcpclient.KindOutcomeUnknown, Method: "tools/call", Tries: 1, Err: cause},
		"mcp tools/call: timeout (the request may have run): it rained": {Kind: mcpclient.KindTimeout, Method: "tools/call", Tries: 1, Err: cause},
		"mcp tools/list: refused after 4 tries: it rained":              {Kind: mcpclient.KindHTTP, Method: "tools/list", Outcome: mcpclient.Answered, Tries: 4, Err: cause},
		"mcp connect (server/discover): no common protocol version":     {Kind: mcpclient.KindVersion, Method: "connect (server/discover)", Outcome: mcpclient.Answered},
		"mcp x: error: it rained":                                       {Kind: 200, Method: "x", Outcome: mcpclient.Answered, Err: cause},
	} {
		require.Equal(t, want, e.Error())
	}
}

func TestPredicates(t *testing.T) {
	wrap := func(k mcpclient.Kind) error {
		return fmt.Errorf("agent: %w", &mcpclient.Error{Kind: k, Stage: transport.Answered})
	}
	for k := mcpclient.KindInvalid; k <= mcpclient.KindTool; k++ {
		require.Equal(t, k, mcpclient.KindOf(wrap(k)))
		require.NotEqual(t, "error", k.String())
	}
	peer := []mcpclient.Kind{mcpclient.KindServer, mcpclient.KindHTTP, mcpclient.KindAuthRequired, mcpclient.KindForbidden, mcpclient.KindProtocol}
	for k := mcpclient.KindInvalid; k <= mcpclient.KindClosed; k++ {
		e := &mcpclient.Error{Kind: k}
		var want bool
		for _, p := range peer {
			want = want || k == p
		}
		require.Equal(t, want, e.FromPeer(), "%v", k)
	}
	require.True(t, mcpclient.Unreachable(&mcpclient.Error{Kind: mcpclient.KindNotSent, Outcome: mcpclient.NotRun}))
	require.False(t, mcpclient.Unreachable(&mcpclient.Error{Kind: mcpclient.KindNotSent}), "an earlier try was sent")
	require.False(t, mcpclient.Unreachable(&mcpclient.Error{Kind: mcpclient.KindInvalid, Outcome: mcpclient.NotRun}))
	require.False(t, mcpclient.Unreachable(nil))
	for _, row := range []struct {
		code   int64
		method string
		is     bool
	}{{-32002, "resources/read", true}, {-32002, "tools/call", true}, {-32602, "resources/read", true}, {-32602, "tools/call", false}, {-32000, "resources/read", false}} {
		err := &mcpclient.Error{Method: row.method, Err: &mcpclient.RPCError{Code: row.code}}
		require.Equal(t, row.is, mcpclient.IsNotFound(fmt.Errorf("agent: %w", err)), "%+v", row)
	}
	require.False(t, mcpclient.IsNotFound(nil))
	require.Zero(t, mcpclient.KindOf(nil))
	timeout := &mcpclient.TimeoutError{What: mcpclient.TimeoutIdle, After: 1}
	require.ErrorIs(t, timeout, context.DeadlineExceeded)
	require.NotErrorIs(t, timeout, context.Canceled)
	require.True(t, timeout.Timeout())
}

// MayHaveRun is false only for a nil error and for NotRun.
func TestOutcomeOf(t *testing.T) {
	for _, o := range []mcpclient.Outcome{mcpclient.Unknown, mcpclient.Answered, mcpclient.NotRun} {
		err := fmt.Errorf("agent: %w", &mcpclient.Error{Outcome: o})
		require.Equal(t, o, mcpclient.OutcomeOf(err))
		require.Equal(t, o != mcpclient.NotRun, mcpclient.MayHaveRun(err))
		require.Equal(t, o == mcpclient.NotRun, mcpclient.SafeToRepeat(err))
		require.NotEmpty(t, o.String())
	}
	require.Equal(t, mcpclient.Answered, mcpclient.OutcomeOf(nil))
	require.False(t, mcpclient.MayHaveRun(nil))
	require.False(t, mcpclient.SafeToRepeat(nil))
	stranger := errors.New("x")
	require.Equal(t, mcpclient.Unknown, mcpclient.OutcomeOf(stranger))
	require.True(t, mcpclient.MayHaveRun(stranger))
	require.False(t, mcpclient.SafeToRepeat(stranger))
}

// Every error wraps its cause, whatever layer the cause comes from.
func TestCausesAreWrapped(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		link := srv.InMemory(t)
		s := connect(t, link, mcpclient.Options{Retry: mcpclient.Retry{MaxTries: -1}})
		synctest.Wait()
		link.Network.Refuse(true)
		link.Network.ResetAll()
		synctest.Wait()
		_, err := s.CallTool(t.Context(), "echo", nil)
		if direct() {
			require.ErrorIs(t, err, syscall.ECONNREFUSED)
		} else { // an executor reports the cause as text
			require.ErrorContains(t, err, syscall.ECONNREFUSED.Error())
		}
		require.True(t, unsent(err))
		require.Equal(t, 1, failure(t, err).Tries)
		link.Network.Refuse(false)

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = s.CallTool(ctx, "echo", nil)
		require.ErrorIs(t, err, context.Canceled)
		require.NotErrorIs(t, err, context.DeadlineExceeded)
	})
}

// The text of a call's error never contains a secret: not the query of the endpoint, a session ID
// or a header value.
func TestErrorsHoldNoSecrets(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		link := srv.InMemory(t)
		link.URL += "?key=secret"
		opts := mcpclient.Options{Header: http.Header{"Authorization": {"Bearer secret"}}, Retry: mcpclient.Retry{MaxTries: -1}}
		s := connect(t, link, opts)
		var texts []string
		fails := func(arrange func()) {
			arrange()
			_, err := s.CallTool(t.Context(), "echo", nil)
			require.Error(t, err)
			texts = append(texts, err.Error(), fmt.Sprintf("%+v", err))
			for _, e := s.ListTools(t.Context(), nil); e != nil; e = errors.Unwrap(e) {
				texts = append(texts, e.Error())
			}
			srv.SetIntercept(nil)
			link.Network.Refuse(false)
		}
		answerAll := func(f func(w http.ResponseWriter, m *mcptest.Message)) func() {
			return func() {
				srv.SetIntercept(func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
					if m == nil {
						return false
					}
					f(w, m)
					return true
				})
			}
		}
		synctest.Wait()
		fails(answerAll(status(500, "")))
		fails(answerAll(status(401, "")))
		fails(answerAll(body("text/html", "<html>")))
		fails(answerAll(redirect(307, "http://elsewhere.test/x?token=secret")))
		fails(answerAll(redirect(302, "http://user:secret@elsewhere.test/")))
		fails(answerAll(redirect(308, "http://mcp.test/again?secret"))) // more redirects than the three allowed
		fails(answerAll(stream("data: x\n\n", true)))
		fails(answerAll(func(http.ResponseWriter, *mcptest.Message) { panic(http.ErrAbortHandler) }))
		fails(func() {
			link.Network.Refuse(true)
			link.Network.ResetAll()
			synctest.Wait()
		})
		if srv.Era == mcptest.Legacy {
			fails(func() {
				srv.LoseSessions()
				answerAll(func(w http.ResponseWriter, _ *mcptest.Message) { w.WriteHeader(http.StatusNotFound) })()
			})
		}
		for _, text := range texts {
			require.NotContains(t, text, "secret")
			require.NotContains(t, text, "session-")
			require.False(t, strings.ContainsAny(text, "\n\r\x1b"), "%q", text)
		}
	})
}

// Error texts from a hostile server are truncated and contain no control characters.
func TestServerTextIsSanitised(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		evil := "\x1b[2J\r\nlevel=info msg=fine \u202e" + strings.Repeat("x", 100_000)
		s := serve(t, srv, mcpclient.Options{})
		for _, answer := range []func(http.ResponseWriter, *mcptest.Message){
			status(418, evil), body("text/html", evil), body("application/json", evil), stream("data: "+strings.ReplaceAll(evil, "\r\n", "")+"\n\n", false),
			func(w http.ResponseWriter, m *mcptest.Message) { mcptest.WriteError(w, 200, m.ID, -1, evil) },
		} {
			badOnce := answer
			srv.SetIntercept(func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
				if m == nil || m.Method != "tools/call" {
					return false
				}
				badOnce(w, m)
				return true
			})
			_, err := s.CallTool(t.Context(), "echo", nil)
			require.Error(t, err)
			require.False(t, strings.ContainsAny(err.Error(), "\n\r\x1b\u202e"), "%.100q", err.Error())
			require.Less(t, len(err.Error()), 8<<10)
		}
		srv.SetIntercept(nil)
		echoes(t, s)
	})
}
