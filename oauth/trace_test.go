package oauth_test

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/authtest"
	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/oauth"
)

// The server starts to process a call and then responds with 401, so it may have run the call. The
// RoundTripper renews the token, but does not send the call again.
func TestNoResendOfACallThatHasBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, mcptest.Legacy, oauth.Config{})
		s.connect(t, mcpclient.Options{Handlers: mcpclient.Handlers{
			Log: func(context.Context, *mcpclient.Session, mcpclient.LogMessage) {},
		}})
		synctest.Wait()
		var calls atomic.Int32
		s.server.SetIntercept(func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
			if m == nil || m.Method != "tools/call" || calls.Add(1) > 1 {
				return false
			}
			s.server.Notify("notifications/progress", map[string]any{"progressToken": 1, "progress": 1})
			time.Sleep(time.Second)
			w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
			w.WriteHeader(http.StatusUnauthorized)
			return true
		})
		_, err := s.session.CallTool(t.Context(), "echo", nil, mcpclient.OnProgress(func(context.Context, mcpclient.Progress) {}))
		require.Equal(t, mcpclient.Answered, mcpclient.OutcomeOf(err), "%v", err)
		require.Equal(t, 1, s.server.Count("tools/call"))
	})
}

// The body of a refusal holds the result of the call, or an event of its stream: the server ran the
// call, so the call is not sent again.
func TestNoResendOfACallWithAResult(t *testing.T) {
	for kind, body := range map[string]string{
		"application/json":  `{"jsonrpc":"2.0","id":%s,"result":{"content":[]}}`,
		"text/event-stream": "id: 1\ndata: {\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":{\"content\":[]}}\n\n",
	} {
		for _, challenge := range []string{`Bearer error="invalid_token"`, `DPoP error="use_dpop_nonce"`} {
			synctest.Test(t, func(t *testing.T) {
				cfg := oauth.Config{}
				if challenge[0] == 'D' {
					cfg.DPoP = oauth.DPoPAlways
				}
				s := newStage(t, mcptest.Legacy, cfg)
				s.Server.Change(func(script *authtest.Script) { script.DPoP = cfg.DPoP == oauth.DPoPAlways })
				s.connect(t, mcpclient.Options{})
				s.server.SetIntercept(func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
					if m == nil || m.Method != "tools/call" {
						return false
					}
					w.Header().Set("Content-Type", kind)
					w.Header().Set("DPoP-Nonce", "n")
					w.Header().Set("WWW-Authenticate", challenge)
					w.WriteHeader(http.StatusUnauthorized)
					fmt.Fprintf(w, body, m.ID)
					return true
				})
				_, err := s.session.CallTool(t.Context(), "echo", nil)
				require.Equal(t, mcpclient.Answered, mcpclient.OutcomeOf(err), "%v", err)
				require.Equal(t, 1, s.server.Count("tools/call"), kind)
			})
		}
	}
}
