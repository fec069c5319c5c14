package executor_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/execproto"
	"github.com/hawser-mcp/hawser/internal/exectest"
	"github.com/hawser-mcp/hawser/internal/link"
	"github.com/hawser-mcp/hawser/transport/executor"
)

// A link whose warm-up has no answer is used after a second. A late answer is ignored.
func TestSilentWarmUp(t *testing.T) {
	fake(t, "", func(t *testing.T) {
		x := new(exectest.Executor)
		var warmUp *exectest.Request
		x.WarmUp = func(r *exectest.Request) { warmUp = r }
		began := time.Now()
		w := newWorldOver(t, x, executor.Options{}, nil)
		require.Equal(t, time.Second, time.Since(began))
		require.Equal(t, "GET http://127.0.0.1:0/", warmUp.Method+" "+warmUp.URL)
		require.Empty(t, warmUp.Headers)
		require.Equal(t, int64(250), warmUp.TimeoutMs)
		require.False(t, warmUp.Stream)
		r, ch := w.begin(t.Context(), w.l)
		warmUp.Answer(http.StatusTeapot, "too late")
		warmUp.Fail(execproto.CodeFailed, "even later", nil)
		pending(t, ch)
		r.Answer(http.StatusOK, "fine")
		requireBody(t, w.response(ch), "fine", nil)
	})
}

// Without warm-ups, links are offered after the handshake, and at most 20 are made in a second.
func TestNoWarmUp(t *testing.T) {
	fake(t, "", func(t *testing.T) {
		x := &exectest.Executor{Greet: func(l *exectest.Link) {
			greet(func(id string) []string { return []string{`{"id":` + id + `,"result":{}}`} })(l)
			_, _ = l.Next()
		}}
		w := newWorldOver(t, x, executor.Options{NoWarmUp: true}, nil)
		began := time.Now()
		_, slow := w.begin(t.Context(), w.l) // the first message after the handshake
		chs := w.posts(10)
		for i, ch := range chs {
			l := x.Accept()
			require.Equal(t, time.Duration(i+1)*50*time.Millisecond, time.Since(began))
			r := l.Request(t)
			require.Equal(t, strconv.Itoa(i), string(r.Body))
			pending(t, ch)
		}
		pending(t, slow)
	})
}

// An executor that needs no warm-up gets none, and with a shared link no executor does.
func TestNoWarmUpIsNeeded(t *testing.T) {
	for name, opts := range map[string]executor.Options{"the executor is ready": {}, "shared link": {Shared: true}} {
		fake(t, name, func(t *testing.T) {
			x := new(exectest.Executor)
			if opts.Shared {
				x.Greet = func(l *exectest.Link) {
					greet(func(id string) []string { return []string{`{"id":` + id + `,"result":{}}`} })(l)
					_, _ = l.Next()
				}
			}
			began := time.Now()
			w := newWorldOver(t, x, opts, func(l link.Link) link.Link { return l })
			w.works(w.l) // its request is the first message after the handshake
			require.Zero(t, time.Since(began))
		})
	}
}
