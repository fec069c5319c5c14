package mcpclient_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// A slow header hook delays a recovery that has started a new session. Meanwhile, Close deletes the
// old session. The new session must also be deleted.
func TestCloseDeletesTheSessionOfALateRecovery(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		var slow atomic.Bool
		s := serve(t, srv, mcpclient.Options{
			ProtocolVersion: "2025-11-25",
			HeaderHook: func(context.Context, http.Header) error {
				if slow.Load() {
					time.Sleep(2 * time.Second) // fake time
				}
				return nil
			},
		})
		require.NoError(t, s.SetLogLevel(t.Context(), mcp.LoggingLevelError))
		srv.LoseSessions()
		srv.SetIntercept(func(_ http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
			if m != nil && m.Method == "notifications/initialized" {
				slow.Store(true) // from the next request on, which restores the log level
			}
			return false
		})
		call := begin(t.Context(), s, "echo")
		synctest.Wait()
		require.Equal(t, mcpclient.StateRecovering, s.State())
		slow.Store(false)
		require.NoError(t, s.Close())
		require.Equal(t, mcpclient.KindClosed, failure(t, (<-call).err).Kind)
		now, ever := srv.Sessions()
		require.Equal(t, 2, ever)
		require.Zero(t, now)
	})
}
