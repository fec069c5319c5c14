package peers_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/tests/peers/peer"
	"github.com/hawser-mcp/hawser/transport"
)

var allPrograms = flag.Bool("all", false, "run all third-party servers, not only those for every run")

// selectedPrograms returns the programs to run.
func selectedPrograms() []serverProgram {
	programs := serverPrograms()
	if *allPrograms || *update {
		return programs
	}
	return slices.DeleteFunc(programs, func(p serverProgram) bool { return !p.ci })
}

// A session with default options uses everything that a third-party server offers, direct and
// through codex. The program is killed and restarted meanwhile.
func TestServers(t *testing.T) {
	peer.RequireInstalled(t)
	for _, p := range selectedPrograms() {
		for _, w := range allWays {
			if w.name == "direct" || w.name == "codex" {
				t.Run(p.name+" "+versionOf(t, &p)+"/"+w.name, func(t *testing.T) { newVisit(t, &p, w).all() })
			}
		}
	}
	if *update && !t.Failed() {
		writeServers(t)
	}
}

// visit is a session with a program.
type visit struct {
	*testing.T

	p       *serverProgram
	server  *peer.Server
	dir     string                         // see serverProgram
	started *atomic.Pointer[chan struct{}] // the channel of the current wait: receives a value when the call has started
	page    string                         // the value of $STARTED
	rt      *sessionIDs
	s       *mcpclient.Session
}

func newVisit(t *testing.T, p *serverProgram, w way) *visit {
	t.Helper()
	v := startProgram(t, p)
	v.rt = &sessionIDs{Transport: w.open(t)}
	opts := &mcpclient.Options{Transport: v.rt}
	if p.pinned {
		opts.ProtocolVersion = p.protocol
	}
	var err error
	v.s, err = mcpclient.Connect(t.Context(), v.server.URL, opts)
	v.must(err)
	t.Cleanup(func() { _ = v.s.Close() })
	return v
}

// startProgram starts a program. The visit has no session yet.
func startProgram(t *testing.T, p *serverProgram) *visit {
	t.Helper()
	v := &visit{T: t, p: p, dir: t.TempDir(), started: new(atomic.Pointer[chan struct{}])}
	page := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { signal(*v.started.Load()) }))
	t.Cleanup(page.Close)
	v.page = page.URL
	for name, text := range map[string]string{"hello.txt": "hello", "big.txt": strings.Repeat("x", bigSize)} {
		v.must(os.WriteFile(filepath.Join(v.dir, name), []byte(text), 0o600))
	}
	program := ""
	if p.goDir != "" {
		program = buildServer(t, p.goDir)
	}
	path := p.path
	if path == "" {
		path = "/mcp"
	}
	v.server = peer.StartServer(t, p.name, path, func(port int) peer.Command { return v.command(program, port) })
	t.Cleanup(func() {
		if t.Failed() {
			log := v.server.Log()
			t.Logf("the server printed:\n%s", log[max(0, len(log)-4000):])
		}
	})
	return v
}

// buildServer builds a program of the directory servers and returns its path.
func buildServer(t *testing.T, dir string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), dir)
	build := exec.CommandContext(t.Context(), "go", "build", "-C", filepath.Join("servers", dir), "-o", program, ".")
	build.Env = append(os.Environ(), "GOWORK=off")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	return program
}

// command returns the command that starts the program on a port. built is the path of a Go program.
func (v *visit) command(built string, port int) peer.Command {
	words := v.words(port)
	args, env := make([]string, len(v.p.args)), make([]string, len(v.p.env))
	for i, arg := range v.p.args {
		args[i] = words.Replace(arg)
	}
	for i, variable := range v.p.env {
		env[i] = words.Replace(variable)
	}
	c := peer.Command{Program: built, Args: args}
	switch {
	case v.p.script != "":
		script, err := filepath.Abs(filepath.Join("servers", v.p.script))
		v.must(err)
		c = peer.NodeCommand(v, script, args...)
	case v.p.bin != "":
		c = peer.ProgramCommand(v, v.p.bin, args...)
	}
	c.Env = append(c.Env, env...)
	return c
}

