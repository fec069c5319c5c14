package transport

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// The tests in this file check what happens when a call to net/http never returns: what remains of
// it, and when the caller gets back the memory that it lent to net/http.

// If a response arrives after its caller has returned, its body is closed.
func TestLateResponseIsClosed(t *testing.T) {
	inNetwork(t, func(t *testing.T, n *network) {
		late := make(chan struct{})
		body := &pieces{n: n, read: func() {}, close: func() {}, closed: make(chan struct{})}
		n.serve = func(_ *fake, req *http.Request) (*http.Response, error) {
			<-late
			return answer(req, body), nil
		}
		ctx, cancel := context.WithCancelCause(context.Background())
		trip := n.send(ctx, "bad", nil)
		synctest.Wait()
		cancel(errCause)
		requireAbandoned(t, (<-trip).err, errCause, false)
		require.Equal(t, 1, n.abandoned("bad"))
		close(late)
		<-body.closed
		synctest.Wait()
		require.Zero(t, n.abandoned("bad"))
	})
}

// memory is a request body whose bytes belong to the caller.
type memory struct {
	io.Reader
	reads  atomic.Int32
	during func() // called in each Read
	closed chan struct{}
}

func newMemory(during func()) *memory {
	return &memory{Reader: strings.NewReader("the caller's bytes"), during: during, closed: make(chan struct{})}
}

func (m *memory) Read(p []byte) (int, error) {
	m.reads.Add(1)
	m.during()
	return m.Reader.Read(p)
}

func (m *memory) Close() error { close(m.closed); return nil }

func TestRequestBodyIsReturnedToTheCaller(t *testing.T) {
	for what, end := range map[string]func(n *network, req *http.Request) (*http.Response, error){
		"abandoned": func(n *network, _ *http.Request) (*http.Response, error) {
			n.frozen()
			return nil, io.EOF
		},
		"failed":   func(*network, *http.Request) (*http.Response, error) { return nil, io.EOF },
		"answered": func(_ *network, req *http.Request) (*http.Response, error) { return ok(req) },
	} {
		t.Run(what, func(t *testing.T) {
			inNetwork(t, func(t *testing.T, n *network) {
				lent := make(chan io.ReadCloser, 1)
				n.serve = func(_ *fake, req *http.Request) (*http.Response, error) {
					_, _ = req.Body.Read(make([]byte, 1))
					lent <- req.Body
					return end(n, req)
				}
				ctx, cancel := context.WithCancelCause(context.Background())
				body := newMemory(func() {})
				trip := n.send(ctx, "bad", body)
				frozen := <-lent
				synctest.Wait()
				cancel(errCause)
				if r := <-trip; r.err == nil {
					require.NoError(t, r.resp.Body.Close())
				}
				<-body.closed
				got := make([]byte, 16)
				_, err := frozen.Read(got)
				require.ErrorIs(t, err, errBodyTaken)
				require.Equal(t, make([]byte, 16), got)
				require.EqualValues(t, 1, body.reads.Load())
			})
		})
	}
}

// RoundTrip does not return while net/http still reads the caller's bytes.
func TestRoundTripWaitsForAReadOfItsBody(t *testing.T) {
	inNetwork(t, func(t *testing.T, n *network) {
		var reading atomic.Bool
		body := newMemory(func() {
			reading.Store(true)
			time.Sleep(grace + grace/2) // grace begins with RoundTrip; after it, RoundTrip is abandoned
			reading.Store(false)
		})
		n.serve = func(_ *fake, req *http.Request) (*http.Response, error) {
			_, _ = req.Body.Read(make([]byte, 1))
			n.frozen()
			return nil, io.EOF
		}
		ctx, cancel := context.WithCancelCause(context.Background())
		cancel(errCause)
		requireAbandoned(t, (<-n.send(ctx, "bad", body)).err, errCause, false)
		require.False(t, reading.Load())
	})
}

// After patience, the connections of a frozen pool are closed, and the exchanges on them fail.
func TestConnectionsOfAFrozenPoolAreClosed(t *testing.T) {
	inNetwork(t, func(t *testing.T, n *network) {
		n.serve = n.freezesFor("bad")
		ctx, cancel := context.WithCancelCause(context.Background())
		first, innocent := n.send(ctx, "bad", nil), n.send(context.Background(), "bad", nil)
		synctest.Wait()
		near, far := net.Pipe()
		c := &conn{Conn: near, set: &n.d.conns, pool: n.d.pools.byHost["bad"].current}
		require.True(t, n.d.conns.add(c))
		cancel(errCause)
		requireAbandoned(t, (<-first).err, errCause, false)
		begin := time.Now()
		requireAbandoned(t, (<-innocent).err, errGivenUp, false)
		require.GreaterOrEqual(t, time.Since(begin), patience)
		_, err := far.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF, "the connection is closed")
	})
}

