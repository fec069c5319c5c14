package executor_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
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

// greet returns a far end that answers initialize with the messages from answer, which gets the ID.
func greet(answer func(id string) []string) func(*exectest.Link) {
	return func(l *exectest.Link) {
		m, err := l.Next()
		if err != nil {
			return
		}
		for _, text := range answer(string(m.RawID)) {
			l.Raw(text)
		}
	}
}

func TestHandshakeFaults(t *testing.T) {
	for name, c := range map[string]struct {
		answer    func(id string) []string
		permanent bool
		text      string
		as        any
	}{
		"refused": {func(id string) []string {
			return []string{`{"error":{"code":-32600,"message":"go away"},"id":` + id + `}`}
		}, true, "the executor refused the link: go away", new(*executor.RefusedError)},
		"not understood": {func(string) []string {
			return []string{`{"error":{"code":-32600,"message":"failed to parse"},"id":-1}`}
		}, true, "failed to parse", new(*executor.RefusedError)},
		"garbage": {func(string) []string { return []string{`SSH-2.0-OpenSSH`} }, false, "invalid response to the handshake", new(*executor.ProtocolError)},
		"garbage in the result": {func(id string) []string {
			return []string{`{"id":` + id + `,"result":7}`}
		}, false, "invalid response to the handshake", new(*executor.ProtocolError)},
	} {
		fake(t, name, func(t *testing.T) {
			x := &exectest.Executor{Greet: greet(c.answer)}
			_, err := executor.Open(t.Context(), x.Dial, nil)
			requireStage(t, err, transport.NotSent, c.permanent, c.text)
			require.ErrorAs(t, err, c.as)
			requireEnded(t, x.Accept())
			require.Equal(t, 1, x.Dials())
		})
	}
}

func TestHandshakeOfOldExecutors(t *testing.T) {
	for name, result := range map[string]string{"empty": `{}`, "null": `null`, "session only": `{"sessionId":"s","environmentInfo":null}`} {
		fake(t, name, func(t *testing.T) {
			x := &exectest.Executor{Greet: greet(func(id string) []string {
				return []string{`{"method":"news"}`, `{"id":77,"result":{}}`, `{"id":5,"method":"ask"}`, `{"id":` + id + `,"result":` + result + `}`}
			})}
			rt, err := executor.Open(t.Context(), x.Dial, nil)
			require.NoError(t, err)
			defer rt.Close()
			w := &world{t, x, rt, x.Accept()}
			m, err := w.l.Next()
			require.NoError(t, err)
			require.Equal(t, execproto.MethodInitialized, m.Method)
			warmUp := w.l.Request(t)
			w.works(w.l)
			warmUp.Fail(execproto.CodeFailed, "too late", nil)
			synctest.Wait()
			w.works(w.l)
		})
	}
}

func TestClientName(t *testing.T) {
	for name, want := range map[string]string{"": `{"clientName":"hawser"}`, "mine": `{"clientName":"mine"}`} {
		fake(t, name, func(t *testing.T) {
			w := newWorld(t, executor.Options{ClientName: name})
			require.JSONEq(t, want, string(w.l.Hello))
		})
	}
}

func TestSilentHandshake(t *testing.T) {
	fake(t, "", func(t *testing.T) {
		x := &exectest.Executor{Greet: func(l *exectest.Link) { l.Ended() }}
		began := time.Now()
		_, err := executor.Open(t.Context(), x.Dial, &executor.Options{HandshakeTimeout: time.Minute})
		requireStage(t, err, transport.NotSent, false, "no link after 1m0s")
		require.ErrorIs(t, err, executor.ErrSilent)
		require.Equal(t, time.Minute, time.Since(began))

		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errCause)
		defer cancel()
		_, err = executor.Open(ctx, x.Dial, nil)
		requireStage(t, err, transport.NotSent, false)
		require.ErrorIs(t, err, errCause)
		require.NotErrorIs(t, err, executor.ErrSilent)
	})
}

