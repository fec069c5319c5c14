package filestore_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// childVariable is the environment variable that tells a child process which role to run.
const childVariable = "HAWSER_FILESTORE_CHILD"

// children holds the functions that child processes run, by role.
var children = map[string]func(ctx context.Context, args []string) error{
	"use the token":  useToken,
	"hold the lease": holdLease,
	"use a client":   useClient,
}

func TestMain(m *testing.M) {
	role := os.Getenv(childVariable)
	if role == "" {
		goleak.VerifyTestMain(m)
		return
	}
	if err := children[role](context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// child is a child process that a test started.
type child struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout *bufio.Reader
	stderr strings.Builder
}

// start starts a child process with the given role.
func start(t *testing.T, role string, args ...string) *child {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	c := &child{t: t, cmd: exec.CommandContext(t.Context(), self, args...)}
	c.cmd.Env = append(os.Environ(), childVariable+"="+role,
		"GORACE=atexit_sleep_ms=0") // otherwise the race detector waits for a second at exit
	c.cmd.Stderr = &c.stderr
	c.stdin, err = c.cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := c.cmd.StdoutPipe()
	require.NoError(t, err)
	c.stdout = bufio.NewReader(stdout)
	require.NoError(t, c.cmd.Start())
	return c
}

// says waits until the process prints the given line.
func (c *child) says(line string) {
	c.t.Helper()
	said, err := c.stdout.ReadString('\n')
	require.NoError(c.t, err)
	require.Equal(c.t, line+"\n", said)
}

// succeeds waits until the process exits without an error.
func (c *child) succeeds() {
	c.t.Helper()
	err := c.cmd.Wait()
	require.NoError(c.t, err, c.stderr.String())
}

// goTogether signals all processes to start at the same time. It waits until each exits without an
// error.
func goTogether(t *testing.T, all []*child) {
	t.Helper()
	for _, c := range all {
		c.says("ready")
	}
	for _, c := range all {
		require.NoError(t, c.stdin.Close()) // the signal to start
	}
	for _, c := range all {
		c.succeeds()
	}
}

// ready tells the test that this process is ready, and waits for the signal to start.
func ready() error {
	fmt.Println("ready")
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}
