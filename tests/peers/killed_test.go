package peers_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/tests/peers/peer"
	"github.com/hawser-mcp/hawser/transport"
	"github.com/hawser-mcp/hawser/transport/executor"
)

// An executor is killed during a session and restarts. Calls without an answer fail immediately and
// report that the tool may have run. No tool runs twice. The session retries safe requests and
// resumes streams where possible. It continues afterwards, because the server still knows the
// session.
func TestExecutorIsKilled(t *testing.T) {
	peer.RequireInstalled(t)
	for name, x := range map[string]*peer.Executor{
		"agent": peer.StartAgent(t), "codex": peer.StartCodex(t, manyAtOnce...),
	} {
		for _, shared := range []bool{false, true} {
			links := " exclusive"
			if shared {
				links = " shared"
			}
			for when, test := range map[string]func(*kill){
				"while idle":                        (*kill).idle,
				"before the headers":                (*kill).headers,
				"during a stream":                   (*kill).stream,
				"during a stream without event ids": (*kill).namelessStream,
				"during a body":                     (*kill).body,
				"during an upload":                  (*kill).upload,
				"during an upload that the server does not read": (*kill).unreadUpload,
			} {
				t.Run(name+links+"/"+when, func(t *testing.T) { test(&kill{T: t, x: x, shared: shared}) })
			}
		}
	}
}

// kill is one case of TestExecutorIsKilled: a session whose executor is killed.
type kill struct {
	*testing.T
	x      *peer.Executor
	shared bool
	rt     *watched
	srv    *mcptest.Server
	s      *mcpclient.Session

	entered chan struct{} // receives a value when "slow" starts
	proceed chan struct{} // lets "slow" return
	sub     *mcpclient.Subscription
	next    func() (mcpclient.ListenEvent, bool)
}

// watched is a transport that reports when 1 MiB of a response body has been read.
type watched struct {
	transport.Transport
	much chan struct{}
}

type watchedBody struct {
	io.ReadCloser
	n    int
	much chan struct{}
}

func (w *watched) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := w.Transport.RoundTrip(req)
	if err == nil {
		resp.Body = &watchedBody{resp.Body, 0, w.much}
	}
	return resp, err
}

func (w *watched) RunsOnce() bool { return transport.RunsOnce(w.Transport) }

func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.n < mebi && b.n+n >= mebi {
		b.much <- struct{}{}
	}
	b.n += n
	return n, err
}

// begin connects a session and subscribes to notifications.
func (k *kill) begin(srv *mcptest.Server) {
	k.Helper()
	k.srv, k.entered, k.proceed = srv, make(chan struct{}, 8), make(chan struct{})
	srv.Tools = append(srv.Tools, &mcptest.Tool{Name: "echo"}, &mcptest.Tool{Name: "slow", Run: k.slow})
	k.rt = &watched{openExecutor(k, k.x.URL, &executor.Options{Shared: k.shared}), make(chan struct{}, 8)}
	var err error
	k.s, err = mcpclient.Connect(k.Context(), srv.Loopback(k).URL, &mcpclient.Options{Transport: k.rt})
	k.must(err)
	k.Cleanup(func() { _ = k.s.Close() })
	k.sub, err = k.s.Listen(k.Context(), mcpclient.Filter{ToolsChanged: true, PromptsChanged: true})
	k.must(err)
	var stop func()
	k.next, stop = iter.Pull(k.sub.Events())
	k.Cleanup(stop)
	srv.Notify("notifications/tools/list_changed", nil)
	k.event(mcpclient.ListenToolsChanged)
}

func (k *kill) must(err error) {
	k.Helper()
	if err != nil {
		k.Fatal(err)
	}
}

func (k *kill) event(want mcpclient.ListenEventKind) {
	k.Helper()
	if ev, _ := k.next(); ev.Kind != want {
		k.Fatalf("got event %v (%v), expected %v", ev.Kind, ev.Cause, want)
	}
}

func (k *kill) slow(ctx context.Context, c *mcptest.Call) (json.RawMessage, error) {
	c.Progress(1, 2, "")
	k.entered <- struct{}{}
	select {
	case <-k.proceed:
	case <-ctx.Done():
	}
	return mcptest.Text("done"), ctx.Err()
}

// call starts n calls of a tool. The channel receives the error of each call.
func (k *kill) call(tool string, args any, n int) <-chan error {
	done := make(chan error, n)
	for range n {
		go func() {
			_, err := k.s.CallTool(k.Context(), tool, args)
			done <- err
		}()
	}
	return done
}

// fail checks that n calls fail with an unknown outcome.
func (k *kill) fail(calls <-chan error, n int) {
	k.Helper()
	for range n {
		err := within(k.T, calls, "the failure of a call")
		if mcpclient.KindOf(err) != mcpclient.KindOutcomeUnknown || !mcpclient.MayHaveRun(err) || transport.StageOf(err) != transport.MaybeSent {
			k.Errorf("call whose executor was killed: %v", err)
		}
	}
}

// survives checks that the session still works. A legacy session then receives the notifications
// that the server sent while the executor was down. A modern session reports missed events instead.
func (k *kill) survives() {
	k.Helper()
	_, err := k.s.CallTool(k.Context(), "echo", nil)
	k.must(err)
	if n := k.srv.Count("initialize"); k.srv.Era == mcptest.Legacy && n != 1 {
		k.Errorf("expected 1 session, got %d", n)
	}
	if k.srv.Era == mcptest.Modern {
		k.event(mcpclient.ListenMissedEvents)
		k.srv.Notify("notifications/prompts/list_changed", nil)
	}
	k.event(mcpclient.ListenPromptsChanged)
	k.must(k.s.Close())
}

