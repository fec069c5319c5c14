package executor_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/exectest"
	"github.com/hawser-mcp/hawser/internal/link"
	"github.com/hawser-mcp/hawser/transport"
	"github.com/hawser-mcp/hawser/transport/executor"
)

// newNearWorld is newWorld with links that can misbehave. near returns the client's end of the most
// recently dialed link.
func newNearWorld(t *testing.T, opts executor.Options) (w *world, near func() *exectest.Near) {
	t.Helper()
	var last *exectest.Near
	w = newWorldOver(t, new(exectest.Executor), opts, func(l link.Link) link.Link {
		last = exectest.NewNear(l)
		return last
	})
	return w, func() *exectest.Near { return last }
}

func inBothModesNear(t *testing.T, opts executor.Options, f func(w *world, near func() *exectest.Near)) {
	t.Helper()
	for _, mode := range modes {
		fake(t, mode.name, func(t *testing.T) {
			opts.Shared = mode.shared
			f(newNearWorld(t, opts))
		})
	}
}

func TestCancelBeforeTheHead(t *testing.T) {
	inBothModes(t, executor.Options{}, func(w *world) {
		ctx, cancel := cancellable(w)
		r, ch := w.begin(ctx, w.l)
		pending(w, ch)
		cancel()
		err := w.failed(ch)
		requireStage(w, err, transport.MaybeSent, false)
		require.ErrorIs(w, err, errCause)
		require.ErrorIs(w, err, context.Canceled)
		if !w.lives(false, false) {
			requireEnded(w, w.l, "closing the link cancels the request")
			w.worksOnNewLink()
			return
		}
		r.Answer(http.StatusOK, "late") // the exchange has been canceled, so nothing waits for this answer
		synctest.Wait()
		w.works(w.l)
		require.Equal(w, 1, w.x.Dials())
	})
}

// If the context has already ended, RoundTrip returns its cause and sends nothing.
func TestCancelBeforeTheCall(t *testing.T) {
	inBothModes(t, executor.Options{}, func(w *world) {
		ctx, cancel := cancellable(w)
		cancel()
		err := w.failed(w.post(ctx))
		requireStage(w, err, transport.NotSent, false)
		require.ErrorIs(w, err, errCause)
		w.works(w.l)
	})
}

func TestCancelWhileTheLinkIsStuck(t *testing.T) {
	inBothModesNear(t, executor.Options{KeepAlive: -1}, func(w *world, near func() *exectest.Near) {
		release := near().Hold()
		ctx, cancel := cancellable(w)
		ch := w.post(ctx)
		pending(w, ch)
		cancel()
		err := w.failed(ch)
		requireStage(w, err, transport.MaybeSent, false)
		require.ErrorIs(w, err, errCause)
		if !w.lives(false, false) {
			requireEnded(w, w.l)
			w.worksOnNewLink()
			return
		}
		queued := w.post(w.Context()) // queued behind the stuck message
		pending(w, queued)
		release()
		w.l.Request(w.T)
		w.l.Request(w.T).Answer(http.StatusOK, "")
		requireBody(w, w.response(queued), "", nil)
	})
}

func TestCancelWhileQueued(t *testing.T) {
	fake(t, "", func(t *testing.T) {
		w, near := newNearWorld(t, executor.Options{Shared: true, KeepAlive: -1})
		release := near().Hold()
		first := w.post(t.Context())
		synctest.Wait() // the first one is being sent
		for range 40 {  // canceled in the queue; nothing of them may remain there
			ctx, cancel := cancellable(t)
			second := w.post(ctx)
			pending(t, second)
			cancel()
			requireStage(t, w.failed(second), transport.NotSent, false)
		}
		third := w.post(t.Context())
		pending(t, third)
		release()
		for _, ch := range []<-chan outcome{first, third} {
			w.l.Request(t).Answer(http.StatusOK, "fine")
			requireBody(t, w.response(ch), "fine", nil)
		}
		require.Equal(t, 1, w.x.Dials())
	})
}

// If a link is lost before a request was completely written, the request is sent over another link.
func TestLinkLostWhileSending(t *testing.T) {
	inBothModesNear(t, executor.Options{}, func(w *world, near func() *exectest.Near) {
		near().FailSends(io.ErrShortWrite)
		w.worksOnNewLink()
		require.Equal(w, 2, w.x.Dials())
	})
}

