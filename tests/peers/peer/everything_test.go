package peer

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
)

func TestEverythingRestarts(t *testing.T) {
	server := StartEverything(t)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

	session := initialize(t, client, server.URL)
	server.WaitLog(LogSession+session, 1)

	server.Kill()
	if _, _, err := post(t.Context(), client, server.URL, ""); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Fatalf("after Kill: %v, expected a refused connection", err)
	}

	server.Restart()
	if strings.Contains(server.Log(), LogSession) {
		t.Errorf("the log of the restarted server contains an old session:\n%s", server.Log())
	}
	status, _, err := post(t.Context(), client, server.URL, session)
	if err != nil || status != http.StatusBadRequest {
		t.Errorf("the old session got status %d, %v; expected 400, because the server has lost it", status, err)
	}
	if again := initialize(t, client, server.URL); again == session {
		t.Errorf("the new session has the id of the old one, %s", session)
	}
	server.WaitLog(LogSession, 1)
}

// A process group ends with its test. If it outlived the test, the next run would fail without an
// obvious reason.
func TestEverythingEndsWithItsTest(t *testing.T) {
	var port string
	t.Run("test", func(t *testing.T) {
		_, port, _ = strings.Cut(strings.TrimSuffix(StartEverything(t).URL, "/mcp"), "127.0.0.1:")
	})
	l, err := net.Listen("tcp", ":"+port)
	if err != nil {
		t.Fatalf("the port is still in use: %q: %v", port, err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// initialize opens a session and returns its id.
func initialize(t *testing.T, client *http.Client, url string) string {
	t.Helper()
	status, header, err := post(t.Context(), client, url, "")
	id := header.Get("Mcp-Session-Id")
	if err != nil || status != http.StatusOK || id == "" {
		t.Fatalf("initialize: status %d, session id %q, %v", status, id, err)
	}
	return id
}

// post sends an initialize request and reads the whole response.
func post(ctx context.Context, client *http.Client, url, session string) (int, http.Header, error) {
	const body = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":` +
		`{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	if session != "" {
		req.Header.Set("Mcp-Session-Id", session)
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, resp.Header, errors.Join(err, resp.Body.Close())
}
