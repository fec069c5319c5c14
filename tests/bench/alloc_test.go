//go:build !race

package main_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime"
	"runtime/debug"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/tests/bench/internal/clients"
	"github.com/hawser-mcp/hawser/tests/bench/internal/server"
	"github.com/hawser-mcp/hawser/tests/bench/internal/workload"
)

// The race detector itself allocates, so these tests are not built with it.

// perCall returns the number of allocations and of allocated bytes for one call of a scenario,
// after warm-up. The garbage collector is off during the measurement, because it empties pools.
func perCall(ctx context.Context, t *testing.T, c clients.Session, tool *workload.Tool, calls int) (allocs, size float64) {
	t.Helper()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	call(ctx, t, c, tool, calls)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	call(ctx, t, c, tool, calls)
	runtime.ReadMemStats(&after)
	n := float64(calls)
	return float64(after.Mallocs-before.Mallocs) / n, float64(after.TotalAlloc-before.TotalAlloc) / n
}

// eras runs a test in both eras, over a RoundTripper that promises to send no request twice and
// over one that does not.
func eras(t *testing.T, test func(t *testing.T, c *clients.HawserSession)) {
	t.Helper()
	for name, opts := range map[string]mcpclient.Options{"legacy": legacy, "modern": modern} {
		for kind, rt := range map[string]http.RoundTripper{"foreign": new(memory), "own": new(onceMemory)} {
			t.Run(name+" "+kind, func(t *testing.T) {
				opts.Transport = rt
				test(t, hawserClient(t, opts))
			})
		}
	}
}

func TestSmallCallAllocations(t *testing.T) {
	eras(t, func(t *testing.T, c *clients.HawserSession) {
		allocs, size := perCall(plain, t, c, workload.JSON200, 2000)
		t.Logf("200 B JSON: %.1f allocations, %.0f B", allocs, size)
		require.LessOrEqual(t, allocs, 28.0)
		require.LessOrEqual(t, size, 3328.0)
	})
}

// A call over loopback allocates little more than net/http itself, which the floor measures. The
// server is in the same process and allocates the same for both.
func TestDirectCallAllocations(t *testing.T) {
	srv, err := server.Start(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, srv.Close()) }()
	libraries := clients.Libraries("")
	for _, version := range []string{workload.Legacy, workload.Modern} {
		for _, tool := range []*workload.Tool{workload.JSON200, workload.SSE200} {
			t.Run(version+" "+tool.Name, func(t *testing.T) {
				target := &clients.Target{URL: srv.Addresses().Plain + workload.ListPath(workload.FewTools), Version: version}
				floor, floorSize := perCall(plain, t, open(t, &libraries[0], target), tool, 2000)
				allocs, size := perCall(plain, t, open(t, &libraries[1], target), tool, 2000)
				t.Logf("%.1f allocations, %.0f B; the floor %.1f, %.0f B", allocs, size, floor, floorSize)
				require.LessOrEqual(t, allocs, floor+7)
				require.LessOrEqual(t, size, floorSize+1800)
			})
		}
	}
}

// A session that lists 20 tools once costs little more than its requests and what the tools hold.
func TestSessionAllocations(t *testing.T) {
	srv, err := server.Start(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, srv.Close()) }()
	libraries := clients.Libraries("")
	for _, version := range []string{workload.Legacy, workload.Modern} {
		t.Run(version, func(t *testing.T) {
			target := &clients.Target{URL: srv.Addresses().Plain + workload.ListPath(workload.FewTools), Version: version}
			floor, floorSize := perSession(t, &libraries[0], target, 200)
			allocs, size := perSession(t, &libraries[1], target, 200)
			t.Logf("%.1f allocations, %.0f B; the floor %.1f, %.0f B", allocs, size, floor, floorSize)
			require.LessOrEqual(t, allocs, floor+175)
			require.LessOrEqual(t, size, floorSize+40_000)
		})
	}
}

// perSession returns the number of allocations and of allocated bytes for connecting, listing the
// tools and closing, after warm-up.
func perSession(t *testing.T, lib *clients.Library, target *clients.Target, sessions int) (allocs, size float64) {
	t.Helper()
	c, err := lib.Open(t.Context(), target)
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close()) }()
	visit := func() {
		for range sessions {
			s, err := target.Connect(t.Context(), c)
			require.NoError(t, err)
			require.NoError(t, s.List(t.Context(), workload.FewTools))
			require.NoError(t, s.Close())
		}
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	visit()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	visit()
	runtime.ReadMemStats(&after)
	n := float64(sessions)
	return float64(after.Mallocs-before.Mallocs) / n, float64(after.TotalAlloc-before.TotalAlloc) / n
}

