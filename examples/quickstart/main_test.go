package main

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hawser-mcp/hawser/internal/execproto"
	"github.com/hawser-mcp/hawser/internal/link"
	"github.com/hawser-mcp/hawser/internal/memnet"
	"github.com/hawser-mcp/hawser/transport"
	"github.com/hawser-mcp/hawser/transport/executor"
	"github.com/hawser-mcp/hawser/transport/executor/agent"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const story = `1. A server of the modern era, protocol 2026-07-28.
   Tool "brew": Brews tea, one cup after the other.
     cup 1 of 3: green tea
     cup 2 of 3: black tea
     cup 3 of 3: mint tea
   Result: cups of tea served: 3

2. The same code with a server of the legacy era, protocol 2025-11-25, and three failures.

   The connection breaks in the middle of a call:
     cup 1 of 3: green tea
     (every connection to the server is cut)
     cup 2 of 3: black tea
     cup 3 of 3: mint tea
   Result: cups of tea served: 3
   The tool ran once. The session reconnected and resumed the stream of the call.

   The server is redeployed and has lost the session:
     cup 1 of 1: green tea
   Result: cups of tea served: 1
   The tool ran once. The server refused the call at first; it was sent again in a new session.

   The server crashes in the middle of a call:
     cup 1 of 3: green tea
     (the server crashes and is restarted)
   The call failed: outcome unknown. The tool ran once, and Hawser does not run it a second time.
   The next call works, in a new session:
     cup 1 of 1: green tea
   Result: cups of tea served: 1

3. The same code through an executor, which makes the requests in another network.
     cup 1 of 2: green tea
     cup 2 of 2: black tea
   Result: cups of tea served: 2

All steps succeeded.
`

// In fake time, each cup is brewed only after all goroutines have processed the progress of the
// previous one. The output is therefore always the same.
func TestStory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := memnet.New()
		direct := transport.NewDirect(&transport.DirectOptions{DialContext: memory.DialContext, NoProxy: true})
		var out strings.Builder
		require.NoError(t, run(t.Context(), &out, network{
			listen:    func(context.Context) (net.Listener, error) { return memory.Listen("127.0.0.1:8080"), nil },
			transport: direct,
			remote: func(ctx context.Context) (transport.Transport, func() error, error) {
				return remoteInMemory(ctx, memory)
			},
		}))
		require.Equal(t, story, out.String())
		require.NoError(t, direct.Close())
		synctest.Wait()
		require.Zero(t, memory.Conns(), "connections left open")
	})
}

// remoteInMemory does the same as remoteOnLoopback on the in-memory network.
func remoteInMemory(ctx context.Context, memory *memnet.Network) (transport.Transport, func() error, error) {
	near, far := link.Pipe(execproto.MaxMessage)
	served := make(chan error, 1)
	go func() {
		served <- agent.Serve(context.WithoutCancel(ctx), far, &agent.Options{DialContext: memory.DialContext})
	}()
	rt, err := executor.New(ctx, near, nil)
	if err != nil {
		return nil, nil, err
	}
	return rt, func() error { return errors.Join(rt.Close(), <-served) }, nil
}

// The program works as users run it: over loopback, with one transport for each session.
func TestStoryOnLoopback(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out, network{listen: listenOnLoopback, remote: remoteOnLoopback}))
	require.Equal(t, story, out.String())
}

// README.md shows a part of what the program prints.
func TestReadmeShowsTheOutput(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	require.NoError(t, err)
	shown := regexp.MustCompile("(?s)```\n\\$ go run \\./examples/quickstart\n…\n(.*?)…\n```").FindSubmatch(readme)
	require.NotNil(t, shown, "README.md shows no output of the quickstart")
	require.Contains(t, story, string(shown[1]))
}

func TestFailureIsReported(t *testing.T) {
	noPort := errors.New("no port left")
	var out strings.Builder
	err := run(t.Context(), &out, network{
		listen: func(context.Context) (net.Listener, error) { return nil, noPort },
	})
	require.ErrorIs(t, err, noPort)
	require.NotContains(t, out.String(), "All steps succeeded.")
}
