package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// process is another process of this program: the servers, or an executor. It answers each line of
// its input with a line of JSON.
type process struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// start runs this program again with an environment variable that selects its part. It reads the
// first line of its output into ready.
func start(variable, value string, ready any) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command(self)} //nolint:gosec,noctx // this program; it ends with its input
	p.cmd.Env = append(os.Environ(), variable+"="+value)
	p.cmd.Stderr = os.Stderr
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	if err := p.read(ready); err != nil {
		return nil, errors.Join(err, p.stop())
	}
	return p, nil
}

// ask sends a command and reads the reply.
func (p *process) ask(command string, reply any) error {
	if _, err := fmt.Fprintln(p.in, command); err != nil {
		return err
	}
	return p.read(reply)
}

func (p *process) read(reply any) error {
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("read from the other process: %w", err)
	}
	return json.Unmarshal(line, reply)
}

// stop ends the process and waits for it.
func (p *process) stop() error {
	return errors.Join(p.in.Close(), p.cmd.Wait())
}