func (v *visit) words(port int) *strings.Replacer {
	servers, err := filepath.Abs("servers")
	v.must(err)
	chromium, _ := exec.LookPath("chromium") // only one program needs it
	return strings.NewReplacer("$PORT", fmt.Sprint(port), "$DIR", v.dir, "$NODE", peer.Node(v), "$BIN", peer.ServersBin(v),
		"$SERVERS", servers, "$CHROMIUM", chromium, "$STARTED", v.page)
}

func (v *visit) must(err error) {
	v.Helper()
	if err != nil {
		v.Fatal(err)
	}
}

// try runs the test of a feature, unless the program does not offer it.
func (v *visit) try(f feature, test func(*visit)) {
	if _, missing := v.p.na[f]; missing {
		return
	}
	v.Run(string(f), func(t *testing.T) {
		feature := *v
		feature.T = t
		test(&feature)
	})
}

func (v *visit) all() {
	if got := v.s.ProtocolVersion(); got != v.p.protocol {
		v.Errorf("negotiated %s, expected %s", got, v.p.protocol)
	}
	if !v.rt.issued() && !v.p.stateless {
		v.Error("the server issued no session ID, but the table says that it keeps sessions")
	}
	v.try(lists, (*visit).lists)
	v.try(calls, (*visit).echoes)
	v.try(progress, (*visit).reportsProgress)
	v.try(big, (*visit).returnsMuch)
	v.try(wrongArgs, (*visit).refusesArguments)
	v.try(pings, func(v *visit) { v.must(v.s.Ping(v.Context())) })
	v.try(cancels, (*visit).cancels)
	v.try(cancelled, func(v *visit) { v.must(v.server.AwaitLog("cancelled wait", 1)) })
	v.try(restarts, (*visit).restarts)
	v.closes()
}

func (v *visit) lists() {
	echo, found := v.callOf(v.p.echo, "echo", nil, "").tool, false
	for tool, err := range v.s.Tools(v.Context()) {
		v.must(err)
		found = found || tool.Name == echo
	}
	if !found {
		v.Fatalf("the server lists no tool %s", echo)
	}
}

// callOf returns a call of the table, or the given call if the table has none.
func (v *visit) callOf(own *toolCall, tool string, args map[string]any, want string) toolCall {
	if own == nil {
		return toolCall{tool: tool, args: args, want: want}
	}
	words, call := v.words(0), *own
	call.args = map[string]any{}
	for name, value := range own.args {
		if text, isText := value.(string); isText {
			value = words.Replace(text)
		}
		call.args[name] = value
	}
	return call
}

// call makes a call that must succeed, and returns the text of its result.
func (v *visit) call(c toolCall, opts ...mcpclient.CallOption) string {
	v.Helper()
	text := says(v.T, v.s, c.tool, c.args, opts...)
	if !strings.Contains(text, c.want) {
		v.Fatalf("%s returned %.200q, expected %q", c.tool, text, c.want)
	}
	return text
}

func (v *visit) echoes() {
	v.Helper()
	v.call(v.callOf(v.p.echo, "echo", map[string]any{"text": "hello ü"}, "hello ü"))
}

func (v *visit) reportsProgress() {
	const count = 3
	var steps []float64
	v.call(v.callOf(v.p.progress, "progress", map[string]any{"steps": count}, "done"),
		mcpclient.OnProgress(func(_ context.Context, p mcpclient.Progress) { steps = append(steps, p.Progress) }))
	if len(steps) == 0 || !slices.IsSorted(steps) || v.p.progress == nil && len(steps) != count {
		v.Errorf("got progress %v", steps)
	}
}

func (v *visit) returnsMuch() {
	c := v.callOf(v.p.big, "big", map[string]any{"size": bigSize}, "")
	if text := v.call(c); len(text) < bigSize {
		v.Errorf("%s returned %d bytes, expected %d", c.tool, len(text), bigSize)
	}
}

