package executor_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/transport"
	"github.com/hawser-mcp/hawser/transport/executor"
	"github.com/hawser-mcp/hawser/transport/executor/agent"
)

// childRole is the environment variable that makes the test binary act as a child process. Its
// value is the role.
const childRole = "HAWSER_TEST_CHILD"

func child(role string) int {
	switch role {
	case "agent": // a correct executor
		_ = agent.ServeStdio(context.Background(), os.Stdin, os.Stdout, nil)
	case "deaf": // ignores the end of its input
		go func() { _ = agent.ServeStdio(context.Background(), io.NopCloser(os.Stdin), os.Stdout, nil) }()
		signal.Ignore(syscall.SIGPIPE)
		time.Sleep(time.Hour)
	case "sleeper": // does not exit, and keeps the inherited output open
		time.Sleep(time.Hour)
	case "parent": // passes its output on to a child process
		cmd := self("sleeper")
		cmd.Stdout = os.Stdout
		if err := cmd.Start(); err != nil {
			return 1
		}
		_, _ = os.Stderr.WriteString(strconv.Itoa(cmd.Process.Pid) + "\n")
		_ = agent.ServeStdio(context.Background(), os.Stdin, os.Stdout, nil)
	}
	return 0
}

// self returns a command that runs the test binary as a child process with the given role.
func self(role string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childRole+"="+role)
	return cmd
}

// children makes commands and keeps a list of them.
type children struct {
	role string
	mu   sync.Mutex
	all  []*exec.Cmd // guarded by mu
	life context.Context
}

func (c *children) make(ctx context.Context) (*exec.Cmd, error) {
	cmd := self(c.role)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, cmd)
	c.life = ctx
	return cmd, nil
}

func (c *children) last() *exec.Cmd {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.all[len(c.all)-1]
}

func (c *children) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.all)
}

func upstream(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv.URL
}

func echo(rw http.ResponseWriter, r *http.Request) { _, _ = io.Copy(rw, r.Body) }

func postTo(t *testing.T, rt http.RoundTripper, url string) (string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader("hello"))
	if err != nil {
		return "", err
	}
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

func TestCommand(t *testing.T) {
	url := upstream(t, echo)
	c := &children{role: "agent"}
	rt, err := executor.Command(t.Context(), c.make, nil)
	require.NoError(t, err)
	for range 3 {
		got, err := postTo(t, rt, url)
		require.NoError(t, err)
		require.Equal(t, "hello", got)
	}
	require.Equal(t, 1, c.count())

	require.NoError(t, c.last().Process.Kill())
	for c.count() == 1 { // no event signals that the transport has noticed
		if _, err = postTo(t, rt, url); err != nil {
			require.Equal(t, transport.MaybeSent, transport.StageOf(err))
		}
	}
	got, err := postTo(t, rt, url)
	require.NoError(t, err)
	require.Equal(t, "hello", got)
	require.Equal(t, 2, c.count(), "the process was started again")

	require.NoError(t, rt.Close())
	for _, cmd := range c.all {
		require.NotNil(t, cmd.ProcessState, "Close waits for the process")
	}
}

func TestCommandThatEndsDuringAnExchange(t *testing.T) {
	arrived := make(chan struct{}, 1)
	url := upstream(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		arrived <- struct{}{}
		<-r.Context().Done()
	})
	c := &children{role: "agent"}
	rt, err := executor.Command(t.Context(), c.make, nil)
	require.NoError(t, err)
	defer rt.Close()
	failed := make(chan error, 1)
	go func() {
		_, err := postTo(t, rt, url)
		failed <- err
	}()
	<-arrived
	require.NoError(t, c.last().Process.Kill())
	err = <-failed
	requireStage(t, err, transport.MaybeSent, false)
	require.ErrorIs(t, err, executor.ErrLinkLost)
}

func TestCommandThatDoesNotEnd(t *testing.T) {
	c := &children{role: "deaf"}
	rt, err := executor.Command(t.Context(), c.make, nil)
	require.NoError(t, err)
	require.NoError(t, rt.Close())
	require.NotNil(t, c.last().ProcessState)
	require.False(t, c.last().ProcessState.Exited(), "the process was killed")
}

// When a process ends, its link is lost, even if a descendant still holds its output open.
func TestCommandWithADescendant(t *testing.T) {
	c := &children{role: "parent"}
	r, pids, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	rt, err := executor.Command(t.Context(), func(ctx context.Context) (*exec.Cmd, error) {
		cmd, err := c.make(ctx)
		cmd.Stderr = pids
		return cmd, err
	}, nil)
	require.NoError(t, err)
	_ = pids.Close()
	defer killAll(t, r)
	arrived := make(chan struct{})
	url := upstream(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		close(arrived)
		<-r.Context().Done()
	})
	failed := make(chan error, 1)
	go func() {
		_, err := postTo(t, rt, url)
		failed <- err
	}()
	<-arrived
	require.NoError(t, c.last().Process.Kill())
	require.ErrorIs(t, <-failed, executor.ErrLinkLost)
	require.NoError(t, rt.Close())
}

// killAll kills the processes whose IDs it reads from r.
func killAll(t *testing.T, r io.Reader) {
	t.Helper()
	text, err := io.ReadAll(io.LimitReader(r, 64))
	require.NoError(t, err)
	for pid := range strings.FieldsSeq(string(text)) {
		n, err := strconv.Atoi(pid)
		require.NoError(t, err)
		p, err := os.FindProcess(n)
		require.NoError(t, err)
		require.NoError(t, p.Kill())
	}
}

func TestCommandsThatCannotStart(t *testing.T) {
	for name, c := range map[string]struct {
		make      func(context.Context) (*exec.Cmd, error)
		permanent bool
		text      string
	}{
		"no such program": {func(context.Context) (*exec.Cmd, error) { return exec.Command("/nonexistent/executor"), nil }, true, "start the executor"},
		"no command":      {func(context.Context) (*exec.Cmd, error) { return nil, nil }, false, "the function returned neither a command nor an error"},
		"an error":        {func(context.Context) (*exec.Cmd, error) { return nil, errors.New("not today") }, false, "not today"},
		"ends at once":    {func(context.Context) (*exec.Cmd, error) { return exec.Command(os.Args[0], "-test.list=^$"), nil }, false, "connect"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := executor.Command(t.Context(), c.make, nil)
			requireStage(t, err, transport.NotSent, c.permanent, c.text)
		})
	}
}