func TestLinkLostWhileQueued(t *testing.T) {
	fake(t, "", func(t *testing.T) {
		w, near := newNearWorld(t, executor.Options{Shared: true, KeepAlive: -1})
		near().Hold()
		first := w.post(t.Context())
		synctest.Wait()
		second := w.post(t.Context())
		pending(t, second)
		w.l.Cut()
		l := w.x.Accept()
		for range 2 { // neither was completely written
			l.Request(t).Answer(http.StatusOK, "fine")
		}
		requireBody(t, w.response(first), "fine", nil)
		requireBody(t, w.response(second), "fine", nil)
	})
}

func TestLinkLostAndExecutorGone(t *testing.T) {
	inBothModesNear(t, executor.Options{}, func(w *world, near func() *exectest.Near) {
		near().FailSends(io.ErrShortWrite)
		refused := errors.New("connection refused")
		w.x.Away(refused)
		began := time.Now()
		err := w.failed(w.post(w.Context()))
		requireStage(w, err, transport.NotSent, false)
		require.ErrorIs(w, err, refused)
		require.Less(w, time.Since(began), executor.DefaultReconnect)
		require.Greater(w, w.x.Dials(), 4, "tries continue for Options.Reconnect")
		require.Less(w, w.x.Dials(), 12, "with a backoff")
		w.x.Away(nil)
		w.worksOnNewLink()
	})
}

// If a link ends just as a message has been completely sent, the exchange still fails.
func TestLinkLostAsTheMessageIsSent(t *testing.T) {
	for _, mode := range modes {
		fake(t, mode.name, func(t *testing.T) {
			w := newWorldOver(t, new(exectest.Executor), executor.Options{Shared: mode.shared}, func(l link.Link) link.Link {
				return &sentAtTheEnd{Link: l, n: 2, closed: make(chan struct{})}
			})
			ch := w.post(t.Context())
			pending(t, ch)
			w.l.Cut()
			err := w.failed(ch)
			requireStage(t, err, transport.MaybeSent, false)
			require.ErrorIs(t, err, executor.ErrLinkLost)
		})
	}
}

// sentAtTheEnd is a link that sends n messages normally. The next Send blocks until the link is
// closed, and then succeeds.
type sentAtTheEnd struct {
	link.Link
	n      int
	closed chan struct{}
}

func (s *sentAtTheEnd) Send(m []byte) error {
	if s.n--; s.n >= 0 {
		return s.Link.Send(m)
	}
	<-s.closed
	return nil
}

func (s *sentAtTheEnd) Close() error {
	close(s.closed)
	return s.Link.Close()
}

func TestMessageThatMayHaveArrived(t *testing.T) {
	inBothModesNear(t, executor.Options{}, func(w *world, near func() *exectest.Near) {
		near().FailSends(errors.Join(link.ErrUncertain, io.ErrShortWrite))
		ctx, stop := context.WithTimeout(w.Context(), time.Hour)
		defer stop()
		err := w.failed(w.post(ctx))
		requireStage(w, err, transport.MaybeSent, false)
		require.ErrorIs(w, err, executor.ErrLinkLost)
		require.Equal(w, 1, w.x.Dials(), "it is not sent again")
	})
}

func TestCancelDuringTheBody(t *testing.T) {
	inBothModes(t, executor.Options{}, func(w *world) {
		ctx, cancel := cancellable(w)
		r, resp := w.open(ctx, w.l)
		r.Piece("first")
		got := make([]byte, 5)
		_, err := io.ReadFull(resp.Body, got)
		require.NoError(w, err)
		read := make(chan error, 1)
		go func() {
			_, err := resp.Body.Read(got)
			read <- err
		}()
		pending(w, read)
		cancel()
		err = <-read
		requireStage(w, err, transport.MaybeSent, false)
		require.ErrorIs(w, err, errCause)
		w.afterGivingUp(r)
	})
}

func TestCloseOfABody(t *testing.T) {
	inBothModes(t, executor.Options{}, func(w *world) {
		r, resp := w.open(w.Context(), w.l)
		r.Piece("first")
		synctest.Wait()
		require.NoError(w, resp.Body.Close())
		require.NoError(w, resp.Body.Close())
		_, err := resp.Body.Read(make([]byte, 1))
		require.ErrorIs(w, err, http.ErrBodyReadAfterClose)
		w.afterGivingUp(r)
	})
}

