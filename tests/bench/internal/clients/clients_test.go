package clients_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hawser-mcp/hawser/tests/bench/internal/clients"
	"github.com/hawser-mcp/hawser/tests/bench/internal/workload"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve serves the replies of the benchmark as change returns them, and returns the URL of an
// endpoint.
func serve(t *testing.T, change func(string) string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		message, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		reply, err := workload.Answer(r.URL.Path, message)
		switch {
		case err != nil:
			w.WriteHeader(http.StatusBadRequest)
			return
		case reply.None:
			w.WriteHeader(http.StatusAccepted)
			return
		case reply.Stream:
			w.Header().Set("Content-Type", "text/event-stream")
		default:
			w.Header().Set("Content-Type", "application/json")
		}
		_, _ = io.WriteString(w, change(string(append(reply.Append(nil), reply.Last...))))
	}))
	t.Cleanup(server.Close)
	return server.URL + workload.ListPath(workload.FewTools)
}

// everyClient runs a test with each client in each version, after connecting to a URL.
func everyClient(t *testing.T, url string, test func(t *testing.T, name string, s clients.Session)) {
	t.Helper()
	for _, lib := range clients.Libraries("") {
		for _, version := range []string{workload.Legacy, workload.Modern} {
			t.Run(lib.Name+" "+version, func(t *testing.T) {
				target := &clients.Target{URL: url, Version: version}
				c, err := lib.Open(t.Context(), target)
				require.NoError(t, err)
				defer func() { require.NoError(t, c.Close()) }()
				s, err := target.Connect(t.Context(), c)
				require.NoError(t, err)
				defer s.Close()
				test(t, lib.Name, s)
			})
		}
	}
}

func TestClientsGetWholeReplies(t *testing.T) {
	everyClient(t, serve(t, strings.Clone), func(t *testing.T, _ string, s clients.Session) {
		require.NoError(t, s.List(t.Context(), workload.FewTools))
		for _, tool := range workload.Tools {
			_, err := s.Call(t.Context(), tool)
			require.NoError(t, err, tool.Name)
		}
	})
}

// row is a row of structured content, with the comma after it.
var row = regexp.MustCompile(`\{"id":100000[^}]*\},`)

// A client that loses a part of a reply fails. So does the floor, which knows the lengths.
func TestClientsNoticeLostParts(t *testing.T) {
	url := serve(t, func(reply string) string {
		reply = strings.Replace(reply, "quick", "", 1)
		reply = row.ReplaceAllString(reply, "")
		return strings.Replace(reply, "search_records_00019", "search_records_0019", 1)
	})
	everyClient(t, url, func(t *testing.T, name string, s clients.Session) {
		want := "expected"
		for _, tool := range []*workload.Tool{workload.JSON200, workload.SSE10k, workload.Structured10k} {
			_, err := s.Call(t.Context(), tool)
			require.ErrorContains(t, err, want, tool.Name)
		}
		require.ErrorContains(t, s.List(t.Context(), workload.FewTools), want, name)
	})
}

// discovered is the result of server/discover. Without it, clients fall back to the legacy version.
var discovered = regexp.MustCompile(`"result":\{"supportedVersions".*`)

// A client that negotiates another version fails to connect. Only the floor cannot notice.
func TestClientsNoticeOtherVersions(t *testing.T) {
	url := serve(t, func(reply string) string {
		reply = strings.Replace(reply, `"protocolVersion":"`+workload.Legacy, `"protocolVersion":"2025-06-18`, 1)
		return discovered.ReplaceAllString(reply, `"error":{"code":-32601,"message":"Method not found"}}`)
	})
	for _, lib := range clients.Libraries("")[1:] {
		for _, version := range []string{workload.Legacy, workload.Modern} {
			target := &clients.Target{URL: url, Version: version}
			c, err := lib.Open(t.Context(), target)
			require.NoError(t, err)
			_, err = target.Connect(t.Context(), c)
			require.Error(t, err, lib.Name+" "+version)
			require.NoError(t, c.Close())
		}
	}
}

func TestTargetsNeedValidCertificates(t *testing.T) {
	for _, lib := range clients.Libraries("")[:4] {
		_, err := lib.Open(context.Background(), &clients.Target{URL: "https://127.0.0.1", CA: bytes.Repeat([]byte("x"), 10)})
		require.ErrorContains(t, err, "certificate is invalid", lib.Name)
	}
}

func TestCodexIsAProgram(t *testing.T) {
	script := filepath.Join(t.TempDir(), "codex")
	require.NoError(t, os.WriteFile(script, []byte("#!/bin/sh\nsleep 60\n"), 0o700))
	libraries := clients.Libraries(script)
	target := &clients.Target{URL: "http://127.0.0.1:1/mcp", Version: workload.Legacy, Codex: script}
	_, err := libraries[len(libraries)-1].Open(t.Context(), target)
	require.ErrorContains(t, err, "is a script")
}
