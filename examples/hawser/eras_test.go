package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// The second run does not probe a legacy server again.
func TestErasAreKept(t *testing.T) {
	srv, dir := mcptest.New(mcptest.Legacy), t.TempDir()
	url, file := srv.Loopback(t).URL, filepath.Join(dir, "hawser", "eras.json")
	m := machine{cache: dir}
	for run, probes := range []int{1, 1, 1} {
		require.Equal(t, exitOK, m.hawser(t, "ping", url+"?key=secret").code)
		require.Len(t, srv.Requests("server/discover"), probes, run)
	}
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Contains(t, string(text), url)
	require.NotContains(t, string(text), "secret")

	for _, corrupt := range []string{"", "{", `{"x": 1}`, "null", strings.Repeat(" ", maxErasFile+1), `{"` + url + `":{"era":"legacy","time":"2025-11-01T00:00:00Z"}}`} {
		require.NoError(t, os.WriteFile(file, []byte(corrupt), 0o600))
		before := len(srv.Requests("server/discover"))
		require.Equal(t, exitOK, m.hawser(t, "ping", url).code)
		require.Len(t, srv.Requests("server/discover"), before+1, "%.30q", corrupt)
		require.Equal(t, mcpclient.EraLegacy, openEras(dir, url, m.now).known, "the file was replaced")
	}
}

func TestErasWithoutPlace(t *testing.T) {
	url := mcptest.New(mcptest.Modern).Loopback(t).URL
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for _, dir := range []string{"", file, filepath.Join(file, "none")} {
		require.Equal(t, exitOK, machine{cache: dir}.hawser(t, "ping", url).code)
	}
}

func TestErasAreBounded(t *testing.T) {
	now := machine{}.now()
	dir := t.TempDir()
	for i := range maxEras + 3 {
		now = now.Add(time.Second)
		c := openEras(dir, "http://h/"+strings.Repeat("x", i), func() time.Time { return now })
		c.Store(c.endpoint, mcpclient.EraModern)
		require.NoError(t, c.save())
	}
	c := openEras(dir, "http://h/", func() time.Time { return now })
	require.Len(t, c.read(), maxEras)
	require.Equal(t, mcpclient.EraUnknown, c.known, "the oldest is dropped")
}
