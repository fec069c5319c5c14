package mcpclient_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// gatekeeper answers requests with a 401 without a challenge if their session is lost or their
// token is wrong.
type gatekeeper struct {
	srv   *mcptest.Server
	token atomic.Pointer[string]
	lost  atomic.Pointer[string] // the lost session
}

func (g *gatekeeper) intercept(w http.ResponseWriter, r *http.Request, _ *mcptest.Message) bool {
	lost, token := g.lost.Load(), g.token.Load()
	gone := lost != nil && r.Header.Get("Mcp-Session-Id") == *lost
	if !gone && (token == nil || r.Header.Get("Authorization") == "Bearer "+*token) {
		return false
	}
	w.WriteHeader(http.StatusUnauthorized)
	return true
}

func (g *gatekeeper) lose(session string) { g.lost.Store(&session) }
func (g *gatekeeper) want(token string)   { g.token.Store(&token) }

// A 401 without a challenge may be about the session or about the credentials. The client sends a
// ping, and then an initialize, to find out. A lost session alone never makes a user log in.
func TestUnauthorizedMayMeanALostSession(t *testing.T) {
	for name, row := range map[string]struct {
		lost, revoked bool
		initializes   int
		logins        int
	}{
		"session lost":  {lost: true, initializes: 1},
		"token revoked": {revoked: true, initializes: 1, logins: 1}, // the server also refuses the initialize
		"both":          {lost: true, revoked: true, initializes: 2, logins: 1},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, srv *mcptest.Server) {
				g := &gatekeeper{srv: srv}
				srv.SetIntercept(g.intercept)
				d := new(doorkeeper)
				d.ask = func(context.Context, int, http.Header) error { d.set("second"); return nil }
				s := serve(t, srv, mcpclient.Options{Auth: d})
				srv.Reset()
				if row.lost {
					g.lose("session-1")
				}
				if row.revoked {
					g.want("second")
				}
				echoes(t, s)
				require.Equal(t, 1, srv.Executions("echo"))
				require.Equal(t, row.initializes, srv.Count("initialize"))
				require.Equal(t, row.logins, d.count())
			})
		})
	}
}

// One call suspects that the session is lost. Its ping gets a 401 without a challenge, so the
// recovery treats the session as alive. Another call, which also got such a 401, joins this
// recovery and then starts a more thorough one. No user has to log in.
func TestJoinedRecoveryForAWeakerReason(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		var calls atomic.Int32
		var lost atomic.Bool
		srv.SetIntercept(func(w http.ResponseWriter, r *http.Request, m *mcptest.Message) bool {
			if m == nil || !lost.Load() || r.Header.Get("Mcp-Session-Id") != "session-1" {
				return false
			}
			switch {
			case m.Method == "ping":
				time.Sleep(10 * time.Millisecond)
			case calls.Add(1) == 1:
				wire{status: 422, body: "bad argument"}.write(w, m)
				return true
			}
			w.WriteHeader(http.StatusUnauthorized)
			return true
		})
		d := new(doorkeeper)
		d.ask = func(context.Context, int, http.Header) error { return nil }
		s := serve(t, srv, mcpclient.Options{Auth: d})
		lost.Store(true)
		first := begin(t.Context(), s, "echo")
		time.Sleep(time.Millisecond)
		second := begin(t.Context(), s, "echo")
		require.Equal(t, mcpclient.Answered, mcpclient.OutcomeOf((<-first).err))
		require.NoError(t, (<-second).err)
		require.Zero(t, d.count())
	})
}

// The server allows initialize without credentials and requires a login for all other requests. A
// new session does not help, so the user must log in.
func TestServerThatInitializesWithoutCredentials(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		srv.SetIntercept(func(w http.ResponseWriter, r *http.Request, m *mcptest.Message) bool {
			if m == nil || m.Method == "initialize" || m.Method == "notifications/initialized" || r.Header.Get("Authorization") == "Bearer good" {
				return false
			}
			w.WriteHeader(http.StatusUnauthorized)
			return true
		})
		d := new(doorkeeper)
		d.ask = func(context.Context, int, http.Header) error { d.set("good"); return nil }
		s := serve(t, srv, mcpclient.Options{Auth: d, ProtocolVersion: "2025-11-25"})
		echoes(t, s)
		require.Equal(t, 1, d.count())
		now, _ := srv.Sessions()
		require.Equal(t, 1, now, "the new session was deleted")
	})
}

