package mcpclient_test

import (
	"context"
	"net/http"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// An interceptor of a stream is done when the server has agreed: next returns then, nothing of the
// interceptor is left, and neither the deadline nor the end of its context ends the stream. Only the
// values of that context stay.
func TestInterceptorOfAStream(t *testing.T) {
	modernBubble(t, func(t *testing.T, srv *mcptest.Server) {
		var ended []time.Duration
		start := time.Now()
		opts := intercepting(around(listenMethod, func(ctx context.Context, o *outgoing, next proceed) error {
			require.True(t, o.Stream())
			require.NoError(t, o.SetHeader("X-Audit", "7"))
			require.NoError(t, o.SetMeta("traceparent", "one"))
			ctx, cancel := context.WithTimeout(context.WithValue(ctx, passedKey{}, "v"), time.Minute)
			defer cancel()
			err := next(ctx, o)
			ended = append(ended, time.Since(start))
			require.ErrorIs(t, next(ctx, o), mcpclient.ErrRunAgain)
			return err
		}))
		values := make(chan any, 10)
		opts.HeaderHook = func(ctx context.Context, _ http.Header) error { values <- ctx.Value(passedKey{}); return nil }
		s := serve(t, srv, opts)
		<-values // server/discover
		l := listen(t, s, mcpclient.Filter{ToolsChanged: true})
		require.Equal(t, "v", <-values)
		require.Len(t, ended, 1)
		requests := srv.Requests(listenMethod)
		require.Equal(t, "7", requests[0].Header.Get("X-Audit"))
		require.Equal(t, `"one"`, requests[0].Meta("traceparent"))
		synctest.Wait()
		buf := make([]byte, 1<<20)
		stacks := string(buf[:runtime.Stack(buf, true)])
		require.NotContains(t, stacks, "mcpclient.(*opening)", "a goroutine of the opening is left")
		time.Sleep(time.Hour)
		srv.Notify("notifications/tools/list_changed", nil)
		event := firstEvent(l)
		require.Equal(t, mcpclient.ListenToolsChanged, event.Kind)
		require.Len(t, srv.Requests(listenMethod), 1)
	})
}

// An interceptor that ends its context before the server has agreed ends the opening.
func TestInterceptorBoundsAnOpening(t *testing.T) {
	modernBubble(t, func(t *testing.T, srv *mcptest.Server) {
		srv.WithholdAck = true
		s := serve(t, srv, intercepting(around(listenMethod, func(ctx context.Context, o *outgoing, next proceed) error {
			ctx, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			return next(ctx, o)
		})))
		start := time.Now()
		_, err := s.Listen(t.Context(), mcpclient.Filter{ToolsChanged: true}, mcpclient.WithoutReopening())
		require.Equal(t, mcpclient.KindCanceled, mcpclient.KindOf(err), "%v", err)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Less(t, time.Since(start), time.Minute)
	})
}

// An interceptor may refuse a stream before the server has agreed and after it.
func TestInterceptorRefusesAStream(t *testing.T) {
	for name, after := range map[string]bool{"before": false, "after": true} {
		t.Run(name, func(t *testing.T) {
			modernBubble(t, func(t *testing.T, srv *mcptest.Server) {
				opts := intercepting(around(listenMethod, func(ctx context.Context, o *outgoing, next proceed) error {
					if after {
						require.NoError(t, next(ctx, o))
					}
					return errBoom
				}))
				missed := make(chan mcpclient.MissedEvents, 10)
				opts.Handlers.ToolsChanged = func(context.Context, *mcpclient.Session) {}
				opts.Handlers.MissedEvents = func(_ context.Context, _ *mcpclient.Session, m mcpclient.MissedEvents) { missed <- m }
				s := serve(t, srv, opts)
				require.Equal(t, mcpclient.MissedEvents{Ended: true}, <-missed)
				streams := srv.Count(listenMethod)
				_, err := s.Listen(t.Context(), mcpclient.Filter{ToolsChanged: true})
				e := failure(t, err)
				require.Equal(t, mcpclient.KindRefused, e.Kind, "%v", err)
				require.ErrorIs(t, err, errBoom)
				require.Equal(t, mcpclient.EndRefused, reason(t, err))
				time.Sleep(time.Hour)
				if after {
					require.Equal(t, streams+1, srv.Count(listenMethod))
					require.Zero(t, srv.SubscriptionCount())
				} else {
					require.Zero(t, srv.Count(listenMethod))
				}
			})
		})
	}
}

// Interceptors neither ask for a stream nor keep one from being opened again. How its opening failed
// is what the server said, whatever interceptors make of it.
func TestInterceptorsDoNotChangeStreams(t *testing.T) {
	modernBubble(t, func(t *testing.T, srv *mcptest.Server) {
		var errs []string
		all := passing()
		opts := intercepting(all, around(listenMethod, func(ctx context.Context, o *outgoing, next proceed) error {
			err := next(ctx, o)
			errs = append(errs, mcpclient.KindOf(err).String())
			if err != nil {
				return errBoom
			}
			return nil
		}))
		s := serve(t, srv, opts)
		time.Sleep(time.Minute)
		require.Zero(t, srv.Count(listenMethod))
		refuseOnce(srv, listenMethod, http.StatusServiceUnavailable)
		l := listen(t, s, mcpclient.Filter{ToolsChanged: true})
		require.Equal(t, []string{"refused", "error"}, errs) // the kind of no error is 0
		require.NoError(t, l.Close())
	})
}

// Close during an opening tells the interceptors that the session closed.
func TestCloseDuringAnInterceptedOpening(t *testing.T) {
	modernBubble(t, func(t *testing.T, srv *mcptest.Server) {
		srv.WithholdAck = true
		kinds := make(chan mcpclient.Kind, 10)
		s := serve(t, srv, intercepting(around(listenMethod, func(ctx context.Context, o *outgoing, next proceed) error {
			err := next(ctx, o)
			kinds <- mcpclient.KindOf(err)
			return err
		})))
		ended := beginListen(t.Context(), s, mcpclient.Filter{ToolsChanged: true})
		time.Sleep(time.Second)
		require.NoError(t, s.Close())
		require.Equal(t, mcpclient.KindClosed, <-kinds)
		require.Equal(t, mcpclient.KindClosed, mcpclient.KindOf((<-ended).err))
	})
}

// A panic in an interceptor of a stream ends the stream, not the program.
func TestInterceptorOfAStreamPanics(t *testing.T) {
	modernBubble(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, intercepting(around(listenMethod, func(context.Context, *outgoing, proceed) error { panic("mine") })))
		_, err := s.Listen(t.Context(), mcpclient.Filter{ToolsChanged: true})
		var p *mcpclient.PanicError
		require.ErrorAs(t, err, &p)
		require.Contains(t, string(p.Stack), "opening_test.go")
	})
}

// firstEvent returns the next event of a subscription.
func firstEvent(l *mcpclient.Subscription) (event mcpclient.ListenEvent) {
	for event = range l.Events() {
		break
	}
	return event
}
