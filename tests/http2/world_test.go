// Package http2_test runs HTTP/2 servers that freeze net/http's client, and checks that exchanges
// with other servers continue. It is a separate package because net/http leaks goroutines here: up
// to Go 1.26.8 and 1.25.14, its client deadlocks when a window overflows.
package http2_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/h2test"
	"github.com/hawser-mcp/hawser/transport"
	"github.com/hawser-mcp/hawser/transport/executor"
	"github.com/hawser-mcp/hawser/transport/executor/agent"
	"github.com/hawser-mcp/hawser/transport/transporttest"
)

var errCause = errors.New("the test cancels the call")

// guard limits the wait for an expected event.
const guard = 20 * time.Second

// within returns the result of f. It fails the test if f does not return within guard.
func within[T any](t *testing.T, what string, f func() T) T {
	t.Helper()
	done := make(chan T, 1)
	go func() { done <- f() }()
	return await(t, what, done)
}

func await[T any](t *testing.T, what string, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(guard):
		t.Fatalf("timed out waiting: %s", what)
		panic("unreachable")
	}
}

// ways runs a test with a Direct and with an executor and its agent. closeAll closes the transport
// and the agent.
func ways(t *testing.T, test func(t *testing.T, rt http.RoundTripper, closeAll func() error)) {
	t.Run("direct", func(t *testing.T) {
		d := transport.NewDirect(&transport.DirectOptions{TLSConfig: transporttest.TLSConfig()})
		test(t, d, d.Close)
	})
	t.Run("agent", func(t *testing.T) {
		l, err := agent.Listen(t.Context(), "ws://127.0.0.1:0", &agent.Options{TLSConfig: transporttest.TLSConfig()})
		require.NoError(t, err)
		rt, err := executor.Dial(t.Context(), l.URL(), nil)
		require.NoError(t, err)
		test(t, rt, func() error { return errors.Join(l.Close(), rt.Close()) })
	})
}

// call makes one request and reads the whole response.
func call(ctx context.Context, rt http.RoundTripper, url string, body io.Reader) error {
	method := http.MethodGet
	if body != nil {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return err
	}
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// innocent starts an ordinary HTTP/2 server and returns a check that the server is reachable.
func innocent(t *testing.T, rt http.RoundTripper) func() {
	t.Helper()
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			w.WriteHeader(http.StatusHTTPVersionNotSupported)
		}
		_, _ = io.Copy(w, r.Body)
	}))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return func() {
		t.Helper()
		require.NoError(t, within(t, "another origin is served", func() error {
			return call(context.WithoutCancel(t.Context()), rt, srv.URL, strings.NewReader("hello"))
		}))
	}
}

// overflowing is a server that answers the header of each request with a WINDOW_UPDATE that
// overflows the stream's window, until well is set.
type overflowing struct {
	URL  string
	well atomic.Bool
	sent chan struct{} // receives a value after an overflow
}

func newOverflowing(t *testing.T) *overflowing {
	t.Helper()
	o := &overflowing{sent: make(chan struct{}, 1)}
	o.URL = h2test.Listen(t, func(c *h2test.Conn) {
		c.Settings()
		for {
			kind, flags, stream, err := c.Next()
			switch {
			case err != nil:
				return
			case kind == h2test.Headers && !o.well.Load():
				c.Window(stream, h2test.MaxWindow)
				select {
				case o.sent <- struct{}{}:
				default:
				}
			case (kind == h2test.Headers || kind == h2test.Data) && flags&h2test.EndStream != 0:
				c.Head(stream, h2test.EndStream)
			}
		}
	})
	return o
}

// newDeaf starts a server that answers a request without a body with an endless stream. When a
// request with a body arrives, the server stops reading from its connection and sends a value on
// stopped.
func newDeaf(t *testing.T) (url string, stopped <-chan struct{}) {
	t.Helper()
	deaf := make(chan struct{}, 16)
	url = h2test.Listen(t, func(c *h2test.Conn) {
		c.OpenWindows()
		gone := make(chan struct{})
		defer close(gone)
		for {
			kind, flags, stream, err := c.Next()
			switch {
			case err != nil:
				return
			case kind == h2test.Headers && flags&h2test.EndStream != 0:
				c.Head(stream, 0)
				go trickle(c, stream, gone)
			case kind == h2test.Headers:
				deaf <- struct{}{}
				<-t.Context().Done()
				return
			}
		}
	})
	return url, deaf
}

// trickle sends large frames, so the client sends a WINDOW_UPDATE after each one.
func trickle(c *h2test.Conn, stream uint32, gone <-chan struct{}) {
	for {
		c.Frame(h2test.Data, 0, stream, make([]byte, 8<<10)...)
		select {
		case <-gone:
			return
		case <-time.After(time.Millisecond):
		}
	}
}

// servedAgain repeats a call until it succeeds. The first attempts may fail, because an agent may
// not have noticed yet that the previous call ended.
func servedAgain(t *testing.T, call func(context.Context) error) {
	t.Helper()
	end := time.Now().Add(guard)
	for {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 2*time.Second)
		err := within(t, "a call ends", func() error { return call(ctx) })
		cancel()
		if err == nil {
			return
		}
		require.True(t, time.Now().Before(end), "the server is still unreachable: %v", err)
		t.Logf("not yet: %v", err)
		time.Sleep(100 * time.Millisecond)
	}
}
