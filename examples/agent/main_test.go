package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/examples/teahouse"
	"github.com/hawser-mcp/hawser/examples/terminal"
	"github.com/hawser-mcp/hawser/internal/memnet"
	"github.com/hawser-mcp/hawser/mcpclient/group"
	"github.com/hawser-mcp/hawser/transport"
)

func TestTranscript(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := memnet.New()
		direct := transport.NewDirect(&transport.DirectOptions{NoProxy: true, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			time.Sleep(time.Millisecond)
			return memory.DialContext(ctx, network, address)
		}})
		ports := []string{"127.0.0.1:8081", "127.0.0.1:8082"}
		house, err := teahouse.Open(t.Context(), func(_ context.Context, address string) (net.Listener, error) {
			if address == "127.0.0.1:0" {
				address, ports = ports[0], ports[1:]
			}
			return memory.Listen(address), nil
		})
		require.NoError(t, err)
		var out syncBuffer
		yes := func(ctx context.Context) (string, error) {
			time.Sleep(time.Second)
			fmt.Fprintln(&out, "y")
			return "y", nil
		}
		a := &agent{model: house.Model, user: terminal.New(yes, &out), opts: group.Options{Transports: map[string]http.RoundTripper{"": direct}}}
		began := time.Now()
		err = a.start(t.Context(), house.Config, teahouse.Task)
		t.Log("\n" + out.String())
		t.Log(time.Since(began))
		require.NoError(t, err)
		require.NoError(t, house.Close())
		require.NoError(t, direct.Close())
		synctest.Wait()
		require.Zero(t, memory.Conns())
	})
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) { b.mu.Lock(); defer b.mu.Unlock(); return b.b.Write(p) }
func (b *syncBuffer) String() string               { b.mu.Lock(); defer b.mu.Unlock(); return b.b.String() }
