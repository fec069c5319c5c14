package executor_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/execproto"
	"github.com/hawser-mcp/hawser/internal/exectest"
	"github.com/hawser-mcp/hawser/internal/link"
	"github.com/hawser-mcp/hawser/transport/executor"
)

func length(n string) execproto.Header { return execproto.Header{Name: "content-length", Value: n} }

// A caller may close the body after it has read the declared length and before the last frame
// arrives. That does not cancel the exchange: the link stays open, and the next exchange can use
// it. The link waits for the last frame only for a limited time.
func TestCloseBeforeTheLastFrame(t *testing.T) {
	for _, mode := range modes {
		for name, end := range map[string]func(w *world) (r io.Closer, done func()){
			"empty body": func(w *world) (io.Closer, func()) {
				r, resp := w.open(w.Context(), w.l, length("0"))
				return resp.Body, r.Done
			},
			"body that was read": func(w *world) (io.Closer, func()) {
				r, resp := w.open(w.Context(), w.l, length("4"))
				r.Piece("body")
				_, err := io.ReadFull(resp.Body, make([]byte, 4))
				require.NoError(w, err)
				return resp.Body, r.Done
			},
		} {
			fake(t, mode.name+" "+name, func(t *testing.T) {
				w := newWorld(t, executor.Options{Shared: mode.shared})
				body, done := end(w)
				require.NoError(w, body.Close())
				synctest.Wait()
				done()
				synctest.Wait()
				w.works(w.l)
				require.Equal(w, 1, w.x.Dials())
			})
			fake(t, mode.name+" "+name+", last frame never sent", func(t *testing.T) {
				w := newWorld(t, executor.Options{Shared: mode.shared})
				body, _ := end(w)
				require.NoError(w, body.Close())
				time.Sleep(time.Minute) // of fake time
				synctest.Wait()
				require.True(w, w.l.Ended())
				w.worksOnNewLink()
			})
		}
	}
}

// The link also stays open if the context ends at that moment.
func TestCancelBeforeTheLastFrame(t *testing.T) {
	inBothModes(t, executor.Options{}, func(w *world) {
		ctx, cancel := context.WithCancel(w.Context())
		r, resp := w.open(ctx, w.l, length("0"))
		cancel()
		synctest.Wait()
		require.Equal(w, http.StatusOK, resp.StatusCode)
		r.Done()
		synctest.Wait()
		w.works(w.l)
		require.Equal(w, 1, w.x.Dials())
	})
}

// lateSend is a link whose Send of a request returns only when the link is closed.
type lateSend struct {
	link.Link
	closing chan struct{}
	once    sync.Once
}

func (l *lateSend) Send(message []byte) error {
	err := l.Link.Send(message)
	if strings.Contains(string(message), execproto.MethodHTTPRequest) {
		<-l.closing
	}
	return err
}

func (l *lateSend) Close() error {
	l.once.Do(func() {
		close(l.closing)
		time.Sleep(time.Millisecond) // in fake time, so goroutines that wait in Send continue
	})
	return l.Link.Close()
}

// An exchange may end before the goroutine that sends its request has returned from Send. The link
// is then closed because it is no longer needed. That must not fail the exchange.
func TestAnswerBeforeSendReturns(t *testing.T) {
	fake(t, "exclusive", func(t *testing.T) {
		w := newWorldOver(t, new(exectest.Executor), executor.Options{MaxIdleLinks: -1}, func(l link.Link) link.Link {
			return &lateSend{Link: l, closing: make(chan struct{})}
		})
		ch := w.post(w.Context())
		w.x.Accept().Request(w.T).Answer(http.StatusOK, "fine") // the first link was not kept
		requireBody(w, w.response(ch), "fine", nil)
	})
}