// The context passed to Open bounds only Open, and the context of a dial bounds only the dial.
func TestContextOfOpenBoundsOpenOnly(t *testing.T) {
	for _, mode := range modes {
		fake(t, mode.name, func(t *testing.T) {
			x := new(exectest.Executor)
			ctx, cancel := context.WithCancel(t.Context())
			rt, err := executor.Open(ctx, x.Dial, &executor.Options{Shared: mode.shared})
			require.NoError(t, err)
			defer rt.Close()
			w := &world{t, x, rt, x.Accept()}
			cancel()
			synctest.Wait()
			w.works(w.l)
			w.l.Cut()
			synctest.Wait()
			ctx, cancel = context.WithCancel(t.Context())
			ch := w.post(ctx)
			l := x.Accept()
			l.Request(t).Answer(http.StatusOK, "fine")
			requireBody(t, w.response(ch), "fine", nil)
			cancel()
			synctest.Wait()
			w.works(l)
		})
	}
}

// If an executor closes each new link, the client pauses between dials.
func TestExecutorThatHangsUp(t *testing.T) {
	for _, mode := range modes {
		fake(t, mode.name, func(t *testing.T) {
			w := newWorld(t, executor.Options{Shared: mode.shared})
			w.x.Serve = func(l *exectest.Link) { l.Cut() }
			w.l.Cut()
			err := w.failed(w.post(t.Context()))
			require.Error(t, err)
			require.Less(t, w.x.Dials(), 60)
		})
	}
}

// The client also pauses if an executor reads nothing after the handshake.
func TestExecutorThatReadsNothing(t *testing.T) {
	for _, mode := range modes {
		fake(t, mode.name, func(t *testing.T) {
			w := newWorldOver(t, new(exectest.Executor), executor.Options{Shared: mode.shared}, func(l link.Link) link.Link {
				return &sendsOnly{Link: l, n: 2} // the two messages of the handshake
			})
			began := time.Now()
			requireStage(t, w.failed(w.post(t.Context())), transport.NotSent, false)
			require.LessOrEqual(t, time.Since(began), executor.DefaultReconnect)
			require.Less(t, w.x.Dials(), 60)
			require.Greater(t, w.x.Dials(), 5)
		})
	}
}

// sendsOnly is a link that sends n messages and then blocks.
type sendsOnly struct {
	link.Link
	n int
}

func (s *sendsOnly) Send(m []byte) error {
	if s.n--; s.n < 0 {
		return io.ErrShortWrite
	}
	return s.Link.Send(m)
}

func TestRefusedWebSockets(t *testing.T) {
	for status, permanent := range map[int]bool{
		http.StatusOK: true, http.StatusUnauthorized: true, http.StatusForbidden: true, http.StatusNotFound: true,
		http.StatusRequestTimeout: false, http.StatusTooManyRequests: false, http.StatusServiceUnavailable: false,
	} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			asked := 0
			srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
				asked++
				rw.WriteHeader(status)
				_, _ = rw.Write([]byte("see http://help.test/?secret=1"))
			}))
			defer srv.Close()
			_, err := executor.Dial(t.Context(), "ws"+srv.URL[len("http"):], nil)
			requireStage(t, err, transport.NotSent, permanent, "see http://help.test/")
			require.NotContains(t, err.Error(), "secret")
			var refused *executor.RefusedError
			require.ErrorAs(t, err, &refused)
			require.Equal(t, status, refused.Status)
			require.Equal(t, 1, asked)
		})
	}
}

func TestDialFailures(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := ln.Addr().String()
	require.NoError(t, ln.Close())
	for name, c := range map[string]struct {
		url       string
		opts      executor.Options
		permanent bool
		text      string
	}{
		"no listener": {url: "ws://" + addr, text: "refused"},
		"scheme":      {url: "http://h/?secret", permanent: true, text: "ws:// or wss://"},
		"no host":     {url: "ws:///", permanent: true, text: "must have a host"},
		"userinfo":    {url: "ws://u:secret@h", permanent: true, text: "Options.Token"},
		"unreadable":  {url: "ws://h:secret", permanent: true, text: "invalid URL"},
		"no token": {url: "ws://" + addr, text: "no token today",
			opts: executor.Options{TokenFunc: func(context.Context) (string, error) { return "", errors.New("no token today") }}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := executor.Dial(t.Context(), c.url, &c.opts)
			requireStage(t, err, transport.NotSent, c.permanent, c.text)
			require.NotContains(t, err.Error(), "secret")
		})
	}
}
