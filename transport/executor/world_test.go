package executor_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/execproto"
	"github.com/hawser-mcp/hawser/internal/exectest"
	"github.com/hawser-mcp/hawser/internal/link"
	"github.com/hawser-mcp/hawser/transport"
	"github.com/hawser-mcp/hawser/transport/executor"
)

const target = "http://mcp.test/mcp"

// world is a Transport and a scripted executor, in fake time.
type world struct {
	*testing.T
	x  *exectest.Executor
	rt *executor.Transport
	l  *exectest.Link // the first link
}

// newWorld opens a Transport that is closed at the end of the test.
func newWorld(t *testing.T, opts executor.Options) *world {
	t.Helper()
	return newWorldOver(t, &exectest.Executor{MaxMessage: executor.DefaultMaxMessage}, opts, nil)
}

// newWorldOver is newWorld with executor x. If wrap is not nil, each link is wrapped by it.
func newWorldOver(t *testing.T, x *exectest.Executor, opts executor.Options, wrap func(link.Link) link.Link) *world {
	t.Helper()
	dial := func(ctx context.Context) (executor.Link, error) {
		l, err := x.Dial(ctx)
		if err == nil && wrap != nil {
			l = wrap(l)
		}
		return l, err
	}
	rt, err := executor.Open(t.Context(), dial, &opts)
	require.NoError(t, err)
	t.Cleanup(func() { _ = rt.Close() })
	return &world{t, x, rt, x.Accept()}
}

// fake runs f in fake time.
func fake(t *testing.T, name string, f func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}

// inBothModes runs f twice: with one link per exchange, and with a shared link.
func inBothModes(t *testing.T, opts executor.Options, f func(w *world)) {
	t.Helper()
	for _, mode := range modes {
		fake(t, mode.name, func(t *testing.T) {
			opts.Shared = mode.shared
			f(newWorld(t, opts))
		})
	}
}

var modes = []struct {
	name   string
	shared bool
}{{"exclusive", false}, {"shared", true}}

type outcome struct {
	resp *http.Response
	err  error
}

func newRequest(ctx context.Context, t testing.TB, method, body string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, target, strings.NewReader(body))
	require.NoError(t, err)
	return req
}

// send starts a RoundTrip and returns a channel for its outcome.
func (w *world) send(req *http.Request) <-chan outcome {
	ch := make(chan outcome, 1)
	go func() {
		resp, err := w.rt.RoundTrip(req)
		ch <- outcome{resp, err}
	}()
	return ch
}

// post starts a RoundTrip of a POST.
func (w *world) post(ctx context.Context) <-chan outcome {
	w.Helper()
	return w.send(newRequest(ctx, w.T, http.MethodPost, "hello"))
}

// begin sends a request and returns it as received from l, with a channel for the outcome.
func (w *world) begin(ctx context.Context, l *exectest.Link) (*exectest.Request, <-chan outcome) {
	w.Helper()
	ch := w.post(ctx)
	return l.Request(w.T), ch
}

// open performs an exchange up to the head of its response.
func (w *world) open(ctx context.Context, l *exectest.Link, headers ...execproto.Header) (*exectest.Request, *http.Response) {
	w.Helper()
	r, ch := w.begin(ctx, l)
	r.Head(http.StatusOK, headers...)
	return r, w.response(ch)
}

func (w *world) response(ch <-chan outcome) *http.Response {
	w.Helper()
	o := <-ch
	require.NoError(w, o.err)
	return o.resp
}

// works performs a complete exchange over l.
func (w *world) works(l *exectest.Link) {
	w.Helper()
	r, resp := w.open(w.Context(), l)
	r.Piece("fine")
	r.Done()
	requireBody(w, resp, "fine", nil)
}

// worksOnNewLink performs a complete exchange over a new link.
func (w *world) worksOnNewLink() *exectest.Link {
	w.Helper()
	ch := w.post(w.Context())
	l := w.x.Accept()
	r := l.Request(w.T)
	r.Answer(http.StatusOK, "fine")
	requireBody(w, w.response(ch), "fine", nil)
	return l
}

// failed waits for a RoundTrip, which must fail, and returns its error.
func (w *world) failed(ch <-chan outcome) error {
	w.Helper()
	o := <-ch
	require.Error(w, o.err)
	require.Nil(w, o.resp)
	return o.err
}

// requireBody checks that a body has the bytes want, followed by an error that passes check. A nil
// check stands for io.EOF.
func requireBody(t testing.TB, resp *http.Response, want string, check func(error)) {
	t.Helper()
	got, err := io.ReadAll(resp.Body)
	if check == nil {
		require.NoError(t, err)
	} else {
		require.Error(t, err)
		require.NotErrorIs(t, err, io.EOF)
		check(err)
		n, again := resp.Body.Read(make([]byte, 1))
		require.Zero(t, n)
		require.Equal(t, err, again, "the error of a body is sticky")
	}
	require.Equal(t, want, string(got))
	require.NoError(t, resp.Body.Close())
}

// requireStage checks the stage, the permanence and the text of err.
func requireStage(t testing.TB, err error, stage transport.Stage, permanent bool, text ...string) {
	t.Helper()
	var e *transport.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, stage, e.Stage, "%v", err)
	require.Equal(t, permanent, e.Permanent, "%v", err)
	for _, s := range text {
		require.ErrorContains(t, err, s)
	}
}

// requireEnded checks that the client closed l a while ago.
func requireEnded(t testing.TB, l *exectest.Link, why ...any) {
	t.Helper()
	began := time.Now()
	require.True(t, l.Ended(), why...)
	require.Zero(t, time.Since(began), why...)
}

var errCause = errors.New("the test's own reason")

// cancellable returns a context and a function that ends it with errCause.
func cancellable(t testing.TB) (ctx context.Context, cancel func()) {
	t.Helper()
	ctx, end := context.WithCancelCause(t.Context())
	t.Cleanup(func() { end(nil) })
	return ctx, func() { end(errCause) }
}

// quick is shorter than every timeout of the Transport.
const quick = time.Millisecond

// pending checks that ch is still empty when all goroutines are idle.
func pending[T any](t testing.TB, ch <-chan T) {
	t.Helper()
	synctest.Wait()
	select {
	case v := <-ch:
		t.Fatalf("too early: %v", v)
	default:
	}
}
