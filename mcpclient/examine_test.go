package mcpclient_test

import (
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// answerCalls lets write answer each tool call, as if the tool had run. ran counts these calls.
func answerCalls(srv *mcptest.Server, write func(w http.ResponseWriter, m *mcptest.Message)) (ran *atomic.Int32) {
	ran = new(atomic.Int32)
	srv.SetIntercept(func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
		if m == nil || m.Method != "tools/call" {
			return false
		}
		ran.Add(1)
		write(w, m)
		return true
	})
	return ran
}

// Some servers send a tool's error with status 404. The client first pings the session, so that it
// does not run the tool a second time.
func TestToolThatAnswersWith404IsNotALostSession(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, mcpclient.Options{})
		srv.Reset()
		ran := answerCalls(srv, func(w http.ResponseWriter, m *mcptest.Message) {
			mcptest.WriteError(w, http.StatusNotFound, m.ID, mcpclient.CodeResourceNotFound, "no such order")
		})
		_, err := s.CallTool(t.Context(), "echo", nil)
		e := failure(t, err)
		require.Equal(t, mcpclient.KindServer, e.Kind, "%v", err)
		var rpc *mcpclient.RPCError
		require.ErrorAs(t, err, &rpc)
		require.EqualValues(t, mcpclient.CodeResourceNotFound, rpc.Code)
		require.EqualValues(t, 1, ran.Load())
		require.Equal(t, []string{"tools/call", "ping"}, srv.Methods())
	})
}

// A server that does not support ping refuses a ping even in a live session. The client then treats
// the original refusal as the answer and does not run the tool again.
func TestServerWithoutPingHasNotLostTheSession(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, mcpclient.Options{})
		srv.Reset()
		var ran atomic.Int32
		srv.SetIntercept(func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
			switch {
			case m != nil && m.Method == "tools/call":
				ran.Add(1)
				mcptest.WriteError(w, http.StatusBadRequest, nil, mcptest.CodeBadRequest, "out of stock")
			case m != nil && m.Method == "ping":
				mcptest.WriteError(w, http.StatusNotFound, nil, mcpclient.CodeMethodNotFound, "Method not found")
			default:
				return false
			}
			return true
		})
		_, err := s.CallTool(t.Context(), "echo", nil)
		require.Equal(t, mcpclient.KindHTTP, failure(t, err).Kind, "%v", err)
		require.EqualValues(t, 1, ran.Load())
		require.Equal(t, []string{"tools/call", "ping"}, srv.Methods())
	})
}

// Some servers report a lost session with an error that has the request's ID. If the server refuses
// a ping in the same way, the client sends the call again in a new session.
func TestLostSessionReportedWithTheRequestID(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, mcpclient.Options{})
		srv.LoseSessions()
		srv.Reset()
		srv.SetIntercept(func(w http.ResponseWriter, r *http.Request, m *mcptest.Message) bool {
			lost := m != nil && r.Header.Get("Mcp-Session-Id") == "session-1"
			if lost {
				mcptest.WriteError(w, http.StatusNotFound, m.ID, mcptest.CodeSessionNotFound, "Session not found")
			}
			return lost
		})
		echoes(t, s)
		require.Equal(t, 1, srv.Executions("echo"))
		require.Equal(t, []string{"tools/call", "ping", "initialize", "notifications/initialized", "ping", "tools/call"}, srv.Methods(),
			"the second ping shows that the server supports ping")
	})
}

// A server is upgraded during a legacy session and now supports only 2026-07-28. The session
// switches to the new revision and sends the refused call once more.
func TestServerUpgradedUnderALegacySession(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, mcpclient.Options{})
		require.Equal(t, mcpclient.EraLegacy, s.Era())
		srv.Era, srv.Versions = mcptest.Modern, []string{"2026-07-28"}
		srv.Reset()
		srv.SetIntercept(func(w http.ResponseWriter, r *http.Request, m *mcptest.Message) bool {
			if r.Header.Get("Mcp-Session-Id") == "" {
				return false
			}
			mcptest.WriteJSON(w, http.StatusBadRequest, mcptest.ErrorResponse(m.ID, &mcptest.Error{
				Code: mcptest.CodeUnsupportedVersion, Message: "Unsupported protocol version",
				Data: map[string]any{"supported": srv.Versions, "requested": "2025-11-25"},
			}))
			return true
		})
		echoes(t, s)
		require.Equal(t, mcpclient.EraModern, s.Era())
		require.Equal(t, 1, srv.Executions("echo"))
		require.Equal(t, []string{"tools/call", "server/discover", "tools/call"}, srv.Methods())
	})
}
