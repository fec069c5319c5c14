package peers_test

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/hawser-mcp/hawser/tests/peers/peer"
)

// These tests run the built command-line client of examples/hawser against server-everything, as a
// user or a script does.

// hawserRun is one run of hawser and its expected result.
type hawserRun struct {
	args     []string
	stdin    string
	code     int
	out, err []string // texts that stdout and stderr must contain
}

const (
	typedForm = "Ada\n\n\nada@example.com\n\n1815-12-10\n\n2.5\n\n1,3\n\n\n\n\n" // the last line sends the form
	page      = "url=https://example.com/consent"
)

// everythingTools has runs for each tool that server-everything lists for hawser. The server does
// not list tools that need client capabilities that hawser lacks.
var everythingTools = map[string][]hawserRun{
	"echo": {{args: []string{"message=ahoy"}, out: []string{"Echo: ahoy\n"}}, {args: []string{"-"}, stdin: `{"message": "piped"}`, out: []string{"Echo: piped\n"}}},
	"get-annotated-message": {
		{args: []string{"messageType=error", "includeImage=true"}, out: []string{"Error: Operation failed\n", "[image image/png, "}},
	},
	"get-env":            {{out: []string{`"PATH": `}}},
	"get-resource-links": {{args: []string{"count=3"}, out: []string{"[link demo://resource/dynamic/text/2 text/plain]"}}},
	"get-resource-reference": {
		{args: []string{"resourceType=Text", "resourceId=7"}, out: []string{"Resource 7: This is a plaintext resource"}},
		{args: []string{"resourceType=Blob", "resourceId=7"}, out: []string{"[demo://resource/dynamic/blob/7 text/plain, "}},
	},
	"get-structured-content": {{args: []string{"location=New York"}, out: []string{`"temperature":`}}},
	"get-sum":                {{args: []string{"a=1", "b=2.5"}, out: []string{"The sum of 1 and 2.5 is 3.5.\n"}}},
	"get-tiny-image":         {{out: []string{"[image image/png, ", "The image above is the MCP logo."}}},
	"gzip-file-as-resource": {
		{args: []string{"name=a.gz", "data=data:text/plain,hello", "outputType=resource"}, out: []string{"[demo://resource/session/a.gz application/gzip, "}},
	},
	"toggle-simulated-logging":  {{out: []string{"Started simulated, random-leveled logging"}}},
	"toggle-subscriber-updates": {{out: []string{"Started simulated resource updated notifications"}}},
	"trigger-long-running-operation": {
		{args: []string{"duration=0.2", "steps=3"}, out: []string{"completed"}, err: []string{"progress 1/3\n", "progress 2/3\n", "progress 3/3\n"}},
	},
	"get-roots-list": {
		{args: []string{"--root", "."}, out: []string{"Current MCP Roots (1 total)", "URI: file:///"}},
		{out: []string{"no roots are currently configured"}},
	},
	"trigger-elicitation-request": {
		{
			args: []string{"--elicit", "ask"}, stdin: typedForm,
			out: []string{"User provided the requested information", `"name": "Ada"`, `"birthdate": "1815-12-10"`, `"number": 2.5`, `"integer": 42`, `"Violin"`},
			err: []string{"asks you to fill in a form", "Send this?"},
		},
		{args: []string{"--elicit", "ask"}, stdin: "!decline\n", out: []string{`"action": "decline"`}},
		{args: []string{"--elicit", "accept"}, out: []string{`"action": "decline"`}, err: []string{"name is required and has no default"}},
		{out: []string{`"action": "decline"`}, err: []string{"(see --elicit)"}},
	},
	"trigger-url-elicitation": {
		{args: []string{page, "--elicit", "ask"}, stdin: "y\n", out: []string{"User completed the URL elicitation flow"}, err: []string{"host:    example.com\n"}},
		{args: []string{page, "--elicit", "accept"}, out: []string{"User declined to open the URL"}, err: []string{"only a user can consent"}},
		{
			args: []string{page, "errorPath=true", "--elicit", "ask"}, stdin: "d\n", code: 4,
			err: []string{"Open this link to satisfy the prerequisite", "server error -32042", "hint: visit the URL first"},
		},
	},
	"trigger-sampling-request": {
		{args: []string{"prompt=Tea?", "--sample-reply", "Green"}, out: []string{`"text": "Green"`, `"model": "hawser-fixed"`}},
		{args: []string{"prompt=Tea?", "--sample", "ask"}, stdin: "Black,\nof course\n\n", out: []string{`"text": "Black,\nof course"`}, err: []string{"context: Tea?"}},
		{args: []string{"prompt=Tea?"}, code: 1, err: []string{"User rejected the request", "--sample-reply"}},
	},
	"simulate-research-query": {
		{args: []string{"topic=tea"}, code: 2, err: []string{"runs only as a task"}},
		{args: []string{"topic=tea", "--no-check"}, code: 1, err: []string{"requires task augmentation"}},
	},
}

