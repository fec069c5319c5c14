package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hawser-mcp/hawser/internal/release"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// run does what main does, with other streams.
func run(ctx context.Context, args []string, s streams) error {
	set, err := parse(args, s.err)
	if err != nil {
		return err
	}
	return set.run(ctx, s)
}

// program is a running executor program.
type program struct {
	in  io.WriteCloser
	out *bufio.Reader
	end context.CancelFunc // sends the signal that ends the program
	ran <-chan error
}

func start(t *testing.T, args ...string) *program {
	t.Helper()
	stdin, in, err := os.Pipe()
	require.NoError(t, err)
	out, stdout, err := os.Pipe()
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ran := make(chan error, 1)
	go func() { ran <- run(ctx, args, streams{stdin, stdout, io.Discard}) }()
	t.Cleanup(func() {
		cancel()
		for _, c := range []io.Closer{in, out, stdin, stdout} {
			_ = c.Close()
		}
	})
	return &program{in: in, out: bufio.NewReader(out), end: cancel, ran: ran}
}

func (p *program) line(t *testing.T) string {
	t.Helper()
	line, err := p.out.ReadString('\n')
	require.NoError(t, err)
	return strings.TrimSuffix(line, "\n")
}

func hello(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Header.Get("Authorization"))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

const begin = `{"id":1,"method":"initialize","params":{"clientName":"test"}}`

func TestWebSocket(t *testing.T) {
	server := hello(t)
	t.Setenv("EXECUTOR_TEST_KEY", "a2V5")
	token := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(token, []byte("right\n"), 0o600))
	p := start(t, "-token-file", token, "-allow", "127.0.0.1", "-deny", "*:1", "-allow-env", "EXECUTOR_TEST_KEY="+server, "-concurrent", "4", "-debug")
	url := p.line(t)
	require.Regexp(t, `^ws://127\.0\.0\.1:\d+$`, url)

	_, resp, err := websocket.DefaultDialer.Dial(url, nil)
	require.Error(t, err)
	require.Equal(t, 401, resp.StatusCode)
	conn, _, err := websocket.DefaultDialer.Dial(url, http.Header{"Authorization": {"Bearer right"}})
	require.NoError(t, err)
	defer conn.Close()
	ask := func(text string) string {
		require.NoError(t, conn.WriteMessage(websocket.TextMessage, []byte(text)))
		_, answer, err := conn.ReadMessage()
		require.NoError(t, err)
		return string(answer)
	}
	require.Contains(t, ask(begin), `"httpHeaderEnvVars":true`)
	require.NoError(t, conn.WriteMessage(websocket.TextMessage, []byte(`{"method":"initialized"}`)))
	get := func(url string) string {
		return ask(`{"id":2,"method":"http/request","params":{"method":"GET","url":"` + url + `","requestId":"",` +
			`"headers":[{"name":"authorization","value":"","valueEnvVar":"EXECUTOR_TEST_KEY"}]}}`)
	}
	require.Contains(t, get(server), `"bodyBase64":"YTJWNQ=="`)
	require.Contains(t, get("http://127.0.0.2/"), "cannot use executor environment variable")
	for _, refused := range []string{"http://127.0.0.2/", "http://127.0.0.1:1/", "http://192.168.0.1/"} {
		require.Contains(t, ask(`{"id":2,"method":"http/request","params":{"method":"GET","url":"`+refused+`","requestId":""}}`), "the egress policy refuses")
	}
	p.end()
	require.NoError(t, <-p.ran)
	_, _, err = conn.ReadMessage()
	require.Error(t, err, "the link is gone")
}

func TestStdio(t *testing.T) {
	p := start(t, "-listen", "stdio")
	_, err := io.WriteString(p.in, begin+"\n")
	require.NoError(t, err)
	require.Contains(t, p.line(t), `"sessionId"`)
	require.NoError(t, p.in.Close())
	require.NoError(t, <-p.ran, "the end of stdin is a clean exit")

	p = start(t, "-listen", "stdio")
	_, err = io.WriteString(p.in, begin+"\n")
	require.NoError(t, err)
	p.line(t)
	p.end()
	require.NoError(t, <-p.ran, "a signal is a clean exit")
}

func TestCommandLine(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	require.NoError(t, os.WriteFile(empty, []byte("\n"), 0o600))
	for args, text := range map[string]string{
		"x":                           "unexpected argument",
		"-concurrent 0":               "at least 1",
		"-budget 0":                   "at least 1",
		"-budget 1048577":             "at most 1048576",
		"-allow-env A=http://h":       "requires a token",
		"-listen stdio -token-file f": "-token-file requires WebSockets",
		"-listen ws://localhost:0":    "host names are not resolved",
		"-listen ws://0.0.0.0:0":      "requires a token",
		"-listen wss://127.0.0.1:0":   "wss",
		"-allow 127.1":                "not an address or a host name",
		"-allow 169.254.169.254":      "never allowed",
		"-deny a/b":                   "not a network",
		"-allow-env KEY":              "expected VAR=ORIGIN",
		"-allow-env-without-token -allow-env KEY=example.com": "invalid origin",
		"-token-file " + empty:                                "no token",
		"-token-file " + empty + ".missing":                   "no such file",
	} {
		err := run(t.Context(), strings.Fields(args), streams{nil, nil, io.Discard})
		require.ErrorContains(t, err, text, args)
	}
	var usage bytes.Buffer
	err := run(t.Context(), []string{"-h"}, streams{nil, nil, &usage})
	require.True(t, errors.Is(err, flag.ErrHelp))
	require.Contains(t, usage.String(), "VAR=ORIGIN")
}

func TestVersion(t *testing.T) {
	p := start(t, "-version")
	require.Equal(t, "executor version "+release.Version, p.line(t))
	require.NoError(t, <-p.ran)
}
