package main

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rivo/uniseg"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/oauth"
)

// asHawser is an environment variable that makes the test binary run as hawser, for tests with a
// shell.
const asHawser = "TEST_BINARY_IS_HAWSER"

func TestMain(m *testing.M) {
	shellPatience = time.Minute
	if os.Getenv(asHawser) != "" {
		main()
	}
	// Tests must not depend on the logins of the user who runs them. The directory does not exist.
	for _, name := range []string{"XDG_CONFIG_HOME", "HOME", "AppData"} {
		if err := os.Setenv(name, filepath.Join(os.TempDir(), "no-such-home")); err != nil {
			panic(err)
		}
	}
	goleak.VerifyTestMain(m)
}

// machine is the environment of a test.
type machine struct {
	stdin   string
	reader  io.Reader // instead of stdin
	person  bool
	watched bool
	width   int // columns of the terminal; 0 means that output is not a terminal
	vars    map[string]string
	signals chan os.Signal
	stderr  *buffer // nil means a new one
	stdout  *buffer
	// transport sends the requests over an in-memory network. Nil means the program's default
	// transport.
	transport http.RoundTripper
	proxy     func(*http.Request) (*url.URL, error)
	login     oauth.Login
	cache     string
}

// now returns a fixed time.
func (machine) now() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

// result is the exit code and the output of a run.
type result struct {
	code     int
	out, err string
}

// hawser runs the program in the environment m and returns the result.
func (m machine) hawser(t *testing.T, args ...string) result {
	t.Helper()
	stdout, stderr := cmp.Or(m.stdout, new(buffer)), cmp.Or(m.stderr, new(buffer))
	stdin := m.reader
	if stdin == nil {
		stdin = strings.NewReader(m.stdin)
	}
	code := run(context.Background(), environment{
		stdin: stdin, stdout: stdout, stderr: stderr, person: m.person, watched: m.watched, signals: m.signals,
		columns: m.width, width: m.width,
		lookup: func(name string) (string, bool) { value, ok := m.vars[name]; return value, ok },
		now:    m.now, transport: m.transport, proxy: m.proxy, login: m.login, cache: m.cache,
	}, args)
	return result{code, stdout.String(), stderr.String()}
}

// hawser runs the program on a machine without a terminal.
func hawser(t *testing.T, args ...string) result {
	t.Helper()
	return machine{}.hawser(t, args...)
}

// succeeds runs the program on a machine without a terminal, and fails the test if the run fails.
func succeeds(t *testing.T, args ...string) result {
	t.Helper()
	r := hawser(t, args...)
	require.Equal(t, exitOK, r.code, r.err)
	return r
}

// buffer collects output. It is safe for concurrent use.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
	// shown, if not nil, is closed when the awaited text appears.
	awaited string
	shown   chan struct{}
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.b.Write(p)
	if b.shown != nil && strings.Contains(b.b.String(), b.awaited) {
		close(b.shown)
		b.shown = nil
	}
	return len(p), nil
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// await returns a channel that is closed when the text has been written.
func (b *buffer) await(text string) <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	shown := make(chan struct{})
	if strings.Contains(b.b.String(), text) {
		close(shown)
		return shown
	}
	b.awaited, b.shown = text, shown
	return shown
}

// eachEra runs a test against a server of each era that replies with event streams.
func eachEra(t *testing.T, test func(t *testing.T, srv *mcptest.Server)) {
	t.Helper()
	for _, era := range []mcptest.Era{mcptest.Legacy, mcptest.Modern} {
		t.Run(era.String(), func(t *testing.T) {
			srv := mcptest.New(era)
			srv.SSE = true
			test(t, srv)
		})
	}
}

// legacy returns a legacy server with one tool.
func legacy(name string, tool mcptest.ToolFunc) *mcptest.Server {
	srv := mcptest.New(mcptest.Legacy)
	srv.SSE = true
	srv.Tools = []*mcptest.Tool{{Name: name, Run: tool}}
	return srv
}

// page starts a server that sends the same page for every request, and returns its URL.
func page(t *testing.T, status int, contentType, body string) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		io.WriteString(w, body)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

func mcpProgress(progress, total float64, message string) mcpclient.Progress {
	return mcpclient.Progress{Progress: progress, Total: total, HasTotal: true, Message: message}
}

// width returns the number of columns that text needs on a terminal.
func width(text string) int { return uniseg.StringWidth(text) }
