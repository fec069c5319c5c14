package transport_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/transport"
)

func TestCloseEndsADialInProgress(t *testing.T) {
	dialing := make(chan struct{})
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		close(dialing)
		<-ctx.Done()
		return nil, ctx.Err()
	}
	d := newDirect(t, &transport.DirectOptions{DialContext: dial, DialTimeout: -1})
	failed := make(chan error, 1)
	req := newRequest(t, http.MethodPost, "http://upstream.invalid", "hello")
	go func() {
		_, err := d.RoundTrip(req)
		failed <- err
	}()
	<-dialing
	require.NoError(t, d.Close())
	err := <-failed
	requireStage(t, err, transport.NotSent, true)
	require.ErrorIs(t, err, transport.ErrClosed)
}

func TestCloseEndsATLSHandshake(t *testing.T) {
	hello := make(chan struct{})
	addr := listen(t, func(c net.Conn) {
		_, _ = c.Read(make([]byte, 1))
		close(hello)
		_, _ = io.Copy(io.Discard, c)
	})
	d := newDirect(t, nil)
	failed := make(chan error, 1)
	req := newRequest(t, http.MethodPost, "https://"+addr, "hello")
	go func() {
		_, err := d.RoundTrip(req)
		failed <- err
	}()
	<-hello
	require.NoError(t, d.Close())
	err := <-failed
	requireStage(t, err, transport.NotSent, true)
	require.ErrorIs(t, err, transport.ErrClosed)
}

// If both the caller's context and the transport have ended, the error wraps the context's cause.
func TestCloseIsTheCauseOfTheErrorsItMakes(t *testing.T) {
	for _, protocol := range []string{"HTTP1", "HTTP2"} {
		t.Run(protocol, func(t *testing.T) {
			arrived := make(chan struct{})
			srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/body" {
					w.(http.Flusher).Flush()
				} else {
					close(arrived)
				}
				<-r.Context().Done()
			}))
			srv.EnableHTTP2 = protocol == "HTTP2"
			srv.StartTLS()
			defer srv.Close()
			d := newDirect(t, nil)
			resp, err := d.RoundTrip(newRequest(t, http.MethodGet, srv.URL+"/body", ""))
			require.NoError(t, err)
			failed := make(chan error, 1)
			req := newRequest(t, http.MethodGet, srv.URL, "")
			go func() {
				_, err := d.RoundTrip(req)
				failed <- err
			}()
			<-arrived
			require.NoError(t, d.Close())
			err = <-failed
			requireStage(t, err, transport.MaybeSent, true)
			require.ErrorIs(t, err, transport.ErrClosed)
			_, err = resp.Body.Read(make([]byte, 1))
			requireStage(t, err, transport.MaybeSent, true)
			require.ErrorIs(t, err, transport.ErrClosed)
			// The body is left open on purpose: TestMain checks that Close ended its goroutines.
		})
	}
}

func TestCloseAmongConcurrentCallers(t *testing.T) {
	for _, protocol := range []string{"HTTP1", "HTTP2"} {
		t.Run(protocol, func(t *testing.T) {
			srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(w, r.Body)
			}))
			srv.EnableHTTP2 = protocol == "HTTP2"
			srv.StartTLS()
			defer srv.Close()
			d := newDirect(t, nil)
			var wg sync.WaitGroup
			var done atomic.Int32
			half := make(chan struct{})
			for range 32 {
				wg.Go(func() {
					for {
						resp, err := d.RoundTrip(newRequest(t, http.MethodPost, srv.URL, "hello"))
						if err == nil {
							_, err = io.ReadAll(resp.Body)
							_ = resp.Body.Close()
						}
						if err != nil {
							if !errors.Is(err, transport.ErrClosed) {
								t.Errorf("%v", err)
							}
							return
						}
						if done.Add(1) == 200 {
							close(half)
						}
					}
				})
			}
			<-half
			require.NoError(t, d.Close())
			wg.Wait()
		})
	}
}

// blockingBody is a request body whose Read blocks until the body is closed.
type blockingBody struct {
	once   sync.Once
	closed chan struct{}
}

func (b *blockingBody) Read([]byte) (int, error) {
	<-b.closed
	return 0, io.ErrClosedPipe
}

func (b *blockingBody) Close() error {
	b.once.Do(func() { close(b.closed) })
	return nil
}

