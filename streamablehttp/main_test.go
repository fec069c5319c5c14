package streamablehttp

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
	"github.com/hawser-mcp/hawser/internal/memnet"
	"github.com/hawser-mcp/hawser/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	answer      = `{"jsonrpc":"2.0","id":1,"result":{"ok":true}}`
	answerEvent = "data: " + answer + "\n\n"
	result      = `{"ok":true}`
)

// roundTripper is a function that implements http.RoundTripper.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// trackedBody is a response body that counts its closes and the bytes read.
type trackedBody struct {
	io.Reader
	read   atomic.Int64
	closed atomic.Int32
}

func (b *trackedBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	b.read.Add(int64(n))
	return n, err
}

func (b *trackedBody) Close() error {
	b.closed.Add(1)
	return nil
}

// hangingBody returns its text and then blocks until it is closed. It ignores contexts, like the
// pipes of many test doubles.
type hangingBody struct {
	text   io.Reader
	closed chan struct{}
	once   atomic.Bool
}

func newHangingBody(text string) *hangingBody {
	return &hangingBody{text: strings.NewReader(text), closed: make(chan struct{})}
}

func (b *hangingBody) Read(p []byte) (int, error) {
	if n, _ := b.text.Read(p); n > 0 {
		return n, nil
	}
	<-b.closed
	return 0, http.ErrBodyReadAfterClose
}

func (b *hangingBody) Close() error {
	if !b.once.Swap(true) {
		close(b.closed)
	}
	return nil
}

// endless returns the same byte n times.
type endless struct {
	char byte
	n    int64
}

func (e *endless) Read(p []byte) (int, error) {
	if e.n == 0 {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), e.n)]
	for i := range p {
		p[i] = e.char
	}
	e.n -= int64(len(p))
	return len(p), nil
}

// failing returns a text and then an error instead of io.EOF.
func failing(text string, err error) io.Reader {
	return io.MultiReader(strings.NewReader(text), errReader{err})
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

// respond returns a response. An empty contentType sets no header.
func respond(status int, contentType string, body io.Reader) *http.Response {
	resp := &http.Response{
		StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: make(http.Header), Body: &trackedBody{Reader: body}, ContentLength: -1,
	}
	if closer, ok := body.(io.ReadCloser); ok {
		resp.Body = closer
	}
	if contentType != "" {
		resp.Header.Set("Content-Type", contentType)
	}
	return resp
}

func text(status int, contentType, body string) *http.Response {
	return respond(status, contentType, strings.NewReader(body))
}

func stream(events string) *http.Response { return text(http.StatusOK, typeStream, events) }

// always answers every request with the same function.
func always(reply func() *http.Response) roundTripper {
	return func(*http.Request) (*http.Response, error) { return reply(), nil }
}

// heard is a Receiver that records its calls.
type heard struct {
	result   string
	messages []string
	events   int
	refuse   error // the result of Request
	notified func(method string)
}

func (h *heard) DecodeResult(data []byte) (int, error) {
	cursor := jsonrpc.NewCursor(data, 0)
	raw := cursor.Skip()
	if err := cursor.Err(); err != nil {
		return 0, err
	}
	h.result = string(raw)
	return cursor.Pos(), nil
}

func (h *heard) Notification(method string, params []byte) {
	h.messages = append(h.messages, fmt.Sprintf("notification %s %s", method, params))
	if h.notified != nil {
		h.notified(method)
	}
}

func (h *heard) Request(method string, id, params []byte) error {
	h.messages = append(h.messages, fmt.Sprintf("request %s %s %s", id, method, params))
	return h.refuse
}

func (h *heard) Event() { h.events++ }

// newConn returns a Conn over rt. The Conn is closed when the test ends.
func newConn(t testing.TB, rt http.RoundTripper, changes ...func(*Config)) *Conn {
	t.Helper()
	cfg := Config{RoundTripper: rt}
	for _, change := range changes {
		change(&cfg)
	}
	c, err := New("http://server/mcp", cfg)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func (c *Conn) legacy() *Session { return c.NewSession("2025-11-25", "session-1", false) }
func (c *Conn) modern() *Session { return c.NewSession("2026-07-28", "", true) }

func toolCall() *Request {
	return &Request{ID: 1, Method: "tools/call", Name: "t", HasName: true, Body: []byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call"}`)}
}

// cancelable returns a tool call whose Cancel function is cancel.
func cancelable(cancel context.CancelCauseFunc) *Request {
	req := toolCall()
	req.Cancel = cancel
	return req
}

// do makes one call in a session.
func (c *Conn) do(ctx context.Context, s *Session, recv Receiver) error {
	ctx, cancel := context.WithCancelCause(ctx)
	return c.Call(ctx, s, cancelable(cancel), recv)
}

// call sends req in a legacy session and waits for the answer.
func (c *Conn) call(t testing.TB, req *Request, recv Receiver) error {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	req.Cancel = cancel
	return c.Call(ctx, c.legacy(), req, recv)
}

// callOnce makes one legacy call over rt.
func callOnce(t testing.TB, rt http.RoundTripper, changes ...func(*Config)) (*heard, error) {
	t.Helper()
	c := newConn(t, rt, changes...)
	recv := new(heard)
	return recv, c.do(t.Context(), c.legacy(), recv)
}

// requireCut checks that err reports a lost answer to a request that may have run.
func requireCut(t testing.TB, err error) *transport.Error {
	t.Helper()
	link, ok := err.(*transport.Error)
	require.True(t, ok, "%T: %v", err, err)
	require.Equal(t, transport.MaybeSent, link.Stage)
	require.False(t, link.Permanent)
	requireOneLine(t, err)
	return link
}

// requireOneLine checks that an error text is safe for logs and terminals.
func requireOneLine(t testing.TB, err error) {
	t.Helper()
	require.NotContains(t, err.Error(), "\n")
	require.NotContains(t, err.Error(), "\x1b")
}

// overNetwork runs a test in fake time, with a server and a Direct transport on an in-memory
// network.
func overNetwork(t *testing.T, handler http.HandlerFunc, test func(t *testing.T, n *memnet.Network, rt transport.Transport)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		ln := n.Listen("server:80")
		server := &http.Server{Handler: handler}
		served := make(chan error, 1)
		go func() { served <- server.Serve(ln) }()
		rt := transport.NewDirect(&transport.DirectOptions{DialContext: n.DialContext, NoProxy: true})
		t.Cleanup(func() {
			require.NoError(t, rt.Close())
			require.NoError(t, server.Close())
			require.ErrorIs(t, <-served, http.ErrServerClosed)
			time.Sleep(time.Minute) // of fake time: the server lingers before it closes
			synctest.Wait()
			require.Zero(t, n.Conns(), "both ends of all connections are closed")
		})
		test(t, n, rt)
	})
}

// zipped returns the compressed text.
func zipped(text string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return b.Bytes()
}
