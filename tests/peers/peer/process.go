package peer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// patience bounds every wait for a program: far more than any needs, so that
// only one that hangs is told so.
const patience = 60 * time.Second

// errExited is how a program ends that has nothing to complain about.
var errExited = errors.New("exit status 0")

// process is a running program with everything it started, in a process group
// of its own that ends with the test at the latest.
type process struct {
	cmd  *exec.Cmd
	log  *log
	done chan struct{} // closed once the program ended and its output was read
	err  error         // how it ended, errExited when it ended well; read after done
	stop context.CancelFunc
}

// start runs a program with what env adds to this process's environment.
func start(tb testing.TB, env []string, program string, args ...string) *process {
	tb.Helper()
	return startIn(tb, append(os.Environ(), env...), program, args...)
}

// startIn runs a program in that environment and no other.
func startIn(tb testing.TB, environment []string, program string, args ...string) *process {
	tb.Helper()
	ctx, stop := context.WithCancel(tb.Context()) // done before the test's cleanups
	p := &process{log: newLog(), done: make(chan struct{}), stop: stop}
	p.cmd = exec.CommandContext(ctx, program, args...) //nolint:gosec // tests choose the program
	p.cmd.Env = environment
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	p.cmd.Cancel = func() error { return killGroup(p.cmd) }
	p.cmd.WaitDelay = patience
	ownGroup(p.cmd)
	if err := p.cmd.Start(); err != nil {
		stop()
		tb.Fatalf("peer: %v", err)
	}
	go func() {
		defer close(p.done)
		if p.err = p.cmd.Wait(); p.err == nil {
			p.err = errExited
		}
	}()
	tb.Cleanup(p.kill)
	return p
}

// kill ends the program and all it started, and waits for the end.
func (p *process) kill() {
	p.stop()
	<-p.done
}

// wait returns once the program ended; an error if it did not end well.
func (p *process) wait() error {
	select {
	case <-p.done:
		if errors.Is(p.err, errExited) {
			return nil
		}
		return p.err
	case <-time.After(patience):
		p.kill()
		return fmt.Errorf("not done after %v", patience)
	}
}

// waitFor returns once the program has printed text that many times.
func (p *process) waitFor(text string, times int) error {
	timeout := time.After(patience)
	for {
		printed, more := p.log.read()
		if strings.Count(printed, text) >= times {
			return nil
		}
		select {
		case <-more:
		case <-p.done:
			if printed, _ = p.log.read(); strings.Count(printed, text) >= times {
				return nil
			}
			return fmt.Errorf("ended without printing %q %d times: %w", text, times, p.err)
		case <-timeout:
			return fmt.Errorf("has not printed %q %d times after %v", text, times, patience)
		}
	}
}
