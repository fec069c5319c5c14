package mcpclient_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// The server stops answering after it has started a session. Connect cannot delete the unused
// session, and returns without waiting for the deletion.
func TestContextEndsConnectThoughTheSessionCannotBeDeleted(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		const patience = 3 * time.Second
		link := srv.InMemory(t)
		srv.SetIntercept(func(_ http.ResponseWriter, r *http.Request, m *mcptest.Message) bool {
			silent := m == nil || m.Method == "notifications/initialized"
			if silent {
				srv.Hang(r)
			}
			return silent
		})
		ctx, cancel := context.WithTimeoutCause(t.Context(), patience, errPatience)
		defer cancel()
		start := time.Now()
		_, err := connectTo(ctx, link.URL, &mcpclient.Options{Transport: link.Transport})
		require.Equal(t, mcpclient.KindCanceled, failure(t, err).Kind)
		require.ErrorIs(t, err, errPatience)
		require.LessOrEqual(t, time.Since(start), patience+250*time.Millisecond)
		require.Equal(t, 1, srv.Count("DELETE"), "the session's deletion was tried")
	})
}

// Servers with one stream table for all clients mix up requests that have the same ID at the same
// time. Therefore, the IDs of a session begin at a random number.
func TestSessionsBeginWithDifferentIDs(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		const sessions = 10
		link := srv.InMemory(t)
		for range sessions {
			connect(t, link, mcpclient.Options{})
		}
		ids := map[string]bool{}
		for _, r := range srv.Requests("") {
			if r.ID != "" {
				ids[r.ID] = true
			}
		}
		require.Greater(t, len(ids), sessions/2)
	})
}