// open returns a session of a library.
func open(t *testing.T, lib *clients.Library, target *clients.Target) clients.Session {
	t.Helper()
	c, err := lib.Open(t.Context(), target)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	s, err := target.Connect(t.Context(), c)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// Interceptors that change nothing cost a call no memory.
func TestInterceptedCallAllocations(t *testing.T) {
	pass := mcpclient.Interceptor{Outgoing: func(next mcpclient.OutgoingFunc) mcpclient.OutgoingFunc {
		return func(ctx context.Context, out *mcpclient.Outgoing) error {
			if out.Name() == "" && out.Method() == "" {
				return errors.New("not reached")
			}
			return next(ctx, out)
		}
	}}
	for name, opts := range map[string]mcpclient.Options{"legacy": legacy, "modern": modern} {
		t.Run(name, func(t *testing.T) {
			opts.Transport = new(onceMemory)
			allocs, size := perCall(plain, t, hawserClient(t, opts), workload.JSON200, 2000)
			for _, n := range []int{1, 5} {
				opts.Interceptors = slices.Repeat([]mcpclient.Interceptor{pass}, n)
				with, withSize := perCall(plain, t, hawserClient(t, opts), workload.JSON200, 2000)
				t.Logf("%d interceptors: %.1f allocations, %.0f B; without: %.1f, %.0f B", n, with, withSize, allocs, size)
				require.InDelta(t, allocs, with, 0.1)
				require.InDelta(t, size, withSize, 16)
			}
		})
	}
}

// An observer costs a call nothing: events are about what happens rarely.
func TestObserverAllocations(t *testing.T) {
	for name, opts := range map[string]mcpclient.Options{"legacy": legacy, "modern": modern} {
		t.Run(name, func(t *testing.T) {
			opts.Transport = new(onceMemory)
			allocs, size := perCall(plain, t, hawserClient(t, opts), workload.JSON200, 2000)
			opts.Observer = func(context.Context, mcpclient.Event) {}
			opts.Logger = slog.New(slog.DiscardHandler)
			observed, observedSize := perCall(plain, t, hawserClient(t, opts), workload.JSON200, 2000)
			t.Logf("200 B JSON: %.2f allocations, %.1f B; with an observer %.2f, %.1f B", allocs, size, observed, observedSize)
			require.InDelta(t, allocs, observed, 0.5)
			require.InDelta(t, size, observedSize, 16)
		})
	}
}

// Extensions and strictness cost a call nothing, except for what is declared in each modern request.
func TestExtensionAllocations(t *testing.T) {
	for _, opts := range []mcpclient.Options{legacy, modern} {
		opts.Transport = new(onceMemory)
		without, withoutSize := perCall(plain, t, hawserClient(t, opts), workload.JSON200, 2000)
		opts.Strict = true
		opts.Extensions = []mcpclient.Extension{{
			ID: "com.example/a", Claims: []mcpclient.Claim{{Method: "tools/call", ResultType: "task"}}, Names: map[string]string{"a/get": "id"},
		}}
		extended, size := perCall(plain, t, hawserClient(t, opts), workload.JSON200, 2000)
		t.Logf("%.2f and %.2f allocations, %.0f and %.0f B", without, extended, withoutSize, size)
		require.InDelta(t, without, extended, 0.5)
		require.InDelta(t, withoutSize, size, 128) // declaring the extension is longer by 33 B, and the body has a size class
	}
}

// A cancellable context, as most callers have, adds little.
func TestCancellableCallAllocations(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	opts := legacy
	opts.Transport = new(memory)
	allocs, size := perCall(ctx, t, hawserClient(t, opts), workload.JSON200, 2000)
	t.Logf("200 B JSON: %.1f allocations, %.0f B", allocs, size)
	require.LessOrEqual(t, allocs, 31.0)
	require.LessOrEqual(t, size, 3328.0)
}

// A text of 1 MiB with escapes and without Content-Length costs little more than the text itself.
func TestLargeCallAllocations(t *testing.T) {
	for _, tool := range []*workload.Tool{workload.JSON1M, workload.SSE1M} {
		t.Run(tool.Name, func(t *testing.T) {
			eras(t, func(t *testing.T, c *clients.HawserSession) {
				allocs, size := perCall(plain, t, c, tool, 30)
				t.Logf("1 MiB of text: %.1f allocations, %.0f B", allocs, size)
				require.LessOrEqual(t, size, 1.5e6)
			})
		})
	}
}

// Progress allocates only its message, whose length here is an allocator size class.
func TestProgressAllocations(t *testing.T) {
	eras(t, func(t *testing.T, c *clients.HawserSession) {
		_, none := perCall(plain, t, c, workload.Progress0, 100)
		_, silent := perCall(plain, t, c, workload.Progress1000, 100)
		_, withMessage := perCall(plain, t, c, workload.Messages1000, 100)
		perEvent := func(size float64) float64 { return (size - none) / 1000 }
		t.Logf("progress: %.2f B per event, %.2f B with a message of %d bytes", perEvent(silent), perEvent(withMessage), len(workload.Messages1000.Message))
		require.LessOrEqual(t, perEvent(silent), 16.0)
		require.LessOrEqual(t, perEvent(withMessage), perEvent(silent)+float64(len(workload.Messages1000.Message))+2)
	})
}
