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

// patience is the timeout of every wait for a program. It is far longer than any program needs, so
// only a program that hangs exceeds it.
const patience = 60 * time.Second

// errExited is the value of process.err if the program has exited with status 0.
var errExited = errors.New("exit status 0")

// process is a running program and its children. They are in a separate process group, which is
// killed at the end of the test at the latest.
type process struct {
	cmd  *exec.Cmd
	log  *log
	done chan struct{} // closed when the program has ended and its output has been read
	err  error         // why the program ended; errExited after a clean exit; valid after done is closed
	stop context.CancelFunc
}

// start runs a program in this process's environment with env added.
func start(tb testing.TB, env []string, program string, args ...string) *process {
	tb.Helper()
	return startIn(tb, "", append(os.Environ(), env...), program, args...)
}

// startIn runs a program in a directory and with exactly this environment. "" is the directory of
// this process.
func startIn(tb testing.TB, dir string, environment []string, program string, args ...string) *process {
	tb.Helper()
	ctx, stop := context.WithCancel(tb.Context()) // the context ends before the cleanups of the test run
	p := &process{log: newLog(), done: make(chan struct{}), stop: stop}
	p.cmd = exec.CommandContext(ctx, program, args...) //nolint:gosec // tests choose the program
	p.cmd.Dir, p.cmd.Env = dir, environment
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

// kill kills the program and its children. It returns when the program has ended.
func (p *process) kill() {
	p.stop()
	<-p.done
}

// wait returns when the program has ended. It returns an error unless the program exited cleanly.
func (p *process) wait() error {
	select {
	case <-p.done:
		if errors.Is(p.err, errExited) {
			return nil
		}
		return p.err
	case <-time.After(patience):
		p.kill()
		return fmt.Errorf("still running after %v", patience)
	}
}

// waitFor waits until the program has printed text the given number of times. It returns an error
// if the program ends first, or after a timeout.
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
			return fmt.Errorf("did not print %q %d times within %v", text, times, patience)
		}
	}
}
