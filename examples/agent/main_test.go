package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hawser-mcp/hawser/examples/teahouse"
	"github.com/hawser-mcp/hawser/examples/terminal"
	"github.com/hawser-mcp/hawser/internal/memnet"
	"github.com/hawser-mcp/hawser/mcpclient/group"
	"github.com/hawser-mcp/hawser/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	update   = flag.Bool("update", false, "write the transcript to docs/agents.md")
	document = filepath.Join("..", "..", "docs", "agents.md")
	shown    = regexp.MustCompile("(?s)```\n\\$ go run \\./examples/agent\n(.*?)```\n")
)

// The document shows what the demonstration prints when the user approves every call. In fake time,
// the output is always the same: nothing happens at the same time as something else.
func TestDocumentShowsTheTranscript(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openStage(t)
		require.NoError(t, s.agent(s.house.Model, approves(s)).start(t.Context(), s.house.Config, teahouse.Task))
		require.Equal(t, 3, s.house.Brewed(), "cups: no call ran twice, and none was lost")

		text, err := os.ReadFile(document)
		require.NoError(t, err)
		if *update {
			block := "```\n$ go run ./examples/agent\n" + s.transcript() + "```\n"
			text = shown.ReplaceAllLiteral(text, []byte(block))
			require.NoError(t, os.WriteFile(document, text, 0o600))
		}
		block := shown.FindSubmatch(text)
		require.NotNil(t, block, "docs/agents.md has no transcript")
		require.Equal(t, s.transcript(), string(block[1]), "to update docs/agents.md: go test ./examples/agent -update")
		configuration, err := os.ReadFile(s.house.Config)
		require.NoError(t, err)
		require.Contains(t, string(text), "```json\n"+string(configuration)+"```\n")
	})
}

func TestAgentHasAtMost200Lines(t *testing.T) {
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	lines := 0
	for _, file := range files {
		if !strings.HasSuffix(file, "_test.go") {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			lines += strings.Count(string(text), "\n")
		}
	}
	require.LessOrEqual(t, lines, 200, "docs/agents.md promises it")
}

// A recorded model does not pretend that all is well.
func TestDeniedCallDoesNotRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openStage(t)
		err := s.agent(s.house.Model, nil).start(t.Context(), s.house.Config, teahouse.Task)
		require.ErrorContains(t, err, "expected an answer with")
		require.Contains(t, s.transcript(), "The tool did not run.\n    Error: function kitchen__brew was refused")
		require.Zero(t, s.house.Brewed())
	})
}

func TestInterruptEndsAnOpenQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openStage(t)
		ctx, interrupt := context.WithCancelCause(t.Context())
		interrupted := errors.New("interrupted")
		a := s.agent(s.house.Model, func(ctx context.Context) (string, error) {
			time.AfterFunc(time.Minute, func() { interrupt(interrupted) })
			<-ctx.Done()
			return "", context.Cause(ctx)
		})
		began := time.Now()
		require.ErrorIs(t, a.start(ctx, s.house.Config, teahouse.Task), interrupted)
		require.Less(t, time.Since(began), 2*time.Minute)
		require.Zero(t, s.house.Brewed())
	})
}

func TestCallsOfAMessageRunTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openStage(t)
		var began time.Time
		var took time.Duration
		a := s.agent(plays(t,
			`{"tool_calls": [
				{"id": "1", "function": {"name": "pantry__stock", "arguments": "{}"}},
				{"id": "2", "function": {"name": "pantry__stock", "arguments": "[1]"}},
				{"id": "3", "function": {"name": "pantry__stock", "arguments": "{"}},
				{"id": "4", "function": {"name": "cellar__stock", "arguments": ""}},
				{"id": "5", "function": {"name": "pantry__stock"}}]}`,
			func(chat []any) string {
				took = time.Since(began)
				require.Len(t, chat, 7)
				for i, want := range []string{"enough for 3 cups", "did not run", "did not run", "unknown function", "enough for 3 cups"} {
					answer := string(chat[2+i].(json.RawMessage))
					require.Contains(t, answer, want)
					require.Contains(t, answer, fmt.Sprintf(`"tool_call_id":"%d"`, i+1))
				}
				return `{"content": "Done."}`
			}), nil)
		inner := a.model
		a.model = func(ctx context.Context, chat []any, tools json.RawMessage) (json.RawMessage, error) {
			message, err := inner(ctx, chat, tools)
			began = time.Now()
			return message, err
		}
		require.NoError(t, a.start(t.Context(), s.house.Config, "What is there?"))
		require.Less(t, took, 40*time.Millisecond, "each call takes 20 ms")
	})
}

func TestModelThatNeverAnswersIsStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openStage(t)
		turns := 0
		a := s.agent(func(context.Context, []any, json.RawMessage) (json.RawMessage, error) {
			turns++
			return json.RawMessage(`{"tool_calls": [{"id": "1", "function": {"name": "pantry__stock", "arguments": "{}"}}]}`), nil
		}, nil)
		require.ErrorContains(t, a.start(t.Context(), s.house.Config, "Count."), "no answer in 50 turns")
		require.Equal(t, 50, turns)
	})
}

func TestProblemsOfTheConfigurationAreShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openStage(t)
		file := filepath.Join(t.TempDir(), "mcp.json")
		require.NoError(t, os.WriteFile(file, []byte(`{"mcpServers": {
			"missing": {"url": "http://127.0.0.1:9/mcp", "headers": {"X-Key": "${NOT_SET_HERE}"}},
			"program": {"command": "npx"},
			"dead": {"url": "http://127.0.0.1:9/mcp"}}}`), 0o600))
		require.NoError(t, s.agent(plays(t, `{"content": "There is nothing to do."}`), nil).start(t.Context(), file, "Work."))
		for _, want := range []string{"NOT_SET_HERE", "program is unsupported\n", "dead is down\n", "connection refused", "model: There is nothing to do.\n"} {
			require.Contains(t, s.transcript(), want)
		}
		require.ErrorContains(t, s.agent(nil, nil).start(t.Context(), file+".not", ""), "mcp.json.not")
	})
}

// stage is a teahouse on a network in memory.
type stage struct {
	house  *teahouse.House
	direct transport.Transport

	mu  sync.Mutex
	out strings.Builder // guarded by mu
}

// moveHome keeps the tokens of a test apart from those of the user, and from those of other tests: the
// locks of files take real time.
func moveHome(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	t.Setenv("XDG_CONFIG_HOME", dir)
	t.Setenv("AppData", dir)
}

// openStage must be called in a synctest bubble. The stage is closed at the end of the test.
func openStage(t *testing.T) *stage {
	t.Helper()
	moveHome(t)
	memory := memnet.New()
	s := &stage{direct: transport.NewDirect(&transport.DirectOptions{
		NoProxy: true,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			time.Sleep(time.Millisecond) // so that a lost answer arrives before the next connection is refused
			return memory.DialContext(ctx, network, address)
		},
	})}
	next := 8080
	var err error
	s.house, err = teahouse.Open(t.Context(), func(_ context.Context, address string) (net.Listener, error) {
		if address == "127.0.0.1:0" {
			next++
			address = fmt.Sprintf("127.0.0.1:%d", next)
		}
		return memory.Listen(address), nil
	})
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, s.house.Close())
		require.NoError(t, s.direct.Close())
		synctest.Wait()
		require.Zero(t, memory.Conns(), "connections left open")
	})
	return s
}

type model = func(context.Context, []any, json.RawMessage) (json.RawMessage, error)

func (s *stage) agent(m model, user terminal.Lines) *agent {
	return &agent{model: m, user: terminal.New(user, s), opts: group.Options{Transports: map[string]http.RoundTripper{"": s.direct}}}
}

// Write implements [io.Writer].
func (s *stage) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Write(p)
}

// transcript returns what was printed. It names the network as on a real machine.
func (s *stage) transcript() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.ReplaceAll(s.out.String(), "dial mem ", "dial tcp ")
}

// approves is a user who thinks for a second and then approves.
func approves(s *stage) terminal.Lines {
	return func(context.Context) (string, error) {
		time.Sleep(time.Second)
		_, err := s.Write([]byte("y\n")) // the echo of the terminal
		return "y", err
	}
}

// plays returns a model with these messages: strings, or functions of the chat that return one.
func plays(t *testing.T, messages ...any) model {
	t.Helper()
	return func(_ context.Context, chat []any, _ json.RawMessage) (json.RawMessage, error) {
		require.NotEmpty(t, messages, "the model was called too often")
		next := messages[0]
		messages = messages[1:]
		if f, ok := next.(func([]any) string); ok {
			next = f(chat)
		}
		return json.RawMessage(next.(string)), nil
	}
}
