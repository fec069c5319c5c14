package main

import (
	"os"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
)

func TestListen(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		url := srv.Loopback(t).URL
		for _, c := range []struct {
			flags []string
			out   string
		}{
			{nil, "03:04:05 tools changed\n03:04:05 prompts changed\n"},
			{[]string{"--prompts"}, "03:04:05 prompts changed\n"},
			{[]string{"--json", "--tools"}, `{"time":"2026-01-02T03:04:05Z","event":"tools_changed"}` + "\n"},
		} {
			screen, out, signals := new(buffer), new(buffer), make(chan os.Signal, 1)
			listening, told := screen.await("listening"), out.await(c.out)
			go func() {
				<-listening
				srv.Notify("notifications/tools/list_changed", nil)
				srv.Notify("notifications/prompts/list_changed", nil)
				<-told
				signals <- os.Interrupt
			}()
			r := machine{signals: signals, stderr: screen, stdout: out}.hawser(t, append([]string{"listen", url}, c.flags...)...)
			require.Equal(t, exitCancelled, r.code, r.err)
			require.Equal(t, c.out, out.String())
			require.Regexp(t, "^listening for changes of .*; press Ctrl-C to stop\n(cancelled|{.*\"message\":\"cancelled\"}})\n$", r.err)
		}
	})
}

func TestListenEndsWithItsTime(t *testing.T) {
	for _, era := range []mcptest.Era{mcptest.Legacy, mcptest.Modern} {
		synctest.Test(t, func(t *testing.T) {
			srv := mcptest.New(era)
			srv.SSE = true
			link := srv.InMemory(t)
			r := machine{transport: link.Transport}.hawser(t, "listen", link.URL, "--timeout", "1h", "--tools")
			require.Equal(t, result{exitOK, "", "listening for changes of tools; press Ctrl-C to stop\n"}, r)
		})
	}
}

func TestListenEndsWithTheServer(t *testing.T) {
	srv := mcptest.New(mcptest.Modern)
	screen := new(buffer)
	listening := screen.await("listening")
	go func() {
		<-listening
		srv.EndSubscriptions()
	}()
	r := machine{stderr: screen}.hawser(t, "listen", srv.Loopback(t).URL)
	require.Equal(t, exitOK, r.code, r.err)
}

// A legacy server without a shared stream, and one that declares no changes, refuse to listen. That
// is not an outage.
func TestListenRefused(t *testing.T) {
	const hint = "hint: the server does not report these changes; list again when you need to know: hawser tools "
	for name, c := range map[string]struct {
		change func(*mcptest.Server)
		cause  string
	}{
		"no stream":  {func(s *mcptest.Server) { s.NoSharedStream = true }, "the server has no stream for notifications: HTTP status 405 Method Not Allowed"},
		"no changes": {func(s *mcptest.Server) { s.CanSubscribe = false }, "the server supports none of the requested subscriptions"},
	} {
		t.Run(name, func(t *testing.T) {
			srv := mcptest.New(mcptest.Legacy)
			c.change(srv)
			url := srv.Loopback(t).URL
			r := hawser(t, "listen", url, "--resource", "file:///a")
			require.Equal(t, result{exitRefused, "", "hawser: the server refused the subscription: " + c.cause + "\n" + hint + url + "\n"}, r)
		})
	}
}
