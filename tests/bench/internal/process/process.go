// Package process runs parts of the benchmark in processes of their own, so that each has its own
// CPU time and memory. The parts are roles of this executable. They exchange JSON over pipes: one
// request, then one reply.
package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// variable is the environment variable that has the role of a process.
const variable = "HAWSER_BENCH_ROLE"

// patience is how long a process may run after its input has ended.
const patience = 10 * time.Second

// Role returns the role in which this process was started, "" for none.
func Role() string { return os.Getenv(variable) }

// reply is the reply to a request, or an error.
type reply[T any] struct {
	Value T      `json:"value"`
	Error string `json:"error,omitempty"`
}

// Serve answers the requests on the standard input of this process until the input ends.
func Serve[Request, Reply any](answer func(*Request) (Reply, error)) error {
	return serve(os.Stdin, os.Stdout, answer)
}

func serve[Request, Reply any](in io.Reader, out io.Writer, answer func(*Request) (Reply, error)) error {
	requests, replies := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var request Request
		if err := requests.Decode(&request); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		var r reply[Reply]
		value, err := answer(&request)
		if r.Value = value; err != nil {
			r.Error = err.Error()
		}
		if err := replies.Encode(&r); err != nil {
			return err
		}
	}
}

// Child is a running process. It serves one caller at a time.
type Child struct {
	name     string
	cmd      *exec.Cmd
	in       io.Closer
	requests *json.Encoder
	replies  *json.Decoder
}

// Start starts this executable in a role, with env added to its environment. The caller closes the
// process. It is killed if ctx ends.
func Start(ctx context.Context, role string, env ...string) (*Child, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, program) //nolint:gosec // this program itself
	cmd.Env = append(append(os.Environ(), variable+"="+role), env...)
	cmd.Stderr = os.Stderr
	cmd.WaitDelay = patience
	in, inErr := cmd.StdinPipe()
	out, outErr := cmd.StdoutPipe()
	if err := errors.Join(inErr, outErr); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &Child{name: role, cmd: cmd, in: in, requests: json.NewEncoder(in), replies: json.NewDecoder(out)}, nil
}

// Call sends a request to a process and returns its reply.
func Call[Reply any](c *Child, request any) (Reply, error) {
	var r reply[Reply]
	if err := c.requests.Encode(request); err != nil {
		return r.Value, fmt.Errorf("asking the %s process: %w", c.name, err)
	}
	if err := c.replies.Decode(&r); err != nil {
		return r.Value, fmt.Errorf("reading the reply of the %s process: %w", c.name, err)
	}
	if r.Error != "" {
		return r.Value, errors.New(r.Error)
	}
	return r.Value, nil
}

// Close ends the input of the process and waits for its end. It kills the process after 10 s.
func (c *Child) Close() error {
	err := c.in.Close()
	kill := time.AfterFunc(patience, func() { _ = c.cmd.Process.Kill() })
	defer kill.Stop()
	return errors.Join(err, c.cmd.Wait())
}
