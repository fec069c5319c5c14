package executor_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/exectest"
	"github.com/hawser-mcp/hawser/transport"
	"github.com/hawser-mcp/hawser/transport/executor"
)

func TestClose(t *testing.T) {
	inBothModes(t, executor.Options{MaxLinks: 3}, func(w *world) {
		_, resp := w.open(w.Context(), w.l)
		read := make(chan error, 1)
		go func() {
			_, err := resp.Body.Read(make([]byte, 1))
			read <- err
		}()
		headless := w.post(w.Context())
		time.Sleep(5 * quick) // until it has a link of its own
		synctest.Wait()
		var waits []<-chan outcome
		for range 70 {
			waits = append(waits, w.post(w.Context()))
		}
		pending(w, headless)
		began := time.Now()
		require.NoError(w, w.rt.Close())
		require.NoError(w, w.rt.Close())
		for _, err := range []error{<-read, w.failed(headless)} {
			requireStage(w, err, transport.MaybeSent, true)
			require.ErrorIs(w, err, transport.ErrClosed)
		}
		for _, ch := range waits {
			err := w.failed(ch)
			require.True(w, transport.IsPermanent(err))
			require.ErrorIs(w, err, transport.ErrClosed)
		}
		require.Zero(w, time.Since(began))
		w.closed()
	})
}

// closed checks how RoundTrip fails after Close.
func (w *world) closed() {
	w.Helper()
	req := newRequest(w.Context(), w.T, http.MethodPost, "hello")
	spy := &closeSpy{ReadCloser: req.Body}
	req.Body = spy
	err := w.failed(w.send(req))
	requireStage(w, err, transport.NotSent, true)
	require.ErrorIs(w, err, transport.ErrClosed)
	require.Equal(w, 1, spy.closed)
}

func TestCloseWhileDialling(t *testing.T) {
	for _, mode := range modes {
		fake(t, mode.name, func(t *testing.T) {
			x := new(exectest.Executor)
			hang := false
			rt, err := executor.Open(t.Context(), func(ctx context.Context) (executor.Link, error) {
				if hang {
					<-ctx.Done()
					return nil, context.Cause(ctx)
				}
				return x.Dial(ctx)
			}, &executor.Options{Shared: mode.shared})
			require.NoError(t, err)
			w := &world{t, x, rt, x.Accept()}
			w.l.Cut()
			synctest.Wait()
			hang = true
			var chs []<-chan outcome
			for range 20 { // some dial, and some wait until they may dial
				chs = append(chs, w.post(t.Context()))
			}
			pending(t, chs[0])
			began := time.Now()
			require.NoError(t, rt.Close())
			defer func() { require.Zero(t, time.Since(began)) }()
			for _, ch := range chs {
				err := w.failed(ch)
				requireStage(t, err, transport.NotSent, true)
				require.ErrorIs(t, err, transport.ErrClosed)
			}
			w.closed()
		})
	}
}

func TestCloseWhileAwayAndInTheHandshake(t *testing.T) {
	inBothModes(t, executor.Options{Reconnect: time.Hour}, func(w *world) {
		w.x.Away(errors.New("connection refused"))
		w.l.Cut()
		synctest.Wait()
		away := w.post(w.Context())
		time.Sleep(10 * time.Second)
		require.NoError(w, w.rt.Close())
		require.ErrorIs(w, w.failed(away), transport.ErrClosed)
	})
	inBothModes(t, executor.Options{}, func(w *world) {
		w.x.Greet = func(l *exectest.Link) { l.Ended() }
		w.l.Cut()
		synctest.Wait()
		greeted := w.post(w.Context())
		pending(w, greeted)
		require.NoError(w, w.rt.Close())
		err := w.failed(greeted)
		requireStage(w, err, transport.NotSent, true)
		require.ErrorIs(w, err, transport.ErrClosed)
	})
}

func TestCloseAmongConcurrentCallers(t *testing.T) {
	for _, mode := range modes {
		fake(t, mode.name, func(t *testing.T) {
			x := &exectest.Executor{Serve: func(l *exectest.Link) { answerAll(l, 0) }}
			rt, err := executor.Open(t.Context(), x.Dial, &executor.Options{Shared: mode.shared, MaxLinks: 4})
			require.NoError(t, err)
			w := &world{t, x, rt, nil}
			ends := make(chan error, 16)
			for range cap(ends) {
				go func() {
					for {
						o := <-w.post(t.Context())
						if o.err == nil {
							o.err = o.resp.Body.Close()
						}
						if o.err != nil {
							ends <- o.err
							return
						}
						time.Sleep(quick)
					}
				}()
			}
			time.Sleep(50 * quick)
			require.NoError(t, rt.Close())
			for range cap(ends) {
				require.ErrorIs(t, <-ends, transport.ErrClosed)
			}
		})
	}
}
