package main

import (
	"context"
	"errors"
	"net"
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

const story = `1. A server of the modern era: every request is independent.
   The server listens at http://127.0.0.1:8080/mcp
   Connected to "teahouse": modern era, protocol 2026-07-28.
   It has a tool "brew": Brews tea, one cup after the other.
   Calling it for three cups, with progress:
     cup 1 of 3: green tea
     cup 2 of 3: black tea
     cup 3 of 3: mint tea
   Result: cups of tea served: 3

2. A server of the legacy era: it keeps a session and will lose it.
   The server listens at http://127.0.0.1:8080/mcp
   Connected to "teahouse": legacy era, protocol 2025-11-25. Nothing had to be configured for that.
   Calling the tool:
     cup 1 of 1: green tea
   Result: cups of tea served: 1
   Now a new server replaces it and does not know the session. Calling the tool again:
     cup 1 of 1: green tea
   Result: cups of tea served: 1
   The call succeeded. SessionRestored reports a new session in place of the lost one (protocol 2025-11-25).
   Two calls ran the tool twice: the server had refused the second call before running it, so the retry was safe.

3. The same session through an executor: another process makes every request.
   Connected to "teahouse". Calling the tool, with progress:
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

// remoteInMemory is remoteOnLoopback on the network of the test.
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

// The program as users run it: over loopback, and with a transport for each session.
func TestStoryOnLoopback(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out, network{listen: listenOnLoopback, remote: remoteOnLoopback}))
	require.Contains(t, out.String(), "All steps succeeded.")
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
