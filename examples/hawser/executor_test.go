package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/transport/executor/agent"
)

// A flag or an environment variable makes a command use an executor.
func TestExecutor(t *testing.T) {
	srv := mcptest.New(mcptest.Modern)
	srv.Tools = []*mcptest.Tool{{Name: "echo"}}
	url := srv.Loopback(t).URL
	far, err := agent.Listen(t.Context(), "ws://127.0.0.1:0", &agent.Options{Token: "open sesame"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = far.Close() })
	token := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(token, []byte("open sesame\n"), 0o600))

	for name, r := range map[string]result{
		"flag": machine{}.hawser(t, "call", url, "echo", "{}", "--executor", far.URL(), "--executor-token-file", token),
		"variable": machine{vars: map[string]string{"HAWSER_EXECUTOR": far.URL()}}.
			hawser(t, "call", url, "echo", "{}", "--executor-token-file", token),
	} {
		require.Equal(t, exitOK, r.code, "%s: %s", name, r.err)
		require.Equal(t, "{}\n", r.out, name)
	}
	require.Equal(t, 2, srv.Executions("echo"))

	r := machine{}.hawser(t, "ping", url, "--executor", far.URL())
	require.Equal(t, exitAuth, r.code)
	require.Contains(t, r.err, "hint: --executor-token-file")
	require.NotContains(t, r.err, "sesame")
}

func TestExecutorMistakes(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		code int
		hint string
	}{
		"nobody there":      {[]string{"--executor", "ws://127.0.0.1:1"}, exitNotRun, "check that the executor is running"},
		"not a WebSocket":   {[]string{"--executor", "http://127.0.0.1:1"}, exitUsage, executorHint},
		"no command":        {[]string{"--executor", "stdio:"}, exitUsage, executorHint},
		"no such command":   {[]string{"--executor", "stdio:no-such-program-here"}, exitUsage, executorHint},
		"no such token":     {[]string{"--executor", "ws://127.0.0.1:1", "--executor-token-file", "no-such-file"}, exitUsage, "--executor-token-file"},
		"password in a URL": {[]string{"--executor", "ws://user:secret@127.0.0.1:1"}, exitUsage, executorHint},
	} {
		r := machine{}.hawser(t, append([]string{"ping", "http://127.0.0.1:1/mcp"}, c.args...)...)
		require.Equal(t, c.code, r.code, "%s: %s", name, r.err)
		require.Contains(t, r.err, "hint: "+c.hint, name)
		require.NotContains(t, r.err, "secret", name)
	}
}

// Network failures at the executor are explained like network failures on this machine.
func TestFailuresBeyondTheExecutor(t *testing.T) {
	far, err := agent.Listen(t.Context(), "ws://127.0.0.1:0", &agent.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = far.Close() })
	plain, secure := guarded(t, modern(), nil), guarded(t, modern(), nil)
	plain.Start()
	secure.StartTLS()
	for url, want := range map[string]string{
		"http://" + deadPort(t) + "/mcp":                   "connection refused, as seen from the executor\nhint: check that the server is running",
		"http://169.254.169.254/mcp":                       "never allowed (-32602)\nhint: allow this address where the executor runs",
		secure.URL + "/mcp":                                "unknown authority (-32603)\nhint: trust the certificate's authority where",
		"https://" + plain.Listener.Addr().String() + "/x": "hint: try http instead of https: hawser ping http://" + plain.Listener.Addr().String() + "/x\n",
	} {
		r := hawser(t, "ping", url, "--executor", far.URL())
		require.Equal(t, exitNotRun, r.code, r.err)
		require.Contains(t, r.err, want)
		require.NotContains(t, r.err, "trying again", "on this machine")
	}
}
