package main_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/tests/bench/internal/clients"
	"github.com/hawser-mcp/hawser/tests/bench/internal/workload"
)

var (
	legacy = mcpclient.Options{ProtocolVersion: workload.Legacy}
	modern = mcpclient.Options{ProtocolVersion: workload.Modern}

	// plain is a context without a Done channel, which costs a call nothing.
	plain = context.Background()
)

// hawserClient returns a session over opts.Transport, which needs no network.
func hawserClient(tb testing.TB, opts mcpclient.Options) *clients.HawserSession {
	tb.Helper()
	s, err := mcpclient.Connect(plain, "http://memory.test"+workload.ListPath(workload.FewTools), &opts)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, s.Close()) })
	return clients.NewHawserSession(s)
}

// call makes calls of a tool.
func call(ctx context.Context, tb testing.TB, c clients.Session, tool *workload.Tool, calls int) {
	tb.Helper()
	for range calls {
		if _, err := c.Call(ctx, tool); err != nil {
			tb.Fatal(err)
		}
	}
}

// BenchmarkCall makes calls without sockets, for profiles of the client alone.
func BenchmarkCall(b *testing.B) {
	for name, opts := range map[string]mcpclient.Options{"legacy": legacy, "modern": modern} {
		for _, tool := range workload.Tools {
			b.Run(name+"/"+tool.Name, func(b *testing.B) {
				opts.Transport = new(memory)
				c := hawserClient(b, opts)
				b.ReportAllocs()
				for b.Loop() {
					call(plain, b, c, tool, 1)
				}
			})
		}
	}
}
