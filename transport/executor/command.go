package executor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/hawser-mcp/hawser/internal/link"
	"github.com/hawser-mcp/hawser/transport"
)

// killAfter is how long a child process may run after its input has ended.
const killAfter = time.Second

// Lines returns a [Link] over a pair of byte streams that carry one message per line, such as an
// SSH channel, a serial line or the pipes of a process. Close of the link closes both streams,
// which must end a Read or Write in progress. maxMessage bounds a received message, in bytes. Zero
// means [DefaultMaxMessage].
func Lines(in io.ReadCloser, out io.WriteCloser, maxMessage int) Link {
	if maxMessage <= 0 {
		maxMessage = DefaultMaxMessage
	}
	return link.NewLines(in, out, maxMessage)
}

// Command returns a Transport over an executor that runs as a child process. They communicate over
// the standard input and output of the process, and all exchanges share it. Command calls the
// function command to make the first process, and again after a process has ended. The function
// must return a process that is not started and has no Stdin and Stdout. The context passed to the
// function ends when the process is no longer needed. ctx bounds only the first start. Close ends
// the input of the process, and kills the process if it still runs a second later.
func Command(ctx context.Context, command func(context.Context) (*exec.Cmd, error), opts *Options) (*Transport, error) {
	t, err := newTransport(opts)
	if err != nil {
		return nil, err
	}
	t.opts.Shared = true
	return t.start(ctx, func(context.Context) (Link, error) { return t.startProcess(command) })
}

// process is a link to a child process.
type process struct {
	*link.Lines
	cmd    *exec.Cmd
	end    context.CancelFunc
	out    *os.File
	ended  chan struct{} // closed when the process has ended
	ending sync.Once
}

func (t *Transport) startProcess(command func(context.Context) (*exec.Cmd, error)) (Link, error) {
	life, end := context.WithCancel(context.Background())
	cmd, err := command(life)
	if err == nil && cmd == nil {
		err = errors.New("the function returned neither a command nor an error")
	}
	if err != nil {
		end()
		return nil, fmt.Errorf("executor command: %w", err)
	}
	p, err := launch(cmd, t.opts.MaxMessage)
	if err != nil {
		end()
		return nil, err
	}
	p.end = end
	if !t.owned.Go(p.reap) { // the Transport has been closed
		_ = p.Close()
		p.reap()
		return nil, transport.ErrClosed
	}
	return p, nil
}

// launch starts cmd with pipes made by this package. The pipes of package exec are unsuitable: they
// are closed when the process ends, and unread output is lost.
func launch(cmd *exec.Cmd, maxMessage int) (*process, error) {
	childIn, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	out, childOut, err := os.Pipe()
	if err != nil {
		_, _ = childIn.Close(), in.Close()
		return nil, err
	}
	cmd.Stdin, cmd.Stdout = childIn, childOut
	cmd.WaitDelay = cmp.Or(cmd.WaitDelay, killAfter)
	err = cmd.Start()
	_, _ = childIn.Close(), childOut.Close()
	if err != nil {
		_, _ = in.Close(), out.Close()
		return nil, &transport.Error{Stage: transport.NotSent, Permanent: true, Op: "start the executor", Err: err}
	}
	return &process{Lines: link.NewLines(out, in, maxMessage), cmd: cmd, out: out, ended: make(chan struct{})}, nil
}

// reap waits for the process. It ends the link even if a descendant of the process keeps the output
// open.
func (p *process) reap() {
	_ = p.cmd.Wait() // the result does not matter: the process no longer runs in any case
	close(p.ended)
	_ = p.out.SetReadDeadline(time.Now().Add(killAfter))
	p.end()
}

// Close ends the input of the process, which should make it exit, and kills it after a second.
func (p *process) Close() error {
	p.ending.Do(func() {
		_ = p.Lines.Close()
		time.AfterFunc(killAfter, func() {
			select {
			case <-p.ended:
			default:
				_ = p.cmd.Process.Kill()
			}
		})
	})
	return nil
}
