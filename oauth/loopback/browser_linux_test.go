package loopback

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// command replaces the program that opens pages with a shell script. It returns the script's
// directory.
func command(t *testing.T, script string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "xdg-open"), []byte("#!/bin/sh\n"+script), 0o700))
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return dir
}

func TestSystemBrowser(t *testing.T) {
	dir := command(t, `printf '%s|' "$#" "$@" >"${0%/*}/opened"`)
	page := `https://auth.example.com/a?b=$(touch%20x);id&c='d'`
	require.NoError(t, openBrowser(t.Context(), page))
	opened, err := os.ReadFile(filepath.Join(dir, "opened"))
	require.NoError(t, err)
	require.Equal(t, "1|"+page+"|", string(opened), "one argument, not interpreted by a shell")
}

func TestSystemBrowserThatFails(t *testing.T) {
	command(t, "exit 3")
	require.Error(t, openBrowser(t.Context(), "https://auth.example.com/a"))
}

// Some browser commands run until the user closes the browser. openBrowser must still return when
// its context ends.
func TestSystemBrowserThatStays(t *testing.T) {
	dir := command(t, `cd "${0%/*}"; mkfifo closed; : >opened; : <closed`)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- openBrowser(ctx, "https://auth.example.com/a") }()
	require.Eventually(t, func() bool {
		_, err := os.Stat(filepath.Join(dir, "opened"))
		return err == nil
	}, 20*time.Second, time.Millisecond)
	cancel()
	require.NoError(t, <-done)
	closed, err := os.OpenFile(filepath.Join(dir, "closed"), os.O_WRONLY, 0)
	require.NoError(t, err)
	require.NoError(t, closed.Close())
}
