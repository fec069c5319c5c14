package mcpclient_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// A load balancer uses a cookie to pin a session to a node. A request without the cookie reaches a
// node that does not know the session. Sessions do not share cookies.
func TestBalancerPinsBySessionCookie(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		srv.Intercept = func(w http.ResponseWriter, r *http.Request, m *mcptest.Message) bool {
			if m != nil && m.Method == "initialize" {
				w.Header().Add("Set-Cookie", "AWSALB=node1; Path=/")
			}
			if r.Header.Get("Mcp-Session-Id") != "" && r.Header.Get("Cookie") != "AWSALB=node1" {
				http.Error(w, "no such session", http.StatusNotFound)
				return true
			}
			return false
		}
		link := srv.InMemory(t)
		s := connect(t, link, mcpclient.Options{})
		echoes(t, s)
		srv.LoseSessions()
		echoes(t, s)
		require.NoError(t, s.Close())
		_, err := tryConnect(t, link, mcpclient.Options{NoCookies: true})
		require.Error(t, err)
		for _, r := range srv.Requests("server/discover") {
			require.Empty(t, r.Header.Get("Cookie"))
		}
	})
}
