//go:debug randseednop=0
package executor_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"flag"
	"fmt"
	"math/rand"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/execproto"
	"github.com/hawser-mcp/hawser/internal/link"
	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/internal/memnet"
	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/transport"
	"github.com/hawser-mcp/hawser/transport/executor"
	"github.com/hawser-mcp/hawser/transport/executor/agent"
)

var update = flag.Bool("update", false, "rewrite the golden transcript")

// TestTranscript compares the messages on the links during one legacy session with testdata. Every
// POST, the shared stream (a GET) and the DELETE are an http/request, and the server's bytes arrive
// in deltas. After an intended change, run
//
//	go test ./transport/executor -run TestTranscript -update
func TestTranscript(t *testing.T) {
	golden := filepath.Join("testdata", "legacy_session.txt")
	var got transcript
	rand.Seed(1) //nolint:staticcheck // request IDs begin at a random number; the debug setting above makes this work
	synctest.Test(t, func(t *testing.T) { legacySession(t, &got) })
	if *update {
		require.NoError(t, os.WriteFile(golden, got.text.Bytes(), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), got.text.String())
}

// legacySession runs one session, step by step, so that messages arrive in a fixed order.
func legacySession(t *testing.T, tr *transcript) {
	t.Helper()
	srv := mcptest.New(mcptest.Legacy)
	srv.SSE, srv.EventIDs = true, true
	srv.Tools = []*mcptest.Tool{{Name: "echo"}}
	network := memnet.New()
	srv.ServeOn(t, network.Listen("127.0.0.1:80"))
	rt, err := executor.Open(t.Context(), tr.dial(t, network), &executor.Options{ClientName: "golden"})
	require.NoError(t, err)
	defer rt.Close()
	calm := &calm{rt}
	changed := make(chan struct{}, 1)
	s, err := mcpclient.Connect(t.Context(), "http://127.0.0.1/mcp", &mcpclient.Options{
		Transport: calm, ProtocolVersion: "2025-11-25", ClientInfo: mcp.Implementation{Name: "golden", Version: "1"},
		Header:   http.Header{"User-Agent": {"golden/1"}}, // the default has the version of the module
		Handlers: mcpclient.Handlers{ToolsChanged: func(context.Context, *mcpclient.Session) { changed <- struct{}{} }},
	})
	require.NoError(t, err)
	time.Sleep(time.Second)
	_, err = s.CallTool(t.Context(), "echo", map[string]any{"text": "hello"})
	require.NoError(t, err)
	time.Sleep(time.Second)
	srv.Notify("notifications/tools/list_changed", nil)
	time.Sleep(time.Second)
	<-changed
	require.NoError(t, s.Close())
	time.Sleep(time.Second)
}

// calm delays each request until all goroutines are idle, because fake time passes only then. At
// that moment, the previous exchange has ended or its stream is open.
type calm struct{ transport.Transport }

func (c *calm) RoundTrip(req *http.Request) (*http.Response, error) {
	time.Sleep(time.Millisecond)
	return c.Transport.RoundTrip(req)
}

// transcript is the sequence of messages on the links. IDs are numbered in the order of their
// appearance. Values that differ between machines and versions are replaced. Bodies follow their
// message as text.
type transcript struct {
	mu    sync.Mutex
	links int
	ids   map[string]string
	text  bytes.Buffer
}

// dial returns a function that makes links to agents whose network is in memory.
func (tr *transcript) dial(t *testing.T, network *memnet.Network) func(context.Context) (executor.Link, error) {
	t.Helper()
	tr.ids = make(map[string]string)
	ctx, cancel := context.WithCancel(context.Background())
	var agents sync.WaitGroup
	t.Cleanup(func() {
		cancel()
		agents.Wait()
	})
	return func(context.Context) (executor.Link, error) {
		near, far := link.Pipe(execproto.MaxMessage)
		agents.Go(func() { _ = agent.Serve(ctx, far, &agent.Options{DialContext: network.DialContext}) })
		tr.mu.Lock()
		defer tr.mu.Unlock()
		tr.links++
		return &taped{near, tr, tr.links}, nil
	}
}

// taped is a link that records its messages.
type taped struct {
	link.Link
	tr *transcript
	n  int
}

func (l *taped) Send(message []byte) error {
	l.tr.add(l.n, '>', message)
	return l.Link.Send(message)
}

func (l *taped) Receive() ([]byte, error) {
	message, err := l.Link.Receive()
	if err == nil {
		l.tr.add(l.n, '<', message)
	}
	return message, err
}

var (
	idField   = regexp.MustCompile(`"(id|requestId)":"?(\d+)"?`)
	ofMachine = regexp.MustCompile(`"(sessionId|executorVersion|platformOs)":"[^"]*"`)
	bodyField = regexp.MustCompile(`"(?:bodyBase64|deltaBase64)":"([^"]+)"`)
)

func (tr *transcript) add(n int, direction rune, message []byte) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	text := idField.ReplaceAllStringFunc(string(message), func(field string) string {
		m := idField.FindStringSubmatch(field)
		if tr.ids[m[2]] == "" {
			tr.ids[m[2]] = strconv.Itoa(len(tr.ids) + 1)
		}
		if m[1] == "id" {
			return `"id":` + tr.ids[m[2]]
		}
		return `"requestId":"` + tr.ids[m[2]] + `"`
	})
	text = ofMachine.ReplaceAllString(text, `"$1":"…"`)
	_, _ = fmt.Fprintf(&tr.text, "link %d %c %s\n", n, direction, text)
	if m := bodyField.FindStringSubmatch(text); m != nil {
		body, err := base64.StdEncoding.DecodeString(m[1])
		if err != nil {
			body = []byte(err.Error())
		}
		_, _ = fmt.Fprintf(&tr.text, "       %c    %s\n", direction, bytes.ReplaceAll(bytes.TrimSpace(body), []byte("\n"), []byte("\n       "+string(direction)+"    ")))
	}
}