// net/http waits for a Read of the request's body even after the connection is closed. The exchange
// must fail nevertheless.
func TestLostConnectionEndsABlockedRequestBody(t *testing.T) {
	addr := listen(t, func(c net.Conn) {
		readHead(c)
		_ = c.(*net.TCPConn).SetLinger(0)
	})
	req := newRequest(t, http.MethodPost, "http://"+addr, "")
	body := &blockingBody{closed: make(chan struct{})}
	req.Body = body
	_, err := newDirect(t, nil).RoundTrip(req)
	requireStage(t, err, transport.MaybeSent, false)
	<-body.closed
}

func TestCloseEndsABlockedRequestBody(t *testing.T) {
	arrived := make(chan struct{})
	addr := listen(t, func(c net.Conn) {
		readHead(c)
		close(arrived)
		_, _ = io.Copy(io.Discard, c)
	})
	d := newDirect(t, nil)
	req := newRequest(t, http.MethodPost, "http://"+addr, "")
	req.Body = &blockingBody{closed: make(chan struct{})}
	failed := make(chan error, 1)
	go func() {
		_, err := d.RoundTrip(req)
		failed <- err
	}()
	<-arrived
	require.NoError(t, d.Close())
	require.ErrorIs(t, <-failed, transport.ErrClosed)
}

// A server may answer while the request's body is still being sent.
func TestEarlyResponse(t *testing.T) {
	h1 := "http://" + listen(t, func(c net.Conn) {
		readHead(c)
		_, _ = io.WriteString(c, "HTTP/1.1 403 Forbidden\r\nContent-Length: 5\r\n\r\nearly")
		_, _ = io.Copy(io.Discard, c)
	})
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, "early")
		w.(http.Flusher).Flush()
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	for what, url := range map[string]string{"HTTP1": h1, "HTTP2": srv.URL} {
		t.Run(what, func(t *testing.T) {
			req := newRequest(t, http.MethodPost, url, "")
			body := &blockingBody{closed: make(chan struct{})}
			req.Body = body
			d := newDirect(t, nil)
			resp, err := d.RoundTrip(req)
			require.NoError(t, err)
			require.Equal(t, http.StatusForbidden, resp.StatusCode)
			got := make([]byte, 5)
			_, err = io.ReadFull(resp.Body, got)
			require.NoError(t, err)
			require.Equal(t, "early", string(got))
			require.NoError(t, resp.Body.Close())
			require.NoError(t, d.Close())
			<-body.closed
		})
	}
}

// stuckConn is a connection whose peer can stop reading. From then on, a Write blocks until the
// connection is closed.
type stuckConn struct {
	net.Conn
	stuck  atomic.Bool
	once   sync.Once
	closed chan struct{}
}

func (c *stuckConn) Write(p []byte) (int, error) {
	if c.stuck.Load() {
		<-c.closed
		return 0, net.ErrClosed
	}
	return c.Conn.Write(p)
}

func (c *stuckConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

// Closing a body early may write an alert (TLS) or a reset (HTTP/2). A peer that does not read must
// not delay Close.
func TestCloseOfABodyOnAStuckConnection(t *testing.T) {
	for _, protocol := range []string{"HTTP1", "HTTP2"} {
		t.Run(protocol, func(t *testing.T) {
			srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.WriteString(w, "some, of which nothing is read")
				w.(http.Flusher).Flush()
				<-r.Context().Done()
			}))
			srv.EnableHTTP2 = protocol == "HTTP2"
			srv.StartTLS()
			defer srv.Close()
			link := &stuckConn{closed: make(chan struct{})}
			d := newDirect(t, &transport.DirectOptions{
				HTTP1Only: protocol == "HTTP1",
				DialContext: func(ctx context.Context, network, addr string) (_ net.Conn, err error) {
					link.Conn, err = (&net.Dialer{}).DialContext(ctx, network, addr)
					return link, err
				},
			})
			resp, err := d.RoundTrip(newRequest(t, http.MethodGet, srv.URL, ""))
			require.NoError(t, err)
			link.stuck.Store(true)
			require.NoError(t, resp.Body.Close())
			require.NoError(t, resp.Body.Close())
			_, err = resp.Body.Read(make([]byte, 1))
			require.ErrorIs(t, err, http.ErrBodyReadAfterClose)
			require.NoError(t, d.Close())
		})
	}
}