// refusesArguments: the server answers wrong arguments with an error or with a result that says so.
func (v *visit) refusesArguments() {
	tool := v.callOf(v.p.echo, "echo", nil, "").tool
	result, err := v.s.CallTool(v.Context(), tool, map[string]any{"wrong": true})
	refused := mcpclient.KindOf(err) == mcpclient.KindServer && mcpclient.OutcomeOf(err) != mcpclient.Unknown
	if !refused && (err != nil || !result.IsError) {
		v.Errorf("wrong arguments returned %+v, %v", result, err)
	}
	v.echoes()
}

// wait starts a call that lasts longer than the test, and returns when the tool has started. The
// channel receives the error of the call.
func (v *visit) wait(ctx context.Context) <-chan error {
	c := v.callOf(v.p.wait, "wait", map[string]any{"ms": 600_000}, "")
	const line = "started wait"
	before, failed, started := strings.Count(v.server.Log(), line), make(chan error, 1), make(chan struct{}, 1)
	v.started.Store(&started)
	go func() {
		_, err := v.s.CallTool(ctx, c.tool, c.args, mcpclient.OnProgress(func(context.Context, mcpclient.Progress) { signal(started) }))
		failed <- err
	}()
	if v.p.wait == nil {
		v.must(v.server.AwaitLog(line, before+1))
	} else {
		within(v.T, started, "a sign that "+c.tool+" has started")
	}
	return failed
}

// signal sends a value unless one is waiting.
func signal(to chan<- struct{}) {
	select {
	case to <- struct{}{}:
	default:
	}
}

func (v *visit) cancels() {
	ctx, cancel := context.WithCancelCause(v.Context())
	defer cancel(nil)
	failed := v.wait(ctx)
	cancel(errPatience)
	if err := within(v.T, failed, "the end of the cancelled call"); !errors.Is(err, errPatience) || mcpclient.KindOf(err) != mcpclient.KindCanceled {
		v.Errorf("cancelled call: %v", err)
	}
	v.echoes()
}

// restarts: the call that runs while the server is killed fails, and its outcome is unknown. All
// other calls succeed.
func (v *visit) restarts() {
	var failed <-chan error
	if _, missing := v.p.na[cancels]; !missing {
		failed = v.wait(v.Context())
	}
	v.server.Kill()
	v.server.Restart()
	v.echoes()
	v.lists()
	if failed != nil {
		if err := within(v.T, failed, "the end of the call whose server was killed"); !mcpclient.MayHaveRun(err) {
			v.Errorf("the call whose server was killed: %v, kind %v", err, mcpclient.KindOf(err))
		}
	}
}

func (v *visit) closes() {
	if _, missing := v.p.na[closes]; missing {
		v.must(v.s.Close())
		if status := v.rt.status(); status/100 == 2 {
			v.Errorf("the server deleted the session with status %d, but the table says otherwise: %s", status, v.p.na[closes])
		}
		return
	}
	v.try(closes, func(v *visit) {
		v.must(v.s.Close())
		if status := v.rt.status(); status/100 != 2 {
			v.Errorf("the server answered DELETE with status %d (0: it received none)", status)
		}
	})
}

// sessionIDs is a transport that records whether the server issued a session ID, and the status of
// the reply to DELETE.
type sessionIDs struct {
	transport.Transport

	mu      sync.Mutex
	id      bool
	deleted int
}

func (x *sessionIDs) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := x.Transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.id = x.id || resp.Header.Get("Mcp-Session-Id") != ""
	if req.Method == http.MethodDelete {
		x.deleted = resp.StatusCode
	}
	return resp, nil
}

func (x *sessionIDs) RunsOnce() bool { return transport.RunsOnce(x.Transport) }

func (x *sessionIDs) issued() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.id
}

// status returns the status of the reply to DELETE, or 0 if the session sent none.
func (x *sessionIDs) status() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.deleted
}
