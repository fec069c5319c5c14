package executor_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/execproto"
	"github.com/hawser-mcp/hawser/internal/exectest"
	"github.com/hawser-mcp/hawser/internal/link"
	"github.com/hawser-mcp/hawser/transport/executor"
)

const secret = "s3cret"

// secretURL is a URL that an executor quotes in its errors.
const secretURL = "http://user:" + secret + "@mcp.test/mcp?key=" + secret + "#" + secret

// escapes are characters that a terminal or a reader of a log would misinterpret.
const escapes = "\x1b[2J\u202e\x07"

// everything collects all texts that exchanges produce: errors and logs.
type everything struct {
	mu  sync.Mutex
	buf bytes.Buffer // guarded by mu
}

func (e *everything) Write(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.buf.Write(p)
}

// add prints an error in every way that a program may print it.
func (e *everything) add(err error) {
	for ; err != nil; err = errors.Unwrap(err) {
		fmt.Fprintf(e, "%v\n%+v\n", err, err)
	}
}

func (e *everything) requireNoSecret(t *testing.T, atLeast int) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	require.NotContains(t, e.buf.String(), secret)
	require.False(t, strings.ContainsAny(e.buf.String(), escapes[:1]+escapes[4:]), "%q", e.buf.String())
	require.Greater(t, strings.Count(e.buf.String(), "\n"), atLeast, "too few texts to check")
}

func (e *everything) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(e, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func TestNoSecretInErrorsAndLogs(t *testing.T) {
	plain := "error sending request for url (" + secretURL + ")"
	quoting := plain + escapes
	faults := []func(l *exectest.Link, r *exectest.Request){
		func(_ *exectest.Link, r *exectest.Request) { r.Fail(execproto.CodeFailed, quoting, nil) },
		func(_ *exectest.Link, r *exectest.Request) { r.Fail(execproto.CodeInvalidParams, quoting, nil) },
		func(l *exectest.Link, _ *exectest.Request) {
			l.Raw(`{"id":-1,"error":{"code":-32600,"message":"` + plain + `\u001b"}}`)
		},
		func(l *exectest.Link, _ *exectest.Request) { l.Raw(secret) },
		func(l *exectest.Link, _ *exectest.Request) { l.Cut() },
		func(_ *exectest.Link, r *exectest.Request) {
			r.Head(200, execproto.Header{Name: "x-a", Value: secret + "\x01"})
		},
		func(_ *exectest.Link, r *exectest.Request) {
			r.Head(200, execproto.Header{Name: "Content-Length", Value: secret})
		},
		func(_ *exectest.Link, r *exectest.Request) { r.Head(200); r.Delta(1, "", true, quoting) },
		func(_ *exectest.Link, r *exectest.Request) { r.Head(200); r.Delta(1, "", false, quoting) },
	}
	for _, mode := range modes {
		fake(t, mode.name, func(t *testing.T) {
			var told everything
			w := newWorld(t, executor.Options{Shared: mode.shared, Logger: told.logger(), Token: secret})
			for _, f := range faults {
				req := newRequest(t.Context(), t, http.MethodPost, secret)
				setURL(secretURL)(req)
				req.Header.Set("Mcp-Session-Id", secret)
				ch := w.send(req)
				var r *exectest.Request
				for r == nil {
					var err error
					if r, err = w.l.NextRequest(); err != nil {
						w.l = w.x.Accept() // the previous link has ended
					}
				}
				f(w.l, r)
				o := <-ch
				if o.err == nil {
					_, o.err = io.ReadAll(o.resp.Body)
					_ = o.resp.Body.Close()
				}
				require.Error(t, o.err)
				told.add(o.err)
			}
			w.x.Away(fmt.Errorf("dial %s: no", secretURL))
			w.x.CutAll()
			told.add(w.failed(w.post(t.Context())))
			told.requireNoSecret(t, 2*len(faults))
		})
	}
}

func TestNoSecretOfBadRequests(t *testing.T) {
	fake(t, "", func(t *testing.T) {
		var told everything
		w := newWorld(t, executor.Options{Logger: told.logger()})
		for _, change := range []func(*http.Request){
			func(r *http.Request) { r.Header.Set("X-A", secret+"\n") },
			func(r *http.Request) { r.Header.Set("X-A", secret+"\xff") },
			func(r *http.Request) { r.URL.Scheme = secret },
			func(r *http.Request) { r.URL.Opaque = secret },
			func(r *http.Request) { r.Method = secret + " " },
			func(r *http.Request) { r.Body = io.NopCloser(failing{fmt.Errorf("upload to %s", secretURL)}) },
		} {
			req := newRequest(t.Context(), t, http.MethodPost, "")
			change(req)
			told.add(w.failed(w.send(req)))
		}
		told.requireNoSecret(t, 10)
	})
}

func TestNoSecretOfHandshakes(t *testing.T) {
	var told everything
	opts := &executor.Options{Logger: told.logger(), Token: secret}
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "Bearer "+secret, r.Header.Get("Authorization"))
		assert.Empty(t, r.Header.Get("Origin"), "executors refuse requests with an Origin")
		http.Error(rw, "not "+secretURL+escapes, http.StatusForbidden)
	}))
	defer srv.Close()
	addr := srv.Listener.Addr().String()
	for _, raw := range []string{
		"ws://" + addr + "/?key=" + secret, "ws://user:" + secret + "@" + addr, "ws://h:" + secret, secret + "://h",
		"http://" + addr + "/?key=" + secret, "ws://127.0.0.1:1/?key=" + secret,
	} {
		_, err := executor.Dial(t.Context(), raw, opts)
		require.Error(t, err)
		told.add(err)
	}
	near, far := link.Pipe(1 << 20)
	l := &exectest.Link{PipeEnd: far}
	go greet(func(id string) []string {
		return []string{`{"id":` + id + `,"error":{"code":-32600,"message":"not ` + secretURL + `"}}`}
	})(l)
	_, err := executor.New(t.Context(), near, opts)
	require.Error(t, err)
	told.add(err)
	told.requireNoSecret(t, 20)
}

// A server that refuses the link may quote the token in its response.
func TestEchoedTokenIsMasked(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, "no such token: ", r.Header.Get("Authorization"))
	}))
	defer srv.Close()
	_, err := executor.Dial(t.Context(), strings.Replace(srv.URL, "http", "ws", 1), &executor.Options{Token: "token-" + secret})
	var refused *executor.RefusedError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "no such token: Bearer [redacted]", refused.Text)
	require.NotContains(t, err.Error(), secret)
}

// The reason in a WebSocket close frame comes from the far end.
func TestReasonOfAClosedLinkIsClean(t *testing.T) {
	w := newWire(t, func(s *socket) {
		s.request()
		reason := websocket.FormatCloseMessage(websocket.ClosePolicyViolation, "go away"+escapes)
		_ = s.WriteControl(websocket.CloseMessage, reason, time.Now().Add(time.Second))
		s.untilEnd()
	})
	var told everything
	rt := w.dial(&executor.Options{Reconnect: -1, Logger: told.logger()})
	resp, err := rt.RoundTrip(newRequest(t.Context(), t, http.MethodPost, "hello"))
	if err == nil {
		_ = resp.Body.Close()
	}
	require.ErrorIs(t, err, executor.ErrLinkLost)
	require.ErrorContains(t, err, "go away")
	require.ErrorAs(t, err, new(*websocket.CloseError))
	told.add(err)
	told.requireNoSecret(t, 1)
}