// If net/http returns before patience is over, only idle connections are closed.
func TestConnectionsOfASlowPoolStayOpen(t *testing.T) {
	inNetwork(t, func(t *testing.T, n *network) {
		thaw := make(chan struct{})
		n.serve = func(_ *fake, req *http.Request) (*http.Response, error) {
			<-thaw
			return ok(req)
		}
		ctx, cancel := context.WithCancelCause(context.Background())
		first, innocent := n.send(ctx, "bad", nil), n.send(context.Background(), "bad", nil)
		synctest.Wait()
		old := n.d.pools.byHost["bad"].current
		cancel(errCause)
		requireAbandoned(t, (<-first).err, errCause, false)
		close(thaw)
		r := <-innocent
		require.NoError(t, r.err)
		time.Sleep(2 * patience)
		select {
		case <-old.dead:
			t.Error("the connections were closed")
		default:
		}
		<-n.senders[0].closed
		require.NoError(t, r.resp.Body.Close())
	})
}

// A thousand calls in sequence abandon no more than maxAbandoned exchanges. After that, one request
// at a time tries the server, with pauses in between. Once the server has recovered, all requests
// use it again.
func TestThousandRoundTripsThatNeverReturn(t *testing.T) {
	inNetwork(t, func(t *testing.T, n *network) {
		n.serve = n.freezesFor("bad")
		call := func() error {
			ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
			defer cancel()
			return (<-n.send(ctx, "bad", nil)).err
		}
		for i := range 1000 {
			err := call()
			if i < maxAbandoned {
				requireAbandoned(t, err, context.DeadlineExceeded, false)
				continue
			}
			require.ErrorIs(t, err, ErrTooManyAbandoned)
			require.Equal(t, NotSent, StageOf(err))
			require.False(t, IsPermanent(err))
		}
		require.Equal(t, maxAbandoned, n.abandoned("bad"))
		n.served("good")

		for begin := time.Now(); time.Since(begin) < 24*time.Hour; time.Sleep(time.Minute) {
			_ = call()
		}
		require.Greater(t, n.abandoned("bad"), maxAbandoned)
		require.LessOrEqual(t, n.abandoned("bad"), maxAbandoned+17, "a day has less than 2^17 s")

		n.serve = n.freezesFor("nobody")
		for call() != nil {
			time.Sleep(time.Minute)
		}
		n.served("bad")
	})
}

// While one request tries the server, other requests are refused at once.
func TestOneRequestTriesTheServer(t *testing.T) {
	inNetwork(t, func(t *testing.T, n *network) {
		n.serve = n.freezesFor("nobody")
		n.served("bad")
		o := n.d.pools.byHost["bad"]
		o.replace()
		o.abandoned.Store(maxAbandoned)
		require.ErrorIs(t, (<-n.send(context.Background(), "bad", nil)).err, ErrTooManyAbandoned)
		time.Sleep(firstPause)
		answering := make(chan struct{})
		n.serve = func(_ *fake, req *http.Request) (*http.Response, error) {
			<-answering
			return ok(req)
		}
		first := n.send(context.Background(), "bad", nil)
		synctest.Wait()
		require.ErrorIs(t, (<-n.send(context.Background(), "bad", nil)).err, ErrTooManyAbandoned)
		close(answering)
		r := <-first
		require.NoError(t, r.err)
		require.NoError(t, r.resp.Body.Close())
		n.served("bad")
		o.abandoned.Store(0)
	})
}

func TestOriginsAreBounded(t *testing.T) {
	inNetwork(t, func(t *testing.T, n *network) {
		n.serve = n.freezesFor("bad")
		ctx, cancel := context.WithCancelCause(context.Background())
		cancel(errCause)
		requireAbandoned(t, (<-n.send(ctx, "bad", nil)).err, errCause, false)
		for i := range maxOrigins {
			n.served(fmt.Sprint("good-", i))
		}
		<-n.senders[1].closed // the http.Transport for good-0
		require.Len(t, n.d.pools.byHost, maxOrigins)
		require.Equal(t, 1, n.abandoned("bad"), "the origin is not evicted")
	})
}

// The protocol of a pool is decided once: no HTTP/1 request uses an HTTP/2 connection.
func TestProtocolOfAPool(t *testing.T) {
	inNetwork(t, func(t *testing.T, n *network) {
		get := func() *pool {
			p, err := n.d.pools.get(t.Context(), "host")
			require.NoError(t, err)
			return p
		}
		h1, h2 := tls.ConnectionState{}, tls.ConnectionState{NegotiatedProtocol: "h2"}
		p := get()
		require.NoError(t, p.handshake(h1))
		p.returned(1)
		require.Equal(t, http1, p.protocol.Load())
		require.ErrorIs(t, p.handshake(h2), errProtocolChanged)
		next := get()
		require.NotSame(t, p, next)
		require.NoError(t, next.handshake(h2))
		next.returned(1)
		require.Equal(t, http2, next.protocol.Load())
		require.NoError(t, next.handshake(h2))
		require.NoError(t, next.handshake(h1))
		require.Same(t, next, get())
	})
}
