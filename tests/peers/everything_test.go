package peers_test

import (
	"context"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/tests/peers/peer"
)

// A server that crashes and restarts has lost every session. It refuses the next call, so that call
// did not run. The client starts a new session and sends the call again. The caller sees no error.
func TestSessionSurvivesARestartOfTheServer(t *testing.T) {
	server := peer.StartEverything(t)
	restored := make(chan mcpclient.SessionRestored, 1)
	s, err := mcpclient.Connect(t.Context(), server.URL, &mcpclient.Options{Handlers: mcpclient.Handlers{
		SessionRestored: func(_ context.Context, _ *mcpclient.Session, r mcpclient.SessionRestored) { restored <- r },
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}()

	listsEcho(t, s)
	echoes(t, s, "before")
	server.WaitLog(peer.LogSession, 1)

	server.Kill()
	server.Restart()
	echoes(t, s, "after")
	server.WaitLog(peer.LogSession, 1) // the log is empty after the restart, so this line is from the second initialize
	listsEcho(t, s)
	select {
	case r := <-restored:
		if r.Era != mcpclient.EraLegacy {
			t.Errorf("restored a session of era %v, expected %v", r.Era, mcpclient.EraLegacy)
		}
	case <-time.After(time.Minute): // only a failing test waits this long
		t.Error("SessionRestored was not called")
	}
}

// listsEcho iterates over all tools and looks for the one that the test calls.
func listsEcho(t *testing.T, s *mcpclient.Session) {
	t.Helper()
	found := false
	for tool, err := range s.Tools(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		found = found || tool.Name == "echo"
	}
	if !found {
		t.Fatal("the server lists no tool named echo")
	}
}

func echoes(t *testing.T, s *mcpclient.Session, text string) {
	t.Helper()
	result, err := s.CallTool(t.Context(), "echo", map[string]any{"message": text})
	if err != nil {
		t.Fatal(err)
	}
	if result.IsError || len(result.Content) != 1 {
		t.Fatalf("echo returned %+v", result)
	}
	if answer, ok := result.Content[0].(mcp.TextContent); !ok || answer.Text != "Echo: "+text {
		t.Fatalf("echo returned %+v", result.Content[0])
	}
}
