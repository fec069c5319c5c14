package group_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/mcpclient/group"
)

func TestTwoServers(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.serve("old", newServer(mcptest.Legacy, "read", "write"))
		w.serve("new", newServer(mcptest.Modern, "read"))
		g := w.open(group.Options{}, entry("old"), entry("new"))
		require.NoError(t, g.Wait(t.Context()))
		require.Equal(t, []string{"new__read", "old__read", "old__write"}, names(g))
		echoes(t, g, "old__write")
		echoes(t, g, "new__read")
		require.Equal(t, "connecting, ready", w.diary.statuses("old"))
		require.Equal(t, mcpclient.EraModern, g.Session("new").Era())
		require.NoError(t, g.Close())
		require.Equal(t, "connecting, ready, closed", w.diary.statuses("old"))
	})
}

func TestADeadPortIsDownAtOnce(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		took := since()
		g := w.open(group.Options{}, entry("dead"))
		require.NoError(t, g.Wait(t.Context()))
		require.Zero(t, took())
		st := state(t, g, "dead")
		require.Equal(t, group.Down, st.Status)
		require.ErrorContains(t, st.Err, "connection refused")
		_, err := g.Call(t.Context(), "dead__read", nil)
		e := notMade(t, err)
		require.Equal(t, group.ServerDown, e.Reason)
		require.True(t, mcpclient.Unreachable(err))
		require.ErrorContains(t, err, "server dead is down: ")
		t.Log(err)
		time.Sleep(time.Hour)
		t.Log(state(t, g, "dead"), w.diary.statuses("dead"))
	})
}