// killExecutor kills the executor. Then the server sends a notification while the executor is down.
func (k *kill) killExecutor() {
	k.x.Kill()
	k.srv.Notify("notifications/prompts/list_changed", nil)
}

func (k *kill) ran(tool string, times int) {
	k.Helper()
	if n := k.srv.Executions(tool); n != times {
		k.Errorf("%s ran %d times, expected %d", tool, n, times)
	}
}

func legacyServer() *mcptest.Server {
	srv := mcptest.New(mcptest.Legacy)
	srv.EventIDs = true
	return srv
}

// idle: no call is running. When the session makes the next call, it still holds links to the
// killed executor.
func (k *kill) idle() {
	k.begin(legacyServer())
	const calls = 4
	done := k.call("slow", nil, calls)
	for range calls {
		within(k.T, k.entered, "a call")
	}
	close(k.proceed)
	for range calls {
		k.must(within(k.T, done, "a result"))
	}
	k.killExecutor()
	k.x.Restart()
	_, err := k.s.CallTool(k.Context(), "echo", nil)
	k.must(err)
	k.ran("echo", 1)
	k.survives()
	k.ran("slow", calls)
}

func (k *kill) headers() {
	k.begin(legacyServer())
	gate := k.srv.Hold("tools/list")
	calls, listed := k.call("slow", nil, 3), make(chan error, 1)
	go func() {
		_, err := k.s.ListTools(k.Context(), nil)
		listed <- err
	}()
	for range 3 {
		within(k.T, k.entered, "a call")
	}
	within(k.T, gate.Arrived(), "the list request")
	k.killExecutor()
	k.fail(calls, 3)
	k.x.Restart()
	gate.Release()
	k.must(within(k.T, listed, "the list"))
	k.survives()
	k.ran("slow", 3)
}

// stream: the events of the call have ids, so the stream resumes after the last event.
func (k *kill) stream() {
	srv := legacyServer()
	srv.SSE = true
	k.begin(srv)
	progress := make(chan struct{}, 1)
	done := make(chan error, 1)
	go func() {
		_, err := k.s.CallTool(k.Context(), "slow", nil, mcpclient.OnProgress(func(context.Context, mcpclient.Progress) { progress <- struct{}{} }))
		done <- err
	}()
	within(k.T, progress, "progress")
	k.killExecutor()
	k.x.Restart()
	close(k.proceed)
	k.must(within(k.T, done, "the result"))
	k.survives()
	k.ran("slow", 1)
}

// namelessStream: the events of a modern call have no ids, so the stream cannot resume.
func (k *kill) namelessStream() {
	srv := mcptest.New(mcptest.Modern)
	srv.SSE = true
	k.begin(srv)
	calls := k.call("slow", nil, 2)
	for range 2 {
		within(k.T, k.entered, "a call")
	}
	k.killExecutor()
	k.fail(calls, 2)
	k.x.Restart()
	k.survives()
	k.ran("slow", 2)
}

// body: the executor is killed when half of a body of 8 MiB has arrived.
func (k *kill) body() {
	srv := legacyServer()
	var ran atomic.Int32
	srv.SetIntercept(func(w http.ResponseWriter, r *http.Request, m *mcptest.Message) bool {
		if m == nil || m.Method != "tools/call" || !isCallOf("big", m) {
			return false
		}
		ran.Add(1)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", "8388608")
		_, _ = io.WriteString(w, `{"jsonrpc":"2.0","id":"`+strings.Repeat("x", 4*mebi))
		srv.Hang(r)
		return true
	})
	k.begin(srv)
	calls := k.call("big", nil, 1)
	within(k.T, k.rt.much, "a part of the body")
	k.killExecutor()
	k.fail(calls, 1)
	k.x.Restart()
	k.survives()
	if n := ran.Load(); n != 1 {
		k.Errorf("the tool ran %d times, expected 1", n)
	}
}

// upload: the executor is killed while the server runs a call with arguments of 8 MiB.
func (k *kill) upload() {
	k.begin(legacyServer())
	calls := k.call("slow", map[string]any{"text": strings.Repeat("x", 8*mebi)}, 1)
	within(k.T, k.entered, "the call")
	k.killExecutor()
	k.fail(calls, 1)
	k.x.Restart()
	k.survives()
	k.ran("slow", 1)
}

// unreadUpload: the server does not read a body of 8 MiB, so most of it is still at the executor.
func (k *kill) unreadUpload() {
	arrived, end := make(chan struct{}, 8), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			arrived <- struct{}{}
			<-end
		}
	}))
	defer server.Close()
	defer close(end)
	rt := openExecutor(k, k.x.URL, &executor.Options{Shared: k.shared})
	failed := make(chan error, 1)
	go func() {
		req, err := http.NewRequestWithContext(k.Context(), http.MethodPost, server.URL, bytes.NewReader(make([]byte, 8*mebi)))
		if err == nil {
			_, err = rt.RoundTrip(req) //nolint:bodyclose // the request fails
		}
		failed <- err
	}()
	within(k.T, arrived, "the upload")
	k.x.Kill()
	if err := within(k.T, failed, "the failure of the upload"); !errors.Is(err, executor.ErrLinkLost) || transport.StageOf(err) != transport.MaybeSent {
		k.Errorf("upload whose executor was killed: %v", err)
	}
	k.x.Restart()
	_ = get200(k.T, rt, server.URL).Body.Close()
	if len(arrived) != 0 {
		k.Error("the upload was sent again")
	}
}