// Without an Authorizer, the client detects a lost session in the same way, and returns any other
// refusal to the caller.
func TestUnauthorizedWithoutAuthorizer(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		g := &gatekeeper{srv: srv}
		srv.SetIntercept(g.intercept)
		s := serve(t, srv, mcpclient.Options{})
		g.lose("session-1")
		echoes(t, s)
		g.want("other")
		_, err := s.CallTool(t.Context(), "echo", nil)
		require.True(t, mcpclient.KindOf(err) == mcpclient.KindAuthRequired, "%v", err)
		require.Equal(t, mcpclient.NotRun, mcpclient.OutcomeOf(err))
		require.Equal(t, 1, srv.Executions("echo"))
	})
}

// However a server reports a lost session, the client has a new session after two calls at most.
// The client sends a call again only if the refusal proves that the call did not run.
func TestSessionsRecoverHoweverTheLossIsReported(t *testing.T) {
	for name, row := range map[string]struct {
		status   int
		body     string
		replayed bool
	}{
		"404 text":            {404, "Not Found", true},
		"404, no id":          {404, rpcBody("null", -32001, "Session not found"), true},
		"404, other id":       {404, rpcBody(`"server-error"`, -32600, "Session not found"), true},
		"404, our id":         {404, rpcBody("$id", -32001, "Session not found"), true},
		"404, our id, silent": {404, rpcBody("$id", -32001, "Not found"), false},
		"400 text":            {400, "Bad Request: Mcp-Session-Id is unknown", true}, // the text names the session
		"400 other JSON":      {400, `{"error":"invalid session"}`, true},
		"400, no id":          {400, rpcBody("null", -32000, "Bad Request: No valid session ID provided"), true},
		"400, our id":         {400, rpcBody("$id", -32000, "Bad Request: Server not initialized"), true},
		"400, our id, silent": {400, rpcBody("$id", -32000, "Bad Request"), false},
		"400, invalid":        {400, `{"jsonrpc":"2.0","id":$id,"error":"no session"}`, false},
		"410":                 {410, "session expired", true},
		"422":                 {422, `{"detail":"unexpected session"}`, true},
		"401":                 {401, "", true},
		"200, our id":         {200, rpcBody("$id", -32001, "Session not found"), false},
		"200, no id":          {200, rpcBody("null", -32000, "Session not found"), false},
		"200, other id":       {200, rpcBody(`"server-error"`, -32600, "Session not found"), false},
		"200, other words":    {200, rpcBody("$id", -32000, "Server not initialized"), false},
		"403":                 {403, "session expired", false},
		"406":                 {406, "session expired", true},
		"409":                 {409, "session expired", false},
		"500, our id":         {500, rpcBody("$id", -32603, "Session not found"), false},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, srv *mcptest.Server) {
				lost := ""
				srv.SetIntercept(func(w http.ResponseWriter, r *http.Request, m *mcptest.Message) bool {
					if m == nil || r.Header.Get("Mcp-Session-Id") != lost || lost == "" {
						return false
					}
					wire{status: row.status, body: row.body}.write(w, m)
					return true
				})
				s := serve(t, srv, mcpclient.Options{})
				echoes(t, s)
				lost = "session-1"
				_, err := s.CallTool(t.Context(), "echo", nil)
				if row.replayed {
					require.NoError(t, err)
				} else {
					require.Error(t, err)
					require.NotEqual(t, mcpclient.NotRun, mcpclient.OutcomeOf(err), "%v", err)
				}
				echoes(t, s)
				require.Equal(t, 2, srv.Count("initialize"))
			})
		})
	}
}

// Some refusals prove a lost session only if a ping confirms them. A recovery that another call
// started is no confirmation: it may have replaced a live session.
func TestReplacedSessionConfirmsNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		arrived, replaced := make(chan struct{}), make(chan struct{})
		var calls atomic.Int32
		srv.SetIntercept(func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
			if m == nil || m.Method != "tools/call" {
				return false
			}
			switch calls.Add(1) {
			case 1: // the tool runs and fails in an unusual way
				close(arrived)
				<-replaced
				wire{status: 422, body: "the tool has lost its session with the database"}.write(w, m)
			case 2:
				wire{status: 404, body: "not here"}.write(w, m)
			default:
				return false
			}
			return true
		})
		s := serve(t, srv, mcpclient.Options{})
		first := begin(t.Context(), s, "echo")
		<-arrived
		echoes(t, s)
		require.Equal(t, 2, srv.Count("initialize"))
		close(replaced)
		got := <-first
		require.Equal(t, mcpclient.Answered, mcpclient.OutcomeOf(got.err), "%v", got.err)
		require.Equal(t, 1, srv.Executions("echo"))
		require.Equal(t, int32(3), calls.Load())
	})
}

