package transport

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// An idle connection may turn out to be dead before any byte of the request is written. The write
// counter of an HTTP/1 connection proves that nothing was sent.
func TestStageOfAConnectionThatCarriedNothing(t *testing.T) {
	for _, tt := range []struct {
		what    string
		written bool
		known   bool
		want    Stage
	}{
		{"nothing written", false, true, NotSent},
		{"written", true, true, MaybeSent},
		{"an unknown connection", false, false, MaybeSent},
	} {
		t.Run(tt.what, func(t *testing.T) {
			near, far := net.Pipe()
			defer far.Close()
			var set connSet
			c := &conn{Conn: near, set: &set}
			go func() { _, _ = io.Copy(io.Discard, far) }()
			_, err := c.Write([]byte("the exchange before"))
			require.NoError(t, err)
			e := &exchange{req: &http.Request{}, gotConn: true}
			if tt.known {
				e.conn, e.writes = c, c.writes.Load()
			}
			if tt.written {
				_, err := c.Write([]byte("POST"))
				require.NoError(t, err)
			}
			require.Equal(t, tt.want, e.stage())
			_ = c.Close()
		})
	}
}

// heldConn is a connection whose Write blocks until it is released.
type heldConn struct {
	net.Conn
	writing, release chan struct{}
}

func (h *heldConn) Write(p []byte) (int, error) {
	close(h.writing)
	<-h.release
	return len(p), nil
}

// A write that has begun may have reached the server, although it has not returned.
func TestStageWhileAWriteIsInProgress(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	held := &heldConn{Conn: near, writing: make(chan struct{}), release: make(chan struct{})}
	var set connSet
	c := &conn{Conn: held, set: &set}
	e := &exchange{req: &http.Request{}, gotConn: true, conn: c, writes: c.writes.Load()}
	done := make(chan struct{})
	go func() { defer close(done); _, _ = c.Write([]byte("POST")) }()
	<-held.writing
	stage := e.stage()
	close(held.release)
	<-done
	require.Equal(t, MaybeSent, stage)
}

// net/http repeats a request that has a GetBody. It also repeats one without a body if that has one
// of two headers in its canonical spelling.
func TestOutgoingDoesNotLetNetHTTPRepeat(t *testing.T) {
	for _, body := range []string{"", "hello"} {
		req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "http://upstream/", strings.NewReader(body))
		require.NoError(t, err)
		req.Header = http.Header{"Idempotency-Key": {"a", "b"}, "idempotency-key": {"c"}, "X-Idempotency-Key": {"d"}, "X-Test": {"e"}}
		before := req.Header.Clone()
		e := &exchange{d: &direct{}, req: req}
		out := e.outgoing()
		require.Nil(t, out.GetBody)
		require.NotNil(t, req.GetBody)
		require.Equal(t, before, req.Header)
		if body == "" {
			require.Equal(t, http.Header{"idempotency-key": {"c", "a", "b"}, "x-idempotency-key": {"d"}, "X-Test": {"e"}}, out.Header)
		}
		e.release()
	}
}

type closeSpy struct {
	io.Reader
	closed bool
}

func (s *closeSpy) Close() error { s.closed = true; return nil }

// Close may run after net/http has returned a response but before the exchange has its body.
func TestResponseDuringCloseIsAbandoned(t *testing.T) {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "http://upstream/", nil)
	require.NoError(t, err)
	d := &direct{}
	d.closed.Store(true)
	body := &closeSpy{Reader: strings.NewReader("hello")}
	(&exchange{d: d, req: req}).accept(&http.Response{ProtoMajor: 1, Body: body})
	require.True(t, body.closed)
}

// endOfBody is the body of a response whose Read returns io.EOF only when it is released. By then,
// net/http has passed the connection on.
type endOfBody struct {
	io.ReadCloser
	reached, released chan struct{}
}

func (b *endOfBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		close(b.reached)
		<-b.released
	}
	return n, err
}

// passedOn returns a Direct and the body of its response, of which a Read has met the end and has not
// returned, and the connection. finish lets the Read return and waits for it.
func passedOn(t *testing.T, url string) (*direct, *responseBody, func()) {
	t.Helper()
	d := NewDirect(nil).(*direct)
	t.Cleanup(func() { _ = d.Close() })
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/first", http.NoBody)
	require.NoError(t, err)
	resp, err := d.RoundTrip(req)
	require.NoError(t, err)
	body := resp.Body.(*responseBody)
	end := &endOfBody{body.body, make(chan struct{}), make(chan struct{})}
	body.body = end
	read := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, body)
		read <- err
	}()
	<-end.reached
	return d, body, func() {
		close(end.released)
		require.NoError(t, <-read)
	}
}

// A body is closed while a Read meets its end. The next exchange already uses the connection, and is
// not affected.
func TestCloseSparesTheNextExchangeOnTheConnection(t *testing.T) {
	arrived, answer := make(chan struct{}), make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/second" {
			close(arrived)
			<-answer
		}
		_, _ = io.WriteString(w, "text")
		w.(http.Flusher).Flush()
	}))
	defer srv.Close()
	d, first, finish := passedOn(t, srv.URL)
	second := make(chan error, 1)
	go func() {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+"/second", strings.NewReader("x"))
		if err == nil {
			var resp *http.Response
			if resp, err = d.RoundTrip(req); err == nil {
				_, err = io.Copy(io.Discard, resp.Body)
			}
		}
		second <- err
	}()
	<-arrived
	require.NoError(t, first.Close())
	close(answer)
	require.NoError(t, <-second)
	finish()
}

// The next exchange gets a connection that Close of a body is about to close. It is sent over another
// one, or provably not sent.
func TestConnectionThatIsAboutToBeClosedIsNotUsed(t *testing.T) {
	var posts atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			posts.Add(1)
		}
		_, _ = io.WriteString(w, "text")
		w.(http.Flusher).Flush()
	}))
	defer srv.Close()
	d, first, finish := passedOn(t, srv.URL)
	require.True(t, first.conn.user.CompareAndSwap((*exchange)(first), leaving)) // Close stops here
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+"/second", strings.NewReader("x"))
	require.NoError(t, err)
	resp, err := d.RoundTrip(req)
	if err != nil {
		require.Equal(t, NotSent, StageOf(err))
		require.Zero(t, posts.Load())
	} else {
		_, err := io.Copy(io.Discard, resp.Body) // the connection can be used again
		require.NoError(t, err)
		require.EqualValues(t, 1, posts.Load())
	}
	require.ErrorIs(t, first.conn.Conn.Close(), net.ErrClosed, "the connection was used")
	finish()
}