// afterGivingUp checks that new exchanges work after the exchange of r was canceled.
func (w *world) afterGivingUp(r *exectest.Request) {
	w.Helper()
	if !w.lives(false, false) {
		requireEnded(w, w.l, "closing the link cancels the request")
		w.worksOnNewLink()
		return
	}
	w.works(w.l) // the link is still open
	r.Piece("more")
	r.Done()
	synctest.Wait()
	w.works(w.l)
	time.Sleep(time.Minute)
	synctest.Wait()
	w.works(w.l)
	require.Equal(w, 1, w.x.Dials(), "no given-up exchange is left for which the link would be replaced")
}

// A body that arrived completely but was not read must not look complete after it is closed or its
// context has ended.
func TestUnreadBodyDoesNotLookComplete(t *testing.T) {
	inBothModes(t, executor.Options{}, func(w *world) {
		r, resp := w.open(w.Context(), w.l)
		r.Piece("unread")
		r.Done()
		synctest.Wait()
		require.NoError(w, resp.Body.Close())
		n, err := resp.Body.Read(make([]byte, 1))
		require.Zero(w, n)
		require.ErrorIs(w, err, http.ErrBodyReadAfterClose)
	})
}

func TestCancelAfterTheEnd(t *testing.T) {
	inBothModes(t, executor.Options{}, func(w *world) {
		ctx, cancel := cancellable(w)
		r, resp := w.open(ctx, w.l)
		r.Piece("whole")
		r.Done()
		synctest.Wait()
		cancel()
		synctest.Wait()
		got, err := io.ReadAll(resp.Body)
		if err == nil {
			require.Equal(w, "whole", string(got))
		} else {
			require.ErrorIs(w, err, errCause)
		}
		w.works(w.l)
	})
}

// IDs continue when a link is replaced, so a late message cannot be treated as one of a new
// exchange.
func TestIDsContinueOnTheNextLink(t *testing.T) {
	inBothModes(t, executor.Options{}, func(w *world) {
		seen := make(map[string]bool)
		l := w.l
		for range 3 {
			for range 2 {
				r, resp := w.open(w.Context(), l)
				require.False(w, seen[r.RequestID], "id %s is used again", r.RequestID)
				seen[r.RequestID] = true
				r.Done()
				requireBody(w, resp, "", nil)
			}
			l.Cut()
			synctest.Wait()
			l = w.worksOnNewLink()
		}
	})
}

// A request body whose Read blocks delays neither cancellation nor Close.
func TestRequestBodyBlocks(t *testing.T) {
	inBothModes(t, executor.Options{}, func(w *world) {
		for _, end := range []string{"context", "transport"} {
			body := &blockingBody{closed: make(chan struct{})}
			ctx, cancel := cancellable(w)
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, body)
			require.NoError(w, err)
			ch := w.send(req)
			pending(w, ch)
			w.works(w.l)
			if end == "context" {
				cancel()
				err = w.failed(ch)
				require.ErrorIs(w, err, errCause)
			} else {
				require.NoError(w, w.rt.Close())
				err = w.failed(ch)
				require.ErrorIs(w, err, transport.ErrClosed)
			}
			requireStage(w, err, transport.NotSent, end != "context")
			<-body.closed
		}
	})
}

// blockingBody is a request body whose Read blocks until it is closed.
type blockingBody struct{ closed chan struct{} }

func (b *blockingBody) Read([]byte) (int, error) {
	<-b.closed
	return 0, io.ErrClosedPipe
}

func (b *blockingBody) Close() error {
	close(b.closed)
	return nil
}

func TestHeaderTimeout(t *testing.T) {
	inBothModes(t, executor.Options{HeaderTimeout: time.Minute}, func(w *world) {
		r, ch := w.begin(w.Context(), w.l)
		time.Sleep(time.Minute - quick)
		pending(w, ch)
		time.Sleep(quick)
		err := w.failed(ch)
		requireStage(w, err, transport.MaybeSent, false)
		require.ErrorIs(w, err, executor.ErrSilent)
		w.afterLateHead(r)
	})
}

// afterLateHead checks that HeaderTimeout bounds only the wait for the head.
func (w *world) afterLateHead(r *exectest.Request) {
	w.Helper()
	l := w.l
	if !w.lives(false, false) {
		requireEnded(w, l)
		l = w.worksOnNewLink()
	} else {
		r.Answer(http.StatusOK, "late")
		synctest.Wait()
	}
	next, resp := w.open(w.Context(), l)
	time.Sleep(time.Hour)
	next.Piece("the body may be slow")
	next.Done()
	requireBody(w, resp, "the body may be slow", nil)
}