// If progress arrives while a refused call waits for its next try, the refusal was wrong. The
// server is working on the call, so another request would run the tool twice.
func TestProgressDuringTheBackoffForbidsTheReplay(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		busy := func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
			if m == nil || m.Method != "tools/call" {
				return false
			}
			w.Header().Set("Retry-After", "3")
			w.WriteHeader(http.StatusTooManyRequests)
			return true
		}
		s := serve(t, srv, mcpclient.Options{Handlers: mcpclient.Handlers{
			Log: func(context.Context, *mcpclient.Session, mcpclient.LogMessage) {},
		}})
		synctest.Wait()
		srv.SetIntercept(busy)
		call := begin(t.Context(), s, "echo", mcpclient.OnProgress(func(context.Context, mcpclient.Progress) {}))
		time.Sleep(time.Second)
		srv.Notify("notifications/progress", map[string]any{"progressToken": 1, "progress": 1})
		synctest.Wait()
		srv.SetIntercept(nil)
		got := <-call
		require.Equal(t, mcpclient.KindHTTP, mcpclient.KindOf(got.err), "%v", got.err)
		require.Equal(t, mcpclient.Unknown, mcpclient.OutcomeOf(got.err))
		require.Equal(t, 1, srv.Count("tools/call"))
		require.Zero(t, srv.Executions("echo"))
		echoes(t, s)
	})
}

// The outcome of a call with several tries is the worst outcome of any try: if one try may have
// run, the call may have run.
func TestOutcomeOverSeveralTries(t *testing.T) {
	for name, row := range map[string]struct {
		statuses []int
		want     mcpclient.Outcome
		kind     mcpclient.Kind
	}{
		"refused each time":        {[]int{429, 425, 429, 429}, mcpclient.NotRun, mcpclient.KindHTTP},
		"refused in the last try":  {[]int{503, 429, 429, 429}, mcpclient.Unknown, mcpclient.KindHTTP},
		"answered in the last try": {[]int{503, 409}, mcpclient.Unknown, mcpclient.KindHTTP},
		"refused, then answered":   {[]int{429, 409}, mcpclient.Answered, mcpclient.KindHTTP},
		"refused, then unread":     {[]int{429, 413}, mcpclient.NotRun, mcpclient.KindHTTP},
	} {
		t.Run(name, func(t *testing.T) {
			eachEra(t, func(t *testing.T, srv *mcptest.Server) {
				s := serve(t, srv, mcpclient.Options{})
				var next atomic.Int32
				srv.SetIntercept(func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
					if m == nil || m.Method != "tools/call" {
						return false
					}
					w.WriteHeader(row.statuses[next.Add(1)-1])
					return true
				})
				_, err := s.CallTool(t.Context(), "echo", nil, mcpclient.WithIdempotent())
				e := failure(t, err)
				require.Equal(t, row.want, e.Outcome, "%v", err)
				require.Equal(t, row.kind, e.Kind)
				require.True(t, mcpclient.SafeToRepeat(err))
				require.Equal(t, len(row.statuses), e.Tries)
			})
		})
	}
}

// The answer to the first try of a harmless call is lost, and the server is unreachable for later
// tries. The error must not say that the call was never sent.
func TestUnreachableAfterALostAnswer(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		link := srv.InMemory(t)
		s := connect(t, link, mcpclient.Options{})
		srv.SetIntercept(func(_ http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
			if m != nil && m.Method == "tools/call" {
				link.Network.Refuse(true)
				panic(http.ErrAbortHandler)
			}
			return false
		})
		_, err := s.CallTool(t.Context(), "echo", nil, mcpclient.WithIdempotent())
		e := failure(t, err)
		require.Equal(t, mcpclient.KindUnanswered, e.Kind, "%v", err)
		require.Equal(t, mcpclient.Unknown, e.Outcome)
		require.False(t, unsent(err), fmt.Sprint(e.Stage))
		link.Network.Refuse(false)
	})
}

