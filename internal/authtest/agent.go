package authtest

import (
	"context"
	"sync"

	"github.com/hawser-mcp/hawser/internal/execproto"
	"github.com/hawser-mcp/hawser/internal/link"
	"github.com/hawser-mcp/hawser/transport"
	"github.com/hawser-mcp/hawser/transport/executor"
	"github.com/hawser-mcp/hawser/transport/executor/agent"
)

// Agent returns a transport over in-memory executors that run our agent: one for each exchange, or
// a single one if shared is set. It ends with the test. These executors cannot resolve the names of
// [World.ServeAt].
func (w *World) Agent(shared bool) transport.Transport {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	dial := func(context.Context) (executor.Link, error) {
		near, far := link.Pipe(execproto.MaxMessage)
		serving.Go(func() { _ = agent.Serve(ctx, far, &agent.Options{DialContext: w.Network.DialContext}) }) // ends with the link
		return near, nil
	}
	rt, err := executor.Open(ctx, dial, &executor.Options{Shared: shared})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		_ = rt.Close() // always returns nil
		cancel()
		serving.Wait()
	})
	return rt
}