var everythingPrompts = map[string][]hawserRun{
	"simple-prompt":      {{out: []string{"user:\nThis is a simple prompt without arguments.\n"}}},
	"args-prompt":        {{args: []string{"city=Rome", "state=Lazio"}, out: []string{"What's weather in Rome, Lazio?"}}, {code: 2, err: []string{"the prompt requires city"}}},
	"completable-prompt": {{args: []string{"department=Sales", "name=Eve"}, out: []string{"Please promote Eve to the head of the Sales team."}}},
	"resource-prompt": {
		{args: []string{"resourceType=Text", "resourceId=4"}, out: []string{"Resource 4: "}},
		{args: []string{"resourceType=None", "resourceId=4"}, code: 4, err: []string{"Invalid resourceType"}},
	},
}

func TestHawserRunsAllToolsAndPrompts(t *testing.T) {
	cli := hawserAgainst(t, peer.StartEverything(t).URL)
	for kind, table := range map[string]map[string][]hawserRun{"tool": everythingTools, "prompt": everythingPrompts} {
		command := map[string]string{"tool": "call", "prompt": "prompt"}[kind]
		names := cli.listed(t, kind+"s", "name")
		for name := range table {
			if !slices.Contains(names, name) {
				t.Errorf("the server has no %s %s", kind, name)
			}
		}
		for _, name := range names {
			if len(table[name]) == 0 {
				t.Errorf("no run for the %s %s", kind, name)
			}
			for i, run := range table[name] {
				t.Run(name+" "+strconv.Itoa(i), func(t *testing.T) { cli.check(t, run, command, name) })
			}
		}
	}
}

func TestHawserReadsAllResources(t *testing.T) {
	cli := hawserAgainst(t, peer.StartEverything(t).URL)
	if documents := cli.listed(t, "resources", "uri"); len(documents) < 7 {
		t.Errorf("only %q are listed", documents)
	} else {
		for _, uri := range documents {
			cli.check(t, hawserRun{out: []string{"# "}}, "read", uri) // all documents are in Markdown
		}
	}
	for _, template := range cli.listed(t, "resources", "uriTemplate") {
		want := map[bool]string{true: "[demo://resource/dynamic/blob/12 text/plain, ", false: "Resource 12: "}[strings.Contains(template, "/blob/")]
		cli.check(t, hawserRun{args: []string{"resourceId=12"}, out: []string{want}}, "read", template)
		cli.check(t, hawserRun{args: []string{"resourceId", "12"}, out: []string{"12\n"}}, "complete", "template", template)
	}
	cli.check(t, hawserRun{code: 4, err: []string{"demo://none not found", "hint: "}}, "read", "demo://none")
	cli.check(t, hawserRun{args: []string{"department", "S"}, out: []string{"Sales\nSupport\n"}}, "complete", "prompt", "completable-prompt")
	cli.check(t, hawserRun{args: []string{"name", "", "department=Sales"}, out: []string{"David\nEve\nFrank\n"}}, "complete", "prompt", "completable-prompt")
}

// After Ctrl-C, hawser first cancels its running request at the server, then ends the session.
func TestInterruptedHawserCancelsItsRequest(t *testing.T) {
	server := peer.StartEverything(t)
	watch := watchHTTP(t, server.URL)
	cli := hawserAgainst(t, watch.URL)
	cmd := cli.command(t, "call", "trigger-long-running-operation", "duration=600", "steps=6000")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(stderr)
	for line := ""; !strings.HasPrefix(line, "progress 1/6000"); {
		if line, err = lines.ReadString('\n'); err != nil {
			t.Fatalf("no progress: %v", err)
		}
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(lines)
	if err != nil || !strings.HasSuffix(string(rest), "cancelled\n") {
		t.Errorf("stderr ends with %q, %v", rest, err)
	}
	if code := exitCode(t, cmd.Wait()); code != 130 {
		t.Errorf("got exit code %d, expected 130", code)
	}
	seen := watch.seen()
	call := slices.IndexFunc(seen, func(x exchange) bool { return x.method == "tools/call" })
	cancelled := slices.IndexFunc(seen, func(x exchange) bool { return x.method == "notifications/cancelled" })
	deleted := slices.IndexFunc(seen, func(x exchange) bool { return x.method == http.MethodDelete })
	if call < 0 || cancelled < call || deleted < cancelled {
		t.Fatalf("the server received %+v, expected the call, its cancellation, and the end of the session", seen)
	}
	if cancel := seen[cancelled]; !bytes.Equal(cancel.about, seen[call].id) || cancel.status != http.StatusAccepted {
		t.Errorf("the server received %+v as the cancellation of %+v", cancel, seen[call])
	}
}

// hawserCLI is the built program and the server that it connects to.
type hawserCLI struct{ path, url string }

func hawserAgainst(t *testing.T, url string) hawserCLI {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hawser")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", path, ".")
	build.Dir = filepath.Join("..", "..", "examples", "hawser")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return hawserCLI{path, url}
}

