package mcpclient_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// doubtful are replies that some servers send for a lost session, and other servers for other
// reasons.
var doubtful = map[string]wire{
	"200 invalid request":        own(200, -32600, "Invalid Request"),
	"200 invalid request, no id": foreign(200, -32600, "Invalid Request"),
	"200 own code":               own(200, -32000, "unknown client"),
	"200 no such method":         own(200, -32601, "no such session"),
	"200 not MCP":                {status: 200, body: `{"error":"Session not found"}`},
	"403":                        {status: 403},
	"409":                        {status: 409, body: "not here"},
	"440":                        {status: 440},
	"503":                        foreign(503, -32000, "MCP session is unknown or expired on this API instance"),
	"500":                        {status: 500, body: `{"error":"HTTP 400: No valid session ID provided"}`},
}

// eachDoubt runs a test for each doubtful reply. A server answers with it to the requests for which
// applies returns true.
func eachDoubt(t *testing.T, applies func(r *http.Request, m *mcptest.Message) bool, test func(t *testing.T, srv *mcptest.Server, reply wire)) {
	t.Helper()
	for name, reply := range doubtful {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, srv *mcptest.Server) {
				srv.SetIntercept(func(w http.ResponseWriter, r *http.Request, m *mcptest.Message) bool {
					if m == nil || !applies(r, m) {
						return false
					}
					reply.write(w, m)
					return true
				})
				test(t, srv, reply)
			})
		})
	}
}

// inFirstSession reports whether a request belongs to the first session, except its handshake.
func inFirstSession(r *http.Request, m *mcptest.Message) bool {
	return r.Header.Get("Mcp-Session-Id") == "session-1" && m.Method != "notifications/initialized"
}

// Some servers report a lost session with a reply that has many other meanings. The session pings.
// If the ping is refused, and a ping of a new session is answered, the session was lost. A list is
// sent again. A tool call may have run and is not, but the next call works.
func TestLostSessionReportedDoubtfully(t *testing.T) {
	eachDoubt(t, inFirstSession, func(t *testing.T, srv *mcptest.Server, reply wire) {
		s := serve(t, srv, mcpclient.Options{})
		srv.Reset()
		_, err := s.CallTool(t.Context(), "echo", nil)
		if reply.status >= 500 || reply.status == 200 && !strings.Contains(reply.body, "$id") {
			require.Equal(t, mcpclient.Unknown, mcpclient.OutcomeOf(err))
		} else {
			require.Equal(t, mcpclient.Answered, mcpclient.OutcomeOf(err))
		}
		require.Equal(t, []string{"tools/call", "ping", "initialize", "notifications/initialized", "ping"}, srv.Methods())
		echoes(t, s)
		require.Equal(t, 1, srv.Executions("echo"))
	})
	eachDoubt(t, inFirstSession, func(t *testing.T, srv *mcptest.Server, _ wire) {
		s := serve(t, srv, mcpclient.Options{})
		results := make(chan error, 20)
		for range cap(results) {
			go func() { _, _, err := s.AllTools(t.Context()); results <- err }()
		}
		for range cap(results) {
			require.NoError(t, <-results, "all calls join one recovery")
		}
		require.Equal(t, 2, srv.Count("initialize"))
	})
}

// An honest server that answers calls in these ways is pinged, at first after the first such call,
// then ever less often, at most once a minute. The session is never replaced, and lists are retried
// after a 5xx as often as ever.
func TestHonestDoubtfulReplies(t *testing.T) {
	calls := func(_ *http.Request, m *mcptest.Message) bool {
		return m.Method == "tools/call" || m.Method == "prompts/list"
	}
	eachDoubt(t, calls, func(t *testing.T, srv *mcptest.Server, reply wire) {
		s := serve(t, srv, mcpclient.Options{})
		srv.Reset()
		_, err := s.ListPrompts(t.Context(), nil)
		require.Error(t, err)
		tries := 1
		if reply.status >= 500 {
			tries = 4
		}
		require.Equal(t, tries, srv.Count("prompts/list"))
		require.Equal(t, 1, srv.Count("ping"))
		for range 600 {
			_, err := s.CallTool(t.Context(), "echo", nil)
			require.Error(t, err)
			time.Sleep(time.Second) // fake time
		}
		require.Equal(t, 600, srv.Count("tools/call"))
		require.LessOrEqual(t, srv.Count("ping"), 6+10, "1, 2, 4, … 32 s, then a minute")
		require.Zero(t, srv.Count("initialize"))
		time.Sleep(20 * time.Minute) // fake time
		srv.Reset()
		for range 2 {
			_, err = s.CallTool(t.Context(), "echo", nil)
			require.Error(t, err)
			time.Sleep(1500 * time.Millisecond) // fake time
		}
		require.Equal(t, 2, srv.Count("ping"), "the pauses are short again")
	})
}

// A server that does not support ping, and refuses it like calls, keeps its session: its new
// sessions refuse the ping as well. After three of them, no doubtful reply leads to a ping.
func TestDoubtfulRepliesWithoutPing(t *testing.T) {
	calls := func(_ *http.Request, m *mcptest.Message) bool {
		return m.Method == "tools/call" || m.Method == "ping"
	}
	eachDoubt(t, calls, func(t *testing.T, srv *mcptest.Server, _ wire) {
		s := serve(t, srv, mcpclient.Options{})
		srv.Reset()
		for range 20 {
			_, err := s.CallTool(t.Context(), "echo", nil)
			require.Error(t, err)
			require.False(t, errors.Is(err, mcpclient.ErrSessionLost))
			time.Sleep(time.Minute) // fake time
		}
		require.Equal(t, 3, srv.Count("initialize"))
		open, _ := srv.Sessions()
		require.Equal(t, 1, open, "the new sessions were deleted")
	})
}

// The server loses a session while no call is made, and refuses the shared stream in a doubtful
// way. A ping shows the loss.
func TestSharedStreamInDoubt(t *testing.T) {
	for name, reply := range doubtful {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, srv *mcptest.Server) {
				var d diary
				s := serve(t, srv, mcpclient.Options{Handlers: d.handlers()})
				synctest.Wait()
				srv.SetIntercept(func(w http.ResponseWriter, r *http.Request, m *mcptest.Message) bool {
					if r.Header.Get("Mcp-Session-Id") != "session-1" {
						return false
					}
					if m == nil {
						m = &mcptest.Message{ID: []byte("null")}
					}
					reply.write(w, m)
					return true
				})
				srv.CutSharedStreams(true)
				time.Sleep(3 * time.Minute) // fake time
				require.Equal(t, 2, srv.Count("initialize"))
				require.Contains(t, d.take(), "restored")
				srv.Notify(toolsChanged, nil)
				time.Sleep(debounce) // fake time
				require.Equal(t, []string{"tools"}, d.take())
				echoes(t, s)
			})
		})
	}
}
