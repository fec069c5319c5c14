package http2_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/transport"
	"github.com/hawser-mcp/hawser/transport/executor"
	"github.com/hawser-mcp/hawser/transport/executor/agent"
	"github.com/hawser-mcp/hawser/transport/transporttest"
)

// In this situation, net/http's client deadlocks on its own lock (fixed in Go 1.26.9 and 1.27.4).
func TestWindowThatOverflows(t *testing.T) {
	ways(t, func(t *testing.T, rt http.RoundTripper, closeAll func() error) {
		bad := newOverflowing(t)
		served := innocent(t, rt)
		served()
		ctx, cancel := context.WithCancelCause(context.WithoutCancel(t.Context()))
		begin := func() <-chan error {
			ended := make(chan error, 1)
			go func() { ended <- call(ctx, rt, bad.URL, strings.NewReader("hello")) }()
			return ended
		}
		first := begin()
		await(t, "the window overflows", bad.sent)
		served()
		second := begin()
		served()
		cancel(errCause)
		err := await(t, "the call ends with its context", first)
		require.Equal(t, transport.MaybeSent, transport.StageOf(err))
		require.Error(t, await(t, "a later call ends with its context", second))
		served()
		bad.well.Store(true)
		servedAgain(t, func(ctx context.Context) error {
			return call(ctx, rt, bad.URL, strings.NewReader("hello"))
		})
		require.NoError(t, within(t, "Close", closeAll))
	})
}

// Close ends calls to a server that has frozen the client.
func TestCloseWhileAWindowOverflows(t *testing.T) {
	ways(t, func(t *testing.T, rt http.RoundTripper, closeAll func() error) {
		bad := newOverflowing(t)
		served := innocent(t, rt)
		ended := make(chan error, 1)
		go func() {
			ended <- call(context.WithoutCancel(t.Context()), rt, bad.URL, strings.NewReader("hello"))
		}()
		await(t, "the window overflows", bad.sent)
		for range 10 {
			served()
		}
		require.NoError(t, within(t, "Close", closeAll))
		require.Error(t, await(t, "the call ends with Close", ended))
	})
}

// Serve returns even if exchanges on its link are frozen.
func TestServeWhileAWindowOverflows(t *testing.T) {
	bad := newOverflowing(t)
	in, toAgent, err := os.Pipe()
	require.NoError(t, err)
	fromAgent, out, err := os.Pipe()
	require.NoError(t, err)
	ctx, end := context.WithCancelCause(context.WithoutCancel(t.Context()))
	served := make(chan error, 1)
	go func() {
		served <- agent.ServeStdio(ctx, in, out, &agent.Options{TLSConfig: transporttest.TLSConfig()})
	}()
	rt, err := executor.New(t.Context(), executor.Lines(fromAgent, toAgent, 0), nil)
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() {
		ended <- call(context.WithoutCancel(t.Context()), rt, bad.URL, strings.NewReader("hello"))
	}()
	await(t, "the window overflows", bad.sent)
	innocent(t, rt)()
	end(errCause)
	require.ErrorIs(t, await(t, "Serve ends", served), errCause)
	require.Error(t, await(t, "the call ends", ended))
	require.NoError(t, within(t, "Close", rt.Close))
}

// net/http's client holds a lock while it writes. It needs the same lock after a Read and before it
// resets a stream, so a blocked write blocks both (golang/go#48908).
func TestPeerThatStopsReading(t *testing.T) {
	ways(t, func(t *testing.T, rt http.RoundTripper, closeAll func() error) {
		url, deaf := newDeaf(t)
		served := innocent(t, rt)
		ctx, cancel := context.WithCancelCause(context.WithoutCancel(t.Context()))
		defer cancel(nil)
		resp, err := openStream(ctx, rt, url)
		require.NoError(t, err)
		uploading := make(chan error, 1)
		uploadCtx, cancelUpload := context.WithCancelCause(context.WithoutCancel(t.Context()))
		go func() { uploading <- call(uploadCtx, rt, url, bytes.NewReader(make([]byte, 16<<20))) }()
		await(t, "the peer stops reading", deaf)
		time.Sleep(time.Second) // usually long enough for the upload to block; otherwise the test still passes but covers less
		served()
		read := make(chan error, 1)
		go func() {
			_, err := io.Copy(io.Discard, resp.Body)
			read <- err
		}()
		served()
		cancel(errCause)
		require.ErrorIs(t, await(t, "the Read ends with its context", read), errCause)
		require.NoError(t, within(t, "Close of the body", resp.Body.Close))
		served()
		servedAgain(t, func(ctx context.Context) error {
			resp, err := openStream(ctx, rt, url)
			if err == nil {
				err = resp.Body.Close()
			}
			return err
		})
		cancelUpload(errCause)
		require.Error(t, await(t, "the upload ends with its context", uploading))
		require.NoError(t, within(t, "Close", closeAll))
	})
}

// openStream opens a stream and reads its first frame.
func openStream(ctx context.Context, rt http.RoundTripper, url string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	_, err = io.ReadFull(resp.Body, make([]byte, 8<<10))
	return resp, err
}

// A thousand frozen calls leave a bounded number of goroutines behind, and the server is reachable
// again once it behaves.
func TestThousandWindowsThatOverflow(t *testing.T) {
	const (
		calls, atOnce = 1000, 50
		abandoned     = 64 // the limit of Direct for one origin, see DESIGN.md section 7
		goroutines    = 5  // per abandoned call: those of Hawser, net/http and the test server
	)
	ways(t, func(t *testing.T, rt http.RoundTripper, closeAll func() error) {
		bad := newOverflowing(t)
		served := innocent(t, rt)
		served()
		before := runtime.NumGoroutine()
		var refused atomic.Int32
		var all sync.WaitGroup
		slots := make(chan struct{}, atOnce)
		for range calls {
			slots <- struct{}{}
			all.Go(func() {
				defer func() { <-slots }()
				ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Millisecond)
				defer cancel()
				if err := call(ctx, rt, bad.URL, strings.NewReader("hello")); transport.StageOf(err) == transport.NotSent {
					refused.Add(1)
				}
			})
		}
		within(t, "a thousand calls end", func() bool { all.Wait(); return true })
		served()
		// Cancelled dials and their handshakes take a while to end.
		left := within(t, "the number of remaining goroutines falls to its limit", func() int {
			for runtime.NumGoroutine()-before > (abandoned+atOnce)*goroutines {
				time.Sleep(10 * time.Millisecond)
			}
			return runtime.NumGoroutine() - before
		})
		t.Logf("%d calls were not sent, %d goroutines remain", refused.Load(), left)
		bad.well.Store(true)
		servedAgain(t, func(ctx context.Context) error {
			return call(ctx, rt, bad.URL, strings.NewReader("hello"))
		})
		require.NoError(t, within(t, "Close", closeAll))
	})
}