func (c hawserCLI) command(t *testing.T, command string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), c.path, append([]string{command, c.url}, args...)...)
	cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+filepath.Dir(c.path)) // not the cache of the user
	return cmd
}

// check runs the program with the command, args and run.args, and compares its output with run.
func (c hawserCLI) check(t *testing.T, run hawserRun, command string, args ...string) {
	t.Helper()
	cmd := c.command(t, command, append(args, run.args...)...)
	var out, complaints bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(run.stdin), &out, &complaints
	if code := exitCode(t, cmd.Run()); code != run.code {
		t.Errorf("%q: got exit code %d, expected %d", cmd.Args[1:], code, run.code)
	}
	for where, c := range map[string]struct {
		text  string
		parts []string
	}{"stdout": {out.String(), run.out}, "stderr": {complaints.String(), run.err}} {
		for _, part := range c.parts {
			if !strings.Contains(c.text, part) {
				t.Errorf("%q: %q is not on %s:\n%s", cmd.Args[1:], part, where, c.text)
			}
		}
		if strings.Contains(c.text, "\x1b") {
			t.Errorf("%q: escape sequence on %s: %q", cmd.Args[1:], where, c.text)
		}
	}
}

// listed runs a command that lists items. It returns the named member of each item that has the
// member.
func (c hawserCLI) listed(t *testing.T, command, member string) (values []string) {
	t.Helper()
	out, err := c.command(t, command, "--json").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(out) {
		var item map[string]any
		if err := json.Unmarshal(line, &item); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if value, ok := item[member].(string); ok {
			values = append(values, value)
		}
	}
	return values
}

func exitCode(t *testing.T, err error) int {
	t.Helper()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case !errors.As(err, &exit):
		t.Fatal(err)
	}
	return exit.ExitCode()
}

// watchedHTTP is an HTTP proxy that records requests when the server has answered them.
type watchedHTTP struct {
	URL string

	server http.RoundTripper
	mu     sync.Mutex
	passed []exchange // guarded by mu
}

// exchange is a request that the server has answered.
type exchange struct {
	method string          // JSON-RPC method, or the HTTP method if the request has no message
	id     json.RawMessage // id of the JSON-RPC request
	about  json.RawMessage // id of the request that a cancellation cancels
	status int
}

// watchHTTP starts a proxy in front of a server. The proxy is closed at the end of the test.
func watchHTTP(t *testing.T, endpoint string) *watchedHTTP {
	t.Helper()
	target, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Transport{}
	t.Cleanup(server.CloseIdleConnections)
	w := &watchedHTTP{server: server}
	front := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = target.Scheme, target.Host },
		Transport:     w,
		FlushInterval: -1,
		ErrorHandler:  func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }, // the client has disconnected
	})
	t.Cleanup(front.Close)
	w.URL = front.URL + target.Path
	return w
}

// RoundTrip implements [http.RoundTripper].
func (w *watchedHTTP) RoundTrip(r *http.Request) (*http.Response, error) {
	var message struct {
		ID     json.RawMessage `json:"id"`
		Method string          `json:"method"`
		Params struct {
			RequestID json.RawMessage `json:"requestId"`
		} `json:"params"`
	}
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		_ = json.Unmarshal(body, &message) // a body that is not a message leaves the method empty
	}
	resp, err := w.server.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.passed = append(w.passed, exchange{cmp.Or(message.Method, r.Method), message.ID, message.Params.RequestID, resp.StatusCode})
	return resp, nil
}

func (w *watchedHTTP) seen() []exchange {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.passed)
}
