package clients

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"

	"github.com/hawser-mcp/hawser/transport/executor"
	"github.com/hawser-mcp/hawser/transport/executor/agent"
)

func openAgent(ctx context.Context, t *Target) (Client, error) {
	return throughAgent(ctx, t, nil)
}

func openAgentShared(ctx context.Context, t *Target) (Client, error) {
	return throughAgent(ctx, t, &executor.Options{Shared: true})
}

// throughAgent runs the agent in this process. Its costs are therefore measured, too.
func throughAgent(ctx context.Context, t *Target, opts *executor.Options) (Client, error) {
	l, err := agent.Listen(ctx, "ws://127.0.0.1:0", nil)
	if err != nil {
		return nil, err
	}
	network, err := executor.Dial(ctx, l.URL(), opts)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return &hawser{target: t, transport: network, stop: l.Close}, nil
}

// openCodex runs codex in a process of its own. Its costs are not measured.
func openCodex(ctx context.Context, t *Target) (Client, error) {
	c, err := startCodex(ctx, t.Codex)
	if err != nil {
		return nil, fmt.Errorf("starting codex: %w", err)
	}
	network, err := executor.Dial(ctx, c.url, nil)
	if err != nil {
		return nil, errors.Join(err, c.stop())
	}
	return &hawser{target: t, transport: network, stop: c.stop}, nil
}

// codex is a running codex exec-server.
type codex struct {
	url    string
	cmd    *exec.Cmd
	home   string
	output sync.WaitGroup
}

// checkProgram refuses the script that npm installs as codex. The program that it starts would stay
// when the script is killed.
func checkProgram(file string) error {
	f, err := os.Open(file) //nolint:gosec // the user names it
	if err != nil {
		return err
	}
	defer f.Close()
	var begin [2]byte
	if _, err := io.ReadFull(f, begin[:]); err == nil && string(begin[:]) == "#!" {
		return fmt.Errorf("%s is a script: expected the program, node_modules/@openai/codex-*/vendor/*/bin/codex", file)
	}
	return nil
}

// startCodex starts a codex program and returns when it listens.
func startCodex(ctx context.Context, program string) (*codex, error) {
	if err := checkProgram(program); err != nil {
		return nil, err
	}
	address, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	home, err := os.MkdirTemp("", "hawser-bench-codex-")
	if err != nil {
		return nil, err
	}
	c := &codex{url: "ws://" + address, home: home}
	c.cmd = exec.CommandContext(context.WithoutCancel(ctx), program, "exec-server", "--listen", c.url) //nolint:gosec // the user names it
	c.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "CODEX_HOME=" + home, "TMPDIR=" + home, "NO_PROXY=127.0.0.1"}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(home))
	}
	c.cmd.Stderr = c.cmd.Stdout
	if err := c.cmd.Start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(home))
	}
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return nil, errors.Join(fmt.Errorf("it ended without listening at %s: %w", c.url, err), c.stop())
		}
		if strings.TrimSpace(line) == c.url {
			break
		}
	}
	c.output.Go(func() { _, _ = io.Copy(io.Discard, lines) })
	return c, nil
}

// stop kills the program and removes its files.
func (c *codex) stop() error {
	_ = c.cmd.Process.Kill() // fails if it has ended
	c.output.Wait()
	_ = c.cmd.Wait() // reports the kill
	return os.RemoveAll(c.home)
}

// freePort returns an address on loopback that is free.
func freePort(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