// A server that does not support ping may refuse a ping exactly as it would in a lost session. The
// client then pings in a new session. If that ping is refused too, the first refusal proves
// nothing, and the client keeps the old session unless the refusal names the session. After three
// such refusals, the client sends no more pings.
func TestServerWithoutAPing(t *testing.T) {
	for name, text := range map[string]string{
		"a tool that mentions a session": "session variable x is not set", "a tool that does not": "bad argument",
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, srv *mcptest.Server) {
				s := serve(t, srv, mcpclient.Options{})
				srv.SetIntercept(func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
					switch {
					case m != nil && m.Method == "ping":
						wire{status: 422, body: `{"detail":"Input should be 'tools/call' or 'tools/list'"}`}.write(w, m)
					case m != nil && m.Method == "tools/call":
						wire{status: 400, body: text}.write(w, m)
					default:
						return false
					}
					return true
				})
				for n := range 6 {
					_, err := s.CallTool(t.Context(), "echo", nil)
					require.Equal(t, mcpclient.Answered, mcpclient.OutcomeOf(err), "%v", err)
					require.Equal(t, n+1, srv.Count("tools/call"))
				}
				require.LessOrEqual(t, srv.Count("ping"), 12, "only for the first three calls")
				now, ever := srv.Sessions()
				if strings.Contains(text, "session") {
					return // the client trusts a refusal whose text names the session
				}
				require.Equal(t, []int{1, 4}, []int{now, ever}, "three new sessions were tried and deleted")
				require.Equal(t, "session-1", srv.Requests("tools/call")[5].Session)
			})
		})
	}
}

// A gateway refuses the ping in the new session once. That must not disable the detection of lost
// sessions.
func TestPingThatIsRefusedOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		var pings atomic.Int32
		var lost atomic.Bool
		srv.SetIntercept(func(w http.ResponseWriter, r *http.Request, m *mcptest.Message) bool {
			switch {
			case m == nil:
				return false
			case m.Method == "ping" && pings.Add(1) == 2:
				w.WriteHeader(http.StatusBadRequest)
			case lost.Load() && r.Header.Get("Mcp-Session-Id") == "session-1":
				own(200, -32001, "Session not found").write(w, m)
			default:
				return false
			}
			return true
		})
		s := serve(t, srv, mcpclient.Options{})
		lost.Store(true)
		for range 2 {
			_, err := s.CallTool(t.Context(), "echo", nil)
			require.Equal(t, mcpclient.Answered, mcpclient.OutcomeOf(err), "%v", err)
		}
		echoes(t, s)
	})
}

// If an answer reveals a problem with the session, the call returns at once and does not wait for
// the repair.
func TestAnswersDoNotWaitForRepairs(t *testing.T) {
	for name, hangs := range map[string]string{"ping": "ping", "initialize": "initialize", "list": "tools/list", "discover": "server/discover"} {
		t.Run(name, func(t *testing.T) {
			eachEra(t, func(t *testing.T, srv *mcptest.Server) {
				s := serve(t, srv, mcpclient.Options{Timeouts: mcpclient.Timeouts{Try: -1}})
				srv.SetIntercept(func(w http.ResponseWriter, r *http.Request, m *mcptest.Message) bool {
					switch {
					case m != nil && m.Method == hangs:
						srv.Hang(r)
					case m != nil && m.Method == "ping":
						wire{status: 404}.write(w, m)
					case m != nil && m.Method == "tools/call":
						code := -32000
						if srv.Era == mcptest.Modern {
							code = -32020
						}
						own(200, code, "no browser session is open: call open_page first").write(w, m)
					default:
						return false
					}
					return true
				})
				got := <-begin(t.Context(), s, "echo")
				require.Equal(t, mcpclient.KindServer, mcpclient.KindOf(got.err), "%v", got.err)
				require.LessOrEqual(t, got.at, 2*time.Second)
			})
		})
	}
}

// The server loses the session and answers 401 without a challenge. The shared stream detects the
// loss even if no call is made.
func TestSharedStreamDetectsALossReportedBy401(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		g := &gatekeeper{srv: srv}
		srv.SetIntercept(g.intercept)
		restored := 0
		_ = serve(t, srv, mcpclient.Options{Handlers: mcpclient.Handlers{
			ToolsChanged:    func(context.Context, *mcpclient.Session) {},
			SessionRestored: func(context.Context, *mcpclient.Session, mcpclient.SessionRestored) { restored++ },
		}})
		synctest.Wait()
		g.lose("session-1")
		srv.CutSharedStreams(true)
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Equal(t, 1, restored)
		require.Equal(t, 2, srv.Count("initialize"))
	})
}
